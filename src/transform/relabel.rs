//! `relabel`: what becomes of the series of points, as in Prometheus.
//!
//! The result follows from metric and labels alone, so it is found out once for each series and kept.

mod rule;
mod settings;

use std::collections::HashMap;
use std::sync::Arc;

use super::intern::Interner;
use super::limits::{Limits, check_key};
use crate::data::series::write_key;
use crate::data::{RecordError, Series};

pub use rule::Relabel;

/// Beyond this many bytes what is known is forgotten: a bound of all streams together.
const BYTES_MAX: usize = 64 << 20;
/// The memory of an entry besides its texts: the table is at most 7/8 full and doubles.
const PLACE: usize = 2 * (size_of::<(Box<str>, Known)>() + 1) + 16;

/// What the rules of a stream made of series, by their keys before.
#[derive(Debug)]
pub struct Relabelled {
    known: HashMap<Box<str>, Known>,
    bytes: usize,
    max: usize,
    key: String,
}

#[derive(Debug)]
enum Known {
    Dropped,
    Series {
        series: Arc<Series>,
        /// The last batch that used it, and its index there.
        batch: u64,
        index: u32,
    },
}

/// The rules of a stream, with what they made before.
#[derive(Debug)]
pub struct Relabelling<'t> {
    rules: &'t [Relabel],
    relabelled: &'t mut Relabelled,
}

impl Relabelled {
    /// Of one of so many streams with rules.
    pub fn one_of(streams: usize) -> Self {
        Self {
            known: HashMap::new(),
            bytes: 0,
            max: BYTES_MAX / streams.max(1),
            key: String::new(),
        }
    }

    /// Of one of so many streams with rules from now on.
    pub fn share(&mut self, streams: usize) {
        self.max = BYTES_MAX / streams.max(1);
    }

    fn keep(&mut self, known: Known) {
        let weight = match &known {
            Known::Dropped => 0,
            Known::Series { series, .. } => series.weight(),
        };
        self.bytes += PLACE + self.key.len() + weight;
        if self.bytes > self.max {
            self.known = HashMap::new();
            self.bytes = PLACE + self.key.len() + weight;
        }
        self.known.insert(self.key.as_str().into(), known);
    }
}

impl<'t> Relabelling<'t> {
    /// `None` of a stream without rules.
    pub const fn of(rules: &'t [Relabel], relabelled: &'t mut Relabelled) -> Option<Self> {
        match rules.is_empty() {
            true => None,
            false => Some(Self { rules, relabelled }),
        }
    }

    /// The index of the series that a rule has made of this one, or `None` if one drops it. `labels` come
    /// sorted and unique.
    pub fn index<N: AsRef<str>, V: AsRef<str>>(
        &mut self,
        metric: &str,
        labels: &[(N, V)],
        limits: &Limits,
        series: &mut Interner,
    ) -> Result<Option<u32>, RecordError> {
        let relabelled = &mut *self.relabelled;
        relabelled.key.clear();
        let pairs = labels.iter().map(|(name, value)| (name.as_ref(), value.as_ref()));
        write_key(&mut relabelled.key, metric, pairs.clone());
        match relabelled.known.get_mut(relabelled.key.as_str()) {
            Some(Known::Dropped) => return Ok(None),
            Some(Known::Series {
                series: known,
                batch,
                index,
            }) => {
                if *batch != series.batch() {
                    *index = series.index_of(known);
                    *batch = series.batch();
                }
                return Ok(Some(*index));
            }
            None => {}
        }
        check_key(&relabelled.key)?;
        let Some((metric, labels)) = rule::apply(self.rules, metric, pairs) else {
            relabelled.keep(Known::Dropped);
            return Ok(None);
        };
        limits.check_name("metric", &metric)?;
        limits.check_label_count(labels.len())?;
        for (name, value) in &labels {
            limits.check_label(name, value)?;
        }
        let index = series.index(&metric, &labels)?;
        if let Some(made) = series.at(index) {
            relabelled.keep(Known::Series {
                series: Arc::clone(made),
                batch: series.batch(),
                index,
            });
        }
        Ok(Some(index))
    }
}
