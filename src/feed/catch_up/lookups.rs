//! The lanes for small questions: the horizon, and which series a selector selects.
//!
//! All who wait for the horizon get the same one. Selectors of a metric are looked up together. Those
//! that must look at every series are looked up one by one. Each kind has a lane of its own, so the
//! horizon never waits for the others.

use std::collections::HashMap;
use std::sync::Arc;

use tokio::sync::mpsc;

use super::lane::{LaneContext, Question, SERIES_MAX, WAITING_MAX, answer, away, in_turns};
use crate::data::Scoped;
use crate::feed::error::FeedError;
use crate::store::tail::{Horizon, Names};

/// Selections that one statement looks up.
const SELECTORS: usize = 500;

/// `None`: more than [`SERIES_MAX`].
pub type Matching = Option<Arc<Names>>;
pub type Lookup = Question<Scoped, Matching>;

pub async fn horizons(lane: &LaneContext, asked: &mut mpsc::Receiver<Question<(), Arc<Horizon>>>) {
    let mut waiting = Vec::new();
    while asked.recv_many(&mut waiting, WAITING_MAX).await > 0 {
        lane.count("horizon");
        let horizon = lane.tail.horizon().await;
        let horizon = horizon.map(Arc::new).map_err(|error| away(&error));
        answer(waiting.drain(..), &horizon);
    }
}

/// Selectors of a metric, many in one statement. Selectors of too many series go to the lane of
/// `scans`.
pub async fn series(lane: &LaneContext, asked: &mut mpsc::Receiver<Lookup>, scans: &mpsc::Sender<Lookup>) {
    let mut waiting = Vec::new();
    while asked.recv_many(&mut waiting, SELECTORS).await > 0 {
        let mut alike: HashMap<Scoped, Vec<Lookup>> = HashMap::new();
        for question in waiting.drain(..) {
            alike.entry(question.key.clone()).or_default().push(question);
        }
        let (questions, alike): (Vec<_>, Vec<_>) = alike.into_iter().unzip();
        lane.count("series");
        match lane.tail.matching_together(&questions, SERIES_MAX).await {
            Ok(Some(found)) => {
                for (alike, names) in alike.into_iter().zip(found) {
                    answer(alike, &Ok(names.map(Arc::new)));
                }
            }
            Ok(None) => {
                for question in alike.into_iter().flatten() {
                    if let Err(full) = scans.try_send(question) {
                        answer([full.into_inner()], &Err(FeedError::Overloaded));
                    }
                }
            }
            Err(error) => answer(alike.into_iter().flatten(), &Err(away(&error))),
        }
    }
}

/// Selectors that are looked up one by one, because each looks at all or very many series. Clients
/// take turns.
pub async fn scans(lane: &LaneContext, asked: &mut mpsc::Receiver<Lookup>) {
    in_turns(asked, 0, async |scoped, _| {
        lane.count("series");
        let names = lane.tail.matching(scoped, SERIES_MAX).await?;
        Ok(names.map(Arc::new))
    })
    .await;
}
