//! A server with access control: nodes that share a configuration, and keys made on the command line.

use std::process::Output;

use super::StreamSync;
use super::streamsync::{Plan, command};

/// Most servers with access control need no other roles.
pub const ROLES: &str = r#"
[auth.roles.admin]
operations = ["admin"]
[auth.roles.reader]
operations = ["read"]
read = ["*"]
[auth.roles.sender]
operations = ["publish"]
write = ["*"]
[auth.roles.operator]
operations = ["operate"]
[auth.roles.guest]
operations = ["read"]
read = ["weather"]
[auth.roles.berlin]
operations = ["read"]
read = ['m_*{site="berlin"}']
[auth.roles.site]
operations = ["read"]
read = ['m{site="{{ claims.site }}"}']
"#;

pub struct Guarded {
    pub plan: Plan,
    /// The configuration of all nodes.
    pub file: tempfile::TempPath,
}

impl Guarded {
    /// The plan's settings have the roles.
    pub async fn of(plan: Plan) -> Self {
        plan.topics().await;
        Self {
            file: plan.file(),
            plan,
        }
    }

    pub async fn node(&self) -> StreamSync {
        let node = self.plan.launch_from(&self.file).await;
        node.ready().await;
        node
    }

    /// Another `[auth]`, read by these nodes.
    pub fn reload(&self, auth: &str, nodes: &[&StreamSync]) {
        let text = std::fs::read_to_string(&self.file).expect("the configuration");
        let rest = text.split_once("\n[kafka]").expect("what follows it").1;
        std::fs::write(&self.file, format!("{auth}\n[kafka]{rest}")).expect("the configuration is written");
        for node in nodes {
            node.signal(rustix::process::Signal::HUP);
        }
    }

    /// `streamsync keys` with these arguments.
    pub fn keys(&self, arguments: &[&str]) -> Output {
        let mut command = command();
        command
            .arg("keys")
            .args(arguments)
            .arg("--config")
            .arg(&self.file);
        command.output().expect("the command runs")
    }

    /// A new key, as it is shown once.
    pub fn key(&self, name: &str, role: &str, more: &[&str]) -> String {
        let made = self.keys(&[&["create", name, "--role", role], more].concat());
        assert!(made.status.success(), "{made:?}");
        String::from_utf8(made.stdout).expect("a text").trim().to_owned()
    }
}
