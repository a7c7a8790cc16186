//! Subscribers who ask the same.

use std::collections::HashMap;
use std::sync::Arc;

use crate::data::{ClientKey, Scoped, SeriesId};
use crate::live::outbox::Sender;

pub type SubscriberId = u64;
pub type GroupId = u32;

/// Everyone who asks the same.
#[derive(Debug)]
pub(super) struct Group {
    pub scoped: Arc<Scoped>,
    /// May name some twice, and some that have left.
    pub wants: Vec<SeriesId>,
    /// How many it wants now.
    pub pairs: usize,
    pub state: State,
    pub outboxes: HashMap<SubscriberId, Member>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// Waits to be judged; `true`: from the beginning, when what was begun has been done.
    Unjudged(bool),
    Judged,
    /// Not judged for every series any more: who was there has been sent to catch up.
    GivenUp,
}

#[derive(Debug)]
pub(super) struct Member {
    pub outbox: Sender,
    /// `None`: the program itself.
    pub client: Option<ClientKey>,
}
