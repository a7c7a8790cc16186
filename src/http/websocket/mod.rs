//! WebSockets: GraphQL's two sub-protocols at `/graphql`, plain JSON at `/ws`.
//!
//! `dialect` reads and writes the messages, `conversation` acts on them, `input` and `frames` have the
//! bytes, and `socket` joins them.

use std::sync::Arc;

use actix_http::ws;
use actix_web::body::MessageBody;
use actix_web::http::header::{HeaderValue, SEC_WEBSOCKET_PROTOCOL};
use actix_web::web::{self, BytesMut};
use actix_web::{HttpRequest, HttpResponse};
use async_graphql::Data;

use self::conversation::Conversation;
use self::dialect::Dialect;
pub(super) use self::handshake::is_asked;
use self::input::Input;
use self::socket::Socket;
use super::authenticate;
use super::connections::Connection;
use super::error::HttpError;
use super::session::LiveConnections;
use super::worker::Worker;
use crate::access::Principal;
use crate::feed::Feeds;
use crate::graphql::Operations;

mod asking;
mod conversation;
mod credential;
mod dialect;
mod entry;
mod frames;
mod handshake;
mod input;
mod socket;
#[cfg(test)]
mod tests;

/// The protocols of a connection, by its path.
#[derive(Clone, Debug)]
pub enum Speech {
    /// A sub-protocol that the client offers; without a known one it closes with 4406.
    GraphQl,
    Plain(Option<Feeds>),
}

/// `/ws`, for clients without GraphQL.
pub async fn plain<E: Operations>(
    request: HttpRequest,
    body: web::Payload,
    worker: web::Data<Worker<E>>,
) -> HttpResponse {
    if !is_asked(&request) {
        return HttpError::UpgradeRequired.respond("this is a WebSocket endpoint; see docs/websocket.md");
    }
    let (schema, speech) = (worker.schema.clone(), Speech::Plain(worker.feeds(&request)));
    let who = authenticate::principal(&request);
    upgrade(&request, body, speech, schema, Data::default(), who, &worker.live)
}

/// Answers the handshake and runs the connection. `data` goes with each of its operations, `who` was let
/// in with the request. The caller has checked Origin and Host.
pub fn upgrade<E: Operations>(
    request: &HttpRequest,
    payload: web::Payload,
    speech: Speech,
    executor: E,
    data: Data,
    who: Option<Arc<Principal>>,
    live: &LiveConnections,
) -> HttpResponse {
    let mut response = match ws::handshake(request.head()) {
        Ok(response) => response,
        Err(error) => return HttpError::BadRequest.respond(&error.to_string()),
    };
    let (dialect, feeds) = match speech {
        Speech::GraphQl => (offered(request).find_map(Dialect::named), None),
        Speech::Plain(feeds) => (Some(Dialect::Plain), feeds),
    };
    if let Some(name) = offered(request).find(|name| dialect.is_some_and(|d| d.name() == *name))
        && let Ok(name) = HeaderValue::from_str(name)
    {
        response.insert_header((SEC_WEBSOCKET_PROTOCOL, name));
    }
    let settings = live.settings.clone();
    let limits = settings.limits;
    let spoken = dialect.unwrap_or(Dialect::TransportWs);
    let connection = Connection::of(request);
    let standing = live.standing(who, limits.grace);
    let mut conversation = Conversation::new(
        executor,
        feeds,
        spoken,
        data,
        standing,
        settings,
        connection.clone(),
    );
    let mut greeting = BytesMut::new();
    match dialect {
        Some(_) => conversation.greet(&mut greeting),
        None => conversation.close(4406, "Subprotocol not acceptable", &mut greeting),
    }
    let input = Input::new(payload, limits.message, connection);
    let socket = Socket::new(conversation, greeting, input, limits);
    let body = live.body(request, spoken.transport(), socket);
    match response.message_body(body) {
        Ok(response) => response.map_body(|_, body| body.boxed()).into(),
        Err(error) => HttpError::BadRequest.respond(&error.to_string()),
    }
}

fn offered(request: &HttpRequest) -> impl Iterator<Item = &str> {
    request
        .headers()
        .get_all(SEC_WEBSOCKET_PROTOCOL)
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
}
