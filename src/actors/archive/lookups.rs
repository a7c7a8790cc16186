//! The lanes for small questions: where everything stands, and which series a selector selects.
//! Everyone who waits for the horizon gets the same one; selectors are looked up side by side, and
//! nobody waits for those who only wants to know the horizon.

use std::collections::HashMap;
use std::sync::Arc;

use tokio::sync::mpsc;

use super::{Desk, Reply, SERIES_MAX, WAITING_MAX, away};
use crate::data::Selector;
use crate::store::tail::{Horizon, Names};

/// Selectors that one statement looks up.
const SELECTORS: usize = 500;

/// `None`: more than [`SERIES_MAX`].
pub type Matching = Option<Arc<Names>>;

pub async fn horizons(desk: &Desk, asked: &mut mpsc::Receiver<Reply<Arc<Horizon>>>) {
    let mut waiting = Vec::new();
    while asked.recv_many(&mut waiting, WAITING_MAX).await > 0 {
        desk.count("horizon");
        let horizon = desk.tail.horizon().await;
        let horizon = horizon.map(Arc::new).map_err(|error| away(&error));
        answer(waiting.drain(..), &horizon);
    }
}

pub async fn series(desk: &Desk, asked: &mut mpsc::Receiver<(Selector, Reply<Matching>)>) {
    let mut waiting = Vec::new();
    while asked.recv_many(&mut waiting, WAITING_MAX).await > 0 {
        #[allow(clippy::mutable_key_type, reason = "what is compiled is no part of the key")]
        let mut selectors: HashMap<Selector, Vec<Reply<Matching>>> = HashMap::new();
        for (selector, reply) in waiting.drain(..) {
            selectors.entry(selector).or_default().push(reply);
        }
        let mut selectors: Vec<_> = selectors.into_iter().collect();
        while !selectors.is_empty() {
            let some = selectors.split_off(selectors.len().saturating_sub(SELECTORS));
            let (some, replies): (Vec<_>, Vec<_>) = some.into_iter().unzip();
            desk.count("series");
            match desk.tail.matching_each(&some, SERIES_MAX).await {
                Ok(found) => {
                    for (replies, names) in replies.into_iter().zip(found) {
                        answer(replies, &Ok(names.map(Arc::new)));
                    }
                }
                Err(error) => {
                    let away = Err(away(&error));
                    let rest = selectors.drain(..).map(|(_, replies)| replies);
                    for replies in replies.into_iter().chain(rest) {
                        answer(replies, &away);
                    }
                }
            }
        }
    }
}

fn answer<A: Clone>(replies: impl IntoIterator<Item = Reply<A>>, answer: &Result<A, super::Away>) {
    for reply in replies {
        let _ = reply.send(answer.clone());
    }
}
