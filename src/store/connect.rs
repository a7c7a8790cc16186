//! From a database URL to a connected client: TLS by `sslmode`, time-outs, keepalive.
//!
//! Understands what libpq does: URLs and `key=value` strings, host lists, unix sockets, and
//! (in URLs) `sslmode=verify-ca|verify-full` with `sslrootcert`. Nothing here prints a password.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use openssl::ssl::{SslConnector, SslMethod, SslVerifyMode};
use postgres_openssl::MakeTlsConnector;
use tokio_postgres::config::{Host, SslMode};
use tokio_postgres::{Client, Config};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// A peer that answers nothing for this long is gone; the connection then fails and is made anew.
const TCP_USER_TIMEOUT: Duration = Duration::from_secs(30);
const KEEPALIVE_IDLE: Duration = Duration::from_secs(15);

/// Where the database is. `Debug` and `Display` leave the password out.
#[derive(Clone)]
pub struct DatabaseUrl {
    config: Config,
    verify: Verify,
    root_certificate: Option<PathBuf>,
}

/// How much of the server's certificate is checked, as `sslmode` says it in libpq.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Verify {
    Nothing,
    Authority,
    Full,
}

#[derive(Debug, thiserror::Error)]
#[error("not a usable database url: {0}")]
pub struct BadDatabaseUrl(String);

#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    #[error("cannot set up tls for {url}: {why}")]
    Tls { url: String, why: String },
    #[error("cannot connect to {url}: {}", super::error::describe(.source))]
    Postgres {
        url: String,
        source: tokio_postgres::Error,
    },
}

/// Connects and drives the connection on the current tokio runtime, to which the client is bound.
pub async fn connect(url: &DatabaseUrl) -> Result<Client, ConnectError> {
    let tls = url.tls().map_err(|error| ConnectError::Tls {
        url: url.to_string(),
        why: error.to_string(),
    })?;
    // Boxed: the handshake's state is large, and connecting is rare.
    let (client, connection) =
        Box::pin(url.config.connect(tls))
            .await
            .map_err(|source| ConnectError::Postgres {
                url: url.to_string(),
                source,
            })?;
    tokio::spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!(%error, "a postgres connection ended");
        }
    });
    Ok(client)
}

/// As [`connect`], for questions: no statement runs longer than `timeout`, nor long after whoever
/// asked has gone.
pub async fn connect_to_read(url: &DatabaseUrl, timeout: Duration) -> Result<Client, ConnectError> {
    let client = connect(url).await?;
    // Estimates over many partitions make Postgres compile what is over before the compiler is.
    let set = format!("set statement_timeout = {}; set jit = off", timeout.as_millis());
    client
        .batch_execute(&set)
        .await
        .map_err(|source| ConnectError::Postgres {
            url: url.to_string(),
            source,
        })?;
    // Not every server knows this one; without it an abandoned statement runs until its time-out.
    let _ = client
        .batch_execute("set client_connection_check_interval = 1000")
        .await;
    Ok(client)
}

impl DatabaseUrl {
    /// The same server and login, another database.
    pub fn with_database(&self, name: &str) -> Self {
        let mut other = self.clone();
        other.config.dbname(name);
        other
    }

    fn tls(&self) -> Result<MakeTlsConnector, openssl::error::ErrorStack> {
        let mut builder = SslConnector::builder(SslMethod::tls_client())?;
        if let Some(file) = &self.root_certificate {
            builder.set_ca_file(file)?;
        }
        if self.verify == Verify::Nothing {
            builder.set_verify(SslVerifyMode::NONE);
        }
        let mut connector = MakeTlsConnector::new(builder.build());
        let check_name = self.verify == Verify::Full;
        connector.set_callback(move |connection, _| {
            connection.set_verify_hostname(check_name);
            Ok(())
        });
        Ok(connector)
    }
}

impl FromStr for DatabaseUrl {
    type Err = BadDatabaseUrl;

