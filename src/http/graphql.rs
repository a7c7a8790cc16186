//! `/graphql`: operations by "GraphQL over HTTP", and the way to streams and WebSockets.
//!
//! In come POST bodies of JSON and, for all but mutations, GET parameters; out goes the response in
//! the media type the client asked for, with the status that belongs to it.

use actix_web::http::header::{ALLOW, CACHE_CONTROL, CONTENT_TYPE, HeaderValue, UPGRADE};
use actix_web::http::{Method, StatusCode};
use actix_web::{HttpRequest, HttpResponse, Responder, web};
use async_graphql::parser::types::OperationType;
use async_graphql::{Request, Response, Variables};
use async_graphql_actix_web::GraphQLResponse;
use futures_util::stream::{self, StreamExt};
use serde::Deserialize;
use serde_json::json;

use super::Worker;
use super::accept::{Accepted, Choice, Media};
use super::connections::{Connection, of_json};
use super::refusal::Refusal;
use super::websocket::{self, Speech};
use super::{body, resume, streamed};
use crate::graphql::payload::{never_executed, operation};
use crate::graphql::{Operations, Payload};

/// The parameters of a request; unknown ones are ignored, as the specification wants.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Params {
    query: String,
    operation_name: Option<String>,
    variables: Option<serde_json::Map<String, serde_json::Value>>,
    extensions: Option<serde_json::Map<String, serde_json::Value>>,
}

/// The same in a URL, where the maps are JSON texts.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct UrlParams {
    query: String,
    operation_name: Option<String>,
    variables: Option<String>,
    extensions: Option<String>,
}

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
            Refusal::UnsupportedMediaType,
            "the body must be JSON: send it with content-type application/json",
        );
    }
    let reading = body::read(&request, body, worker.body_limit, worker.body_timeout);
    let body = match reading.await {
        Ok(body) => body,
        Err(error) => return refuse(media, error.refusal(), &error.to_string()),
    };
    if let Some(connection) = Connection::of(&request)
        && let Err(full) = connection.hold(of_json(&body))
    {
        return refuse(media, full.refusal(), full.why());
    }
    match serde_json::from_slice::<Params>(&body) {
        Ok(params) => execute(&request, accepted, &worker, params).await,
        Err(error) => refuse(media, Refusal::BadRequest, &not_a_request(&error)),
    }
}

pub(super) async fn get<E: Operations>(
    request: HttpRequest,
    body: web::Payload,
    worker: web::Data<Worker<E>>,
) -> HttpResponse {
    if is_websocket(&request) {
        let (schema, data) = (worker.schema.clone(), worker.data(&request));
        return websocket::upgrade(&request, body, Speech::GraphQl, schema, data, &worker.keeper);
    }
    let accepted = Accepted::of(request.headers());
    if accepted.choice(true).is_none() {
        return not_acceptable();
    }
    match from_url(request.query_string()) {
        Ok(params) => execute(&request, accepted, &worker, params).await,
        Err(why) => {
            let media = accepted.media.unwrap_or(Media::Json);
            refuse(media, Refusal::BadRequest, &why)
        }
    }
}

pub(super) async fn other_method(request: HttpRequest) -> HttpResponse {
    let accepted = Accepted::of(request.headers());
    let media = accepted.media.unwrap_or(Media::Json);
    let mut response = refuse(media, Refusal::MethodNotAllowed, "use GET or POST");
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
    params: Params,
) -> HttpResponse {
    // What cannot be parsed is no operation; executing it says why.
    let document = async_graphql::parser::parse_query(&params.query).ok();
    let operation = document
        .as_ref()
        .and_then(|document| operation(document, params.operation_name.as_deref()));
    let kind = operation.map(|operation| operation.ty);
    if http.method() == Method::GET && kind == Some(OperationType::Mutation) {
        let media = accepted.media.unwrap_or(Media::Json);
        let why = "a mutation must be sent by POST";
        let mut response = refuse(media, Refusal::MethodNotAllowed, why);
        allow(&mut response, "POST");
        return response;
    }
    let Some(choice) = accepted.choice(kind == Some(OperationType::Subscription)) else {
        return not_acceptable();
    };
    let mut request = Request::new(params.query);
    request.data = worker.data(http);
    if let Some(name) = params.operation_name {
        request = request.operation_name(name);
    }
    if let Some(variables) = params.variables {
        request = request.variables(Variables::from_json(variables.into()));
    }
    if let Some(extensions) = params.extensions {
        request.extensions.0 = extensions
            .into_iter()
            .filter_map(|(name, value)| Some((name, async_graphql::Value::from_json(value).ok()?)))
            .collect();
    }
    let resumed = match choice {
        Choice::Single(_) => Ok(()),
        Choice::Stream(_) => resume::from_last_event(http, operation, &mut request),
    };
    if let Some(document) = document {
        request.set_parsed_query(document);
    }
    match choice {
        Choice::Single(media) => respond(http, media, worker.schema.execute(request).await),
        Choice::Stream(form) => {
            let payloads = match resumed {
                Ok(()) => worker.schema.payloads(request, None),
                Err(error) => stream::iter([Payload::Refused(vec![error])]).boxed(),
            };
            streamed::respond(http, form, &worker.keeper, payloads)
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

fn from_url(query: &str) -> Result<Params, String> {
    let params = web::Query::<UrlParams>::from_query(query)
        .map_err(|error| format!("not the parameters of a GraphQL request: {error}"))?
        .into_inner();
    let map = |name: &str, text: Option<String>| {
        text.map(|text| serde_json::from_str(&text))
            .transpose()
            .map(Option::flatten)
            .map_err(|_| format!("parameter '{name}' must be a JSON object"))
    };
    Ok(Params {
        query: params.query,
        operation_name: params.operation_name,
        variables: map("variables", params.variables)?,
        extensions: map("extensions", params.extensions)?,
    })
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

fn not_a_request(error: &serde_json::Error) -> String {
    if error.is_data() {
        format!("not a GraphQL request: {error}")
    } else {
        format!("the body is not JSON: {error}")
    }
}

fn not_acceptable() -> HttpResponse {
    Refusal::NotAcceptable
        .respond("accept application/graphql-response+json, application/json, text/event-stream or multipart/mixed;subscriptionSpec=1.0")
}

fn refuse(media: Media, refusal: Refusal, message: &str) -> HttpResponse {
    refusal.respond_as(media.content_type(), message)
}

fn allow(response: &mut HttpResponse, methods: &'static str) {
    response
        .headers_mut()
        .insert(ALLOW, HeaderValue::from_static(methods));
    response
        .headers_mut()
        .insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
}
