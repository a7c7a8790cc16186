//! One `Arc<Series>` for each series, and each batch's own short table of them.
//!
//! Looking a series up costs one hash of its key; a batch then refers to it by a small index.

use std::collections::HashMap;
use std::sync::Arc;

use crate::data::series::write_key;
use crate::data::{Refusal, Series};

use super::limits::check_key;

/// Beyond this many bytes of keys the table is emptied and filled anew: a bound, not a tuning knob.
const KEY_BYTES_MAX: usize = 64 << 20;

#[derive(Debug, Default)]
pub struct Interner {
    known: HashMap<Box<str>, Known>,
    key_bytes: usize,
    batch: u64,
    table: Vec<Arc<Series>>,
    key: String,
}

#[derive(Debug)]
struct Known {
    series: Arc<Series>,
    /// The last batch that used it, and its index there.
    batch: u64,
    index: u32,
}

impl Interner {
    pub fn begin_batch(&mut self) {
        self.batch += 1;
        self.table.clear();
        if self.key_bytes > KEY_BYTES_MAX {
            self.known.clear();
            self.key_bytes = 0;
        }
    }

    pub fn end_batch(&mut self) -> Vec<Arc<Series>> {
        std::mem::take(&mut self.table)
    }

    /// The index of the series in this batch's table; `labels` come sorted and unique. Refuses a
    /// series whose key Postgres could not index.
    pub fn index<N: AsRef<str>, V: AsRef<str>>(
        &mut self,
        metric: &str,
        labels: &[(N, V)],
    ) -> Result<u32, Refusal> {
        self.key.clear();
        write_key(
            &mut self.key,
            metric,
            labels.iter().map(|(n, v)| (n.as_ref(), v.as_ref())),
        );
        if let Some(known) = self.known.get_mut(self.key.as_str()) {
            if known.batch != self.batch {
                known.batch = self.batch;
                known.index = push(&mut self.table, &known.series);
            }
            return Ok(known.index);
        }
        check_key(&self.key)?;
        self.key_bytes += self.key.len();
        let series = Arc::new(Series {
            key: self.key.as_str().into(),
            metric: metric.into(),
            labels: labels
                .iter()
                .map(|(n, v)| (n.as_ref().into(), v.as_ref().into()))
                .collect(),
        });
        let index = push(&mut self.table, &series);
        self.known.insert(
            series.key.clone(),
            Known {
                series,
                batch: self.batch,
                index,
            },
        );
        Ok(index)
    }
}

fn push(table: &mut Vec<Arc<Series>>, series: &Arc<Series>) -> u32 {
    table.push(Arc::clone(series));
    // A batch holds far fewer points than u32::MAX: its payloads lie in a u32-addressed arena.
    (table.len() - 1) as u32
}
