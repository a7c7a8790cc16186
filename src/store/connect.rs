//! From a database URL to a connected client: TLS by `sslmode`, time-outs, keepalive.
//!
//! Supports what libpq does: URLs and `key=value` strings, host lists, unix sockets, all of
//! `sslmode`, `sslrootcert`, `sslcert`, `sslkey` and `channel_binding`. Nothing here prints a
//! password.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use futures_util::{StreamExt, stream};
use percent_encoding::percent_decode_str;
use tokio_postgres::config::{Host, SslMode};
use tokio_postgres::{AsyncMessage, Client, Config};

use super::error::ConnectError;
use crate::data::is_loopback;

mod tls;

use tls::Tls;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// A peer that does not answer for this long is gone; the connection then fails and is reopened.
const TCP_USER_TIMEOUT: Duration = Duration::from_secs(30);
const KEEPALIVE_IDLE: Duration = Duration::from_secs(15);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(5);
const KEEPALIVE_RETRIES: u32 = 3;

/// The same from the server's side: a node that loses its power says no good-bye, and its locks
/// would stay for the two hours that TCP waits by default. As statements and not in the startup
/// message, which poolers refuse.
const SESSION: [&str; 5] = [
    "set tcp_keepalives_idle = 15",
    "set tcp_keepalives_interval = 5",
    "set tcp_keepalives_count = 3",
    "set tcp_user_timeout = 30000",
    "set client_connection_check_interval = 10000",
];

/// Where the database is. `Debug` and `Display` leave the password out.
#[derive(Clone)]
pub struct DatabaseUrl {
    config: Config,
    tls: Tls,
}

#[derive(Debug, thiserror::Error)]
#[error("not a usable database url: {0}")]
pub struct BadDatabaseUrl(String);

/// Connects and drives the connection on the current tokio runtime, to which the client is bound.
pub async fn connect(url: &DatabaseUrl) -> Result<Client, ConnectError> {
    open(url, |_| {}).await
}

/// As [`connect`], and `heard` is called for each notification on the channel. A pooler between us and the
/// server may keep them back, so that nobody may rely on them.
///
/// # Errors
/// The server cannot be reached or refuses.
pub async fn connect_to_listen(
    url: &DatabaseUrl,
    channel: &str,
    heard: impl Fn(&str) + Send + 'static,
) -> Result<Client, ConnectError> {
    let client = open(url, heard).await?;
    set(url, &client, &[&format!("listen {channel}")]).await?;
    Ok(client)
}

async fn open(url: &DatabaseUrl, heard: impl Fn(&str) + Send + 'static) -> Result<Client, ConnectError> {
    let tls = url.tls.connector().map_err(|error| ConnectError::Tls {
        url: url.to_string(),
        why: error.to_string(),
    })?;
    // Boxed: the handshake's state is large, and connecting is rare.
    let connecting = Box::pin(url.config.connect(tls));
    let (client, mut connection) = connecting.await.map_err(|error| url.failed(error))?;
    tokio::spawn(async move {
        let mut messages = stream::poll_fn(move |context| connection.poll_message(context));
        while let Some(message) = messages.next().await {
            match message {
                Ok(AsyncMessage::Notification(told)) => heard(told.payload()),
                Ok(_) => {}
                Err(error) => {
                    tracing::debug!(%error, "a postgres connection ended");
                    return;
                }
            }
        }
    });
    set(url, &client, &SESSION).await?;
    Ok(client)
}

/// As [`connect`], for work that goes from statement to statement: a session that does nothing for a
/// minute is one that was forgotten, and the server ends it.
pub async fn connect_to_work(url: &DatabaseUrl) -> Result<Client, ConnectError> {
    let client = connect(url).await?;
    set(url, &client, &["set idle_session_timeout = '60s'"]).await?;
    Ok(client)
}

