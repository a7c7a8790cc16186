//! The user that Postgres runs as, and the owner of its directories. Postgres refuses to run as root, so
//! root has to pick another user.
//!
//! Order: the user who owns an existing cluster, then the one behind `sudo`, then `postgres`. Not
//! root: ourselves. `nobody` is many programs at once, each of which could then read the database
//! and become it: only clusters of earlier versions still run as that user.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use super::directory::{Directory, Entry};
use super::error::EmbeddedError;
use super::owner::{Owner, Who};

/// The cluster's directory inside the data directory.
pub(super) const DATA: &str = "postgres";

impl Owner {
    pub fn choose(directory: &Directory) -> Result<Self, EmbeddedError> {
        let us = rustix::process::geteuid().as_raw();
        let of_cluster = of_cluster(directory, us)?;
        if us != 0 {
            if of_cluster.is_some_and(|(uid, _)| uid != us) {
                return Err(EmbeddedError::NotOurs(directory.path.clone()));
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

    /// Sets the owner of a data directory that we have just made.
    pub fn settle(&self, directory: &Directory) -> Result<(), EmbeddedError> {
        match self.who {
            Who::Ourselves => Ok(()),
            Who::Person => directory.give(self),
            Who::Service => directory.take(),
        }
    }

    /// Earlier versions gave the whole directory to the user whom Postgres runs as, who could put
    /// links into it for root to follow.
    pub fn take_back(&self, directory: &Directory, cluster: &str) -> Result<(), EmbeddedError> {
        if self.who == Who::Service && directory.owner()? == self.uid && directory.entry(cluster)?.is_some() {
            tracing::info!(dir = %directory.path.display(), "the data directory now belongs to root; Postgres keeps its own subdirectory");
            directory.take()?;
        }
        Ok(())
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
        let directory = Directory::open(path)?;
        let theirs = directory.owner()?;
        if theirs != self.uid && theirs != us {
            return Err(EmbeddedError::NotOurs(path.to_owned()));
        }
        directory.give(self)
    }
}

/// Who owns the cluster in this directory. A link to it is followed if root or the owner of its target made
/// it: nobody else can make us work on a stranger's files.
fn of_cluster(directory: &Directory, us: u32) -> Result<Option<(u32, u32)>, EmbeddedError> {
    let path = directory.path.join(DATA);
    match directory.entry(DATA)? {
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
