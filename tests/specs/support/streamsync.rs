//! A running StreamSync: the real binary as a child process, with its Kafka topic and database.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ::streamsync::data::Micros;
use serde_json::{Value, json};

use super::kafka::{self, Record, labelled_point};
use super::postgres::Database;
use super::{eventually, seconds_ago, unique};

/// What a test starts with; see [`StreamSync::plan`].
#[derive(Debug)]
pub struct Plan {
    pub stream: String,
    pub partitions: i32,
    pub database: Database,
    group: String,
    brokers: String,
    session_timeout: &'static str,
    settings: String,
    postgres_settings: String,
    stream_settings: String,
    env: Vec<(String, String)>,
    others: Vec<String>,
}

/// One node. Dropping it kills it, so that a failing test leaves nothing behind.
pub struct StreamSync {
    child: Child,
    pub url: String,
    log: Arc<Mutex<Vec<String>>>,
    client: awc::Client,
}

impl StreamSync {
    /// A stream with a topic, a consumer group and a database of its own.
    pub async fn plan() -> Plan {
        Plan {
            stream: unique("s"),
            partitions: 1,
            database: Database::create().await,
            group: unique("g"),
            brokers: kafka::broker().bootstrap_servers().to_owned(),
            session_timeout: "6s",
            settings: String::new(),
            postgres_settings: String::new(),
            stream_settings: String::new(),
            env: vec![],
            others: vec![],
        }
    }
}

impl Plan {
    pub fn partitions(mut self, partitions: i32) -> Self {
        self.partitions = partitions;
        self
    }

    /// Another Postgres than that of all tests.
    pub fn database(mut self, database: Database) -> Self {
        self.database = database;
        self
    }

    /// Another way to Kafka than the direct one.
    pub fn brokers(mut self, brokers: &str) -> Self {
        brokers.clone_into(&mut self.brokers);
        self
    }

    /// The in-process cluster forgets a dead node this much sooner; Apache Kafka allows no less
    /// than 6 s.
    pub fn quick_rejoin(mut self) -> Self {
        if !kafka::is_apache_kafka() {
            self.session_timeout = "2s";
        }
        self
    }

    /// Lines of `streamsync.toml` outside the stream's table.
    pub fn settings(mut self, toml: &str) -> Self {
        self.settings.push_str(toml);
        self.settings.push('\n');
        self
    }

    /// Lines of the table `[postgres]`.
    pub fn postgres_settings(mut self, toml: &str) -> Self {
        self.postgres_settings.push_str(toml);
        self.postgres_settings.push('\n');
        self
    }

    /// Lines of the stream's own table.
    pub fn stream_settings(mut self, toml: &str) -> Self {
        self.stream_settings.push_str(toml);
        self.stream_settings.push('\n');
        self
    }

    /// A second stream on the same node. Lines of the plan's own stream must come before.
    pub fn another_stream(mut self, name: &str, toml: &str) -> Self {
        self.others.push(name.to_owned());
        self.stream_settings(&format!("[[stream]]\nname = {name:?}\n{toml}"))
    }

    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.env.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The settings as a file; kept until the returned path is dropped.
    pub fn file(&self) -> tempfile::TempPath {
        let text = format!(
            "{settings}\n[kafka]\nbrokers = {brokers:?}\ngroup_id = {group:?}\nsession_timeout = {session_timeout:?}\n\
             [postgres]\nurl = {database:?}\n{postgres_settings}\n\
             [[stream]]\nname = {stream:?}\npartitions = {partitions}\n{stream_settings}\n",
            settings = self.settings,
            postgres_settings = self.postgres_settings,
            brokers = self.brokers,
            group = self.group,
            session_timeout = self.session_timeout,
            database = self.database.url,
            stream = self.stream,
            partitions = self.partitions,
            stream_settings = self.stream_settings,
        );
        let file = tempfile::NamedTempFile::new().expect("a temporary file");
        std::fs::write(file.path(), text).expect("the configuration is written");
        file.into_temp_path()
    }

    /// Creates the topics. The in-process cluster knows no CreateTopics on its wire, so a node in
    /// another process could not.
    pub async fn topics(&self) {
        kafka::create_topic(&self.stream, self.partitions).await;
        kafka::create_topic(&self.redrive_topic(), 1).await;
        for other in &self.others {
            kafka::create_topic(other, 1).await;
            kafka::create_topic(&format!("streamsync.redrive.{other}"), 1).await;
        }
    }

    pub fn redrive_topic(&self) -> String {
        format!("streamsync.redrive.{}", self.stream)
    }

    pub async fn send(&self, records: &[Record]) -> Vec<(i32, i64)> {
        kafka::send(&self.stream, records).await
    }

    /// Where records of this key go, found by sending one with a point of its own.
    pub async fn partition_of(&self, key: &[u8]) -> i32 {
        let metric = format!("probe-{}", String::from_utf8_lossy(key));
        let mut probe = kafka::point(&metric, super::seconds_ago(1), 0.0);
        probe.key = Some(key.to_vec());
        self.send(&[probe]).await[0].0
    }

