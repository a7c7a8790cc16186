//! A response that is read as it comes, over a bare socket: what is sent is seen byte for byte.

use actix_web::rt::net::TcpStream;
use serde_json::{Value, json};
use tokio::net::TcpSocket;
use tokio::time::timeout;

use super::live::POINTS;
use super::{PATIENCE, StreamSync};

pub const SSE: &str = "text/event-stream";
/// As Apollo Client sends it.
pub const MULTIPART: &str = "multipart/mixed;boundary=\"graphql\";subscriptionSpec=1.0,application/graphql-response+json,application/json";

pub struct Streamed {
    socket: TcpStream,
    /// Came, but not asked for yet; still in chunks.
    raw: Vec<u8>,
    /// The body as far as it was taken out of its chunks.
    text: String,
    ended: bool,
    pub status: u16,
    pub head: String,
}

/// A server-sent event.
#[derive(Debug, PartialEq)]
pub struct Event {
    pub name: String,
    pub id: Option<String>,
    pub data: Value,
}

impl Streamed {
    /// A POST of this document.
    pub async fn post(node: &StreamSync, accept: &str, query: &str, variables: Value) -> Self {
        let body = json!({"query": query, "variables": variables}).to_string();
        let head = format!(
            "content-type: application/json\r\ncontent-length: {}\r\n",
            body.len()
        );
        Self::request(node, "POST /graphql", accept, &head, &body).await
    }

    /// Points of every series.
    pub async fn points(node: &StreamSync, accept: &str, mut variables: Value) -> Self {
        variables["selector"] = json!({});
        Self::post(node, accept, POINTS, variables).await
    }

    /// A GET as a browser's `EventSource` sends it, perhaps with further headers.
    pub async fn get(node: &StreamSync, query: &str, variables: Value, headers: &str) -> Self {
        let (query, variables) = (encoded(query), encoded(&variables.to_string()));
        let what = format!("GET /graphql?query={query}&variables={variables}");
        Self::request(node, &what, SSE, headers, "").await
    }

    pub async fn request(node: &StreamSync, what: &str, accept: &str, headers: &str, body: &str) -> Self {
        Self::to(&node.url, what, accept, headers, body).await
    }

    /// The same to the URL of a node.
    pub async fn to(url: &str, what: &str, accept: &str, headers: &str, body: &str) -> Self {
        let address = url.trim_start_matches("http://");
        let socket = TcpStream::connect(address).await.expect("a connection");
        Self::over(socket, what, accept, headers, body).await
    }

    /// From another address of this machine than the other clients, with little room for what comes.
    pub async fn connect_from(node: &StreamSync, address: [u8; 4]) -> TcpStream {
        let socket = TcpSocket::new_v4().expect("a socket");
        socket
            .bind((address, 0).into())
            .expect("an address of this machine");
        socket.set_recv_buffer_size(16 << 10).expect("a small buffer");
        let address = node.url.trim_start_matches("http://");
        let address = address.parse().expect("the node's address");
        socket.connect(address).await.expect("a connection")
    }

    /// On a connection that is there already.
    pub async fn over(socket: TcpStream, what: &str, accept: &str, headers: &str, body: &str) -> Self {
        let address = socket.peer_addr().expect("the node's address");
        let request =
            format!("{what} HTTP/1.1\r\nhost: {address}\r\naccept: {accept}\r\n{headers}\r\n{body}");
        let mut streamed = Self {
            socket,
            raw: Vec::new(),
            text: String::new(),
            ended: false,
            status: 0,
            head: String::new(),
        };
        streamed.write(request.as_bytes()).await;
        streamed.read_head().await;
        streamed
    }

    /// The next text up to this mark, without it; `None` at the end of the response.
    pub async fn until(&mut self, mark: &str) -> Option<String> {
        loop {
            if let Some(at) = self.text.find(mark) {
                let text = self.text[..at].to_owned();
                self.text.drain(..at + mark.len());
                return Some(text);
            }
            if self.ended {
                return None;
            }
            self.read().await;
        }
    }

    /// All that is left.
    pub async fn rest(&mut self) -> String {
        while !self.ended {
            self.read().await;
        }
        std::mem::take(&mut self.text)
    }

