//! Live points, over every protocol.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::client::{Events, Socket};
use super::random::MARK;
use super::world::World;
use super::{Server, VIEWERS, set, texts};
use crate::data::Selector;

/// A subscriber to all points, by one of the protocols.
enum Live {
    Events(Events),
    /// GraphQL's, and the plain one.
    Socket(Socket),
    Plain(Socket),
}

/// What the events of `points` have.
const POINTS: &str =
    "subscription($after: Cursor) { points(selector: {}, after: $after) { cursor points { key value } } }";

impl Live {
    /// One of each protocol. `after`: a cursor.
    async fn all(app: &impl Server, viewer: usize, after: &Value) -> Vec<Self> {
        let variables = json!({ "after": after });
        let events = Events::open(app, viewer, POINTS, variables.clone()).await;
        let id = after.as_str().unwrap_or_default();
        let returns = Events::after(app, viewer, POINTS, json!({}), id).await;
        let multipart = Events::multipart(app, viewer, POINTS, variables.clone()).await;
        let mut all: Vec<Self> = [events, returns, multipart].map(Self::Events).into();
        let request = json!({"query": POINTS, "variables": variables});
        for (protocol, starts) in [("graphql-transport-ws", "subscribe"), ("graphql-ws", "start")] {
            let socket = Socket::open(app, viewer, "/graphql", protocol).await;
            socket.say(&json!({"type": "connection_init"}));
            socket.say(&json!({"type": starts, "id": "1", "payload": request}));
            all.push(Self::Socket(socket));
        }
        let socket = Socket::open(app, viewer, "/ws", "").await;
        let mut subscribe = json!({"type": "subscribe", "id": "1"});
        if !after.is_null() {
            subscribe["after"] = after.clone();
        }
        socket.say(&subscribe);
        all.push(Self::Plain(socket));
        all
    }

    /// The next batch, with the keys of its points; `Err`: the code of the error instead.
    async fn next(&mut self) -> Result<Value, Value> {
        let payload = match self {
            Self::Events(events) => events.next().await,
            Self::Socket(socket) => loop {
                let mut message = socket.next().await;
                match message["type"].as_str() {
                    Some("next" | "data") => break message["payload"].take(),
                    Some("error") => {
                        let payload = &message["payload"];
                        let error = payload.get(0).unwrap_or(payload);
                        return Err(error["extensions"]["code"].clone());
                    }
                    _ => {}
                }
            },
            Self::Plain(socket) => loop {
                let mut message = socket.next().await;
                match message["type"].as_str() {
                    Some("points") => {
                        for point in message["points"].as_array_mut().unwrap() {
                            point["key"] = point["series"].take();
                        }
                        return Ok(message);
                    }
                    Some("error") => return Err(message["code"].clone()),
                    _ => {}
                }
            },
        };
        match payload["errors"].get(0) {
            Some(error) => Err(error["extensions"]["code"].clone()),
            None => Ok(payload["data"]["points"].clone()),
        }
    }

    /// The keys of the points up to the mark, which is the last of a commit.
    async fn until_mark(&mut self) -> BTreeSet<String> {
        let mut seen = BTreeSet::new();
        let mark = format!("{MARK}{{}}");
        while !seen.contains(&mark) {
            seen.extend(texts(&self.next().await.unwrap(), "points.*.key"));
        }
        seen
    }
}

/// Live points, live windows and what was missed, of viewers who ask the same and share what is written.
pub async fn check(world: &World, app: &impl Server) {
    let windows = r#"subscription { aggregates(selector: {}, window: "1d", aggregate: [COUNT])
        { windows { series { key } points } } }"#;
    let (mut live, mut cursors, mut counts) = (Vec::new(), Vec::new(), Vec::new());
    for viewer in 0..VIEWERS {
        let mut all = Live::all(app, viewer, &Value::Null).await;
        for live in &mut all {
            cursors.push((viewer, live.next().await.unwrap()["cursor"].clone()));
        }
        live.push(all);
        counts.push(Events::open(app, viewer, windows, json!({})).await);
    }
    world.commit().await;
    for viewer in 0..VIEWERS {
        let expected = world.visible(viewer, &Selector::default());
        for live in &mut live[viewer] {
            assert_eq!(live.until_mark().await, expected);
        }
        let first = counts[viewer].next().await;
        let seen = set(&first["data"]["aggregates"], "windows.*.series.key");
        assert_eq!(seen, expected);
    }
    // A cursor of whichever protocol is good for every other one, and for nobody else.
    for (nth, (viewer, cursor)) in cursors.iter().enumerate().step_by(VIEWERS + 2) {
        let expected = world.visible(*viewer, &Selector::default());
        for live in &mut Live::all(app, *viewer, cursor).await {
            assert_eq!(live.until_mark().await, expected, "{nth}");
        }
        for live in &mut Live::all(app, (viewer + 1) % VIEWERS, cursor).await {
            assert_eq!(live.next().await.unwrap_err(), "BAD_USER_INPUT", "{nth}");
        }
    }
}