    /// Waits until everything at these places is stored, left out or a dead letter.
    pub async fn has_read(&self, topic: &str, places: &[(i32, i64)]) {
        let mut ends = BTreeMap::new();
        for (partition, offset) in places {
            let end = ends.entry(*partition).or_insert(0);
            *end = (offset + 1).max(*end);
        }
        let wanted: Vec<String> = ends.iter().map(|(p, end)| format!("{p} {end}")).collect();
        let current = format!(
            "select distinct on (partition) partition || ' ' || next_offset from ingest_offsets
             where topic = '{topic}' order by partition, epoch desc"
        );
        eventually(&format!("{topic} is read up to {wanted:?}"), async || {
            let reached = self.database.column(&current).await;
            wanted.iter().all(|end| reached.contains(end)).then_some(())
        })
        .await;
    }

    /// Sends to the stream's topic and waits until a running node has read it all.
    pub async fn send_and_read(&self, records: &[Record]) -> Vec<(i32, i64)> {
        let places = self.send(records).await;
        self.has_read(&self.stream, &places).await;
        places
    }

    /// 10,000 points a second apart of a series whose key has more than 1,000 bytes: some 10 MB as an
    /// answer. Returns the time before the first.
    pub async fn send_wide(&self) -> Micros {
        let padding = "x".repeat(1_000);
        let at = seconds_ago(20_000);
        let record = |n: usize| {
            labelled_point(
                "m",
                &[("padding", &padding)],
                at.plus(Duration::from_secs(n as u64)),
                n as f64,
            )
        };
        let records: Vec<_> = (0..10_000).map(record).collect();
        // The in-process cluster keeps 5 MiB.
        for records in records.chunks(2_000) {
            self.send_and_read(records).await;
        }
        at
    }

    /// Starts a node and waits until its API answers.
    pub async fn launch(&self) -> StreamSync {
        self.launch_with_failure("").await
    }

    /// The same, with failures planned for this node alone, in the words of the crate `fail`.
    pub async fn launch_with_failure(&self, planned: &str) -> StreamSync {
        self.topics().await;
        self.run(planned).await
    }

    /// As [`Plan::launch`]; the node has to create its topics, which needs Apache Kafka.
    pub async fn launch_without_topics(&self) -> StreamSync {
        self.run("").await
    }

    async fn run(&self, planned: &str) -> StreamSync {
        // The configuration has been read when the node serves.
        self.run_from(&self.file(), planned).await
    }

    /// A node that is configured by this file, which it may read again.
    pub async fn launch_from(&self, file: &Path) -> StreamSync {
        self.run_from(file, "").await
    }

    async fn run_from(&self, file: &Path, planned: &str) -> StreamSync {
        let mut child = command()
            .args(["serve", "--listen", "127.0.0.1:0", "--config"])
            .arg(file)
            .envs(self.env.iter().map(|(name, value)| (name, value)))
            .env("FAILPOINTS", planned)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary starts");
        let log = collect(child.stderr.take().expect("its log"));
        let mut node = StreamSync {
            child,
            url: String::new(),
            log,
            client: awc::Client::default(),
        };
        node.url = eventually("the node serves", async || {
            assert!(node.is_running(), "the node ended:\n{}", node.log());
            let log = node.log();
            let at = log.split("serving address=").nth(1)?;
            Some(format!("http://{}", at.split_whitespace().next()?))
        })
        .await;
        node
    }

    /// As [`Plan::launch`], and waits until it is ready.
    pub async fn start(&self) -> StreamSync {
        let node = self.launch().await;
        node.ready().await;
        node
    }
}

/// The binary, without the settings of whoever runs the tests.
pub fn command() -> Command {
    command_of(Path::new(env!("CARGO_BIN_EXE_streamsync")))
}

fn command_of(binary: &Path) -> Command {
    let mut command = Command::new(binary);
    for name in [
        "KAFKA_BROKERS",
        "DATABASE_URL",
        "REDIS_URL",
        "STREAMSYNC_CONFIG",
        "STREAMSYNC_LISTEN",
        "STREAMSYNC_ALLOW_ANONYMOUS",
        "STREAMSYNC_DATA_DIR",
        "STREAMSYNC_LOG",
        "STREAMSYNC_URL",
        "RUST_LOG",
        "FAILPOINTS",
    ] {
        command.env_remove(name);
    }
    command.env("NO_COLOR", "1").stdin(Stdio::null());
    command
}

/// The lines of a pipe, as far as they have come.
pub fn collect(from: impl Read + Send + 'static) -> Arc<Mutex<Vec<String>>> {
    let collected = Arc::new(Mutex::new(Vec::new()));
    let into = Arc::clone(&collected);
    std::thread::spawn(move || {
        for line in BufReader::new(from).lines().map_while(Result::ok) {
            into.lock().expect("the lines").push(line);
        }
    });
    collected
}

