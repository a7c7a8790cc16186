//! What a subscriber may have waiting, what becomes of it beyond that, and how an outbox ends.

use std::time::Duration;

use crate::live::fold::Fold;

/// What becomes of a live subscriber whose outbox is full.
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
    /// The most bytes the outbox may hold beside its newest batch, and again as many that it may
    /// keep alive by reference.
    pub limit: usize,
    pub overflow: Overflow,
    /// At most one delivery in this time, with one point of each series.
    pub every: Option<Duration>,
    /// Which one that is, and while a full outbox is conflated.
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

/// Why an outbox gives nothing more.
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
    /// No other does.
    pub own: usize,
    /// By page, which others may hold as well.
    pub pages: Vec<(usize, usize)>,
}
