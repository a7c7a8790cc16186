//! Subscribers with the same question.

use std::collections::HashMap;
use std::sync::Arc;

use crate::data::{ClientKey, Scoped, SeriesId};
use crate::live::outbox::Sender;

pub type SubscriberId = u64;
pub type GroupId = u32;

/// All subscribers with the same question.
#[derive(Debug)]
pub(super) struct Group {
    pub scoped: Arc<Scoped>,
    /// May have some twice, and some that are not wanted any more.
    pub wants: Vec<SeriesId>,
    /// How many it wants now.
    pub pairs: usize,
    pub state: State,
    pub outboxes: HashMap<SubscriberId, Member>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// Waits to be judged; `true`: once more from the beginning, after the current round.
    Unjudged(bool),
    Judged,
    /// No longer judged for every series: its members were sent to catch up.
    GivenUp,
}

#[derive(Debug)]
pub(super) struct Member {
    pub outbox: Sender,
    /// `None`: the program itself.
    pub client: Option<ClientKey>,
}
