//! What the resolvers work with, and how its failures become errors a client can act on.
//!
//! One [`Services`] for the whole process lies in the schema. The [`Reader`] belongs to the HTTP
//! worker that answers, so it comes with each request (`request.data(reader)`).

use std::collections::BTreeMap;
use std::sync::Arc;

use async_graphql::{Context, Error, Result};
use tokio::sync::{mpsc, oneshot, watch};

use super::errors::Code;
use super::types::StreamSettings;
use crate::access::{Access, Audit, Principal};
use crate::actors::pausing::Pausing;
use crate::cache::LatestCache;
use crate::data::{ClientKey, Problem, Viewer};
use crate::feed::Feeds;
use crate::inspect::Inspection;
use crate::store::read::Reader;
use crate::telemetry::{Metrics, Samples, Status};
use crate::write::{NewSeries, NotPublished, Publisher, StreamTarget, Writers};

/// Shared by all requests.
#[derive(Clone)]
pub struct Services {
    pub access: Access,
    pub status: Arc<Status>,
    pub metrics: Arc<Metrics>,
    pub samples: Arc<Samples>,
    pub streams: watch::Receiver<Arc<ConfiguredStreams>>,
    pub reloads: mpsc::Sender<ReloadRequest>,
    pub latest: LatestCache,
    pub publisher: Arc<dyn Publisher>,
    pub pausing: Pausing,
    pub inspection: Inspection,
    pub new_series: NewSeries,
    pub writers: Writers,
    pub audit: Audit,
}

/// The configured streams by name.
#[derive(Clone, Debug, Default)]
pub struct ConfiguredStreams {
    pub targets: BTreeMap<String, StreamTarget>,
    /// As `pipeline` shows them.
    pub settings: BTreeMap<String, StreamSettings>,
}

/// Someone asks for the configuration to be read again, and waits for what has changed or why nothing has.
pub type ReloadRequest = oneshot::Sender<Result<Reloaded, String>>;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reloaded {
    /// Streams with another mapping.
    pub streams: Vec<String>,
    /// Sections whose changes take effect at the next start.
    pub at_restart: Vec<String>,
}

impl Services {
    /// As they are configured now.
    pub fn streams(&self) -> Arc<ConfiguredStreams> {
        Arc::clone(&self.streams.borrow())
    }
}

pub fn services<'a>(ctx: &Context<'a>) -> Result<&'a Services> {
    ctx.data::<Services>()
        .map_err(|_| Code::Internal.error("the schema was built without services"))
}

/// Whose shares are used: those of whoever asks, or else of the address.
pub fn client(ctx: &Context<'_>) -> Option<ClientKey> {
    let asks = ctx.data_opt::<Viewer>().and_then(Viewer::client);
    asks.or_else(|| ctx.data_opt::<ClientKey>().copied())
}

pub fn feeds(ctx: &Context<'_>) -> Result<Feeds> {
    let feeds = ctx
        .data::<Feeds>()
        .map_err(|_| Code::Internal.error("the request came without feeds"))?;
    Ok(client(ctx).map_or_else(|| feeds.clone(), |client| feeds.for_client(client)))
}

pub fn reader(ctx: &Context<'_>) -> Result<Reader> {
    // Before the migrations have run there may be no tables to read.
    if services(ctx)?.status.is_without_tables() {
        return Err(Code::Unavailable.error("postgres is starting; try again in a moment"));
    }
    let reader = ctx
        .data::<Reader>()
        .map_err(|_| Code::Internal.error("the request came without a reader"))?;
    let reader = reader.metered(viewer(ctx)?.meter());
    Ok(match client(ctx) {
        Some(client) => reader.for_client(client),
        None => reader,
    })
}

/// Who asks; HTTP says so with each request.
pub fn viewer<'a>(ctx: &Context<'a>) -> Result<&'a Viewer> {
    ctx.data::<Viewer>()
        .map_err(|_| Code::Internal.error("the request came without a viewer"))
}

pub fn principal<'a>(ctx: &Context<'a>) -> Result<&'a Arc<Principal>> {
    ctx.data::<Arc<Principal>>()
        .map_err(|_| Code::Internal.error("the request came without a principal"))
}

/// A stream that the viewer may know of; others are refused in the words for one that is not there.
pub fn known_stream(ctx: &Context<'_>, stream: &str) -> Result<StreamTarget> {
    let sees = viewer(ctx)?.sees_stream(stream);
    let streams = services(ctx)?.streams();
    let target = streams.targets.get(stream).filter(|_| sees).cloned();
    target.ok_or_else(|| Code::NotFound.error(format!("no stream is named '{stream}'")))
}

/// After a wait, before a change: whoever asks is still let in, and allowed what the operation needs.
pub fn still_allowed(ctx: &Context<'_>) -> Result<()> {
    let allowed = services(ctx)?.access.still_allows(principal(ctx)?, viewer(ctx)?);
    Ok(allowed.map_err(Problem::from)?)
}

/// What a client is told of records that Kafka did not acknowledge.
pub fn publish_error(error: NotPublished) -> Error {
    tracing::warn!(%error, "cannot publish records to Kafka");
    Code::Unavailable.error(format!(
        "kafka acknowledged only {} of the records; sending all again is safe, a point stored \
         twice counts once",
        error.acknowledged
    ))
}

impl std::fmt::Debug for Services {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Services")
            .field("streams", &self.streams())
            .finish_non_exhaustive()
    }
}
