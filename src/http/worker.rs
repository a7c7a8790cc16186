//! What belongs to one worker thread, and who asks.

use std::fmt;
use std::rc::Rc;
use std::time::Duration;

use actix_web::HttpRequest;
use async_graphql::Data;

use super::authenticate;
use super::session::LiveConnections;
use crate::data::{ClientKey, Viewer};
use crate::feed::Feeds;
use crate::graphql::recording::Address;
use crate::store::read::Reader;

/// Makes the request data (the client, its `Reader` and whatever else belongs to one worker); called
/// for each request and each WebSocket.
pub type RequestData = Rc<dyn Fn(ClientKey) -> Data>;

/// What belongs to one worker thread.
#[derive(Clone)]
pub struct PerWorker {
    pub data: RequestData,
    /// For what is no GraphQL.
    pub reader: Option<Reader>,
    pub feeds: Option<Feeds>,
}

impl fmt::Debug for PerWorker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PerWorker").finish_non_exhaustive()
    }
}

/// What a worker's handlers share.
pub(super) struct Worker<E> {
    pub schema: E,
    pub own: PerWorker,
    pub live: LiveConnections,
    pub body_limit: usize,
    pub body_timeout: Duration,
}

impl<E> Worker<E> {
    /// The data of GraphQL operations that come over the connection of this request. Who asks is added
    /// to each.
    pub fn session_data(&self, request: &HttpRequest) -> Data {
        let mut data = (self.own.data)(who(request).0);
        data.insert(Address(request.peer_addr().map(|peer| peer.ip())));
        data
    }

    /// The data of the GraphQL operation that comes with this request.
    pub fn data(&self, request: &HttpRequest) -> Data {
        let (client, viewer) = who(request);
        let mut data = (self.own.data)(client);
        data.insert(viewer);
        data.insert(Address(request.peer_addr().map(|peer| peer.ip())));
        if let Some(principal) = authenticate::principal(request) {
            data.insert(principal);
        }
        data
    }

    /// The connections to Postgres, for the client of this request, and what it may see.
    pub fn reader(&self, request: &HttpRequest) -> Option<(Reader, Viewer)> {
        let (client, viewer) = who(request);
        let reader = self.own.reader.as_ref()?;
        Some((reader.for_client(client).metered(viewer.meter()), viewer))
    }

    /// Live points, for the client of this request.
    pub fn feeds(&self, request: &HttpRequest) -> Option<Feeds> {
        let feeds = self.own.feeds.as_ref()?;
        Some(feeds.for_client(who(request).0))
    }
}

/// The one place that tells who asks, and what they may see.
fn who(request: &HttpRequest) -> (ClientKey, Viewer) {
    let viewer = authenticate::viewer(request);
    let client = viewer.client().unwrap_or_else(|| authenticate::address(request));
    (client, viewer)
}