/// Settings that not every server knows; where it refuses one, the others hold.
async fn set(url: &DatabaseUrl, client: &Client, settings: &[&str]) -> Result<(), ConnectError> {
    let refused = |error: tokio_postgres::Error| match error.as_db_error() {
        Some(why) => {
            tracing::debug!(%why, "this server does not know a session setting");
            Ok(())
        }
        None => Err(url.failed(error)),
    };
    let Err(error) = client.batch_execute(&settings.join(";")).await else {
        return Ok(());
    };
    refused(error)?;
    for one in settings {
        if let Err(error) = client.batch_execute(one).await {
            refused(error)?;
        }
    }
    Ok(())
}

/// As [`connect`], for queries: no statement runs longer than `timeout`, nor long after the client
/// that asked has gone.
pub async fn connect_to_read(url: &DatabaseUrl, timeout: Duration) -> Result<Client, ConnectError> {
    let client = connect(url).await?;
    // Estimates over many partitions make Postgres compile what is over before the compiler is.
    // A plan for values that nobody knows yet would read a large metric as if it were a small one.
    let limits = format!(
        "set statement_timeout = {}; set jit = off; set plan_cache_mode = force_custom_plan",
        timeout.as_millis()
    );
    let limited = client.batch_execute(&limits).await;
    limited.map_err(|error| url.failed(error))?;
    // Without it an abandoned statement runs until its time-out.
    set(url, &client, &["set client_connection_check_interval = 1000"]).await?;
    Ok(client)
}

impl DatabaseUrl {
    /// The same server and login, another database.
    pub fn with_database(&self, name: &str) -> Self {
        let mut other = self.clone();
        other.config.dbname(name);
        other
    }

    fn failed(&self, source: tokio_postgres::Error) -> ConnectError {
        ConnectError::Postgres {
            url: self.to_string(),
            source,
        }
    }

    /// Whether the files that it names can be read; each connection reads them again.
    pub fn check_files(&self) -> Result<(), BadDatabaseUrl> {
        self.tls
            .unreadable()
            .map_or(Ok(()), |why| Err(BadDatabaseUrl(why)))
    }

    /// Whether the server is beyond this machine and nothing proves that it is the one that was meant.
    pub fn is_unverified(&self) -> bool {
        let beyond = |host: &Host| match host {
            Host::Tcp(name) => !is_loopback(name),
            Host::Unix(_) => false,
        };
        let hosts = self.config.get_hosts().iter().any(beyond);
        let addresses = self.config.get_hostaddrs().iter().any(|ip| !ip.is_loopback());
        (hosts || addresses) && !self.tls.is_verified()
    }
}

impl FromStr for DatabaseUrl {
    type Err = BadDatabaseUrl;

    fn from_str(text: &str) -> Result<Self, BadDatabaseUrl> {
        let (text, tls) = without_tls(text)?;
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
        config.keepalives_interval(KEEPALIVE_INTERVAL);
        config.keepalives_retries(KEEPALIVE_RETRIES);
        Ok(Self { config, tls })
    }
}

