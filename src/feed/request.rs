//! What a subscriber asks for, and what its feed reads from.

use std::ops::RangeInclusive;
use std::sync::Arc;
use std::time::Duration;

use super::catch_up::CatchUp;
use super::error::FeedError;
use crate::actors::hub::HubHandle;
use crate::data::{ClientKey, Cursor, Scoped, Seal};
use crate::live::{Fold, Overflow, Shapes};
use crate::telemetry::Metrics;

/// A shorter time would keep a timer busy. For longer ones there are rollups and aggregates.
const EVERY: RangeInclusive<Duration> = Duration::from_millis(10)..=Duration::from_secs(3_600);

/// What feeds are opened with, for the clients of one server. Clones share everything.
#[derive(Clone, Debug)]
pub struct Feeds {
    pub hub: HubHandle,
    pub catch_up: CatchUp,
    /// Subscribers with the same fields share the texts of points, whatever the transport.
    pub shapes: Arc<Shapes>,
    /// What one subscriber may have waiting, in bytes.
    pub outbox_bytes: usize,
    /// Who asks; `None` where clients cannot be told apart.
    pub client: Option<ClientKey>,
}

/// Where a feed begins.
#[derive(Clone, Debug)]
pub enum Start {
    Now,
    After(Cursor),
    /// Stored points of this span first.
    Backfill(Duration),
}

#[derive(Clone, Debug)]
pub struct Request {
    pub scoped: Scoped,
    /// Of the one who asks.
    pub seal: Seal,
    pub start: Start,
    /// Conflates to one point of each series in this time.
    pub every: Option<Duration>,
    pub fold: Fold,
    pub overflow: Overflow,
}

/// What a feed was asked for, and what it reads from. Its `start` is already used.
#[derive(Debug)]
pub struct Asked {
    pub feeds: Feeds,
    pub request: Request,
}

impl Feeds {
    pub fn new(hub: HubHandle, catch_up: CatchUp, outbox_bytes: usize, metrics: &Metrics) -> Self {
        Self {
            hub,
            catch_up,
            shapes: Arc::new(Shapes::new(metrics.encoded.clone())),
            outbox_bytes,
            client: None,
        }
    }

    /// The same, for the feeds of one client.
    pub fn for_client(&self, client: ClientKey) -> Self {
        Self {
            catch_up: self.catch_up.for_client(client),
            client: Some(client),
            ..self.clone()
        }
    }
}

impl Start {
    /// # Errors
    /// For both.
    pub fn of(after: Option<Cursor>, backfill: Option<Duration>) -> Result<Self, FeedError> {
        match (after, backfill) {
            (None, None) => Ok(Self::Now),
            (Some(cursor), None) => Ok(Self::After(cursor)),
            (None, Some(span)) => Ok(Self::Backfill(span)),
            (Some(_), Some(_)) => Err(FeedError::AfterAndBackfill),
        }
    }
}

/// # Errors
/// Outside `EVERY`.
pub fn check_every(every: Option<Duration>) -> Result<(), FeedError> {
    match every {
        Some(span) if !EVERY.contains(&span) => Err(FeedError::Every),
        _ => Ok(()),
    }
}
