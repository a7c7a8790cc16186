//! The Postgres of the tests: one private server for the run, a database for each test.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use streamsync::store::connect::{DatabaseUrl, connect};
use streamsync::store::embedded::{Embedded, EmbeddedError};
use tokio_postgres::Client;

use super::unique;

/// The server's URL. It ends with this process: a thread that never ends owns it.
fn server() -> &'static str {
    static URL: OnceLock<String> = OnceLock::new();
    URL.get_or_init(|| {
        let (tell, told) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            let dir = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("specs-postgres");
            let server = start(&dir).expect("a private Postgres starts");
            tell.send(server.url()).expect("somebody waits for the server");
            loop {
                std::thread::park();
            }
        });
        told.recv().expect("a private Postgres starts")
    })
}

/// A build directory may come from another machine, without the cluster or with one of another
/// version of Postgres.
fn start(dir: &Path) -> Result<Embedded, EmbeddedError> {
    match Embedded::start(dir) {
        Err(EmbeddedError::Gone(_) | EmbeddedError::OtherMajor { .. }) => {
            std::fs::remove_dir_all(dir).expect("the old cluster goes");
            Embedded::start(dir)
        }
        other => other,
    }
}

/// A database of its own, gone with the next run.
#[derive(Debug)]
pub struct Database {
    pub url: String,
}

/// A server for tests that take it down; it comes back with the same URL and its data.
pub struct OwnServer {
    dir: tempfile::TempDir,
    running: Option<Embedded>,
}

impl OwnServer {
    pub async fn start() -> Self {
        use std::os::unix::fs::PermissionsExt;
        let dir = tempfile::tempdir().expect("a temporary directory");
        // Run as root, the server is another user's.
        std::fs::set_permissions(dir.path(), std::fs::Permissions::from_mode(0o755)).expect("its mode");
        let mut server = Self { dir, running: None };
        server.start_again().await;
        server
    }

    pub fn database(&self) -> Database {
        let server = self.running.as_ref().expect("the server runs");
        Database { url: server.url() }
    }

    /// As `systemctl stop`: sessions are ended, data is flushed.
    pub async fn stop(&mut self) {
        let server = self.running.take().expect("the server runs");
        let stopped = tokio::task::spawn_blocking(|| server.stop()).await;
        stopped.expect("no panic").expect("the server stops");
    }

    pub async fn kill(&mut self) {
        let server = self.running.take().expect("the server runs");
        let pid = i32::try_from(server.pid())
            .ok()
            .and_then(rustix::process::Pid::from_raw);
        rustix::process::kill_process(pid.expect("a pid"), rustix::process::Signal::KILL)
            .expect("the server is there");
        super::eventually("the server is gone", async || {
            (!server.is_running()).then_some(())
        })
        .await;
    }

    /// What is committed without waiting for it stays in memory from now on.
    pub async fn stop_log_writer(&self) -> rustix::process::Pid {
        let pid = "select pid from pg_stat_activity where backend_type = 'walwriter'";
        let pid: i32 = self.database().value(pid).await.parse().expect("its pid");
        let pid = rustix::process::Pid::from_raw(pid).expect("a pid");
        rustix::process::kill_process(pid, rustix::process::Signal::STOP).expect("it is there");
        pid
    }

    /// As [`Self::kill`], with the log writer, which could not end by itself.
    pub async fn kill_with(&mut self, log_writer: rustix::process::Pid) {
        self.kill().await;
        rustix::process::kill_process(log_writer, rustix::process::Signal::KILL).expect("it is there");
    }

    pub async fn start_again(&mut self) {
        let dir = self.dir.path().to_owned();
        let started = tokio::task::spawn_blocking(move || Embedded::start(&dir)).await;
        self.running = Some(started.expect("no panic").expect("the server starts"));
    }
}

impl Database {
    pub async fn create() -> Self {
        let name = unique("specs").replace('-', "_");
        let server: DatabaseUrl = server().parse().expect("a Postgres URL");
        let client = connect(&server).await.expect("the server answers");
        // What an earlier run left behind under this name is nobody's any more.
        let drop = format!("drop database if exists {name} with (force)");
        client.batch_execute(&drop).await.expect("drop database");
        client
            .batch_execute(&format!("create database {name}"))
            .await
            .expect("create database");
        Self {
            url: with_database(self::server(), &name),
        }
    }

    pub async fn client(&self) -> Client {
        let url: DatabaseUrl = self.url.parse().expect("a Postgres URL");
        connect(&url).await.expect("the database answers")
    }

    /// The single value of a query, as text.
    pub async fn value(&self, query: &str) -> String {
        self.column(query).await.pop().unwrap_or_default()
    }

    /// The first column of a query, as texts; empty before the tables exist.
    pub async fn column(&self, query: &str) -> Vec<String> {
        let client = self.client().await;
        let Ok(messages) = client.simple_query(query).await else {
            return Vec::new();
        };
        let rows = messages.into_iter().filter_map(|message| match message {
            tokio_postgres::SimpleQueryMessage::Row(row) => Some(row.get(0).unwrap_or("").to_owned()),
            _ => None,
        });
        rows.collect()
    }

    /// Every stored point as `key ts value`, by key and time; `ts` in microseconds since 1970.
    pub async fn points(&self) -> Vec<String> {
        let points = "select concat_ws(' ', s.key, (extract(epoch from p.ts) * 1000000)::bigint, p.value)
            from points p join series s on s.id = p.series_id order by s.key collate \"C\", p.ts";
        self.column(points).await
    }

    pub async fn run(&self, statements: &str) {
        self.client()
            .await
            .batch_execute(statements)
            .await
            .expect("the statements run");
    }
}

/// The server's URL ends in `/postgres`.
fn with_database(url: &str, name: &str) -> String {
    let (server, _) = url.rsplit_once('/').expect("a URL with a database");
    format!("{server}/{name}")
}
