//! Sections of `streamsync.toml` that have no file of their own, with their defaults.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use serde::de::Error;
use serde::{Deserialize, Deserializer};

use super::documents::{self, WhichDocuments};
use super::tls::TlsConfig;
use crate::cache;
use crate::http::guard::Origin;
use crate::sources::properties;
use crate::store::connect::DatabaseUrl;
use crate::transform::humantime_text;

#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct KafkaConfig {
    /// `host:port,…`; unset means the embedded broker.
    pub brokers: Option<String>,
    pub group_id: String,
    /// After this silence the group gives a node's partitions to the others.
    #[serde(with = "humantime_text")]
    pub session_timeout: Duration,
    /// Librdkafka properties, such as `security.protocol`; never shown. Those that our promises rest
    /// on are refused.
    pub properties: BTreeMap<String, String>,
}

#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PostgresConfig {
    /// `postgres://…`; unset means a private Postgres in the data directory.
    pub url: Option<String>,
    /// `false`: after a crash of Postgres the last moments are missing from history until they are
    /// read from Kafka again, which happens by itself; rows and offsets stay consistent.
    pub synchronous_commit: bool,
}

#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RedisConfig {
    /// `redis://…`; unset means that latest values stay in this process.
    pub url: Option<String>,
    /// What every name in Redis begins with; the installation's id follows.
    pub prefix: String,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HttpConfig {
    #[serde(deserialize_with = "listen")]
    pub listen: SocketAddr,
    /// Where `/livez`, `/readyz` and `/metrics` are answered to whoever reaches it, without a credential.
    #[serde(deserialize_with = "another_listen")]
    pub operations_listen: Option<SocketAddr>,
    /// Needed for that beyond loopback: there is neither a credential nor TLS.
    pub operations_unprotected: bool,
    pub workers: usize,
    /// Needed to listen beyond loopback without `[auth]`.
    pub allow_anonymous: bool,
    /// Host names of this server, in addition to loopback names.
    pub allowed_hosts: Vec<String>,
    /// Pages of other origins that may use it, such as `https://example.org`.
    pub allowed_origins: Vec<String>,
    /// At SIGTERM the closing of live connections is spread over this time.
    #[serde(with = "humantime_text")]
    pub drain: Duration,
    /// Connections in all; fewer where the system allows fewer open files.
    pub connections: usize,
    /// Connections of one address; 0 for no limit, as behind a proxy.
    pub connections_per_address: usize,
    /// Memory for incoming requests and outgoing responses, in MiB; one address has at most a
    /// quarter.
    pub memory_mib: usize,
    /// A client that takes nothing of its answer for this long is cut off.
    #[serde(with = "humantime_text")]
    pub stall_timeout: Duration,
    /// Operations that may run at once on one WebSocket.
    pub operations_per_connection: usize,
    /// What a client may send as one WebSocket message, in KiB.
    pub message_kib: usize,
    /// A WebSocket that has not introduced itself by then is closed.
    #[serde(with = "humantime_text")]
    pub init_timeout: Duration,
    /// HTTPS instead of HTTP.
    pub tls: Option<TlsConfig>,
    /// Which GraphQL documents are executed.
    pub documents: WhichDocuments,
    /// A JSON object of documents by id, or a manifest of operations.
    pub documents_file: Option<PathBuf>,
    /// For documents that clients name by their hash once they have sent them, in MiB; 0: they cannot.
    pub documents_cache_mib: usize,
    /// How clients write points.
    pub write: WriteConfig,
}

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct WriteConfig {
    /// The stream of those who name none.
    pub stream: Option<String>,
    /// The largest body, also when it is decompressed, in MiB.
    pub body_mib: usize,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PipelineConfig {
    /// What records in flight may take, in MiB; librdkafka's prefetch takes as much again.
    pub memory_mib: usize,
    /// A stream is paused when more than this share of its last `dead_letter_window` records failed.
    pub dead_letter_limit: f64,
    pub dead_letter_window: usize,
    /// After this time it resumes; the time doubles when it is soon paused again.
    #[serde(with = "humantime_text")]
    pub dead_letter_pause: Duration,
    #[serde(with = "humantime_text")]
    pub dead_letter_retention: Duration,
    /// How much of payloads, keys and headers is kept of the dead letters of one stream, and of
    /// all, in MiB.
    pub dead_letter_stream_mib: u64,
    pub dead_letter_mib: u64,
    /// Time partitions of 30 days that may exist for points far from the present; one stream may open
    /// half of them.
    pub max_far_partitions: usize,
    /// How far back a cursor can be resumed.
    #[serde(with = "humantime_text")]
    pub resume_horizon: Duration,
    /// What one subscriber may have waiting, in KiB.
    pub outbox_kib: usize,
    /// What all subscribers together may have waiting, in MiB.
    pub outboxes_mib: usize,
    /// What is kept in memory of the last points, for subscribers who come back soon, in MiB.
    pub recent_mib: usize,
}

const DAY: Duration = Duration::from_secs(86_400);

impl Default for KafkaConfig {
    fn default() -> Self {
        Self {
            brokers: None,
            group_id: "streamsync".to_owned(),
            session_timeout: Duration::from_secs(45),
            properties: BTreeMap::new(),
        }
    }
}

impl Default for PostgresConfig {
    fn default() -> Self {
        Self {
            url: None,
            synchronous_commit: true,
        }
    }
}

impl Default for RedisConfig {
    fn default() -> Self {
        Self {
            url: None,
            prefix: "streamsync".to_owned(),
        }
    }
}

impl Default for HttpConfig {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
            operations_listen: None,
            operations_unprotected: false,
            workers: 2,
            allow_anonymous: false,
            allowed_hosts: Vec::new(),
            allowed_origins: Vec::new(),
            drain: Duration::from_secs(5),
            connections: 20_000,
            connections_per_address: 1_000,
            memory_mib: 256,
            stall_timeout: Duration::from_secs(30),
            operations_per_connection: 100,
            message_kib: 256,
            init_timeout: Duration::from_secs(10),
            tls: None,
            documents: WhichDocuments::Any,
            documents_file: None,
            documents_cache_mib: 8,
            write: WriteConfig::default(),
        }
    }
}