/// The text without the settings of TLS that the client does not know, and these.
fn without_tls(text: &str) -> Result<(String, Tls), BadDatabaseUrl> {
    let mut tls = Tls::default();
    let is_url = text.contains("://");
    let (base, settings) = match text.split_once('?') {
        Some((base, query)) if is_url => (Some(base), query.split('&').collect()),
        _ if is_url => (Some(text), Vec::new()),
        // A quoted value with blanks in it is put together again as it was.
        _ => (None, text.split(' ').collect::<Vec<_>>()),
    };
    let mut kept: Vec<String> = Vec::new();
    for setting in settings {
        let (name, value) = setting.split_once('=').unwrap_or((setting, ""));
        let value = match is_url {
            true => percent_decode_str(value).decode_utf8_lossy(),
            false => value.into(),
        };
        if !tls.take(name, value.trim_matches('\'')) {
            kept.push(setting.to_owned());
        }
    }
    let mode = tls.settle().map_err(|why| BadDatabaseUrl(why.to_owned()))?;
    kept.extend(mode.map(|mode| format!("sslmode={mode}")));
    kept.retain(|setting| !is_url || !setting.is_empty());
    Ok(match base {
        Some(base) if kept.is_empty() => (base.to_owned(), tls),
        Some(base) => (format!("{base}?{}", kept.join("&")), tls),
        None => (kept.join(" "), tls),
    })
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
    fn what_libpq_says_about_tls_is_understood_or_refused() {
        for good in [
            "postgres://u@h/db?sslmode=verify-full&sslrootcert=/ca.pem&sslcert=%2Fc.pem&sslkey=/k.pem",
            "postgres://u@h/db?sslrootcert=system&channel_binding=require",
            "postgres://u@h/db?sslrootcert=/ca.pem&application_name=x",
            "host=h user=u sslmode=verify-ca sslrootcert=/ca.pem",
        ] {
            let url: DatabaseUrl = good.parse().unwrap();
            assert!(
                !url.is_unverified() && url.to_string().ends_with("(tls)"),
                "{good}"
            );
        }
        for (bad, why) in [
            (
                "postgres://u@h/db?sslmode=require&sslrootcert=system",
                "verify-full",
            ),
            ("postgres://u@h/db?sslcert=/c.pem", "sslkey"),
            ("postgres://u@h/db?sslmode=maybe", "sslmode"),
            ("postgres://u@h/db?sslpassword=hidden", "sslpassword"),
            ("postgres://u@h/db?channel_binding=maybe", "channel_binding"),
        ] {
            let error = bad.parse::<DatabaseUrl>().unwrap_err().to_string();
            assert!(error.contains(why) && !error.contains("hidden"), "{error}");
        }
    }

    #[test]
    fn a_server_beyond_this_machine_that_is_not_verified_is_told_from_others() {
        for safe in [
            "postgres://u@localhost/db",
            "postgres://u@127.0.0.1,[::1]/db",
            "postgres://u@%2Ftmp/db",
            "postgres://u@db.example/db?sslmode=verify-full",
        ] {
            assert!(!safe.parse::<DatabaseUrl>().unwrap().is_unverified(), "{safe}");
        }
        for open in [
            "postgres://u@db.example/db",
            "postgres://u@localhost,10.0.0.1/db?sslmode=require",
            "host=localhost hostaddr=10.0.0.1 user=u",
            "postgres://u@db.example/db?sslmode=disable",
        ] {
            assert!(open.parse::<DatabaseUrl>().unwrap().is_unverified(), "{open}");
        }
    }

    #[tokio::test]
    async fn a_session_tells_the_server_to_give_a_silent_peer_up() {
        let db = crate::store::testing::Database::create().await;
        // Of a unix socket Postgres shows zero for what only TCP has, but not where it came from.
        let set = "select name from pg_settings where source = 'session' and name ~ '^(tcp|client_conn)' order by 1";
        let names = [
            "client_connection_check_interval",
            "tcp_keepalives_count",
            "tcp_keepalives_idle",
            "tcp_keepalives_interval",
            "tcp_user_timeout",
        ];
        assert_eq!(db.rows(set).await, names);
        let client = connect_to_work(&db.url).await.unwrap();
        let row = client.query_one("show idle_session_timeout", &[]).await.unwrap();
        assert_eq!(row.get::<_, &str>(0), "1min");
    }

    #[tokio::test]
    async fn a_setting_that_the_server_does_not_know_does_not_cost_the_others() {
        let db = crate::store::testing::Database::create().await;
        let settings = ["set work_mem = '5MB'", "set no_such_setting = 1", "set jit = off"];
        set(&db.url, &db.client, &settings).await.unwrap();
        assert_eq!(db.rows("show work_mem").await, ["5MB"]);
        assert_eq!(db.rows("show jit").await, ["off"]);
    }

    #[test]
    fn the_root_certificate_may_be_escaped() {
        let url = "postgres://u@h/db?sslmode=verify-full&sslrootcert=%2Fnowhere%2F100%.pem";
        let url: DatabaseUrl = url.parse().unwrap();
        let why = url.check_files().unwrap_err().to_string();
        assert!(why.contains("/nowhere/100%.pem"), "{why}");
    }
}
