//! A running StreamSync: the real binary as a child process, with its Kafka topic and database.

use std::io::{BufRead, BufReader};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

use super::kafka::{self, Record};
use super::postgres::Database;
use super::{eventually, unique};

/// What a test starts with; see [`StreamSync::plan`].
#[derive(Debug)]
pub struct Plan {
    pub stream: String,
    pub partitions: i32,
    pub database: Database,
    group: String,
    settings: String,
    stream_settings: String,
    env: Vec<(String, String)>,
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
            settings: String::new(),
            stream_settings: String::new(),
            env: vec![],
        }
    }
}

impl Plan {
    pub fn partitions(mut self, partitions: i32) -> Self {
        self.partitions = partitions;
        self
    }

    /// Lines of `streamsync.toml` outside the stream's table.
    pub fn settings(mut self, toml: &str) -> Self {
        self.settings.push_str(toml);
        self.settings.push('\n');
        self
    }

    /// Lines of the stream's own table.
    pub fn stream_settings(mut self, toml: &str) -> Self {
        self.stream_settings.push_str(toml);
        self.stream_settings.push('\n');
        self
    }

    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.env.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The settings as a file; kept until the returned path is dropped.
    pub fn file(&self) -> tempfile::TempPath {
        let text = format!(
            "{settings}\n[kafka]\nbrokers = {brokers:?}\ngroup_id = {group:?}\nsession_timeout = \"6s\"\n\
             [postgres]\nurl = {database:?}\n\
             [[stream]]\nname = {stream:?}\npartitions = {partitions}\n{stream_settings}\n",
            settings = self.settings,
            brokers = kafka::broker().bootstrap_servers(),
            group = self.group,
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
        kafka::create_topic(&format!("streamsync.redrive.{}", self.stream), 1).await;
    }

    pub async fn send(&self, records: &[Record]) -> Vec<(i32, i64)> {
        kafka::send(&self.stream, records).await
    }

    /// Starts a node and waits until its API answers.
    pub async fn launch(&self) -> StreamSync {
        self.topics().await;
        let file = self.file();
        let mut child = command()
            .args(["serve", "--listen", "127.0.0.1:0", "--config"])
            .arg(&file)
            .envs(self.env.iter().map(|(name, value)| (name, value)))
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the binary starts");
        let log = collect(&mut child);
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
        // The configuration has been read by now.
        drop(file);
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
    let mut command = Command::new(env!("CARGO_BIN_EXE_streamsync"));
    for name in [
        "KAFKA_BROKERS",
        "DATABASE_URL",
        "REDIS_URL",
        "STREAMSYNC_CONFIG",
        "RUST_LOG",
        "FAILPOINTS",
    ] {
        command.env_remove(name);
    }
    command.env("NO_COLOR", "1").stdin(Stdio::null());
    command
}

fn collect(child: &mut Child) -> Arc<Mutex<Vec<String>>> {
    let log = Arc::new(Mutex::new(Vec::new()));
    let lines = BufReader::new(child.stderr.take().expect("its log")).lines();
    let into = Arc::clone(&log);
    std::thread::spawn(move || {
        for line in lines.map_while(Result::ok) {
            into.lock().expect("the log").push(line);
        }
    });
    log
}

impl StreamSync {
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

    /// One number of `/metrics`: the sum of the lines that start with `name` and contain `label`.
    pub async fn metric(&self, name: &str, label: &str) -> f64 {
        let (_, text) = self.get("/metrics").await;
        let lines = text.lines().filter(|l| l.starts_with(name) && l.contains(label));
        lines
            .filter_map(|l| l.rsplit(' ').next()?.parse::<f64>().ok())
            .sum()
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
