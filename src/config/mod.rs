//! Configuration: flags over environment over `streamsync.toml` over defaults, checked as a whole.
//!
//! Every mistake is collected and explained; nothing starts with a configuration that has one.

mod archive;
mod auth;
mod changes;
mod documents;
mod file;
mod hidden;
mod locations;
mod lookups;
mod mapping;
mod outside;
mod retention;
mod rollups;
mod secrets;
mod settings;
mod stream_test;
mod streams;
mod text;
mod tls;
mod words;

use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use serde::Deserialize;

use crate::access::config::AuthConfig;
use crate::decode::registry::{RegistryConfig, SchemaRegistry};
use crate::live::index::{ByClient, Limits};
use crate::transform::StreamPlan;

pub use archive::ArchiveConfig;
pub use file::{HttpConfig, KafkaConfig, PipelineConfig, PostgresConfig, RedisConfig};
pub use rollups::RollupsConfig;
pub use secrets::Secrets;
pub use stream_test::StreamTest;
pub use streams::{StartAt, StreamConfig};
pub use tls::TlsConfig;

use locations::{Locations, Mistake};
use text::Document;

/// What the environment and the command line may say; a flag wins over its variable.
#[derive(Args, Clone, Debug, Default)]
pub struct Overrides {
    /// Configuration file [default: streamsync.toml, if it is there]
    #[arg(long, env = "STREAMSYNC_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Kafka brokers [default: an embedded broker]
    #[arg(
        long,
        env = "KAFKA_BROKERS",
        hide_env_values = true,
        value_name = "HOST:PORT,…"
    )]
    pub kafka_brokers: Option<String>,
    /// Postgres [default: a private one in the data directory]
    #[arg(long, env = "DATABASE_URL", hide_env_values = true, value_name = "URL")]
    pub database_url: Option<String>,
    /// Redis [default: latest values in memory]
    #[arg(long, env = "REDIS_URL", hide_env_values = true, value_name = "URL")]
    pub redis_url: Option<String>,
    /// Schema registry, such as `https://host:8081` [default: none]
    #[arg(long, env = "SCHEMA_REGISTRY_URL", hide_env_values = true, value_name = "URL")]
    pub schema_registry_url: Option<String>,
    /// Address to listen on [default: 127.0.0.1:8080]
    #[arg(long, env = "STREAMSYNC_LISTEN", value_name = "ADDRESS", value_parser = file::socket_address)]
    pub listen: Option<SocketAddr>,
    /// Serve everybody who can reach the address, also beyond this machine
    #[arg(long, env = "STREAMSYNC_ALLOW_ANONYMOUS")]
    pub allow_anonymous: bool,
    /// An additional host name of this server; may be repeated
    #[arg(
        long = "allowed-host",
        env = "STREAMSYNC_ALLOWED_HOSTS",
        value_name = "HOST",
        value_delimiter = ','
    )]
    pub allowed_hosts: Vec<String>,
    /// An origin whose pages may use this server, such as `https://example.org`; may be repeated
    #[arg(
        long = "allowed-origin",
        env = "STREAMSYNC_ALLOWED_ORIGINS",
        value_name = "ORIGIN",
        value_delimiter = ','
    )]
    pub allowed_origins: Vec<String>,
    /// Where the private Postgres is, and how to find the embedded broker [default: .streamsync]
    #[arg(long, env = "STREAMSYNC_DATA_DIR", value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
    #[arg(skip = Secrets::of_environment())]
    pub secrets: Secrets,
}

/// The whole configuration, valid.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Config {
    pub data_dir: DataDir,
    pub log: crate::telemetry::logs::LogFormat,
    pub kafka: KafkaConfig,
    pub postgres: PostgresConfig,
    pub redis: RedisConfig,
    pub http: HttpConfig,
    pub pipeline: PipelineConfig,
    pub rollups: RollupsConfig,
    pub archive: ArchiveConfig,
    pub schema_registry: RegistryConfig,
    /// Unset: whoever reaches the server may do everything.
    pub auth: Option<AuthConfig>,
    #[serde(rename = "stream")]
    pub streams: Vec<StreamConfig>,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(transparent)]
pub struct DataDir(pub PathBuf);

impl Default for DataDir {
    fn default() -> Self {
        Self(PathBuf::from(".streamsync"))
    }
}

/// Everything wrong with a configuration, one line for each mistake.
#[derive(Debug, thiserror::Error)]
pub struct Mistakes(pub Vec<String>);

impl fmt::Display for Mistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let n = self.0.len();
        write!(
            f,
            "the configuration has {n} mistake{}:",
            if n == 1 { "" } else { "s" }
        )?;
        self.0.iter().try_for_each(|mistake| write!(f, "\n  - {mistake}"))
    }
}

const DEFAULT_FILE: &str = "streamsync.toml";

