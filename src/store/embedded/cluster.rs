//! The files of the private cluster: where they lie, how they are made, and the URL they are served at.

use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Output, Stdio};

use super::binaries::Binaries;
use super::owner::Owner;
use super::{EmbeddedError, NAME};

/// The cluster's directory inside the data directory.
pub(super) const DATA: &str = "postgres";

/// Where a cluster goes when the Postgres user cannot reach the data directory, best first.
const REACHABLE: [&str; 2] = ["/var/lib", "/tmp"];

/// How much of a failed program's last words goes into an error, in bytes.
const LAST_WORDS: usize = 400;

#[derive(Clone, Debug)]
pub(super) struct Cluster {
    /// PGDATA.
    pub data: PathBuf,
    /// Where the socket lies; short, because a socket's path may have some hundred bytes only.
    pub socket_dir: PathBuf,
    pub log: PathBuf,
}

impl Cluster {
    /// Finds a place that `owner` can reach: `dir` itself, else a directory elsewhere to which
    /// `dir/postgres` links.
    pub fn locate(dir: &Path, owner: &Owner) -> Result<Self, EmbeddedError> {
        let link = dir.join(DATA);
        let data = match fs::read_link(&link) {
            Ok(elsewhere) => elsewhere,
            Err(_) if owner.can_reach(dir) => link,
            Err(_) => {
                let base = elsewhere(dir, owner)?;
                let data = base.join(DATA);
                symlink(&data, &link).map_err(EmbeddedError::io("cannot link", &link))?;
                tracing::warn!(
                    wanted = %dir.display(), used = %base.display(),
                    "PostgreSQL does not run as root and its user cannot reach the data directory; the database lies elsewhere"
                );
                data
            }
        };
        let mut hasher = DefaultHasher::new();
        data.hash(&mut hasher);
        let socket_dir = PathBuf::from(format!("/tmp/.streamsync-{:016x}", hasher.finish()));
        let log = data.with_extension("log");
        Ok(Self {
            data,
            socket_dir,
            log,
        })
    }

    /// The major version that wrote the files; `None` before the first start.
    pub fn major(&self) -> Result<Option<u32>, EmbeddedError> {
        let path = self.data.join("PG_VERSION");
        match fs::read_to_string(&path) {
            Ok(text) => Ok(text.trim().parse().ok()),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(EmbeddedError::io("cannot read", &path)(error)),
        }
    }

    /// Makes the cluster unless it is there. It appears by a rename, so that an initdb that was
    /// killed leaves no half of a cluster behind.
    pub fn init(&self, binaries: &Binaries, owner: &Owner) -> Result<(), EmbeddedError> {
        if self.data.join("PG_VERSION").exists() {
            return Ok(());
        }
        tracing::info!(data = %self.data.display(), "creating a private Postgres");
        let unfinished = self.data.with_extension("unfinished");
        if unfinished.exists() {
            fs::remove_dir_all(&unfinished).map_err(EmbeddedError::io("cannot remove", &unfinished))?;
        }
        owner.private_dir(&unfinished)?;
        let output = owner
            .command(&binaries.initdb)
            .arg("--pgdata")
            .arg(&unfinished)
            // Only the socket's directory decides who gets in; there is no way in by network.
            .args(["--username", NAME, "--auth-local=trust", "--auth-host=reject"])
            .args(["--encoding=UTF8", "--locale=C", "--data-checksums"])
            // Costs the safety of the first seconds only, and saves most of the wait.
            .args(["--no-sync", "--no-instructions"])
            .current_dir("/")
            .stdin(Stdio::null())
            .output()
            .map_err(EmbeddedError::io("cannot run", &binaries.initdb))?;
        if !output.status.success() {
            return Err(EmbeddedError::Initdb(last_words(&output)));
        }
        fs::rename(&unfinished, &self.data).map_err(EmbeddedError::io("cannot create", &self.data))
    }

    pub fn socket(&self) -> PathBuf {
        self.socket_dir.join(".s.PGSQL.5432")
    }

    pub fn url(&self) -> String {
        let host = self.socket_dir.to_string_lossy().replace('/', "%2F");
        format!("postgresql://{NAME}@{host}/postgres")
    }
}

fn elsewhere(dir: &Path, owner: &Owner) -> Result<PathBuf, EmbeddedError> {
    let unique = format!(
        "streamsync-{}-{}",
        std::process::id(),
        crate::data::Micros::now().0
    );
    REACHABLE
        .iter()
        .map(|base| Path::new(base).join(&unique))
        .find(|place| owner.private_dir(place).is_ok() && owner.can_reach(place))
        .ok_or_else(|| EmbeddedError::Unreachable(dir.to_owned()))
}

fn last_words(output: &Output) -> String {
    let text = String::from_utf8_lossy(&output.stderr);
    tail(&text)
}

/// The end of `text` on one line.
pub(super) fn tail(text: &str) -> String {
    let lines: Vec<_> = text
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect();
    let joined = lines.join(" / ");
    let from = joined.len().saturating_sub(LAST_WORDS);
    let from = (from..=joined.len())
        .find(|at| joined.is_char_boundary(*at))
        .unwrap_or(0);
    joined[from..].to_owned()
}