impl Default for WriteConfig {
    fn default() -> Self {
        Self {
            stream: None,
            body_mib: 16,
        }
    }
}

impl Default for PipelineConfig {
    fn default() -> Self {
        Self {
            memory_mib: 32,
            dead_letter_limit: 0.5,
            dead_letter_window: 10_000,
            dead_letter_pause: Duration::from_secs(15 * 60),
            dead_letter_retention: DAY.saturating_mul(30),
            dead_letter_stream_mib: 1_024,
            dead_letter_mib: 4_096,
            max_far_partitions: 300,
            resume_horizon: DAY,
            outbox_kib: 1_024,
            outboxes_mib: 256,
            recent_mib: 64,
        }
    }
}

impl KafkaConfig {
    pub(super) fn check(&self, mistakes: &mut Vec<String>) {
        for (property, why) in properties::refused(&self.properties, self.session_timeout) {
            match property {
                Some(name) => mistakes.push(format!("kafka.properties.{name}: {why}")),
                None => mistakes.push(format!("kafka.properties: {why}")),
            }
        }
        if let Some(why) = self.brokers.as_deref().and_then(properties::bad_address) {
            mistakes.push(format!("kafka.brokers: {why}"));
        }
        if self.group_id.is_empty() {
            mistakes.push("kafka.group_id: is empty".to_owned());
        }
        if !(Duration::from_millis(100)..=Duration::from_secs(1_800)).contains(&self.session_timeout) {
            mistakes
                .push("kafka.session_timeout: must be 100ms to 30min (a broker may ask for more)".to_owned());
        }
    }
}

impl PostgresConfig {
    pub(super) fn check(&self, mistakes: &mut Vec<String>) {
        let checked = |url: &str| url.parse::<DatabaseUrl>()?.check_files();
        if let Some(Err(error)) = self.url.as_deref().map(checked) {
            mistakes.push(format!("postgres.url: {error}"));
        }
    }
}

impl RedisConfig {
    pub(super) fn check(&self, mistakes: &mut Vec<String>) {
        if let Some(Err(error)) = self.url.as_deref().map(cache::check_url) {
            mistakes.push(format!("redis.url: {error}"));
        }
    }
}

/// As the flag and the file have it.
pub fn socket_address(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| {
        "must be an IP address and a port, such as \"127.0.0.1:8080\" or \"[::1]:8080\"".to_owned()
    })
}

fn listen<'de, D: Deserializer<'de>>(deserializer: D) -> Result<SocketAddr, D::Error> {
    socket_address(&String::deserialize(deserializer)?).map_err(Error::custom)
}

fn another_listen<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<SocketAddr>, D::Error> {
    listen(deserializer).map(Some)
}

impl HttpConfig {
    /// # Errors
    /// As `documents::settings`.
    pub fn documents(&self) -> Result<documents::Settings, Vec<String>> {
        let file = self.documents_file.as_deref();
        documents::settings(self.documents, file, self.documents_cache_mib)
    }