impl Config {
    /// Reads the file, lays the overrides over it and checks the result.
    pub fn load(overrides: &Overrides) -> Result<Self, Mistakes> {
        Self::from_text(&Self::text(overrides)?, overrides)
    }

    /// That of a server that runs, whatever mistakes have come into the file since.
    pub fn of_running(overrides: &Overrides) -> Result<Self, Mistakes> {
        let (mut config, mut locations) = Self::read(&Self::text(overrides)?, &mut Vec::new());
        config.override_with(overrides, &mut locations, &mut Vec::new());
        Ok(config)
    }

    fn text(overrides: &Overrides) -> Result<String, Mistakes> {
        let (path, required) = match &overrides.config {
            Some(path) => (path.as_path(), true),
            None => (Path::new(DEFAULT_FILE), false),
        };
        match std::fs::read_to_string(path) {
            Err(error) if !required && error.kind() == std::io::ErrorKind::NotFound => Ok(String::new()),
            Err(error) => Err(Mistakes(vec![format!("cannot read {}: {error}", path.display())])),
            text => Ok(text.unwrap_or_default()),
        }
    }

    /// Behind a proxy that hides addresses all clients look like one.
    pub fn live_limits(&self) -> Limits {
        let told_apart = self.http.connections_per_address > 0;
        Limits {
            outboxes: self.pipeline.outboxes_mib << 20,
            by_client: told_apart.then(ByClient::default),
            ..Limits::default()
        }
    }

    pub fn from_text(text: &str, overrides: &Overrides) -> Result<Self, Mistakes> {
        let mut unread = Vec::new();
        let (mut config, mut locations) = Self::read(text, &mut unread);
        let mut wrong = Vec::new();
        config.override_with(overrides, &mut locations, &mut wrong);
        config.check(&mut wrong);
        let wrong = wrong.iter().map(|mistake| locations.locate(mistake));
        let mistakes = Mistake::in_order(unread, wrong);
        if mistakes.is_empty() {
            Ok(config)
        } else {
            Err(Mistakes(mistakes))
        }
    }

    /// As far as it can be read; what cannot is its default.
    fn read(text: &str, mistakes: &mut Vec<Mistake>) -> (Self, Locations) {
        let Some((mut file, locations)) = Document::parse(text, mistakes) else {
            return Default::default();
        };
        let sections = Self {
            kafka: file.section("kafka"),
            postgres: file.section("postgres"),
            redis: file.section("redis"),
            http: file.section("http"),
            pipeline: file.section("pipeline"),
            rollups: file.section("rollups"),
            archive: file.section("archive"),
            schema_registry: file.section("schema_registry"),
            auth: auth::read(&mut file),
            streams: file.sections("stream"),
            ..Self::default()
        };
        let rest: Self = file.rest();
        let config = Self {
            data_dir: rest.data_dir,
            log: rest.log,
            ..sections
        };
        (config, locations)
    }

    fn check(&self, mistakes: &mut Vec<String>) {
        self.kafka.check(mistakes);
        self.postgres.check(mistakes);
        self.redis.check(mistakes);
        self.http.check(self.auth.is_some(), mistakes);
        if let Some(stream) = &self.http.write.stream
            && !self.streams.iter().any(|known| known.name == *stream)
        {
            mistakes.push(format!("http.write.stream: there is no stream '{stream}'"));
        }
        self.pipeline.check(mistakes);
        self.rollups.check(mistakes);
        self.archive.check(mistakes);
        if let Some(auth) = &self.auth {
            auth::check(auth, &self.streams, mistakes);
        }
        let certificates = self.auth.as_ref().is_some_and(|auth| auth.certificates.is_some());
        tls::check_clients(self.http.tls.as_ref(), certificates, mistakes);
        let registry = self.registry().unwrap_or_else(|mistake| {
            mistakes.push(format!("schema_registry.{mistake}"));
            None
        });
        streams::check(&self.streams, registry.as_ref(), mistakes);
    }

    /// # Errors
    /// A schema that cannot be used.
    pub fn plans(&self, registry: Option<&Arc<SchemaRegistry>>) -> anyhow::Result<Arc<[StreamPlan]>> {
        let plan = |stream: &StreamConfig| {
            let plan = stream.plan(registry);
            plan.map_err(|why| anyhow::anyhow!("stream {}: {why}", stream.name))
        };
        self.streams.iter().map(plan).collect()
    }

    /// # Errors
    /// `setting: why` of what is wrong with its section.
    pub fn registry(&self) -> Result<Option<Arc<SchemaRegistry>>, String> {
        let config = &self.schema_registry;
        let registry = config.url.as_ref().map(|_| SchemaRegistry::new(config));
        Ok(registry.transpose()?.map(Arc::new))
    }
}

#[cfg(test)]
mod tests;
