//! What a subscriber may have waiting, what happens beyond that, and how an outbox ends.

use std::time::Duration;

use crate::live::fold::Fold;

/// What happens to a live subscriber whose outbox is full.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Overflow {
    /// It ends with [`End::Overflow`].
    #[default]
    Close,
    /// One point of each series is kept until it has caught up.
    Conflate,
}

#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// The most bytes the outbox may hold besides its newest batch. It may keep as many more alive by
    /// reference.
    pub limit: usize,
    pub overflow: Overflow,
    /// At most one delivery in this time, with one point of each series.
    pub every: Option<Duration>,
    /// Which point that is, also while a full outbox is conflated.
    pub fold: Fold,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            limit: 1 << 20,
            overflow: Overflow::Close,
            every: None,
            fold: Fold::default(),
        }
    }
}

/// Why an outbox has ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// It was full; what it held was discarded.
    Overflow,
    /// The hub can no longer prove that nothing is missing.
    Gap,
    /// The server is about to stop.
    GoingAway,
}

/// Bytes that an outbox holds.
#[derive(Clone, Debug, Default)]
pub struct Holding {
    /// Held by this outbox alone.
    pub own: usize,
    /// By page, which others may hold as well.
    pub pages: Vec<(usize, usize)>,
}
