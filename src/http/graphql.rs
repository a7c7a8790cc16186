//! `/graphql`: operations by "GraphQL over HTTP", and the way to streams and WebSockets.
//!
//! Requests come as POST bodies of JSON or, except for mutations, as GET parameters. The response
//! has the media type the client asked for and the status that belongs to it.

use std::time::Duration;

use actix_web::http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use actix_web::http::{Method, StatusCode};
use actix_web::{HttpRequest, HttpResponse, Responder, web};
use async_graphql::parser::types::OperationType;
use async_graphql::{Request, Response};
use async_graphql_actix_web::GraphQLResponse;
use serde_json::json;

use super::accept::{Accepted, Choice, Media};
use super::connections::{Connection, of_json};
use super::error::HttpError;
use super::still_allowed::StillAllowed;
use super::streamed::Asker;
use super::websocket::{self, Speech};
use super::worker::Worker;
use super::{authenticate, body, refusal, request, resume, streamed};
use crate::graphql::errors::Code;
use crate::graphql::guard::documents::{NOT_FOUND, NOT_SUPPORTED};
use crate::graphql::payload::{has_code, never_executed};
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
    if !is_json(&request) {
        let why = "the body must be JSON: send it with content-type application/json";
        return refuse(accepted, HttpError::UnsupportedMediaType, why);
    }
    let reading = body::read(&request, body, worker.body_limit, worker.body_timeout);
    let body = match reading.await {
        Ok(body) => body,
        Err(error) => return refuse(accepted, error.http_error(), &error.to_string()),
    };
    if let Some(connection) = Connection::of(&request)
        && let Err(full) = connection.hold(of_json(&body))
    {
        return refuse(accepted, full.http_error(), full.why());
    }
    // The body may have taken its time.
    if let Some(refused) = StillAllowed::refusal(&request) {
        return refused;
    }
    match request::from_body(&body) {
        Ok(asked) => execute(&request, accepted, &worker, asked).await,
        Err(why) => refuse(accepted, HttpError::BadRequest, &why),
    }
}

pub(super) async fn get<E: Operations>(
    request: HttpRequest,
    body: web::Payload,
    worker: web::Data<Worker<E>>,
) -> HttpResponse {
    if websocket::is_asked(&request) {
        let (schema, data) = (worker.schema.clone(), worker.session_data(&request));
        let who = authenticate::principal(&request);
        return websocket::upgrade(&request, body, Speech::GraphQl, schema, data, who, &worker.live);
    }
    let accepted = Accepted::of(request.headers());
    if accepted.choice(true).is_none() {
        return not_acceptable();
    }
    match request::from_url(request.query_string()) {
        Ok(asked) => execute(&request, accepted, &worker, asked).await,
        Err(why) => refuse(accepted, HttpError::BadRequest, &why),
    }
}

pub(super) async fn other_method(request: HttpRequest) -> HttpResponse {
    wrong_method(Accepted::of(request.headers()), "GET, POST", "use GET or POST")
}

async fn execute<E: Operations>(
    http: &HttpRequest,
    accepted: Accepted,
    worker: &Worker<E>,
    mut asked: Request,
) -> HttpResponse {
    asked.data = worker.data(http);
    let mut checked = worker.schema.check(asked, None);
    // What the guard refuses is no operation; the answer says why.
    let kind = checked.as_ref().ok().and_then(Checked::kind);
    if http.method() == Method::GET && kind == Some(OperationType::Mutation) {
        return wrong_method(accepted, "POST", "a mutation must be sent by POST");
    }
    let Some(choice) = accepted.choice(kind == Some(OperationType::Subscription)) else {
        return not_acceptable();
    };
    match choice {
        Choice::Single(media) => {
            let response = worker.schema.answer(checked).await;
            // Who made a change is told of it.
            if kind != Some(OperationType::Mutation)
                && let Some(refused) = StillAllowed::refusal(http)
            {
                return refused;
            }
            respond(http, media, response)
        }
        Choice::Stream(form) => {
            if let Ok(operation) = &mut checked
                && let Err(error) = resume::from_last_event(http, operation)
            {
                checked = Err(vec![error]);
            }
            // The client of a stream cannot send another credential.
            let standing = worker
                .live
                .standing(authenticate::principal(http), Duration::ZERO);
            let (viewer, usage) = standing.viewer();
            let checked = checked.map(|checked| checked.data(viewer));
            let payloads = worker.schema.payloads(checked, None);
            streamed::respond(http, form, &worker.live, Asker { standing, usage }, payloads)
        }
    }
}

fn respond(http: &HttpRequest, media: Media, response: Response) -> HttpResponse {
    if never_executed(&response) {
        let first = response
            .errors
            .first()
            .and_then(|error| error.extensions.as_ref());
        let told = |name: &str| first.and_then(|extensions| extensions.get(name));
        let status = match media {
            _ if has_code(&response, Code::Overloaded) => StatusCode::TOO_MANY_REQUESTS,
            // Older clients of Apollo take any other status for a server that does not know these.
            _ if has_code(&response, NOT_FOUND.1) || has_code(&response, NOT_SUPPORTED.1) => StatusCode::OK,
            Media::Json => StatusCode::OK,
            Media::GraphQl if has_code(&response, Code::Unauthenticated) => StatusCode::UNAUTHORIZED,
            Media::GraphQl if has_code(&response, Code::Forbidden) => StatusCode::FORBIDDEN,
            Media::GraphQl => StatusCode::BAD_REQUEST,
        };
        let mut answer = HttpResponse::build(status);
        if let Some(after) = told("retryAfter").filter(|_| status == StatusCode::TOO_MANY_REQUESTS) {
            answer.insert_header((RETRY_AFTER, after.to_string()));
        }
        // Without `data`, which would claim that execution began.
        let mut answer = answer
            .content_type(media.content_type())
            .json(json!({ "errors": response.errors, "extensions": response.extensions }));
        if status == StatusCode::UNAUTHORIZED {
            refusal::challenge(&mut answer);
        }
        return answer;
    }
    let answer = GraphQLResponse::from(response).respond_to(http);
    let mut answer = answer.map_into_boxed_body();
    let content_type = HeaderValue::from_static(media.content_type());
    answer.headers_mut().insert(CONTENT_TYPE, content_type);
    answer
}

/// `application/json`, in UTF-8 if it says.
pub(super) fn is_json(request: &HttpRequest) -> bool {
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

fn refuse(accepted: Accepted, error: HttpError, message: &str) -> HttpResponse {
    let media = accepted.media.unwrap_or(Media::Json);
    error.respond_as(media.content_type(), message)
}

fn wrong_method(accepted: Accepted, allowed: &'static str, message: &str) -> HttpResponse {
    let mut response = refuse(accepted, HttpError::MethodNotAllowed, message);
    let headers = response.headers_mut();
    headers.insert(ALLOW, HeaderValue::from_static(allowed));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}
