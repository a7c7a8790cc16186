//! A subscriber that remembers what it has seen over all its connections, and its cursor.

use std::time::Instant;

use serde_json::{Value, json};
use streamsync::data::Micros;
use tokio::time::timeout;

use super::input::{Input, assert_same};
use super::live::{Event, Subscriber};
use super::{PATIENCE, StreamSync};

pub struct Viewer {
    subscriber: Subscriber,
    /// Of the last batch, whichever connection it came by.
    pub cursor: String,
    seen: Vec<String>,
}

impl Viewer {
    /// Subscribes to everything from now on.
    pub async fn of(node: &StreamSync) -> Self {
        let mut viewer = Self {
            subscriber: Subscriber::points(node, json!({"onOverflow": "CLOSE"})).await,
            cursor: String::new(),
            seen: Vec::new(),
        };
        viewer.next().await;
        viewer
    }

    /// Goes on where it was, at another node or at the same one started anew.
    pub async fn resume(&mut self, node: &StreamSync) {
        let variables = json!({"onOverflow": "CLOSE", "after": self.cursor});
        self.subscriber = Subscriber::points(node, variables).await;
    }

    /// Reads until it has seen all of the input; nothing else may come.
    pub async fn sees(&mut self, input: &Input) {
        self.sees_points(&input.points()).await;
    }

    /// The same for points that are no whole input; sorted.
    pub async fn sees_points(&mut self, wanted: &[String]) {
        let deadline = Instant::now() + PATIENCE;
        while self.seen.len() < wanted.len() {
            let left = deadline.saturating_duration_since(Instant::now());
            if timeout(left, self.next()).await.is_err() {
                break;
            }
        }
        self.saw(wanted);
    }

    /// Reads to the end of the connection; the close code.
    pub async fn closed(&mut self) -> u16 {
        loop {
            match self.subscriber.event().await {
                Event::Next(payload) => self.take(&payload),
                Event::Closed(code) => return code,
                Event::Error(_) | Event::Complete => {}
            }
        }
    }

    /// What comes next is that points are gone; goes on with those that are left.
    pub async fn resumes_behind_the_gap(&mut self, node: &StreamSync) {
        let (code, extensions) = self.refused().await;
        assert_eq!(code, "RESUME_GAP");
        let earliest = extensions["earliestCursor"].as_str();
        self.cursor = earliest.expect("a cursor").to_owned();
        self.resume(node).await;
    }

    /// Reads until the subscription ends with an error: its code and extensions.
    pub async fn refused(&mut self) -> (String, Value) {
        loop {
            let payload = match self.subscriber.event().await {
                Event::Next(mut payload) => {
                    self.take(&payload);
                    payload["errors"].take()
                }
                Event::Error(errors) => errors,
                other => panic!("expected a refusal, got {other:?}"),
            };
            let extensions = &payload[0]["extensions"];
            if let Some(code) = extensions["code"].as_str() {
                return (code.to_owned(), extensions.clone());
            }
        }
    }

    fn saw(&self, wanted: &[String]) {
        let mut seen = self.seen.clone();
        seen.sort_unstable();
        assert_same("the subscriber", &seen, wanted);
    }

    async fn next(&mut self) {
        match self.subscriber.event().await {
            Event::Next(payload) => {
                assert!(payload["errors"].is_null(), "{payload:#}");
                self.take(&payload);
            }
            other => panic!("expected a batch, got {other:?}"),
        }
    }

    fn take(&mut self, payload: &Value) {
        let batch = &payload["data"]["points"];
        if let Some(cursor) = batch["cursor"].as_str() {
            cursor.clone_into(&mut self.cursor);
        }
        assert!(batch["conflated"].as_u64().unwrap_or(0) == 0, "{payload:#}");
        let points = batch["points"].as_array().into_iter().flatten();
        self.seen.extend(points.map(|point| {
            let time = point["ts"].as_str().and_then(Micros::from_rfc3339);
            let key = point["series"]["key"].as_str().expect("a key");
            format!("{key} {} {}", time.expect("a time").0, point["value"])
        }));
    }
}
