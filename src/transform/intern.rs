//! One `Arc<Series>` for each series, and each batch's own short table of them.
//!
//! Looking a series up costs one hash of its key; a batch then refers to it by a small index.

use std::borrow::Borrow;
use std::cell::Cell;
use std::collections::HashMap;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use crate::data::series::write_key;
use crate::data::{RecordError, Series};

use super::limits::check_key;

/// Beyond this many bytes the table is cleared: a bound, not a tuning knob.
const BYTES_MAX: usize = 64 << 20;
/// After so many bytes of new series those leave that nobody else has: what was stored is kept by
/// the hub as well, what was refused is not.
const SWEEP_AFTER: usize = 8 << 20;
/// The memory of a table entry besides the series: the table is at most 7/8 full and doubles.
const PLACE: usize = 2 * (size_of::<ByKey>() + size_of::<Known>() + 1);

#[derive(Debug, Default)]
pub struct Interner {
    known: HashMap<ByKey, Known>,
    /// What it keeps that nobody else does.
    bytes: usize,
    unswept: usize,
    batch: u64,
    table: Vec<Arc<Series>>,
    key: String,
}

/// The last batch that used it, and its index there. Cells, because the table gives a key out together
/// with a value that cannot be changed.
#[derive(Debug)]
struct Known {
    batch: Cell<u64>,
    index: Cell<u32>,
}

/// A series, found by its key.
#[derive(Debug)]
struct ByKey(Arc<Series>);

impl Interner {
    pub fn begin_batch(&mut self) {
        self.batch += 1;
        self.table.clear();
        if self.unswept > SWEEP_AFTER {
            self.sweep();
        }
    }

    pub fn end_batch(&mut self) -> Vec<Arc<Series>> {
        std::mem::take(&mut self.table)
    }

    /// Counts the batches.
    pub const fn batch(&self) -> u64 {
        self.batch
    }

    /// The series of an index in this batch.
    pub fn at(&self, index: u32) -> Option<&Arc<Series>> {
        self.table.get(index as usize)
    }

    /// The index of a series that was found before.
    pub fn index_of(&mut self, series: &Arc<Series>) -> u32 {
        let Some((known, place)) = self.known.get_key_value(&*series.key) else {
            return self.add(Arc::clone(series));
        };
        if place.batch.get() != self.batch {
            place.index.set(push(&mut self.table, &known.0));
            place.batch.set(self.batch);
        }
        place.index.get()
    }

    /// The index of the series in this batch's table; `labels` come sorted and unique. Refuses a
    /// series whose key Postgres could not index.
    pub fn index<N: AsRef<str>, V: AsRef<str>>(
        &mut self,
        metric: &str,
        labels: &[(N, V)],
    ) -> Result<u32, RecordError> {
        self.key.clear();
        write_key(
            &mut self.key,
            metric,
            labels.iter().map(|(n, v)| (n.as_ref(), v.as_ref())),
        );
        if let Some((series, known)) = self.known.get_key_value(self.key.as_str()) {
            if known.batch.get() != self.batch {
                known.index.set(push(&mut self.table, &series.0));
                known.batch.set(self.batch);
            }
            return Ok(known.index.get());
        }
        check_key(&self.key)?;
        let series = Arc::new(Series {
            key: self.key.as_str().into(),
            metric: metric.into(),
            labels: labels
                .iter()
                .map(|(n, v)| (n.as_ref().into(), v.as_ref().into()))
                .collect(),
        });
        Ok(self.add(series))
    }

    fn add(&mut self, series: Arc<Series>) -> u32 {
        let bytes = series.weight() + PLACE;
        self.bytes += bytes;
        self.unswept += bytes;
        let index = push(&mut self.table, &series);
        let known = Known {
            batch: Cell::new(self.batch),
            index: Cell::new(index),
        };
        self.known.insert(ByKey(series), known);
        index
    }

    fn sweep(&mut self) {
        self.unswept = 0;
        self.known.retain(|series, _| Arc::strong_count(&series.0) > 1);
        // The rest is there anyway.
        self.bytes = self.known.len() * PLACE;
        if self.bytes > BYTES_MAX {
            self.known = HashMap::new();
            self.bytes = 0;
        }
        self.known.shrink_to_fit();
    }
}

impl Borrow<str> for ByKey {
    fn borrow(&self) -> &str {
        &self.0.key
    }
}

impl PartialEq for ByKey {
    fn eq(&self, other: &Self) -> bool {
        self.0.key == other.0.key
    }
}

impl Eq for ByKey {}

impl Hash for ByKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.key.hash(state);
    }
}

fn push(table: &mut Vec<Arc<Series>>, series: &Arc<Series>) -> u32 {
    table.push(Arc::clone(series));
    // A batch holds far fewer points than u32::MAX: its payloads lie in a u32-addressed arena.
    (table.len() - 1) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONE: [(&str, &str); 0] = [];

    #[test]
    fn names_that_nobody_else_keeps_leave_and_the_others_stay_what_they_were() {
        let mut interner = Interner::default();
        interner.begin_batch();
        let kept = interner.index("kept", &[("site", "a")]).unwrap();
        assert_eq!(interner.index("kept", &[("site", "a")]).unwrap(), kept);
        let stored = interner.end_batch();
        for batch in 0..40 {
            interner.begin_batch();
            for n in 0..20_000 {
                interner.index(&format!("m{batch}_{n}"), &NONE).unwrap();
            }
            // Its dead letters drop it.
            interner.end_batch();
            assert!(interner.bytes < SWEEP_AFTER + 20_000 * 512, "{}", interner.bytes);
        }
        assert!(interner.known.capacity() < 200_000);
        interner.begin_batch();
        interner.index("other", &NONE).unwrap();
        assert_eq!(interner.index("kept", &[("site", "a")]).unwrap(), 1);
        assert!(Arc::ptr_eq(&interner.end_batch()[1], &stored[0]));
    }

    #[test]
    fn what_is_counted_is_what_a_series_takes() {
        let series = Series::new("m1", [("a", "b")]);
        assert!(
            series.weight() + PLACE > 200,
            "some 200 bytes were measured for short names"
        );
    }
}
