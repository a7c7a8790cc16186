//! The files of the private cluster: location, creation, and the URL of their server.

use std::fs::{self, File};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use super::binaries::Binaries;
use super::directory::{Directory, Entry};
use super::error::EmbeddedError;
use super::owner::Owner;
use super::ownership::DATA;

/// The role of the cluster; its database is the one that initdb makes, `postgres`.
pub(super) const NAME: &str = "streamsync";
/// The file in the data directory that names the socket's directory.
const SOCKET: &str = "socket";

/// Where a cluster goes when the Postgres user cannot reach the data directory, best first.
const REACHABLE: [&str; 2] = ["/var/lib", "/tmp"];

/// How much of a failed program's output goes into an error, in bytes.
const LAST_WORDS: usize = 400;

#[derive(Clone, Debug)]
pub(super) struct Cluster {
    /// The data directory.
    data_dir: Directory,
    /// Where PGDATA and the log lie.
    base: Directory,
    /// The name of PGDATA in it.
    name: String,
    /// PGDATA.
    pub data: PathBuf,
    pub log: PathBuf,
}

impl Cluster {
    /// Finds a place that `owner` can reach: the data directory itself, else a directory elsewhere to
    /// which `postgres` in it links.
    pub fn locate(data_dir: Directory, owner: &Owner) -> Result<Self, EmbeddedError> {
        let link = data_dir.path.join(DATA);
        let linked = matches!(data_dir.entry(DATA)?, Some(Entry::Link(_)));
        let (base, data) = if linked {
            let data = fs::read_link(&link).map_err(EmbeddedError::io("cannot follow", &link))?;
            let data = data_dir.path.join(data);
            let base = data.parent().unwrap_or(Path::new("/"));
            let base = base
                .canonicalize()
                .map_err(EmbeddedError::io("cannot read", base))?;
            let (base, name) = (
                Directory::open(&base)?,
                data.file_name().and_then(|name| name.to_str()),
            );
            // It may have been changed since it was looked at.
            if name.is_none_or(|name| !base.sub(name).is_ok_and(|it| it.owner().ok() == Some(owner.uid))) {
                return Err(EmbeddedError::Suspicious(link));
            }
            (base, data)
        } else if owner.can_reach(&data_dir.path) {
            (data_dir.clone(), link)
        } else {
            let base = elsewhere(&data_dir.path, owner)?;
            let data = base.path.join(DATA);
            data_dir.link(DATA, &data)?;
            tracing::warn!(
                wanted = %data_dir.path.display(), used = %base.path.display(),
                "PostgreSQL does not run as root, and its user cannot access the data directory; the database is stored elsewhere"
            );
            (base, data)
        };
        let name = data
            .file_name()
            .and_then(|name| name.to_str())
            .unwrap_or(DATA)
            .to_owned();
        owner.take_back(&base, &name)?;
        Ok(Self {
            data: base.path.join(&name),
            log: base.path.join(format!("{name}.log")),
            data_dir,
            base,
            name,
        })
    }

    /// The major version that wrote the files; `None` before the first start.
    pub fn major(&self, owner: &Owner) -> Result<Option<u32>, EmbeddedError> {
        let version = self.file("PG_VERSION", owner)?;
        Ok(version.and_then(|text| text.trim().parse().ok()))
    }

    /// A small file of PGDATA.
    pub fn file(&self, name: &str, owner: &Owner) -> Result<Option<String>, EmbeddedError> {
        if self.base.entry(&self.name)?.is_none() {
            return Ok(None);
        }
        self.base.sub(&self.name)?.read(name, owner)
    }

