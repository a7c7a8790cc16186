//! As whom Postgres runs: it refuses root, so a root that starts it has to pick another user.
//!
//! Order: the user who owns an existing cluster, then the one behind `sudo`, then `postgres`. Not
//! root: ourselves. `nobody` is many programs at once, each of which could then read the database
//! and become it: only clusters of earlier versions still run as that user.

use std::fs;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Stdio};

use rustix::fs::{Gid, Uid};

use super::EmbeddedError;
use super::cluster::DATA;
use super::place::{Entry, Place};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Owner {
    pub uid: u32,
    gid: u32,
    who: Who,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Who {
    Ourselves,
    /// We are root and have to become this user, who called `sudo` and can go on without it later.
    Person,
    /// We are root and have to become this user.
    Service,
}

impl Owner {
    pub fn choose(place: &Place) -> Result<Self, EmbeddedError> {
        let us = rustix::process::geteuid().as_raw();
        let of_cluster = of_cluster(place, us)?;
        if us != 0 {
            if of_cluster.is_some_and(|(uid, _)| uid != us) {
                return Err(EmbeddedError::NotOurs(place.path.clone()));
            }
            return Ok(Self {
                uid: us,
                gid: rustix::process::getegid().as_raw(),
                who: Who::Ourselves,
            });
        }
        let passwd = fs::read_to_string("/etc/passwd").unwrap_or_default();
        let nobody = named(&passwd, "nobody");
        let person = behind_sudo();
        let (uid, gid) = of_cluster
            .filter(|(uid, _)| *uid != 0)
            .or(person)
            .or_else(|| named(&passwd, "postgres"))
            .ok_or(EmbeddedError::NoUser)?;
        if nobody.is_some_and(|(nobody, _)| nobody == uid) {
            tracing::warn!(
                "the private Postgres runs as 'nobody', and so do other programs, which can read and change it: stop streamsync, make a user 'postgres' (useradd --system postgres) and give it the directory postgres in the data directory (chown -R)"
            );
        }
        let service = ["postgres", "nobody"]
            .iter()
            .filter_map(|name| named(&passwd, name));
        let is_service =
            person.is_none_or(|(person, _)| person != uid) && service.into_iter().any(|(it, _)| it == uid);
        let who = if is_service { Who::Service } else { Who::Person };
        Ok(Self { uid, gid, who })
    }

    /// We are root and this is somebody else.
    pub fn is_other(&self) -> bool {
        self.who != Who::Ourselves
    }

    /// Whose a data directory is that we have just made.
    pub fn settle(&self, place: &Place) -> Result<(), EmbeddedError> {
        match self.who {
            Who::Ourselves => Ok(()),
            Who::Person => place.give(self),
            Who::Service => place.take(),
        }
    }

    /// Earlier versions gave the whole directory to the user whom Postgres runs as, who could put
    /// links into it for root to follow.
    pub fn take_back(&self, place: &Place, cluster: &str) -> Result<(), EmbeddedError> {
        if self.who == Who::Service && place.owner()? == self.uid && place.entry(cluster)?.is_some() {
            tracing::info!(dir = %place.path.display(), "the data directory is root's from now on; Postgres keeps what lies in its own");
            place.take()?;
        }
        Ok(())
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

    /// Makes a directory that is this user's alone, or takes the one that is there. One that is
    /// somebody else's (in /tmp anybody may have made it before us) is refused.
    pub fn private_dir(&self, path: &Path) -> Result<(), EmbeddedError> {
        let us = rustix::process::geteuid().as_raw();
        match fs::create_dir(path) {
            Ok(()) => {}
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(EmbeddedError::io("cannot create", path)(error)),
        }
        let place = Place::open(path)?;
        let theirs = place.owner()?;
        if theirs != self.uid && theirs != us {
            return Err(EmbeddedError::NotOurs(path.to_owned()));
        }
        place.give(self)
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

/// Who owns the cluster in this place. A link to it is followed when root made it, or whoever owns
/// what it leads to: nobody else can make us work on a stranger's files.
fn of_cluster(place: &Place, us: u32) -> Result<Option<(u32, u32)>, EmbeddedError> {
    let path = place.path.join(DATA);
    match place.entry(DATA)? {
        None => Ok(None),
        Some(Entry::Directory(uid, gid)) => Ok(Some((uid, gid))),
        Some(Entry::Link(link)) => {
            let target = fs::metadata(&path).map_err(|error| match error.kind() {
                io::ErrorKind::NotFound => EmbeddedError::Gone(path.clone()),
                _ => EmbeddedError::io("cannot follow", &path)(error),
            })?;
            if target.is_dir() && (us != 0 || link == 0 || link == target.uid()) {
                Ok(Some((target.uid(), target.gid())))
            } else {
                Err(EmbeddedError::Suspicious(path))
            }
        }
        Some(Entry::Other) => Err(EmbeddedError::Suspicious(path)),
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
