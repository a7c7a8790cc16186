//! A real redis-server on a free port, in a folder of its own.

use std::net::TcpListener;
use std::process::{Child, Command, Stdio};

use futures_util::StreamExt;

use super::eventually;

/// Stopped when dropped.
#[derive(Debug)]
pub struct Redis {
    dir: tempfile::TempDir,
    port: u16,
    password: Option<&'static str>,
    server: Option<Child>,
}

impl Redis {
    pub async fn start() -> Self {
        Self::launch(None).await
    }

    pub async fn with_password(password: &'static str) -> Self {
        Self::launch(Some(password)).await
    }

    async fn launch(password: Option<&'static str>) -> Self {
        let free = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let mut redis = Self {
            dir: tempfile::tempdir().expect("a folder"),
            port: free.local_addr().expect("its address").port(),
            password,
            server: None,
        };
        drop(free);
        redis.up().await;
        redis
    }

    pub fn url(&self) -> String {
        match self.password {
            Some(password) => format!("redis://:{password}@127.0.0.1:{}/", self.port),
            None => format!("redis://127.0.0.1:{}/", self.port),
        }
    }

    /// Starts the server (again, on the same port, with what it had saved).
    pub async fn up(&mut self) {
        let mut server = Command::new("redis-server");
        server
            .args([
                "--port",
                &self.port.to_string(),
                "--bind",
                "127.0.0.1",
                "--save",
                "",
            ])
            .args(["--appendonly", "yes"])
            .arg("--dir")
            .arg(self.dir.path())
            .stdout(Stdio::null());
        if let Some(password) = self.password {
            server.args(["--requirepass", password]);
        }
        self.server = Some(server.spawn().expect("redis-server starts"));
        eventually("redis answers", async || {
            let answer = self.command(&["PING"]).await?;
            (answer.contains("PONG")).then_some(())
        })
        .await;
    }

    pub fn down(&mut self) {
        if let Some(mut server) = self.server.take() {
            let _ = server.kill();
            let _ = server.wait();
        }
    }

    /// One command, its answer as text.
    pub async fn command(&self, words: &[&str]) -> Option<String> {
        let client = redis::Client::open(self.url()).expect("a Redis URL");
        let mut link = client.get_multiplexed_async_connection().await.ok()?;
        let mut command = redis::cmd(words[0]);
        command.arg(&words[1..]);
        let answer: redis::Value = command.query_async(&mut link).await.ok()?;
        Some(format!("{answer:?}"))
    }

    /// Sends a message to whoever listens to the channel.
    pub async fn publish(&self, channel: &str, message: &[u8]) {
        let client = redis::Client::open(self.url()).expect("a Redis URL");
        let mut link = client
            .get_multiplexed_async_connection()
            .await
            .expect("a connection");
        let mut command = redis::cmd("PUBLISH");
        command.arg(channel).arg(message);
        command.exec_async(&mut link).await.expect("it is published");
    }

    /// The next message on the channel that comes while `work` is done or later.
    pub async fn overhear(&self, channel: &str, work: impl Future<Output = ()>) -> Vec<u8> {
        let client = redis::Client::open(self.url()).expect("a Redis URL");
        let mut listening = client.get_async_pubsub().await.expect("a connection");
        listening.subscribe(channel).await.expect("a subscription");
        work.await;
        let message = tokio::time::timeout(super::PATIENCE, listening.on_message().next()).await;
        let message = message.expect("a message in time").expect("a message");
        message.get_payload_bytes().to_vec()
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        self.down();
    }
}
