//! Errors of the private server.

use std::io;
use std::path::{Path, PathBuf};

/// The oldest PostgreSQL that the migrations are written for.
pub const OLDEST_MAJOR: u32 = 15;

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
    pub(super) fn io<E: Into<io::Error>>(what: &'static str, path: &Path) -> impl FnOnce(E) -> Self {
        let path = path.to_owned();
        move |error| Self::Io {
            what,
            path,
            source: error.into(),
        }
    }
}
