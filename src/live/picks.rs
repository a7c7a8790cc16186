//! What questions pick of a page that many read at their own time: found and cut once for each
//! question and ranges, and shared as long as anybody holds it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use super::cut::cut;
use super::outbox::Delivery;
use super::page::{Page, Pick};
use crate::data::stored::Range;
use crate::data::{Mark, Scoped, Stored};

/// Picks that nobody holds any more are dropped when so many new ones have been made, or as many as
/// were still held the last time.
const PRUNE: usize = 64;

#[derive(Debug, Default)]
pub struct Picks(Mutex<Made>);

#[derive(Debug, Default)]
struct Made {
    picks: HashMap<Scoped, HashMap<Vec<Range>, Weak<[Delivery]>>>,
    prune_in: usize,
}

impl Picks {
    pub fn get(&self, page: &Arc<Page>, scoped: &Scoped, ranges: &[Range]) -> Arc<[Delivery]> {
        if let Some(pick) = self.lock().find(scoped, ranges) {
            return pick;
        }
        // Without the lock: others look for other picks meanwhile.
        let pick = Pick::new(Arc::clone(page), select(&page.stored, scoped, ranges));
        let after = ranges
            .iter()
            .map(|range| (range.partition_id, range.to))
            .collect();
        let parts: Arc<[_]> = cut(pick, &ranges.into(), &Mark::at(after)).into();
        let mut made = self.lock();
        match made.find(scoped, ranges) {
            Some(first) => first,
            None => {
                made.add(scoped, ranges, &parts);
                parts
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, Made> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Made {
    fn find(&self, scoped: &Scoped, ranges: &[Range]) -> Option<Arc<[Delivery]>> {
        self.picks.get(scoped)?.get(ranges)?.upgrade()
    }

    fn add(&mut self, scoped: &Scoped, ranges: &[Range], parts: &Arc<[Delivery]>) {
        if self.prune_in == 0 {
            self.picks.retain(|_, picks| {
                picks.retain(|_, pick| pick.strong_count() > 0);
                !picks.is_empty()
            });
            self.prune_in = PRUNE + self.picks.values().map(HashMap::len).sum::<usize>();
        }
        self.prune_in -= 1;
        let picks = self.picks.entry(scoped.clone()).or_default();
        picks.insert(ranges.to_vec(), Arc::downgrade(parts));
    }
}

/// Without ranges: wherever the points come from.
fn select(stored: &Stored, scoped: &Scoped, ranges: &[Range]) -> Vec<u32> {
    let wanted: Vec<bool> = stored.series.iter().map(|s| scoped.matches(&s.series)).collect();
    let of_these = |point| ranges.is_empty() || ranges.iter().any(|range| range.contains(point));
    let points = (0u32..).zip(&stored.points);
    points
        .filter(|(_, point)| wanted[point.series as usize] && of_these(point))
        .map(|(at, _)| at)
        .collect()
}
