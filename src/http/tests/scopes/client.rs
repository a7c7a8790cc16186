//! What a client does: it asks as one of the viewers, and reads the answer.

use std::pin::Pin;
use std::time::Duration;

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{Service, ServiceResponse};
use actix_web::http::StatusCode;
use actix_web::http::header::{ACCEPT, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use actix_web::web::Bytes;
use actix_web::{Error, test};
use serde_json::{Value, json};

pub struct Answer {
    pub status: StatusCode,
    pub tag: String,
    pub bytes: Bytes,
}

impl Answer {
    pub fn json(&self) -> Value {
        let text = String::from_utf8_lossy(&self.bytes);
        serde_json::from_slice(&self.bytes).unwrap_or_else(|error| panic!("{error}: {text}"))
    }
}

/// An answer that is whole. `tag`: what the client has already.
pub async fn get<S>(app: &S, viewer: usize, path: &str, tag: &str) -> Answer
where
    S: Service<actix_http::Request, Response = ServiceResponse, Error = Error>,
{
    let request = test::TestRequest::get().uri(path);
    let request = request.insert_header(("x-viewer", viewer.to_string()));
    let request = request.insert_header((IF_NONE_MATCH, tag));
    let response = test::call_service(app, request.to_request()).await;
    let tag = response
        .headers()
        .get(ETAG)
        .map(|tag| tag.to_str().unwrap().to_owned());
    Answer {
        status: response.status(),
        tag: tag.unwrap_or_default(),
        bytes: test::read_body(response).await,
    }
}

/// The data of a GraphQL answer.
pub async fn ask<S>(app: &S, viewer: usize, query: &str, variables: Value) -> Value
where
    S: Service<actix_http::Request, Response = ServiceResponse, Error = Error>,
{
    let response = post(app, viewer, "application/json", query, variables).await;
    let answer: Value = test::read_body_json(response).await;
    assert_eq!(answer.get("errors"), None, "{query}: {answer}");
    answer["data"].clone()
}

async fn post<S>(app: &S, viewer: usize, accept: &str, query: &str, variables: Value) -> ServiceResponse
where
    S: Service<actix_http::Request, Response = ServiceResponse, Error = Error>,
{
    let request = test::TestRequest::post().uri("/graphql");
    let request = request
        .insert_header(("x-viewer", viewer.to_string()))
        .insert_header((CONTENT_TYPE, "application/json"))
        .insert_header((ACCEPT, accept))
        .set_payload(json!({"query": query, "variables": variables}).to_string());
    test::call_service(app, request.to_request()).await
}

/// A subscription over server-sent events.
pub struct Events {
    body: Pin<Box<BoxBody>>,
    text: String,
}

impl Events {
    pub async fn open<S>(app: &S, viewer: usize, query: &str, variables: Value) -> Self
    where
        S: Service<actix_http::Request, Response = ServiceResponse, Error = Error>,
    {
        let response = post(app, viewer, "text/event-stream", query, variables).await;
        Self {
            body: Box::pin(response.into_body()),
            text: String::new(),
        }
    }

    /// The next execution result.
    pub async fn next(&mut self) -> Value {
        let reading = async {
            loop {
                if let Some((event, rest)) = self.text.split_once("\n\n") {
                    let data = event.lines().find_map(|line| line.strip_prefix("data: "));
                    let data = data.filter(|data| !data.is_empty());
                    let data = data.map(|data| serde_json::from_str(data).unwrap());
                    self.text = rest.to_owned();
                    if let Some(data) = data {
                        return data;
                    }
                    continue;
                }
                let chunk = std::future::poll_fn(|cx| self.body.as_mut().poll_next(cx)).await;
                let chunk = chunk.expect("the stream goes on").unwrap();
                self.text.push_str(std::str::from_utf8(&chunk).unwrap());
            }
        };
        let patience = Duration::from_secs(20);
        tokio::time::timeout(patience, reading)
            .await
            .expect("an event in time")
    }
}
