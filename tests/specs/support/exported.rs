//! A node with known points, asked by plain HTTP.

use std::fs;

use serde_json::Value;
use streamsync::data::Micros;
use tokio::io::AsyncWriteExt;
use tokio::net::TcpStream;

use super::kafka::{labelled_point, point};
use super::streamsync::Plan;
use super::{PATIENCE, StreamSync, seconds_ago};
use crate::live::after;

/// Two series of ten points, ten seconds apart from a whole minute on.
pub struct Known {
    pub plan: Plan,
    pub node: StreamSync,
    pub base: Micros,
}

pub struct Answer {
    pub status: u16,
    headers: awc::http::header::HeaderMap,
    pub body: bytes::Bytes,
}

impl Answer {
    pub fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name);
        value.map_or("", |value| value.to_str().expect("a text"))
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("JSON")
    }

    pub fn code(&self) -> String {
        let code = self.json()["errors"][0]["extensions"]["code"].take();
        code.as_str().expect("a code").to_owned()
    }
}

impl Known {
    pub async fn input() -> Self {
        let plan = StreamSync::plan().await;
        let node = plan.start().await;
        let recent = seconds_ago(600);
        let base = Micros(recent.0 - recent.0.rem_euclid(60_000_000));
        let mut records = vec![point("up", base, 1.0)];
        for n in 0..10 {
            let at = after(base, n * 10);
            records.push(labelled_point("temp", &[("site", "a")], at, n as f64));
            records.push(labelled_point("temp", &[("site", "b")], at, 100.5 - n as f64));
        }
        plan.send_and_read(&records).await;
        Self { plan, node, base }
    }

    /// So many more points of `up`, 100 us apart.
    pub async fn many(&self, count: usize) {
        let insert = format!(
            "insert into points (series_id, partition_id, ts, value, \"offset\", recorded_at)
             select s.id, o.partition_id, timestamptz '{}' + n * interval '100 us', n, 0, now()
             from generate_series(1, {count}) n, (select id from series where metric = 'up') s,
                  (select partition_id from ingest_offsets where topic = '{}') o",
            self.base, self.plan.stream
        );
        self.plan.database.run(&insert).await;
    }

    pub fn path(&self, resource: &str, rest: &str) -> String {
        format!("/api/v1/{resource}?from={}&{rest}", self.base)
    }

    pub async fn get(&self, resource: &str, rest: &str) -> Answer {
        self.send("GET", &self.path(resource, rest), &[]).await
    }

    pub async fn send(&self, method: &str, path: &str, headers: &[(&str, &str)]) -> Answer {
        let url = format!("{}{path}", self.node.url);
        let mut request = awc::Client::default()
            .request(method.parse().expect("a method"), url)
            .timeout(PATIENCE);
        for (name, value) in headers {
            request = request.insert_header((*name, *value));
        }
        let mut response = request.no_decompress().send().await.expect("an answer");
        let body = response.body().limit(256 << 20).await.expect("its body");
        Answer {
            status: response.status().as_u16(),
            headers: response.headers().clone(),
            body,
        }
    }
}

pub fn lines(body: &[u8]) -> usize {
    body.iter().filter(|byte| **byte == b'\n').count()
}

pub async fn open(url: &str, path: &str) -> TcpStream {
    let address = url.trim_start_matches("http://");
    let mut socket = TcpStream::connect(address).await.expect("a connection");
    let request = format!("GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
    socket.write_all(request.as_bytes()).await.expect("it is sent");
    socket
}

/// In kB.
pub fn resident(pid: u32) -> u64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("a process");
    let line = status
        .lines()
        .find(|line| line.starts_with("VmRSS:"))
        .expect("its memory");
    line.split_whitespace()
        .nth(1)
        .and_then(|kb| kb.parse().ok())
        .expect("a number")
}
