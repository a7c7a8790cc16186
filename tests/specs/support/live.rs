//! A subscriber over `graphql-transport-ws`, as Apollo and graphql-ws speak it.

use actix_codec::Framed;
use actix_http::ws::Codec;
use awc::BoxedSocket;
use awc::ws::{Frame, Message};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;

use super::{PATIENCE, StreamSync};

pub struct Subscriber {
    socket: Framed<BoxedSocket, Codec>,
    /// The cursor of the last batch.
    pub cursor: Option<String>,
}

/// What came over the socket.
#[derive(Debug, PartialEq)]
pub enum Event {
    /// The payload of a `next`.
    Next(Value),
    /// The payload of an `error`.
    Error(Value),
    Complete,
    Closed(u16),
}

pub const POINTS: &str = "subscription($selector: SeriesSelector!, $after: Cursor, $backfill: Duration, $every: Duration, $fold: Fold, $onOverflow: OverflowPolicy) {
    points(selector: $selector, after: $after, backfill: $backfill, every: $every, fold: $fold, onOverflow: $onOverflow) {
        cursor conflated points { series { key } ts value folded } } }";

impl Subscriber {
    /// A bare connection: nothing has been said yet.
    pub async fn socket(node: &StreamSync, protocol: &str) -> Self {
        let url = node.url.replace("http://", "ws://") + "/graphql";
        let (_, socket) = awc::Client::default()
            .ws(url)
            .max_frame_size(16 << 20)
            .protocols([protocol])
            .connect()
            .await
            .expect("a WebSocket");
        Self { socket, cursor: None }
    }

    /// The same at `/ws`, where no GraphQL is spoken.
    pub async fn plain(node: &StreamSync) -> Self {
        let url = node.url.replace("http://", "ws://") + "/ws";
        let client = awc::Client::default();
        let (_, socket) = client.ws(url).connect().await.expect("a WebSocket");
        Self { socket, cursor: None }
    }

    /// The same over a connection that is there already, such as one of TLS.
    pub async fn plain_over(mut stream: impl AsyncRead + AsyncWrite + Unpin + 'static) -> Self {
        let request = "GET /ws HTTP/1.1\r\nhost: localhost\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
            sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
        stream.write_all(request.as_bytes()).await.expect("it is sent");
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let byte = timeout(PATIENCE, stream.read_u8())
                .await
                .expect("an answer in time");
            head.push(byte.expect("a head"));
        }
        assert!(
            head.starts_with(b"HTTP/1.1 101 "),
            "{}",
            String::from_utf8_lossy(&head)
        );
        let socket: BoxedSocket = Box::new(stream);
        let codec = Codec::new().client_mode().max_size(16 << 20);
        Self {
            socket: Framed::new(socket, codec),
            cursor: None,
        }
    }

    pub async fn connect(node: &StreamSync) -> Self {
        let mut subscriber = Self::socket(node, "graphql-transport-ws").await;
        subscriber.send(json!({"type": "connection_init"})).await;
        let ack = subscriber.message().await;
        assert!(
            matches!(&ack, Some(m) if m["type"] == "connection_ack"),
            "{ack:?}"
        );
        subscriber
    }

    /// Subscribes to points; variables beside the selector may be given.
    pub async fn points(node: &StreamSync, variables: Value) -> Self {
        Self::subscribe(node, POINTS, variables).await
    }

    /// The same with a document of one's own.
    pub async fn subscribe(node: &StreamSync, query: &str, variables: Value) -> Self {
        let mut subscriber = Self::connect(node).await;
        let mut all = json!({"selector": {}});
        for (name, value) in variables.as_object().expect("variables") {
            all[name] = value.clone();
        }
        let payload = json!({"query": query, "variables": all});
        subscriber
            .send(json!({"id": "1", "type": "subscribe", "payload": payload}))
            .await;
        subscriber
    }

    pub async fn send(&mut self, message: Value) {
        self.socket
            .send(Message::Text(message.to_string().into()))
            .await
            .expect("the socket takes it");
    }

    /// The next protocol message; `None` at the close.
    async fn message(&mut self) -> Option<Value> {
        self.frame().await.ok()
    }

    /// The next message as it is; `Err` is the code of the close.
    pub async fn frame(&mut self) -> Result<Value, u16> {
        loop {
            let frame = timeout(PATIENCE, self.socket.next())
                .await
                .expect("a frame in time");
            match frame {
                Some(Ok(Frame::Text(text))) => return Ok(serde_json::from_slice(&text).expect("JSON")),
                Some(Ok(Frame::Ping(data))) => {
                    let _ = self.socket.send(Message::Pong(data)).await;
                }
                Some(Ok(Frame::Close(reason))) => return Err(reason.map_or(1005, |r| r.code.into())),
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return Err(1006),
            }
        }
    }

    /// The code of the close, whatever comes before it.
    pub async fn closed(&mut self) -> u16 {
        loop {
            if let Err(code) = self.frame().await {
                return code;
            }
        }
    }

    pub async fn event(&mut self) -> Event {
        loop {
            let mut message = match self.frame().await {
                Ok(message) => message,
                Err(code) => return Event::Closed(code),
            };
            match message["type"].as_str() {
                Some("next") => {
                    let payload = message["payload"].take();
                    if let Some(cursor) = payload["data"]["points"]["cursor"].as_str() {
                        self.cursor = Some(cursor.to_owned());
                    }
                    return Event::Next(payload);
                }
                Some("error") => return Event::Error(message["payload"].take()),
                Some("complete") => return Event::Complete,
                Some("ping") => self.send(json!({"type": "pong"})).await,
                other => panic!("unexpected {other:?}"),
            }
        }
    }

    /// The points of the next batch as `key ts value`.
    pub async fn batch(&mut self) -> Vec<String> {
        match self.event().await {
            Event::Next(payload) => {
                assert!(payload["errors"].is_null(), "{payload:#}");
                let points = payload["data"]["points"]["points"].as_array().expect("points");
                points.iter().map(line).collect()
            }
            other => panic!("expected a batch, got {other:?}"),
        }
    }

    /// The code with which a subscription was refused, and the whole error.
    pub async fn refusal(&mut self) -> (String, Value) {
        let error = match self.event().await {
            Event::Next(mut payload) => payload["errors"][0].take(),
            Event::Error(mut errors) => errors[0].take(),
            other => panic!("expected an error, got {other:?}"),
        };
        let code = error["extensions"]["code"].as_str().unwrap_or_default();
        (code.to_owned(), error)
    }

    /// The payload of the next `next`, which must be without errors.
    pub async fn points_payload(&mut self) -> Value {
        match self.event().await {
            Event::Next(mut payload) => {
                assert!(payload["errors"].is_null(), "{payload:#}");
                payload["data"]["points"].take()
            }
            other => panic!("expected a batch, got {other:?}"),
        }
    }

    /// Collects points until `enough` of them have come.
    pub async fn collect(&mut self, enough: usize) -> Vec<String> {
        let mut all = Vec::new();
        while all.len() < enough {
            all.extend(self.batch().await);
        }
        all
    }
}

pub fn line(point: &Value) -> String {
    let text = |v: &Value| v.as_str().map_or_else(|| v.to_string(), str::to_owned);
    format!(
        "{} {} {}",
        text(&point["series"]["key"]),
        text(&point["ts"]),
        point["value"]
    )
}
