//! Subscriptions over every protocol, of somebody with a credential.

use std::collections::{BTreeMap, VecDeque};

use serde_json::{Value, json};

use super::StreamSync;
use super::live::{POINTS, Subscriber};
use super::streamed::{MULTIPART, SSE, Streamed};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    TransportWs,
    Legacy,
    Plain,
    Sse,
    Multipart,
}

pub const SOCKETS: [Way; 3] = [Way::TransportWs, Way::Legacy, Way::Plain];
pub const STREAMS: [Way; 2] = [Way::Sse, Way::Multipart];
pub const WAYS: [Way; 5] = [
    Way::TransportWs,
    Way::Legacy,
    Way::Plain,
    Way::Sse,
    Way::Multipart,
];

/// What came for one subscription.
#[derive(Clone, Debug, PartialEq)]
pub enum Heard {
    Points(Vec<f64>),
    /// It is over: the code of its error, or that of the close.
    Ended {
        code: String,
        cursor: Option<String>,
    },
}

/// Subscriptions by their metric, on one WebSocket or on a stream each.
pub struct Open {
    way: Way,
    url: String,
    credential: String,
    socket: Option<Subscriber>,
    streams: BTreeMap<String, Streamed>,
    /// Came while something else was waited for.
    waiting: VecDeque<(String, Heard)>,
}

impl Open {
    /// # Errors
    /// The code of the close.
    pub async fn new(way: Way, node: &StreamSync, credential: &str) -> Result<Self, String> {
        let mut open = Self {
            way,
            url: node.url.clone(),
            credential: credential.to_owned(),
            socket: None,
            streams: BTreeMap::new(),
            waiting: VecDeque::new(),
        };
        open.socket = match way {
            Way::TransportWs => Some(Subscriber::socket(node, "graphql-transport-ws").await),
            Way::Legacy => Some(Subscriber::socket(node, "graphql-ws").await),
            Way::Plain => Some(Subscriber::plain(node).await),
            Way::Sse | Way::Multipart => None,
        };
        if open.socket.is_some() {
            open.say(match way {
                Way::Plain => json!({"type": "auth", "token": credential}),
                _ => json!({"type": "connection_init", "payload": {"token": credential}}),
            })
            .await;
            open.taken(true).await?;
        }
        Ok(open)
    }

    /// Subscribes to a metric, and waits for the first message. `after`: a cursor.
    ///
    /// # Errors
    /// The code with which it is refused, or the status.
    pub async fn subscribe(&mut self, metric: &str, after: Option<&str>) -> Result<(), String> {
        let selector = json!({"metric": metric});
        let variables = json!({"selector": selector, "after": after});
        let request = json!({"query": POINTS, "variables": variables});
        match self.way {
            Way::TransportWs => {
                self.say(json!({"type": "subscribe", "id": metric, "payload": request}))
                    .await
            }
            Way::Legacy => {
                self.say(json!({"type": "start", "id": metric, "payload": request}))
                    .await
            }
            Way::Plain => {
                let mut message = json!({"type": "subscribe", "id": metric, "selector": selector});
                if let Some(after) = after {
                    message["after"] = after.into();
                }
                self.say(message).await;
            }
            Way::Sse | Way::Multipart => {
                let accept = if self.way == Way::Sse { SSE } else { MULTIPART };
                let body = request.to_string();
                let headers = format!(
                    "content-type: application/json\r\ncontent-length: {}\r\nauthorization: Bearer {}\r\n",
                    body.len(),
                    self.credential
                );
                let stream = Streamed::to(&self.url, "POST /graphql", accept, &headers, &body).await;
                if stream.status != 200 {
                    return Err(stream.status.to_string());
                }
                self.streams.insert(metric.to_owned(), stream);
            }
        }
        match self.next(metric).await {
            Heard::Points(_) => Ok(()),
            Heard::Ended { code, .. } => Err(code),
        }
    }

    /// Brings a new credential over the socket.
    ///
    /// # Errors
    /// The code of the close, or `refused`.
    pub async fn renew(&mut self, credential: &str) -> Result<(), String> {
        let message = match self.way {
            Way::TransportWs => json!({"type": "ping", "payload": {"token": credential}}),
            Way::Plain => json!({"type": "auth", "token": credential}),
            _ => json!({"type": "connection_init", "payload": {"token": credential}}),
        };
        self.say(message).await;
        self.taken(false).await
    }

