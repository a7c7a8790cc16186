//! The values of one interval, and their smallest, largest or mean.

use crate::data::Micros;

/// Which point stands for several of one series.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fold {
    #[default]
    Newest,
    /// The smallest value; the newest of equal ones.
    Min,
    /// The largest value; the newest of equal ones.
    Max,
    /// A new point: the mean of the values at the newest time.
    Mean,
}

/// What was put in, and a summary of what was put in before and forgotten.
#[derive(Debug, Default)]
pub struct Values {
    /// As they came. The same time again replaces the value before it.
    put: Vec<(Micros, f64)>,
    forgotten: Option<Forgotten>,
}

/// A point, or the mean of several.
#[derive(Clone, Copy, Debug)]
struct Forgotten {
    ts: Micros,
    value: f64,
    count: u64,
}

impl Values {
    /// Returns by how many bytes it grew.
    pub fn put(&mut self, ts: Micros, value: f64) -> usize {
        let before = self.put.capacity();
        self.put.push((ts, value));
        (self.put.capacity() - before) * size_of::<(Micros, f64)>()
    }

    /// Leaves out replaced values; returns how many bytes are in use.
    pub fn settle(&mut self) -> usize {
        self.drop_replaced();
        self.put.shrink_to_fit();
        self.put.capacity() * size_of::<(Micros, f64)>()
    }

    pub fn forget(&mut self, fold: Fold) {
        self.forgotten = self.sum_up(fold);
        self.put = Vec::new();
    }

    /// The time and the value that stand for all.
    pub fn result(mut self, fold: Fold, newest: Micros) -> (Micros, f64) {
        match self.sum_up(fold) {
            Some(all) if fold == Fold::Mean => (newest, all.value),
            Some(all) => (all.ts, all.value),
            None => (newest, 0.0),
        }
    }

    fn sum_up(&mut self, fold: Fold) -> Option<Forgotten> {
        self.drop_replaced();
        let one = |&(ts, value): &(Micros, f64)| Forgotten { ts, value, count: 1 };
        let all = self.forgotten.into_iter().chain(self.put.iter().map(one));
        // Of equal values the newest one, so `max_by` in both directions.
        match fold {
            Fold::Newest => all.max_by_key(|one| one.ts),
            Fold::Max => all.max_by(|a, b| a.value.total_cmp(&b.value).then(a.ts.cmp(&b.ts))),
            Fold::Min => all.max_by(|a, b| b.value.total_cmp(&a.value).then(a.ts.cmp(&b.ts))),
            Fold::Mean => mean(all),
        }
    }

    fn drop_replaced(&mut self) {
        // Stable: of equal times the last one stays last, and its value is kept.
        self.put.sort_by_key(|(ts, _)| *ts);
        self.put.dedup_by(|later, kept| {
            let same = later.0 == kept.0;
            if same {
                kept.1 = later.1;
            }
            same
        });
    }
}

/// Exact except for the last digits for any number of values, without overflow, and between the smallest
/// and the largest.
fn mean(parts: impl Iterator<Item = Forgotten> + Clone) -> Option<Forgotten> {
    let count: u64 = parts.clone().map(|part| part.count).sum();
    let ts = parts.clone().map(|part| part.ts).max()?;
    let n = count as f64;
    // Neumaier's sum: it keeps what an addition rounds away.
    let (mut sum, mut aside) = (0.0f64, 0.0f64);
    for part in parts.clone() {
        let term = part.value * part.count as f64;
        let next = sum + term;
        aside += if sum.abs() >= term.abs() {
            (sum - next) + term
        } else {
            (term - next) + sum
        };
        sum = next;
    }
    let mut value = (sum + aside) / n;
    if !value.is_finite() {
        let share = |part: Forgotten| part.value * (part.count as f64 / n);
        value = parts.clone().map(share).sum::<f64>().clamp(f64::MIN, f64::MAX);
    }
    let values = parts.map(|part| part.value);
    let least = values.clone().fold(f64::INFINITY, f64::min);
    let value = value.max(least).min(values.fold(f64::NEG_INFINITY, f64::max));
    Some(Forgotten { ts, value, count })
}
