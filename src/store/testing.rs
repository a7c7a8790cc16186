//! A real Postgres for tests: one server for the test process, a fresh database for each test.
//!
//! The server runs beneath a shell that waits for the end of its standard input, which comes when
//! this process ends in whatever way; the shell then stops the server and removes its directory.

use std::io::{BufRead, BufReader};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, OnceLock};
use std::time::Duration;

use tokio_postgres::Client;

pub mod batches;

use super::connect::{DatabaseUrl, connect};
use super::locks::{MAINTAIN, alone};
use super::migrate::migrate;

const SCRIPT: &str = r#"
dir=$(mktemp -d /tmp/streamsync-test-XXXXXX) || exit 1
cd "$dir" || exit 1
export PATH="$PATH:$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | tail -n 1)"
initdb -D "$dir/data" -A trust -U postgres -E UTF8 --locale=C --no-sync >initdb.log 2>&1 || { cat initdb.log >&2; exit 1; }
postgres -D "$dir/data" -k "$dir" -c listen_addresses= -c fsync=off -c max_connections=200 </dev/null >log 2>&1 &
server=$!
until psql -h "$dir" -U postgres -Atc 'select 1' >/dev/null 2>&1; do
    kill -0 $server 2>/dev/null || { cat log >&2; exit 1; }
    sleep 0.05
done
echo "$dir"
cat >/dev/null
kill -INT $server
wait $server
cd / && rm -rf "$dir"
"#;

struct Server {
    url: DatabaseUrl,
    /// Its standard input stays open as long as this process lives.
    _shell: Child,
}

/// A migrated, empty database of its own.
#[derive(Debug)]
pub struct Database {
    pub url: DatabaseUrl,
    pub client: Client,
}

impl Database {
    pub async fn create() -> Self {
        let url = Self::empty().await;
        migrate(&url).await.expect("the migrations apply");
        let client = connect(&url).await.expect("the test database answers");
        let database = Self { url, client };
        // Tests name partitions by their ids.
        database
            .run("alter table ingest_offsets alter column partition_id restart")
            .await;
        database
    }

    /// Another session on the same database.
    pub async fn again(&self) -> Self {
        Self {
            url: self.url.clone(),
            client: connect(&self.url).await.expect("the test database answers"),
        }
    }

    /// A session of another node that does its maintenance as long as this lasts.
    pub async fn maintaining(&self) -> Client {
        let other = self.again().await.client;
        assert!(alone(&other, MAINTAIN, Duration::ZERO).await.expect("an answer"));
        other
    }

    /// The URL of a database without any table.
    pub async fn empty() -> DatabaseUrl {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let server = &server().url;
        let name = format!("test_{}", NEXT.fetch_add(1, Ordering::Relaxed));
        let admin = connect(server).await.expect("the test server answers");
        let statement = format!("create database {name}");
        admin.batch_execute(&statement).await.expect("a new database");
        server.with_database(&name)
    }

    /// Every row of a query, each as its columns joined by `|`.
    pub async fn rows(&self, query: &str) -> Vec<String> {
        use tokio_postgres::SimpleQueryMessage::Row;
        let messages = self.client.simple_query(query).await.expect("a good query");
        let line = |message| match message {
            Row(row) => Some(
                (0..row.len())
                    .map(|i| row.get(i).unwrap_or("null"))
                    .collect::<Vec<_>>()
                    .join("|"),
            ),
            _ => None,
        };
        messages.into_iter().filter_map(line).collect()
    }

    pub async fn run(&self, statements: &str) {
        self.client
            .batch_execute(statements)
            .await
            .expect("good statements");
    }

    /// Offsets that Kafka no longer had.
    pub async fn lose(&self, partition: i32, from: i64, to: i64) {
        self.run(&format!(
            "begin;
             insert into gaps (partition_id, from_offset, to_offset) values ({partition}, {from}, {to});
             update ingest_offsets set next_offset = {to} where partition_id = {partition}; commit"
        ))
        .await;
    }
}

fn server() -> &'static Server {
    static SERVER: OnceLock<Server> = OnceLock::new();
    static STARTING: Mutex<()> = Mutex::new(());
    let _one_at_a_time = STARTING.lock();
    SERVER.get_or_init(start)
}

fn start() -> Server {
    let mut command = Command::new("sh");
    command
        .args(["-c", SCRIPT])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped());
    // Postgres refuses to run as root. Ctrl-C must not reach it before the tests have ended.
    command.process_group(0);
    if rustix::process::getuid().is_root() {
        let (uid, gid) = postgres_user();
        command.uid(uid).gid(gid);
    }
    let mut child = command.spawn().expect("sh starts");
    let mut line = String::new();
    let stdout = child.stdout.take().expect("piped");
    BufReader::new(stdout)
        .read_line(&mut line)
        .expect("the server's directory");
    let dir = line.trim();
    assert!(!dir.is_empty(), "postgres did not start; its log is above");
    Server {
        url: format!("host={dir} user=postgres dbname=postgres")
            .parse()
            .expect("a good url"),
        _shell: child,
    }
}

fn postgres_user() -> (u32, u32) {
    let users = std::fs::read_to_string("/etc/passwd").expect("a list of users");
    let ids = |line: &str| {
        let mut fields = line.strip_prefix("postgres:")?.split(':').skip(1);
        Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
    };
    users.lines().find_map(ids).expect("a user named postgres")
}
