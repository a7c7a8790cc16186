//! A private Postgres under the data directory, for when no `DATABASE_URL` is given.
//!
//! In comes a directory, out goes the URL of a running server that only this program can reach: it
//! listens on a Unix socket in a directory of mode 0700 and on no TCP port. The server is a child
//! that ends with us, however we end; one that outlived a former run is taken over, that is, shut
//! down and started anew as our own child.
//!
//! As root we run the server as another user, to whom only the cluster itself belongs. The data
//! directory stays root's, and nothing that this user can put in our way is opened or given away by
//! its name (`place.rs`).

mod binaries;
mod cluster;
mod owner;
mod place;
mod postmaster;
#[cfg(test)]
mod tests;

use std::fs::{File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use binaries::Binaries;
pub use binaries::OLDEST_MAJOR;
use cluster::Cluster;
use owner::Owner;
use place::Place;
use postmaster::Postmaster;

/// The role of the cluster; its database is the one that initdb makes, `postgres`.
const NAME: &str = "streamsync";
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

/// Each message is one line that says what to do.
#[derive(Debug, thiserror::Error)]
pub enum EmbeddedError {
    #[error(
        "no PostgreSQL {OLDEST_MAJOR} or newer found on this machine: install it (Debian, Ubuntu: apt-get install postgresql; \
         macOS: brew install postgresql), or set PG_BIN_DIR to its bin directory, or DATABASE_URL to a server"
    )]
    NotFound,
    #[error("PG_BIN_DIR={0} has no initdb and postgres of PostgreSQL {OLDEST_MAJOR} or newer")]
    NotInBinDir(PathBuf),
    #[error(
        "{data} was written by PostgreSQL {wanted}, which is not on this machine: install postgresql-{wanted}, or choose another --data-dir"
    )]
    OtherMajor { data: PathBuf, wanted: u32 },
    #[error("another streamsync is using {0}: stop it, or choose another --data-dir")]
    InUse(PathBuf),
    #[error("{0} belongs to another user: run as that user or as root, or choose another --data-dir")]
    NotOurs(PathBuf),
    #[error(
        "{0} is not what streamsync made there, or somebody else's: look at it and remove it, or choose another --data-dir"
    )]
    Suspicious(PathBuf),
    #[error(
        "the database lies where {0} links to, and nothing is there: bring it back (mount its volume), or remove the link to begin with an empty database"
    )]
    Gone(PathBuf),
    #[error(
        "there is no database in {0}: set DATABASE_URL or --database-url, or --data-dir to where `serve` keeps it"
    )]
    Nothing(PathBuf),
    #[error(
        "PostgreSQL refuses to run as root and this machine has no user 'postgres' to run it as: make one (useradd --system postgres), start streamsync as an ordinary user, or set DATABASE_URL"
    )]
    NoUser,
    #[error(
        "the user that PostgreSQL has to run as cannot reach {0}: choose another --data-dir (or PG_BIN_DIR), or set DATABASE_URL"
    )]
    Unreachable(PathBuf),
    #[error("initdb failed: {0}")]
    Initdb(String),
    #[error("postgres did not start: {why} (its log is {log})")]
    NotStarted { why: String, log: PathBuf },
    #[error("postgres (process {0}) did not stop when asked")]
    NotStopped(u32),
    #[error("{what} {path}: {source}")]
    Io {
        what: &'static str,
        path: PathBuf,
        source: io::Error,
    },
}

impl EmbeddedError {
    fn io(what: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { what, path, source }
    }
}

impl Embedded {
    /// Starts the server of the cluster in `dir`, and makes the cluster first if there is none:
    /// about three seconds then, less than one later. Blocks; call it outside of a runtime or in
    /// `spawn_blocking`.
    pub fn start(dir: &Path) -> Result<Self, EmbeddedError> {
        let is_new = !dir.exists();
        std::fs::create_dir_all(dir).map_err(EmbeddedError::io("cannot create", dir))?;
        let place = place(dir)?;
        let owner = Owner::choose(&place)?;
        if is_new {
            owner.settle(&place)?;
        }
        let lock = lock(&place, &owner)?;
        owner.take_back(&place, cluster::DATA)?;
        let cluster = Cluster::locate(place, &owner)?;
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
        let place = place(dir)?;
        if place.entry(cluster::DATA)?.is_none() {
            return Err(nothing());
        }
        let in_use = match Self::start(dir) {
            Err(in_use @ EmbeddedError::InUse(_)) => in_use,
            other => return other.map(Joined::Started),
        };
        let owner = Owner::choose(&place)?;
        cluster::running(&place, &owner)?
            .map(Joined::Running)
            .ok_or(in_use)
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
    /// At this URL; whoever started it may end it at any moment.
    Running(String),
    Started(Embedded),
}

fn place(dir: &Path) -> Result<Place, EmbeddedError> {
    let path = dir
        .canonicalize()
        .map_err(EmbeddedError::io("cannot read", dir))?;
    Place::open(&path)
}

fn lock(place: &Place, owner: &Owner) -> Result<Lock, EmbeddedError> {
    let file = place.file(LOCK, owner).map_err(|error| match error {
        EmbeddedError::NotOurs(_) => EmbeddedError::NotOurs(place.path.clone()),
        other => other,
    })?;
    match file.try_lock() {
        Ok(()) => Ok(Lock(file)),
        Err(TryLockError::WouldBlock) => Err(EmbeddedError::InUse(place.path.clone())),
        Err(TryLockError::Error(error)) => Err(EmbeddedError::io("cannot lock", &place.path)(error)),
    }
}
