//! `/graphql`: operations by "GraphQL over HTTP", and the way to streams and WebSockets.
//!
//! In come POST bodies of JSON and, for all but mutations, GET parameters; out goes the response in
//! the media type the client asked for, with the status that belongs to it.

use actix_web::http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderValue, UPGRADE};
use actix_web::http::{Method, StatusCode};
use actix_web::{HttpRequest, HttpResponse, Responder, web};
use async_graphql::parser::types::OperationType;
use async_graphql::{Request, Response};
use async_graphql_actix_web::GraphQLResponse;
use serde_json::json;

use super::accept::{Accepted, Choice, Media};
use super::connections::{Connection, of_json};
use super::error::HttpError;
use super::websocket::{self, Speech};
use super::worker::Worker;
use super::{body, request, resume, streamed};
use crate::graphql::payload::never_executed;
use crate::graphql::{Checked, Operations};

pub(super) async fn post<E: Operations>(
    request: HttpRequest,
    body: web::Payload,
    worker: web::Data<Worker<E>>,
) -> HttpResponse {
    let accepted = Accepted::of(request.headers());
    if accepted.choice(true).is_none() {
        return not_acceptable();
    }
    let media = accepted.media.unwrap_or(Media::Json);
    if !is_json(&request) {
        return refuse(
            media,
            HttpError::UnsupportedMediaType,
            "the body must be JSON: send it with content-type application/json",
        );
    }
    let reading = body::read(&request, body, worker.body_limit, worker.body_timeout);
    let body = match reading.await {
        Ok(body) => body,
        Err(error) => return refuse(media, error.http_error(), &error.to_string()),
    };
    if let Some(connection) = Connection::of(&request)
        && let Err(full) = connection.hold(of_json(&body))
    {
        return refuse(media, full.http_error(), full.why());
    }
    match request::from_body(&body) {
        Ok(asked) => execute(&request, accepted, &worker, asked).await,
        Err(why) => refuse(media, HttpError::BadRequest, &why),
    }
}

pub(super) async fn get<E: Operations>(
    request: HttpRequest,
    body: web::Payload,
    worker: web::Data<Worker<E>>,
) -> HttpResponse {
    if is_websocket(&request) {
        let (schema, data) = (worker.schema.clone(), worker.data(&request));
        return websocket::upgrade(&request, body, Speech::GraphQl, schema, data, &worker.live);
    }
    let accepted = Accepted::of(request.headers());
    if accepted.choice(true).is_none() {
        return not_acceptable();
    }
    match request::from_url(request.query_string()) {
        Ok(asked) => execute(&request, accepted, &worker, asked).await,
        Err(why) => {
            let media = accepted.media.unwrap_or(Media::Json);
            refuse(media, HttpError::BadRequest, &why)
        }
    }
}

pub(super) async fn other_method(request: HttpRequest) -> HttpResponse {
    let accepted = Accepted::of(request.headers());
    let media = accepted.media.unwrap_or(Media::Json);
    let mut response = refuse(media, HttpError::MethodNotAllowed, "use GET or POST");
    allow(&mut response, "GET, POST");
    response
}

pub(super) fn is_websocket(request: &HttpRequest) -> bool {
    request.method() == Method::GET
        && request
            .headers()
            .get(UPGRADE)
            .and_then(|value| value.to_str().ok())
            .is_some_and(|value| value.eq_ignore_ascii_case("websocket"))
}

async fn execute<E: Operations>(
    http: &HttpRequest,
    accepted: Accepted,
    worker: &Worker<E>,
    mut asked: Request,
) -> HttpResponse {
    asked.data = worker.data(http);
    let mut checked = Checked::of(asked);
    // What the guard refuses is no operation; the answer says why.
    let kind = checked.as_ref().ok().and_then(Checked::kind);
    if http.method() == Method::GET && kind == Some(OperationType::Mutation) {
        let media = accepted.media.unwrap_or(Media::Json);
        let why = "a mutation must be sent by POST";
        let mut response = refuse(media, HttpError::MethodNotAllowed, why);
        allow(&mut response, "POST");
        return response;
    }
    let Some(choice) = accepted.choice(kind == Some(OperationType::Subscription)) else {
        return not_acceptable();
    };
    match choice {
        Choice::Single(media) => {
            let response = worker.schema.answer(checked).await;
            respond(http, media, response)
        }
        Choice::Stream(form) => {
            if let Ok(operation) = &mut checked
                && let Err(error) = resume::from_last_event(http, operation)
            {
                checked = Err(vec![error]);
            }
            let payloads = worker.schema.payloads(checked, None);
            streamed::respond(http, form, &worker.live, payloads)
        }
    }
}

fn respond(http: &HttpRequest, media: Media, response: Response) -> HttpResponse {
    if never_executed(&response) {
        let status = match media {
            Media::Json => StatusCode::OK,
            Media::GraphQl => StatusCode::BAD_REQUEST,
        };
        // Without `data`, which would claim that execution began.
        return HttpResponse::build(status)
            .content_type(media.content_type())
            .json(json!({ "errors": response.errors, "extensions": response.extensions }));
    }
    let mut answer = GraphQLResponse::from(response)
        .respond_to(http)
        .map_into_boxed_body();
    answer
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static(media.content_type()));
    answer
}

/// `application/json`, in UTF-8 if it says.
fn is_json(request: &HttpRequest) -> bool {
    let Some(text) = request.headers().get(CONTENT_TYPE) else {
        return false;
    };
    let text = text.to_str().unwrap_or_default().to_ascii_lowercase();
    let mut parts = text.split(';').map(str::trim);
    parts.next() == Some("application/json")
        && parts
            .filter_map(|part| part.strip_prefix("charset="))
            .all(|charset| matches!(charset.trim_matches('"'), "utf-8" | "utf8"))
}

fn not_acceptable() -> HttpResponse {
    HttpError::NotAcceptable
        .respond("accept application/graphql-response+json, application/json, text/event-stream or multipart/mixed;subscriptionSpec=1.0")
}

fn refuse(media: Media, error: HttpError, message: &str) -> HttpResponse {
    error.respond_as(media.content_type(), message)
}

fn allow(response: &mut HttpResponse, methods: &'static str) {
    response
        .headers_mut()
        .insert(ALLOW, HeaderValue::from_static(methods));
    response
        .headers_mut()
        .insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
}