    /// What comes next for the subscription to this metric.
    pub async fn next(&mut self, metric: &str) -> Heard {
        if let Some(at) = self.waiting.iter().position(|(of, _)| of == metric)
            && let Some((_, heard)) = self.waiting.remove(at)
        {
            return heard;
        }
        if let Some(stream) = self.streams.get_mut(metric) {
            return next_of(stream, self.way).await;
        }
        loop {
            match self.message().await {
                Ok(message) => match heard(&message) {
                    Some((of, heard)) if of == metric => return heard,
                    Some(other) => self.waiting.push_back(other),
                    None => {}
                },
                Err(code) => return ended(&code.to_string(), None),
            }
        }
    }

    /// The values of the next points of this metric.
    pub async fn values(&mut self, metric: &str, count: usize) -> Vec<f64> {
        let mut values = Vec::new();
        while values.len() < count {
            match self.next(metric).await {
                Heard::Points(more) => values.extend(more),
                ended @ Heard::Ended { .. } => panic!("{:?} {metric}: {ended:?}", self.way),
            }
        }
        values
    }

    /// The values of this metric up to its end: its code and its last cursor.
    pub async fn last(&mut self, metric: &str) -> (Vec<f64>, String, Option<String>) {
        let mut values = Vec::new();
        loop {
            match self.next(metric).await {
                Heard::Points(more) => values.extend(more),
                Heard::Ended { code, cursor } => return (values, code, cursor),
            }
        }
    }

    /// Waits for the answer to a credential. `begins`: to the first, after whose refusal the close follows.
    async fn taken(&mut self, begins: bool) -> Result<(), String> {
        loop {
            let message = self.message().await.map_err(|code| code.to_string())?;
            match message["type"].as_str() {
                Some("connection_ack" | "authenticated") => return Ok(()),
                Some("pong") if message["payload"]["auth"] == "ok" => return Ok(()),
                Some("pong" | "connection_error" | "error") if !begins && message["id"].is_null() => {
                    return Err("refused".to_owned());
                }
                _ => self.waiting.extend(heard(&message)),
            }
        }
    }

    async fn say(&mut self, message: Value) {
        self.socket.as_mut().expect("a WebSocket").send(message).await;
    }

    async fn message(&mut self) -> Result<Value, u16> {
        self.socket.as_mut().expect("a WebSocket").frame().await
    }
}

fn ended(code: &str, cursor: Option<&str>) -> Heard {
    Heard::Ended {
        code: code.to_owned(),
        cursor: cursor.map(str::to_owned),
    }
}

/// The end that an error of GraphQL means.
fn ended_with(error: &Value) -> Heard {
    let extensions = &error["extensions"];
    ended(
        extensions["code"].as_str().unwrap_or_default(),
        extensions["cursor"].as_str(),
    )
}

fn values(batch: &Value) -> Heard {
    let points = batch["points"].as_array().expect("points").iter();
    Heard::Points(
        points
            .map(|point| point["value"].as_f64().expect("a value"))
            .collect(),
    )
}

/// What a message of a WebSocket says of the subscription it names.
fn heard(message: &Value) -> Option<(String, Heard)> {
    let of = message["id"].as_str()?.to_owned();
    let payload = &message["payload"];
    let heard = match message["type"].as_str()? {
        "next" | "data" if payload["errors"].is_null() => values(&payload["data"]["points"]),
        "next" | "data" => ended_with(&payload["errors"][0]),
        "points" => values(message),
        // Those of graphql-transport-ws are a list.
        "error" if payload.is_array() => ended_with(&payload[0]),
        "error" if payload.is_object() => ended_with(payload),
        "error" => ended(
            message["code"].as_str().unwrap_or_default(),
            message["cursor"].as_str(),
        ),
        _ => return None,
    };
    Some((of, heard))
}

async fn next_of(stream: &mut Streamed, way: Way) -> Heard {
    let (result, error) = match way {
        Way::Sse => {
            let data = stream.event().await.expect("an event").data;
            let error = data["errors"][0].clone();
            (data, error)
        }
        _ => {
            let part = stream.part().await.expect("a part");
            let of = if part["payload"].is_null() {
                &part
            } else {
                &part["payload"]
            };
            let error = of["errors"][0].clone();
            (part["payload"].clone(), error)
        }
    };
    match error.is_null() {
        true => values(&result["data"]["points"]),
        false => {
            // It says that it is over.
            let rest = stream.rest().await;
            assert!(rest.contains("complete") || rest.contains("--"), "{rest}");
            ended_with(&error)
        }
    }
}