    fn from_str(text: &str) -> Result<Self, BadDatabaseUrl> {
        let mut verify = Verify::Nothing;
        let mut root_certificate = None;
        let text = match text.split_once('?') {
            Some((base, query)) if text.contains("://") => {
                let mut kept = Vec::new();
                for pair in query.split('&').filter(|pair| !pair.is_empty()) {
                    match pair.split_once('=') {
                        Some(("sslmode", "verify-full")) => verify = Verify::Full,
                        Some(("sslmode", "verify-ca")) => verify = Verify::Authority,
                        Some(("sslrootcert", "system")) => {}
                        Some(("sslrootcert", file)) => root_certificate = Some(unescape(file)),
                        _ => kept.push(pair),
                    }
                }
                if verify != Verify::Nothing {
                    kept.push("sslmode=require");
                }
                format!("{base}?{}", kept.join("&"))
            }
            _ => text.to_owned(),
        };
        let is_url = text.starts_with("postgres://") || text.starts_with("postgresql://");
        let is_key = |key: &str| !key.is_empty() && key.chars().all(|c| c.is_ascii_lowercase() || c == '_');
        let is_pairs = || {
            text.split_whitespace()
                .all(|pair| pair.split_once('=').is_some_and(|(key, _)| is_key(key)))
        };
        if !is_url && !is_pairs() {
            return Err(BadDatabaseUrl("it must begin with postgres://".to_owned()));
        }
        // The parser's message names the option that is wrong, never its value.
        let mut config = Config::from_str(&text).map_err(|error| {
            let cause = std::error::Error::source(&error).map(ToString::to_string);
            BadDatabaseUrl(cause.unwrap_or_else(|| error.to_string()))
        })?;
        if config.get_hosts().is_empty() && config.get_hostaddrs().is_empty() {
            return Err(BadDatabaseUrl("it names no host".to_owned()));
        }
        if config.get_user().is_none() {
            return Err(BadDatabaseUrl("it names no user".to_owned()));
        }
        let root_certificate = root_certificate.map(PathBuf::from);
        if let Some(file) = &root_certificate {
            // Read anew at each connection, which should not be the first to know.
            std::fs::File::open(file).map_err(|error| {
                BadDatabaseUrl(format!("sslrootcert: cannot read {}: {error}", file.display()))
            })?;
        }
        if config.get_application_name().is_none() {
            config.application_name("streamsync");
        }
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(CONNECT_TIMEOUT);
        }
        if config.get_tcp_user_timeout().is_none() {
            config.tcp_user_timeout(TCP_USER_TIMEOUT);
        }
        config.keepalives_idle(KEEPALIVE_IDLE);
        Ok(Self {
            config,
            verify,
            root_certificate,
        })
    }
}

/// Percent-decoding for the one value we take out of the URL ourselves.
fn unescape(value: &str) -> String {
    let mut out = Vec::with_capacity(value.len());
    let mut rest = value.as_bytes();
    while let Some((&byte, tail)) = rest.split_first() {
        let hex = tail.get(..2).and_then(|two| std::str::from_utf8(two).ok());
        let decoded = hex.and_then(|two| u8::from_str_radix(two, 16).ok());
        match decoded {
            Some(decoded) if byte == b'%' => {
                out.push(decoded);
                rest = &tail[2..];
            }
            _ => {
                out.push(byte);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

impl fmt::Display for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "postgres://{}@", self.config.get_user().unwrap_or(""))?;
        let ports = self.config.get_ports();
        for (i, host) in self.config.get_hosts().iter().enumerate() {
            if i > 0 {
                f.write_str(",")?;
            }
            match host {
                Host::Tcp(name) => f.write_str(name)?,
                Host::Unix(path) => write!(f, "{}", path.display())?,
            }
            if let Some(port) = ports.get(i).or_else(|| ports.first()) {
                write!(f, ":{port}")?;
            }
        }
        write!(f, "/{}", self.config.get_dbname().unwrap_or(""))?;
        if self.config.get_ssl_mode() == SslMode::Require {
            f.write_str(" (tls)")?;
        }
        Ok(())
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "DatabaseUrl({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_shown_without_its_password() {
        let url: DatabaseUrl = "postgres://ann:s3cret@db1:5433,db2/metrics?sslmode=verify-full"
            .parse()
            .unwrap();
        let shown = format!("{url} {url:?}");
        assert!(!shown.contains("s3cret"), "{shown}");
        assert!(
            shown.starts_with("postgres://ann@db1:5433,db2:5432/metrics (tls)"),
            "{shown}"
        );
    }

    #[test]
    fn a_wrong_url_is_refused_without_repeating_it() {
        for bad in [
            "postgres://u:hidden@h/db?sslmode=maybe",
            "postgres:///db",
            "host=x hidden",
            "postgresql+asyncpg://u:hidden@h/db?ssl=true",
            "jdbc:postgresql://u:hidden@h/db",
        ] {
            let error = bad.parse::<DatabaseUrl>().unwrap_err().to_string();
            assert!(!error.contains("hidden"), "{error}");
        }
    }

    #[test]
    fn the_root_certificate_may_be_escaped() {
        assert_eq!(unescape("%2Fetc%2Fca.pem"), "/etc/ca.pem");
        assert_eq!(unescape("100%"), "100%");
    }
}
