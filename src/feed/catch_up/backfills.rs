//! The lane for backfills: dashboards that ask for the same read the same pages.

use std::sync::Arc;

use tokio::sync::mpsc;

use super::lane::{self, LaneContext, in_turns};
use crate::data::{Micros, Positions, Scoped, SeriesId};
use crate::live::Page;
use crate::store::tail::Names;

/// Points of a page, and how many pages are kept for later questions.
const ROWS: usize = 1_000;
const KEPT: usize = 256;

/// Some of the history, in the order (series, time), and where it ends.
#[derive(Debug)]
pub struct BackfillPage {
    pub page: Arc<Page>,
    pub done: (SeriesId, Micros),
}

/// Equal keys have the same answer: what was committed later is not before `before`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Key {
    pub scoped: Scoped,
    pub since: Micros,
    pub done: Option<(SeriesId, Micros)>,
    pub before: Positions,
}

/// `None` at the end.
pub type Question = lane::Question<Key, Option<Arc<BackfillPage>>>;

pub async fn serve(lane: &LaneContext, asked: &mut mpsc::Receiver<Question>) {
    let none = Names::default();
    in_turns(asked, KEPT, async |key, names| {
        lane.count("history");
        let names = names.unwrap_or(&none);
        let page = lane
            .tail
            .backfill(key.since, key.done, &key.before, ROWS, names)
            .await?;
        Ok(page.map(|(stored, done)| {
            let page = Page::new(Arc::new(stored));
            Arc::new(BackfillPage { page, done })
        }))
    })
    .await;
}
