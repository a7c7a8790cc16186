//! A private Postgres under the data directory, for when no `DATABASE_URL` is given.
//!
//! Takes a directory and returns the URL of a running server that only this program can reach: it
//! listens on a Unix socket in a directory of mode 0700 and on no TCP port. The server is a child
//! that ends with us, however we end; one that outlived a former run is taken over, that is, shut
//! down and restarted as our own child.
//!
//! As root we run the server as another user, to whom only the cluster itself belongs. The data
//! directory stays root's, and nothing that this user can put in our way is opened or given away by
//! its name (`directory.rs`).

mod binaries;
mod cluster;
mod directory;
mod error;
mod owner;
mod ownership;
mod postmaster;
#[cfg(test)]
mod tests;

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};

use binaries::Binaries;
use cluster::Cluster;
use directory::Directory;
pub use error::{EmbeddedError, OLDEST_MAJOR};
use owner::Owner;
use ownership::DATA;
use postmaster::Postmaster;

const LOCK: &str = "lock";

/// A running private server. Dropping it stops it; [`Embedded::stop`] also tells how that went.
#[derive(Debug)]
pub struct Embedded {
    data: PathBuf,
    postmaster: Postmaster,
    /// Held for as long as the server may touch the files.
    _lock: Lock,
}

/// Given back by itself, not by closing the file: a child that was forked a moment ago by another
/// thread holds the same file until it becomes its program.
#[derive(Debug)]
struct Lock(File);

impl Drop for Lock {
    fn drop(&mut self) {
        let _ = self.0.unlock();
    }
}

impl Embedded {
    /// Starts the server of the cluster in `dir`, and makes the cluster first if there is none:
    /// about three seconds then, less than one later. Blocks; call it outside of a runtime or in
    /// `spawn_blocking`.
    pub fn start(dir: &Path) -> Result<Self, EmbeddedError> {
        let is_new = !dir.exists();
        std::fs::create_dir_all(dir).map_err(EmbeddedError::io("cannot create", dir))?;
        let data_dir = open(dir)?;
        let owner = Owner::choose(&data_dir)?;
        if is_new {
            owner.settle(&data_dir)?;
        }
        let lock = lock(&data_dir, &owner)?;
        owner.take_back(&data_dir, DATA)?;
        let cluster = Cluster::locate(data_dir, &owner)?;
        let binaries = Binaries::find(cluster.major(&owner)?, &cluster.data, &owner)?;
        cluster.init(&binaries, &owner)?;
        let postmaster = Postmaster::start(&binaries, &cluster, &owner)?;
        tracing::info!(
            pid = postmaster.pid(),
            major = binaries.major,
            data = %cluster.data.display(),
            "private Postgres is up"
        );
        Ok(Self {
            data: cluster.data,
            postmaster,
            _lock: lock,
        })
    }

    /// For a command beside a server that may be running: that server's URL, or a server of our own
    /// for as long as the command takes. A directory without a cluster stays without.
    pub fn join(dir: &Path) -> Result<Joined, EmbeddedError> {
        let nothing = || EmbeddedError::Nothing(dir.to_owned());
        if !dir.exists() {
            return Err(nothing());
        }
        let data_dir = open(dir)?;
        if data_dir.entry(DATA)?.is_none() {
            return Err(nothing());
        }
        let in_use = match Self::start(dir) {
            Err(in_use @ EmbeddedError::InUse(_)) => in_use,
            other => return other.map(Joined::Started),
        };
        Self::running(dir)?.map(Joined::Running).ok_or(in_use)
    }

    /// The URL of the server that runs on `dir`, if one of this user's does. Starts and changes nothing.
    pub fn running(dir: &Path) -> Result<Option<String>, EmbeddedError> {
        if !dir.exists() {
            return Ok(None);
        }
        let data_dir = open(dir)?;
        let owner = Owner::choose(&data_dir)?;
        cluster::running(&data_dir, &owner)
    }

    /// For tokio-postgres, diesel-async and psql alike; holds no password.
    pub fn url(&self) -> String {
        self.postmaster.url()
    }

    /// Where the cluster's files are; not below the given directory when that is out of reach for
    /// the user Postgres runs as.
    pub fn data(&self) -> &Path {
        &self.data
    }

    /// Process id of the postmaster.
    pub fn pid(&self) -> u32 {
        self.postmaster.pid()
    }

    /// False once the server has ended, for whatever reason.
    pub fn is_running(&self) -> bool {
        self.postmaster.is_running()
    }

    /// Fast shutdown: sessions are ended, data is flushed. Waits until the process is gone.
    pub fn stop(self) -> Result<(), EmbeddedError> {
        self.postmaster.stop()
    }
}

/// What [`Embedded::join`] came to.
#[derive(Debug)]
pub enum Joined {
    /// At this URL; its owner may stop it at any moment.
    Running(String),
    Started(Embedded),
}

fn open(dir: &Path) -> Result<Directory, EmbeddedError> {
    let path = dir
        .canonicalize()
        .map_err(EmbeddedError::io("cannot read", dir))?;
    Directory::open(&path)
}

fn lock(data_dir: &Directory, owner: &Owner) -> Result<Lock, EmbeddedError> {
    let file = data_dir.file(LOCK, owner).map_err(|error| match error {
        EmbeddedError::NotOurs(_) => EmbeddedError::NotOurs(data_dir.path.clone()),
        other => other,
    })?;
    match file.try_lock() {
        Ok(()) => Ok(Lock(file)),
        Err(TryLockError::WouldBlock) => Err(EmbeddedError::InUse(data_dir.path.clone())),
        Err(TryLockError::Error(error)) => Err(EmbeddedError::io("cannot lock", &data_dir.path)(error)),
    }
}
