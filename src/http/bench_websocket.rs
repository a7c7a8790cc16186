//! `/stock`: the same schema through async-graphql's own WebSocket integration, for `make
//! bench-live` to measure against. Only with the feature `stock-websocket`; no shipped build has it.

use super::worker::Worker;
use actix_web::{HttpRequest, HttpResponse, web};
use async_graphql_actix_web::GraphQLSubscription;

use crate::graphql::Operations;

/// Subscriptions run through the plain `Executor`, each event resolved for each subscriber.
pub(super) async fn upgrade<E: Operations>(
    request: HttpRequest,
    body: web::Payload,
    worker: web::Data<Worker<E>>,
) -> actix_web::Result<HttpResponse> {
    GraphQLSubscription::new(worker.schema.clone())
        .with_data(worker.data(&request))
        .start(&request, body)
}
