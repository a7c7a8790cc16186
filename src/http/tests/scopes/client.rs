//! What a client does: it asks as one of the viewers, and reads the answer.

use std::pin::Pin;
use std::time::Duration;

use actix_http::Payload;
use actix_http::error::PayloadError;
use actix_http::ws::{Codec, Frame, Message};
use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{Service, ServiceResponse};
use actix_web::http::StatusCode;
use actix_web::http::header::{
    ACCEPT, CONNECTION, CONTENT_TYPE, ETAG, IF_NONE_MATCH, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL,
    SEC_WEBSOCKET_VERSION, UPGRADE,
};
use actix_web::web::{Bytes, BytesMut};
use actix_web::{Error, test};
use futures_util::{StreamExt, stream};
use serde_json::{Value, json};
use tokio::sync::mpsc;
use tokio_util::codec::{Decoder, Encoder};

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
    let request = asks(viewer, accept, query, variables);
    test::call_service(app, request.to_request()).await
}

fn asks(viewer: usize, accept: &str, query: &str, variables: Value) -> test::TestRequest {
    let request = test::TestRequest::post().uri("/graphql");
    request
        .insert_header(("x-viewer", viewer.to_string()))
        .insert_header((CONTENT_TYPE, "application/json"))
        .insert_header((ACCEPT, accept))
        .set_payload(json!({"query": query, "variables": variables}).to_string())
}

/// A body that is read as it comes.
struct Reading {
    body: Pin<Box<BoxBody>>,
    bytes: BytesMut,
}

impl Reading {
    fn of(response: ServiceResponse) -> Self {
        Self {
            body: Box::pin(response.into_body()),
            bytes: BytesMut::new(),
        }
    }

    /// Reads until something can be taken out of the bytes.
    async fn take<T>(&mut self, mut take: impl FnMut(&mut BytesMut) -> Option<T>) -> T {
        let reading = async {
            loop {
                if let Some(taken) = take(&mut self.bytes) {
                    return taken;
                }
                let chunk = std::future::poll_fn(|cx| self.body.as_mut().poll_next(cx)).await;
                self.bytes.extend_from_slice(&chunk.expect("it goes on").unwrap());
            }
        };
        let patience = Duration::from_secs(20);
        tokio::time::timeout(patience, reading)
            .await
            .expect("it comes in time")
    }

    /// The JSON of the next text that ends so and has some.
    async fn json(&mut self, before: &str, end: &str) -> Value {
        self.take(|bytes| {
            loop {
                let at = bytes
                    .windows(end.len())
                    .position(|bytes| bytes == end.as_bytes())?;
                let text = bytes.split_to(at + end.len());
                let text = std::str::from_utf8(&text[..at]).unwrap();
                let json = text.split_once(before).map(|(_, json)| json);
                if let Some(json) = json.filter(|json| !matches!(*json, "" | "{}")) {
                    return Some(serde_json::from_str(json).unwrap());
                }
            }
        })
        .await
    }
}

/// A subscription over HTTP.
pub struct Events {
    reading: Reading,
    is_multipart: bool,
}

impl Events {
    /// Server-sent events.
    pub async fn open<S>(app: &S, viewer: usize, query: &str, variables: Value) -> Self
    where
        S: Service<actix_http::Request, Response = ServiceResponse, Error = Error>,
    {
        Self::after(app, viewer, query, variables, "").await
    }

    /// The same for a browser that has had this event.
    pub async fn after<S>(app: &S, viewer: usize, query: &str, variables: Value, id: &str) -> Self
    where
        S: Service<actix_http::Request, Response = ServiceResponse, Error = Error>,
    {
        let request = asks(viewer, "text/event-stream", query, variables);
        let request = request.insert_header(("last-event-id", id)).to_request();
        Self {
            reading: Reading::of(test::call_service(app, request).await),
            is_multipart: false,
        }
    }

    pub async fn multipart<S>(app: &S, viewer: usize, query: &str, variables: Value) -> Self
    where
        S: Service<actix_http::Request, Response = ServiceResponse, Error = Error>,
    {
        let accept = "multipart/mixed;boundary=\"graphql\";subscriptionSpec=1.0";
        Self {
            reading: Reading::of(post(app, viewer, accept, query, variables).await),
            is_multipart: true,
        }
    }

    /// The next execution result.
    pub async fn next(&mut self) -> Value {
        match self.is_multipart {
            true => self.reading.json("\r\n\r\n", "\r\n--graphql").await["payload"].take(),
            false => self.reading.json("data: ", "\n\n").await,
        }
    }
}

/// A WebSocket.
pub struct Socket {
    reading: Reading,
    says: mpsc::Sender<Result<Bytes, PayloadError>>,
}

impl Socket {
    pub async fn open<S>(app: &S, viewer: usize, path: &str, protocol: &str) -> Self
    where
        S: Service<actix_http::Request, Response = ServiceResponse, Error = Error>,
    {
        let request = test::TestRequest::get().uri(path);
        let request = request
            .insert_header(("x-viewer", viewer.to_string()))
            .insert_header((CONNECTION, "upgrade"))
            .insert_header((UPGRADE, "websocket"))
            .insert_header((SEC_WEBSOCKET_VERSION, "13"))
            .insert_header((SEC_WEBSOCKET_KEY, "dGhlIHNhbXBsZSBub25jZQ=="))
            .insert_header((SEC_WEBSOCKET_PROTOCOL, protocol));
        let (says, mut heard) = mpsc::channel(16);
        let heard = stream::poll_fn(move |cx| heard.poll_recv(cx));
        let (request, _) = request
            .to_request()
            .replace_payload(Payload::from(heard.boxed_local()));
        Self {
            reading: Reading::of(test::call_service(app, request).await),
            says,
        }
    }

    pub fn say(&self, message: &Value) {
        let mut frame = BytesMut::new();
        let message = Message::Text(message.to_string().into());
        Codec::new().client_mode().encode(message, &mut frame).unwrap();
        self.says.try_send(Ok(frame.freeze())).unwrap();
    }

    /// The next message.
    pub async fn next(&mut self) -> Value {
        let mut codec = Codec::new().client_mode().max_size(1 << 20);
        self.reading
            .take(|bytes| {
                loop {
                    if let Frame::Text(text) = codec.decode(bytes).unwrap()? {
                        return Some(serde_json::from_slice(&text).unwrap());
                    }
                }
            })
            .await
    }
}
