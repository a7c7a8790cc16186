//! Requests with headers of one's own, and what is answered.

use awc::ClientRequest;
use awc::http::header::HeaderMap;
use serde_json::{Value, json};

use super::{PATIENCE, StreamSync};

#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    /// Null where the body is something else.
    pub json: Value,
}

impl Answer {
    /// Empty without the header.
    pub fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name);
        value.map_or("", |value| value.to_str().expect("a text"))
    }

    /// The code of the first error.
    pub fn code(&self) -> &str {
        let code = &self.json["errors"][0]["extensions"]["code"];
        code.as_str().unwrap_or_default()
    }
}

pub fn request(node: &StreamSync, method: &str, path: &str, headers: &[(&str, &str)]) -> ClientRequest {
    let (method, url) = (method.parse().expect("a method"), format!("{}{path}", node.url));
    let request = awc::Client::default().request(method, url).timeout(PATIENCE);
    let add = |request: ClientRequest, header: &(&str, &str)| request.insert_header(*header);
    headers.iter().fold(request, add)
}

/// With this body, unless it is null.
pub async fn answer(request: ClientRequest, body: Value) -> Answer {
    let sent = match body {
        Value::Null => request.send().await,
        body => request.send_json(&body).await,
    };
    let mut answer = sent.expect("an answer");
    let body = answer.body().limit(1 << 20).await.expect("a body");
    Answer {
        status: answer.status().as_u16(),
        headers: answer.headers().clone(),
        json: serde_json::from_slice(&body).unwrap_or_default(),
    }
}

pub async fn get(node: &StreamSync, path: &str, headers: &[(&str, &str)]) -> (u16, Value) {
    let answer = answer(request(node, "GET", path, headers), Value::Null).await;
    (answer.status, answer.json)
}

/// Sends this body.
pub async fn post(node: &StreamSync, path: &str, headers: &[(&str, &str)], body: Value) -> Answer {
    answer(request(node, "POST", path, headers), body).await
}

/// A question of GraphQL.
pub async fn ask(node: &StreamSync, headers: &[(&str, &str)], query: &str) -> (u16, Value) {
    let answer = post(node, "/graphql", headers, json!({ "query": query })).await;
    (answer.status, answer.json)
}
