//! What a request could not have stored.

use crate::data::RecordError;

/// So many are told; all are counted.
const TOLD_MAX: usize = 100;

#[derive(Debug, Default)]
pub struct Refusals {
    count: u64,
    told: Vec<Refusal>,
}

/// A line, row or sample that can never be stored as it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Such as `line 3`.
    pub place: String,
    /// The code of a reason, `forbidden`, or the rule by which it is left out.
    pub reason: &'static str,
    pub detail: String,
}

impl Refusals {
    pub fn add(&mut self, place: impl FnOnce() -> String, error: RecordError) {
        self.add_some(1, place, error);
    }

    /// So many samples for one reason.
    pub fn add_some(&mut self, count: u64, place: impl FnOnce() -> String, error: RecordError) {
        let RecordError { reason, detail } = error;
        self.tell(count, place, (reason.code(), detail));
    }

    /// The role of the writer does not allow them.
    pub fn forbidden(&mut self, count: u64, place: impl FnOnce() -> String, why: &str) {
        self.tell(count, place, ("forbidden", why.to_owned()));
    }

    /// What has no series, by the rule.
    pub fn left_out(&mut self, count: u64, place: String, (rule, detail): (&'static str, &str)) {
        self.tell(count, || place, (rule, detail.to_owned()));
    }

    fn tell(&mut self, count: u64, place: impl FnOnce() -> String, (reason, detail): (&'static str, String)) {
        self.count += count;
        if self.told.len() < TOLD_MAX {
            let place = place();
            self.told.push(Refusal {
                place,
                reason,
                detail,
            });
        }
    }

    pub const fn count(&self) -> u64 {
        self.count
    }

    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The first ones.
    pub fn told(&self) -> &[Refusal] {
        &self.told
    }

    /// Further ones of the same request.
    pub fn append(&mut self, other: Self) {
        self.count += other.count;
        let room = TOLD_MAX.saturating_sub(self.told.len());
        self.told.extend(other.told.into_iter().take(room));
    }
}

impl std::fmt::Display for Refusal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}: {}", self.place, self.reason, self.detail)
    }
}
