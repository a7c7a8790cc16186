//! What selectors pick of a page that many read at their own time: found once for each selector and
//! ranges, and shared as long as anybody holds it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use super::page::{Page, Pick};
use crate::data::stored::Range;
use crate::data::{Selector, Stored};

/// Picks that nobody holds any more are dropped when so many new ones have been made, or as many as
/// were still held the last time.
const PRUNE: usize = 64;

#[derive(Debug, Default)]
pub struct Picks(Mutex<Made>);

#[derive(Debug, Default)]
struct Made {
    picks: HashMap<Selector, HashMap<Vec<Range>, Weak<Pick>>>,
    prune_in: usize,
}

impl Picks {
    pub fn get(&self, page: &Arc<Page>, selector: &Selector, ranges: &[Range]) -> Arc<Pick> {
        if let Some(pick) = self.lock().find(selector, ranges) {
            return pick;
        }
        // Without the lock: others look for other picks meanwhile.
        let pick = Pick::new(Arc::clone(page), select(&page.stored, selector, ranges));
        let mut made = self.lock();
        match made.find(selector, ranges) {
            Some(first) => first,
            None => {
                made.add(selector, ranges, &pick);
                pick
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Made> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Made {
    fn find(&self, selector: &Selector, ranges: &[Range]) -> Option<Arc<Pick>> {
        self.picks.get(selector)?.get(ranges)?.upgrade()
    }

    fn add(&mut self, selector: &Selector, ranges: &[Range], pick: &Arc<Pick>) {
        if self.prune_in == 0 {
            self.picks.retain(|_, picks| {
                picks.retain(|_, pick| pick.strong_count() > 0);
                !picks.is_empty()
            });
            self.prune_in = PRUNE + self.picks.values().map(HashMap::len).sum::<usize>();
        }
        self.prune_in -= 1;
        let picks = self.picks.entry(selector.clone()).or_default();
        picks.insert(ranges.to_vec(), Arc::downgrade(pick));
    }
}

fn select(stored: &Stored, selector: &Selector, ranges: &[Range]) -> Vec<u32> {
    let wanted: Vec<bool> = stored
        .series
        .iter()
        .map(|s| selector.matches(&s.series))
        .collect();
    let points = (0u32..).zip(&stored.points);
    points
        .filter(|(_, point)| wanted[point.series as usize] && ranges.iter().any(|r| r.contains(point)))
        .map(|(at, _)| at)
        .collect()
}
