//! The user that Postgres runs as.

use std::io;
use std::os::fd::AsFd;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

use rustix::fs::{Gid, Uid};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Owner {
    pub uid: u32,
    pub gid: u32,
    pub who: Who,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Who {
    Ourselves,
    /// We are root and have to become this user, who called `sudo` and can go on without it later.
    Person,
    /// We are root and have to become this user.
    Service,
}

impl Owner {
    /// We are root and this is somebody else.
    pub fn is_other(&self) -> bool {
        self.who != Who::Ourselves
    }

    /// A command that runs as this user, with none of our environment: Postgres would take PG*
    /// variables as settings, and it need not know our secrets.
    pub fn command(&self, program: &Path) -> Command {
        let mut command = Command::new(program);
        command.env_clear().env("LC_ALL", "C");
        for name in ["PATH", "LD_LIBRARY_PATH"] {
            if let Some(value) = std::env::var_os(name) {
                command.env(name, value);
            }
        }
        if self.is_other() {
            // Root's supplementary groups are dropped by std on the way.
            command.uid(self.uid).gid(self.gid);
        }
        command
    }

    /// By descriptor: a name could have become another file's meanwhile.
    pub fn give(&self, what: impl AsFd) -> io::Result<()> {
        if !self.is_other() {
            return Ok(());
        }
        let (uid, gid) = (Uid::from_raw(self.uid), Gid::from_raw(self.gid));
        Ok(rustix::fs::fchown(what, Some(uid), Some(gid))?)
    }

    /// Whether this user may pass through `dir` and all above it, by asking the kernel.
    pub fn can_reach(&self, dir: &Path) -> bool {
        // Not by `current_dir`: std enters it while still root.
        self.command(Path::new("/bin/sh"))
            .args(["-c", "cd -- \"$1\"", "sh"])
            .arg(dir)
            .current_dir("/")
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|status| status.success())
    }
}