    /// Makes the cluster unless it is there. It appears by a rename, so that an initdb that was
    /// killed leaves no half of a cluster behind.
    pub fn init(&self, binaries: &Binaries, owner: &Owner) -> Result<(), EmbeddedError> {
        if self.file("PG_VERSION", owner)?.is_some() {
            return Ok(());
        }
        tracing::info!(data = %self.data.display(), "creating a private Postgres");
        let name = format!("{}.unfinished", self.name);
        let unfinished = self.base.path.join(&name);
        if self.base.entry(&name)?.is_some() {
            // As its owner: root must not follow links that lie in it.
            let mut remove = owner.command(Path::new("/bin/rm"));
            let removed = remove
                .args(["-rf", "--"])
                .arg(&unfinished)
                .current_dir("/")
                .stderr(Stdio::null());
            let _ = removed.status();
            self.base.remove_dir(&name);
        }
        self.base.make_dir(&name, owner)?;
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
            return Err(EmbeddedError::Initdb(tail(&String::from_utf8_lossy(
                &output.stderr,
            ))));
        }
        self.base.rename(&name, &self.name)
    }

    /// The server's log, set aside when it is larger than this, in bytes.
    pub fn open_log(&self, limit: u64, owner: &Owner) -> Result<File, EmbeddedError> {
        let name = format!("{}.log", self.name);
        let log = self.base.file(&name, owner)?;
        if log.metadata().is_ok_and(|meta| meta.len() > limit) {
            self.base.rename(&name, &format!("{name}.old"))?;
            return self.base.file(&name, owner);
        }
        Ok(log)
    }

    /// The process and the socket of a running server, as its lock file says.
    pub fn in_use(&self, owner: &Owner) -> Option<(u32, PathBuf)> {
        let text = self.file("postmaster.pid", owner).ok()??;
        let mut lines = text.lines();
        let pid = lines.next()?.trim().parse().ok()?;
        // A copied directory holds the original's file.
        let data = lines.next().filter(|data| Path::new(data) == self.data);
        let dir = data.and(lines.nth(2)).filter(|dir| dir.starts_with('/'))?;
        Some((pid, socket_in(Path::new(dir))))
    }

    /// A directory below /tmp, by a name that nobody can guess and make before us, and short: a
    /// socket's path may have some hundred bytes only. The data directory keeps it, so that the URL
    /// stays the same; a copy of it elsewhere, whose original runs, gets another one.
    pub fn socket_dir(&self, owner: &Owner) -> Result<PathBuf, EmbeddedError> {
        let kept = self.data_dir.read(SOCKET, owner)?;
        if let Some(dir) = kept.and_then(|name| dir_named(name.trim()))
            && UnixStream::connect(socket_in(&dir)).is_err()
            && owner.private_dir(&dir).is_ok()
        {
            return Ok(dir);
        }
        let mut random = [0; 8];
        openssl::rand::rand_bytes(&mut random)
            .map_err(EmbeddedError::io("cannot name a socket for", &self.data))?;
        let name = format!("{:016x}", u64::from_ne_bytes(random));
        let dir = dir_named(&name).unwrap_or_default();
        owner.private_dir(&dir)?;
        self.data_dir.write(SOCKET, &name, owner)?;
        Ok(dir)
    }
}

/// Where the server of this data directory can be asked, if one of this user's runs.
pub(super) fn running(data_dir: &Directory, owner: &Owner) -> Result<Option<String>, EmbeddedError> {
    let dir = data_dir
        .read(SOCKET, owner)?
        .and_then(|name| dir_named(name.trim()));
    Ok(dir
        .filter(|dir| UnixStream::connect(socket_in(dir)).is_ok())
        .map(|dir| url(&dir)))
}

pub(super) fn socket_in(dir: &Path) -> PathBuf {
    dir.join(".s.PGSQL.5432")
}

pub(super) fn url(socket_dir: &Path) -> String {
    let host = socket_dir.to_string_lossy().replace('/', "%2F");
    format!("postgresql://{NAME}@{host}/postgres")
}

/// Only a name of ours is taken: another user may have written the file.
fn dir_named(name: &str) -> Option<PathBuf> {
    let is_ours = name.len() == 16 && name.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_ours.then(|| PathBuf::from(format!("/tmp/.streamsync-{name}")))
}

fn elsewhere(dir: &Path, owner: &Owner) -> Result<Directory, EmbeddedError> {
    let unique = format!(
        "streamsync-{}-{}",
        std::process::id(),
        crate::data::Micros::now().0
    );
    for base in REACHABLE {
        let path = Path::new(base).join(&unique);
        // Never a directory that was there before.
        if fs::create_dir(&path).is_err() {
            continue;
        }
        let directory = Directory::open(&path)?;
        directory.take()?;
        if owner.can_reach(&path) {
            return Ok(directory);
        }
        let _ = fs::remove_dir(&path);
    }
    Err(EmbeddedError::Unreachable(dir.to_owned()))
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