    pub(super) fn check(&self, controlled: bool, mistakes: &mut Vec<String>) {
        if let Some(address) = self.operations_listen
            && !address.ip().is_loopback()
            && !self.operations_unprotected
        {
            mistakes.push(format!(
                "http.operations_listen: {address} can be reached from other machines, and has neither credentials nor TLS; \
                 add operations_unprotected = true if the network in front of it keeps strangers out"
            ));
        }
        if !controlled && !self.listen.ip().is_loopback() && !self.allow_anonymous {
            mistakes.push(format!(
                "http.listen: {} can be reached from other machines and there is no [auth]; \
                 add --allow-anonymous if the network in front of it keeps strangers out",
                self.listen
            ));
        }
        if self.drain > Duration::from_secs(20) {
            mistakes.push("http.drain: must be at most 20s, so that stopping ends within 30 s".to_owned());
        }
        if !(1..=10_000).contains(&self.operations_per_connection) {
            mistakes.push("http.operations_per_connection: must be 1 to 10000".to_owned());
        }
        if !(1..=65_536).contains(&self.message_kib) {
            mistakes.push("http.message_kib: must be 1 to 65536".to_owned());
        }
        if !(Duration::from_millis(100)..=Duration::from_secs(300)).contains(&self.init_timeout) {
            mistakes.push("http.init_timeout: must be 100ms to 5min".to_owned());
        }
        if let Err(why) = self.documents() {
            mistakes.extend(why);
        }
        if !(1..=1_000_000).contains(&self.connections) {
            mistakes.push("http.connections: must be 1 to 1000000".to_owned());
        }
        if !(16..=1 << 20).contains(&self.memory_mib) {
            mistakes.push("http.memory_mib: must be 16 to 1048576".to_owned());
        }
        if !(Duration::from_millis(100)..=Duration::from_secs(3_600)).contains(&self.stall_timeout) {
            mistakes.push("http.stall_timeout: must be 100ms to 1h".to_owned());
        }
        if !(1..=64).contains(&self.workers) {
            mistakes.push("http.workers: must be 1 to 64".to_owned());
        }
        if !(1..=32).contains(&self.write.body_mib) {
            mistakes.push("http.write.body_mib: must be 1 to 32".to_owned());
        }
        if let Some(tls) = &self.tls {
            tls.check(mistakes);
        }
        for host in &self.allowed_hosts {
            if !is_host(host) {
                mistakes.push(format!(
                    "http.allowed_hosts: '{host}' is no name of a host such as \"streamsync.example.org\""
                ));
            }
        }
        for origin in &self.allowed_origins {
            if Origin::parse(origin).is_none() {
                mistakes.push(format!(
                    "http.allowed_origins: '{origin}' is not an origin such as \"https://example.org\""
                ));
            }
        }
    }
}

impl PipelineConfig {
    pub(super) fn check(&self, mistakes: &mut Vec<String>) {
        // librdkafka counts its prefetch in 32 bits.
        if !(1..=2_047).contains(&self.memory_mib) {
            mistakes.push("pipeline.memory_mib: must be 1 to 2047".to_owned());
        }
        if !(self.dead_letter_limit > 0.0 && self.dead_letter_limit <= 1.0) {
            mistakes.push("pipeline.dead_letter_limit: must be above 0 and at most 1".to_owned());
        }
        if self.dead_letter_window == 0 {
            mistakes.push("pipeline.dead_letter_window: must be at least 1".to_owned());
        }
        if !(Duration::from_secs(1)..=DAY).contains(&self.dead_letter_pause) {
            mistakes.push("pipeline.dead_letter_pause: must be 1s to 1day".to_owned());
        }
        for (name, mib) in [
            ("dead_letter_stream_mib", self.dead_letter_stream_mib),
            ("dead_letter_mib", self.dead_letter_mib),
        ] {
            if mib > 1 << 30 {
                mistakes.push(format!("pipeline.{name}: must be at most 1073741824"));
            }
        }
        // Postgres locks every partition of a table for a statement that has no bounds in time.
        if self.max_far_partitions > 100_000 {
            mistakes.push("pipeline.max_far_partitions: must be at most 100000".to_owned());
        }
        if !(16..=1 << 20).contains(&self.outbox_kib) {
            mistakes.push("pipeline.outbox_kib: must be 16 to 1048576".to_owned());
        }
        if !(1..=1 << 20).contains(&self.outboxes_mib) {
            mistakes.push("pipeline.outboxes_mib: must be 1 to 1048576".to_owned());
        }
        if self.recent_mib > 1 << 20 {
            mistakes.push("pipeline.recent_mib: must be at most 1048576".to_owned());
        }
    }
}

/// A name or an address, perhaps with a port.
fn is_host(text: &str) -> bool {
    let bad = |c: char| c.is_whitespace() || c.is_control() || "/@?#\\*,".contains(c);
    !text.is_empty() && !text.contains(bad)
}
