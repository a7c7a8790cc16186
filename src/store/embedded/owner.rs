//! As whom Postgres runs: it refuses root, so a root that starts it has to pick another user.
//!
//! Order: the user who owns an existing cluster, then the one behind `sudo`, then `postgres`, then
//! `nobody`. Not root: ourselves.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

use super::EmbeddedError;
use super::cluster::DATA;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Owner {
    pub uid: u32,
    gid: u32,
    /// We are root and have to become this user.
    switch: bool,
}

impl Owner {
    pub fn choose(dir: &Path) -> Result<Self, EmbeddedError> {
        let uid = rustix::process::geteuid().as_raw();
        let of_cluster = fs::metadata(dir.join(DATA)).ok();
        if uid != 0 {
            if of_cluster.is_some_and(|meta| meta.uid() != uid) {
                return Err(EmbeddedError::NotOurs(dir.to_owned()));
            }
            let gid = rustix::process::getegid().as_raw();
            return Ok(Self {
                uid,
                gid,
                switch: false,
            });
        }
        let passwd = fs::read_to_string("/etc/passwd").unwrap_or_default();
        of_cluster
            .map(|meta| (meta.uid(), meta.gid()))
            .filter(|(uid, _)| *uid != 0)
            .or_else(behind_sudo)
            .or_else(|| named(&passwd, "postgres"))
            .or_else(|| named(&passwd, "nobody"))
            .map(|(uid, gid)| Self {
                uid,
                gid,
                switch: true,
            })
            .ok_or(EmbeddedError::NoUser)
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
        if self.switch {
            // Root's supplementary groups are dropped by std on the way.
            command.uid(self.uid).gid(self.gid);
        }
        command
    }

    pub fn give(&self, path: &Path) -> Result<(), EmbeddedError> {
        if !self.switch {
            return Ok(());
        }
        chown(path, Some(self.uid), Some(self.gid))
            .map_err(EmbeddedError::io("cannot give to the Postgres user", path))
    }

    /// Creates the directory if need be, for this user alone. A directory that is somebody else's
    /// (in /tmp anybody may have made it before us) is refused.
    pub fn private_dir(&self, path: &Path) -> Result<(), EmbeddedError> {
        match fs::create_dir(path) {
            Ok(()) => self.give(path)?,
            Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(EmbeddedError::io("cannot create", path)(error)),
        }
        let meta = fs::symlink_metadata(path).map_err(EmbeddedError::io("cannot read", path))?;
        if !meta.is_dir() || meta.uid() != self.uid {
            return Err(EmbeddedError::NotOurs(path.to_owned()));
        }
        fs::set_permissions(path, fs::Permissions::from_mode(0o700))
            .map_err(EmbeddedError::io("cannot make private", path))
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

fn behind_sudo() -> Option<(u32, u32)> {
    let number = |name| std::env::var(name).ok()?.parse().ok();
    let uid = number("SUDO_UID").filter(|uid| *uid != 0)?;
    Some((uid, number("SUDO_GID")?))
}

fn named(passwd: &str, name: &str) -> Option<(u32, u32)> {
    passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        if fields.next() != Some(name) {
            return None;
        }
        let uid = fields.nth(1)?.parse().ok()?;
        Some((uid, fields.next()?.parse().ok()?))
    })
}
