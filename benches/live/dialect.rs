//! What each server wants to hear before it sends points. All send `"value":<number>` once for
//! each point, and that is all the generator looks at later.

use serde_json::json;

use crate::producer::{METRIC, SERIES, series_key};

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Dialect {
    /// Our endpoint: graphql-transport-ws, one subscription by selector.
    Ours,
    /// Our plain JSON.
    OursPlain,
    /// The same schema through async-graphql's own integration.
    Stock,
    /// The Node.js peer's graphql-ws: one subscription for each series.
    PeerGraphql,
    /// The Node.js peer's plain WebSocket.
    PeerRaw,
    /// The captured bytes; nothing to ask for.
    Bound,
}

/// What one connection says and hears, in order, until it is subscribed.
pub struct Opening {
    pub path: &'static str,
    pub protocol: Option<&'static str>,
    /// Each is sent, then an answer with these words is awaited.
    pub steps: Vec<(Vec<String>, &'static str)>,
}

impl Dialect {
    pub fn opening(self, conflate: bool, key: Option<&str>) -> Opening {
        let graphql = Some("graphql-transport-ws");
        match self {
            Self::Ours => Opening {
                path: "/graphql",
                protocol: graphql,
                steps: vec![init(key), points(conflate)],
            },
            Self::OursPlain => Opening {
                path: "/ws",
                protocol: None,
                steps: vec![plain()],
            },
            Self::Stock => Opening {
                path: "/stock",
                protocol: graphql,
                steps: vec![init(key), points(conflate)],
            },
            Self::PeerGraphql => Opening {
                path: "/graphql",
                protocol: graphql,
                steps: vec![init(key), one_by_one()],
            },
            Self::PeerRaw => Opening {
                path: "/ws",
                protocol: None,
                steps: vec![(vec![json!({ "subscribe": keys() }).to_string()], "\"subscribed\"")],
            },
            Self::Bound => Opening {
                path: "/",
                protocol: None,
                steps: vec![],
            },
        }
    }
}

fn init(key: Option<&str>) -> (Vec<String>, &'static str) {
    let payload = key.map(|key| json!({"token": key}));
    let init = json!({"type": "connection_init", "payload": payload});
    (vec![init.to_string()], "\"connection_ack\"")
}

/// The first message is empty and says that we are subscribed.
fn points(conflate: bool) -> (Vec<String>, &'static str) {
    let overflow = if conflate { ", onOverflow: CONFLATE" } else { "" };
    let query = format!(
        "subscription {{ points(selector: {{metric: \"{METRIC}\"}}{overflow}) \
         {{ cursor points {{ series {{ key }} ts value }} }} }}"
    );
    (vec![subscribe("1", &query)], "\"next\"")
}

fn plain() -> (Vec<String>, &'static str) {
    let subscribe = json!({"type": "subscribe", "id": "1", "selector": {"metric": METRIC}});
    (vec![subscribe.to_string()], "\"cursor\"")
}

fn one_by_one() -> (Vec<String>, &'static str) {
    let query = |key: &str| format!("subscription {{ point(series: {key:?}) {{ series ts value }} }}");
    let mut messages: Vec<_> = keys()
        .iter()
        .enumerate()
        .map(|(i, key)| subscribe(&i.to_string(), &query(key)))
        .collect();
    messages.push(json!({"type": "ping"}).to_string());
    (messages, "\"pong\"")
}

fn subscribe(id: &str, query: &str) -> String {
    json!({"id": id, "type": "subscribe", "payload": {"query": query}}).to_string()
}

fn keys() -> Vec<String> {
    (0..SERIES).map(series_key).collect()
}
