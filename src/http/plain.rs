//! `/ws`: the plain WebSocket, for clients without GraphQL.

use actix_web::{HttpRequest, HttpResponse, web};
use async_graphql::Data;

use super::error::HttpError;
use super::graphql::is_websocket;
use super::websocket::{self, Speech};
use super::worker::Worker;
use crate::graphql::Operations;

pub(super) async fn get<E: Operations>(
    request: HttpRequest,
    body: web::Payload,
    worker: web::Data<Worker<E>>,
) -> HttpResponse {
    if !is_websocket(&request) {
        return HttpError::UpgradeRequired.respond("this is a WebSocket endpoint; see docs/websocket.md");
    }
    let schema = worker.schema.clone();
    let speech = Speech::Plain(worker.feeds(&request));
    websocket::upgrade(&request, body, speech, schema, Data::default(), &worker.live)
}