    /// The next event; comments are passed over.
    pub async fn event(&mut self) -> Option<Event> {
        loop {
            let text = self.until("\n\n").await?;
            if text.starts_with(':') {
                continue;
            }
            let field = |name: &str| {
                let lines = text.lines().filter_map(|line| line.strip_prefix(name));
                lines.map(|value| value.trim_start().to_owned()).next()
            };
            return Some(Event {
                name: field("event:").unwrap_or_default(),
                id: field("id:"),
                data: serde_json::from_str(&field("data:").expect("data")).unwrap_or_default(),
            });
        }
    }

    /// The batch of the next event, which must be one without errors; its cursor is the event's id.
    pub async fn batch(&mut self) -> Value {
        let mut event = self.event().await.expect("an event");
        assert_eq!(
            (&*event.name, &event.data["errors"]),
            ("next", &Value::Null),
            "{event:?}"
        );
        let batch = event.data["data"]["points"].take();
        assert_eq!(event.id.as_deref(), batch["cursor"].as_str());
        batch
    }

    /// The body of the next part of a multipart response; heartbeats are passed over.
    pub async fn part(&mut self) -> Option<Value> {
        loop {
            let text = self.until("\r\n--graphql").await?;
            if text.is_empty() {
                continue;
            }
            let (head, body) = text.split_once("\r\n\r\n").expect("a head and a body");
            assert_eq!(head, "\r\ncontent-type: application/json");
            let body: Value = serde_json::from_str(body).expect("JSON");
            if body != json!({}) {
                return Some(body);
            }
        }
    }

    async fn read_head(&mut self) {
        while !self.raw.windows(4).any(|end| end == b"\r\n\r\n") {
            assert!(self.fill().await, "the connection ended before the head");
        }
        let end = self
            .raw
            .windows(4)
            .position(|end| end == b"\r\n\r\n")
            .expect("an end")
            + 4;
        let head: Vec<u8> = self.raw.drain(..end).collect();
        self.head = String::from_utf8(head).expect("a head").to_ascii_lowercase();
        let status = self.head.split(' ').nth(1).and_then(|status| status.parse().ok());
        self.status = status.expect("a status");
    }

    /// One more chunk, or the rest when the response is not in chunks.
    async fn read(&mut self) {
        if !self.head.contains("transfer-encoding: chunked") {
            let length = self.head.split("content-length: ").nth(1).expect("a length");
            let length: usize = length
                .lines()
                .next()
                .and_then(|n| n.parse().ok())
                .expect("a number");
            while self.raw.len() < length {
                assert!(self.fill().await, "the body ended early");
            }
            self.text += std::str::from_utf8(&self.raw).expect("a text");
            return self.ended = true;
        }
        loop {
            let line = self.raw.windows(2).position(|end| end == b"\r\n");
            let size = line.and_then(|at| {
                let size = std::str::from_utf8(&self.raw[..at]).ok()?;
                Some((
                    at + 2,
                    usize::from_str_radix(size, 16).expect("the size of a chunk"),
                ))
            });
            if let Some((at, size)) = size
                && self.raw.len() >= at + size + 2
            {
                self.text += std::str::from_utf8(&self.raw[at..at + size]).expect("a text");
                self.raw.drain(..at + size + 2);
                self.ended = size == 0;
                return;
            }
            if !self.fill().await {
                return self.ended = true;
            }
        }
    }

    /// False at the end of the connection.
    async fn fill(&mut self) -> bool {
        let mut bytes = vec![0; 16 * 1024];
        loop {
            timeout(PATIENCE, self.socket.readable())
                .await
                .expect("something in time")
                .expect("a socket");
            match self.socket.try_read(&mut bytes) {
                Ok(0) => return false,
                Ok(n) => {
                    self.raw.extend_from_slice(&bytes[..n]);
                    return true;
                }
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
                Err(_) => return false,
            }
        }
    }

    async fn write(&mut self, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            self.socket.writable().await.expect("a socket");
            if let Ok(n) = self.socket.try_write(bytes) {
                bytes = &bytes[n..];
            }
        }
    }
}

/// For a URL.
fn encoded(text: &str) -> String {
    let byte = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => char::from(byte).to_string(),
        byte => format!("%{byte:02X}"),
    };
    text.bytes().map(byte).collect()
}