impl StreamSync {
    /// `streamsync demo` on embedded parts only, as this user if one is given.
    pub async fn demo(data_dir: &Path, user: Option<u32>) -> Self {
        let mut command = command();
        if user.is_some() {
            // The build may lie where nobody else comes, as below /root.
            let within_reach = data_dir.join("streamsync");
            std::fs::copy(command.get_program(), &within_reach).expect("the binary is copied");
            command = command_of(&within_reach);
        }
        command.args(["demo", "--listen", "127.0.0.1:0", "--pace", "100ms", "--data-dir"]);
        command.arg(data_dir).current_dir("/");
        if let Some(user) = user {
            std::os::unix::fs::chown(data_dir, Some(user), Some(user)).expect("the directory is given");
            command.uid(user).gid(user);
        }
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary starts");
        let greeting = collect(child.stdout.take().expect("its greeting"));
        let log = collect(child.stderr.take().expect("its log"));
        let mut demo = Self {
            child,
            url: String::new(),
            log,
            client: awc::Client::default(),
        };
        demo.url = eventually("the demo says where it is", async || {
            assert!(demo.is_running(), "the demo ended:\n{}", demo.log());
            let greeting = greeting.lock().expect("its greeting").join("\n");
            let at = greeting.split("http://").nth(1)?;
            Some(format!("http://{}", at.split('/').next()?))
        })
        .await;
        demo
    }

    /// The process id of its private Postgres.
    pub fn postgres_of_the_demo(&self) -> u32 {
        let log = self.log();
        let line = log.lines().find(|line| line.contains("private Postgres is up"));
        let pid = line.and_then(|line| line.split("pid=").nth(1)?.split_whitespace().next()?.parse().ok());
        pid.unwrap_or_else(|| panic!("no pid in the log:\n{log}"))
    }

    pub fn log(&self) -> String {
        self.log.lock().expect("the log").join("\n")
    }

    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().expect("its state").is_none()
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    pub async fn ready(&self) {
        eventually("the node is ready", async || {
            let (status, body) = self.get("/readyz").await;
            (status == 200).then_some(()).or_else(|| {
                drop(body);
                None
            })
        })
        .await;
    }

    pub async fn get(&self, path: &str) -> (u16, String) {
        let Ok(mut response) = self.client.get(format!("{}{path}", self.url)).send().await else {
            return (0, String::new());
        };
        let body = response.body().limit(64 << 20).await.unwrap_or_default();
        (
            response.status().as_u16(),
            String::from_utf8_lossy(&body).into_owned(),
        )
    }

    /// The whole GraphQL response.
    pub async fn response(&self, query: &str, variables: Value) -> Value {
        let request = json!({"query": query, "variables": variables});
        let mut response = self
            .client
            .post(format!("{}/graphql", self.url))
            .timeout(super::PATIENCE)
            .send_json(&request)
            .await
            .expect("an answer");
        response.json().limit(64 << 20).await.expect("a JSON answer")
    }

    /// The data of a query that must not fail.
    pub async fn query(&self, query: &str, variables: Value) -> Value {
        let mut response = self.response(query, variables).await;
        assert!(response["errors"].is_null(), "{query}\n{response:#}");
        response["data"].take()
    }

    /// The code of a query that must fail.
    pub async fn error_code(&self, query: &str, variables: Value) -> String {
        let response = self.response(query, variables).await;
        let code = response["errors"][0]["extensions"]["code"].as_str();
        code.unwrap_or_else(|| panic!("no error code: {response:#}"))
            .to_owned()
    }

    /// The sum of the samples of this name whose labels contain `label`; 0 where the metric has
    /// none yet, a panic where there is no such metric.
    pub async fn metric(&self, name: &str, label: &str) -> f64 {
        let (status, text) = self.get("/metrics").await;
        assert_eq!(status, 200, "/metrics: {text}");
        super::metrics::sum(&text, name, label)
    }

    /// SIGTERM, and the exit status.
    pub async fn terminate(&mut self) -> ExitStatus {
        self.signal(rustix::process::Signal::TERM);
        self.ended().await
    }

    /// SIGTERM; the node must have stored and said good-bye to everything.
    pub async fn stop(mut self) {
        let held = self.metric("streamsync_subscribers", "").await;
        assert_eq!(held, 0.0, "subscribers are left");
        let status = self.terminate().await;
        assert!(status.success(), "{status}\n{}", self.log());
    }

    pub async fn kill(mut self) {
        self.signal(rustix::process::Signal::KILL);
        assert_eq!(self.ended().await.signal(), Some(9));
    }

    pub fn signal(&self, signal: rustix::process::Signal) {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, signal).expect("the node is there");
    }

    pub async fn ended(&mut self) -> ExitStatus {
        let child = &mut self.child;
        eventually("the node ends", async || child.try_wait().expect("its state")).await
    }
}

impl Drop for StreamSync {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            eprintln!("---- the node's log ----\n{}", self.log());
        }
    }
}
