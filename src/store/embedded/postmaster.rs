//! The server process: started as our child, checked through its socket, stopped by signal.
//!
//! It relies on these facts: a postmaster that was killed but not yet reaped still looks alive by
//! its pid and its lock file, so only a socket that answers counts; the parent-death signal fires
//! when the *thread* that started the child ends, so one thread starts it and then waits for it.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::os::unix::fs::FileExt;
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::{Duration, Instant};

use parking_lot::Mutex;
use rustix::process::{Pid, Signal};

use super::binaries::Binaries;
use super::cluster::{Cluster, NAME, socket_in, tail, url};
use super::error::EmbeddedError;
use super::owner::Owner;

/// How long a start may take, including crash recovery and the end of a previous server.
const START_TIMEOUT: Duration = Duration::from_secs(60);
/// How long a fast shutdown may take before it becomes an immediate one, which loses nothing
/// either but costs recovery at the next start.
const FAST_TIMEOUT: Duration = Duration::from_secs(30);
const IMMEDIATE_TIMEOUT: Duration = Duration::from_secs(10);
const POLL: Duration = Duration::from_millis(50);
/// After an attempt that ended by itself.
const RETRY: Duration = Duration::from_millis(500);
/// The log is set aside at a start when larger than this, in bytes.
const LOG_LIMIT: u64 = 16 * 1024 * 1024;
/// What is read of the log of a server that did not start, in bytes.
const LOG_TAIL: usize = 64 * 1024;

const SETTINGS: [&str; 12] = [
    "listen_addresses=",
    "unix_socket_permissions=0700",
    "port=5432",
    "max_connections=100",
    // A statement without bounds in time locks every partition and its index.
    "max_locks_per_transaction=512",
    "shared_buffers=128MB",
    "max_wal_size=2GB",
    "synchronous_commit=on",
    "timezone=UTC",
    "log_timezone=UTC",
    "logging_collector=off",
    "log_line_prefix=%m [%p] ",
];

#[derive(Debug)]
pub(super) struct Postmaster {
    pid: u32,
    /// The thread that waits for the child holds the other end until the child has ended.
    ended: Mutex<Receiver<io::Result<u32>>>,
    socket_dir: PathBuf,
}

impl Postmaster {
    pub fn start(binaries: &Binaries, cluster: &Cluster, owner: &Owner) -> Result<Self, EmbeddedError> {
        let deadline = Instant::now() + START_TIMEOUT;
        end_leftover(cluster, owner, deadline)?;
        loop {
            let log = cluster.open_log(LOG_LIMIT, owner)?;
            let socket_dir = cluster.socket_dir(owner)?;
            let log_from = log.metadata().map_or(0, |meta| meta.len());
            let for_server = log
                .try_clone()
                .map_err(EmbeddedError::io("cannot open", &cluster.log))?;
            let this = Self::spawn(
                command(binaries, cluster, &socket_dir, owner, for_server),
                cluster,
                socket_dir,
            )?;
            if this.wait_ready(deadline) {
                return Ok(this);
            }
            let why = this.why_not(&log, log_from);
            let held = why.contains("already exists") || why.contains("still in use");
            if !held || Instant::now() >= deadline {
                return Err(EmbeddedError::NotStarted {
                    why,
                    log: cluster.log.clone(),
                });
            }
            // The lock file of a killed predecessor: valid until the last of its processes is
            // gone and reaped, which is not ours to hasten.
            thread::park_timeout(RETRY);
        }
    }

    pub fn pid(&self) -> u32 {
        self.pid
    }

    pub fn is_running(&self) -> bool {
        !self.ends_within(Duration::ZERO)
    }

    pub fn stop(&self) -> Result<(), EmbeddedError> {
        let steps = [(Signal::INT, FAST_TIMEOUT), (Signal::QUIT, IMMEDIATE_TIMEOUT)];
        for (signal, patience) in steps {
            if !self.is_running() {
                return Ok(());
            }
            send(self.pid, signal);
            if self.ends_within(patience) {
                return Ok(());
            }
        }
        Err(EmbeddedError::NotStopped(self.pid))
    }

    fn spawn(mut command: Command, cluster: &Cluster, socket_dir: PathBuf) -> Result<Self, EmbeddedError> {
        let (tell, told) = mpsc::sync_channel(1);
        thread::Builder::new()
            .name("postgres".to_owned())
            .spawn(move || match command.spawn() {
                Ok(mut child) => {
                    let _ = tell.send(Ok(child.id()));
                    wait(&mut child);
                }
                Err(error) => {
                    let _ = tell.send(Err(error));
                }
            })
            .map_err(EmbeddedError::io("cannot watch", &cluster.data))?;
        let pid = told
            .recv()
            .unwrap_or_else(|_| Err(io::Error::other("its thread ended")))
            .map_err(EmbeddedError::io("cannot start postgres on", &cluster.data))?;
        Ok(Self {
            pid,
            ended: Mutex::new(told),
            socket_dir,
        })
    }

    fn ends_within(&self, patience: Duration) -> bool {
        let ended = self.ended.lock().recv_timeout(patience);
        matches!(ended, Err(RecvTimeoutError::Disconnected))
    }

    fn wait_ready(&self, deadline: Instant) -> bool {
        while Instant::now() < deadline {
            if lets_in(&self.socket_dir) {
                return true;
            }
            if self.ends_within(POLL) {
                return false;
            }
        }
        false
    }

    pub fn url(&self) -> String {
        url(&self.socket_dir)
    }

    fn why_not(&self, log: &File, log_from: u64) -> String {
        if self.is_running() {
            return format!("no answer within {} s", START_TIMEOUT.as_secs());
        }
        let end = log.metadata().map_or(0, |meta| meta.len());
        let mut written = vec![0; LOG_TAIL];
        let read = log.read_at(&mut written, log_from.max(end.saturating_sub(LOG_TAIL as u64)));
        written.truncate(read.unwrap_or_default());
        tail(&String::from_utf8_lossy(&written))
    }
}

impl Drop for Postmaster {
    fn drop(&mut self) {
        match self.stop() {
            // Empty by now, unless something else lies there that is not ours to remove.
            Ok(()) => drop(fs::remove_dir(&self.socket_dir)),
            Err(error) => tracing::error!(%error, "cannot stop the private Postgres; it keeps running"),
        }
    }
}

fn wait(child: &mut Child) {
    match child.wait() {
        Ok(status) => tracing::debug!(%status, "private Postgres ended"),
        Err(error) => tracing::error!(%error, "cannot wait for the private Postgres"),
    }
}

fn command(binaries: &Binaries, cluster: &Cluster, socket_dir: &Path, owner: &Owner, log: File) -> Command {
    let mut command = owner.command(&binaries.postgres);
    command
        .arg("-D")
        .arg(&cluster.data)
        .arg("-c")
        .arg(format!("unix_socket_directories={}", socket_dir.display()));
    for setting in SETTINGS {
        command.args(["-c", setting]);
    }
    command
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log)
        // Ctrl-C in the terminal is for us; we stop Postgres when everything is stored.
        .process_group(0);
    end_with_parent(&mut command);
    command
}

/// Has the kernel ask the server to shut down (fast) when we end without doing so ourselves.
#[cfg(target_os = "linux")]
fn end_with_parent(command: &mut Command) {
    let parent = std::process::id();
    let ask = move || {
        rustix::process::set_parent_process_death_signal(Some(Signal::INT))?;
        let now = rustix::process::getppid().map(|pid| pid.as_raw_nonzero().get());
        if now.and_then(|pid| u32::try_from(pid).ok()) != Some(parent) {
            // It ended before we asked; nobody would tell us any more.
            return Err(io::ErrorKind::BrokenPipe.into());
        }
        Ok(())
    };
    // SAFETY: between fork and exec only two system calls are made and no memory is allocated.
    unsafe { command.pre_exec(ask) };
}

#[cfg(not(target_os = "linux"))]
fn end_with_parent(_: &mut Command) {}

/// Shuts down a server that outlived the program that started it. Nobody else can be using it: we
/// hold the lock of the data directory.
fn end_leftover(cluster: &Cluster, owner: &Owner, deadline: Instant) -> Result<(), EmbeddedError> {
    let Some(pid) = listener(cluster, owner) else {
        return Ok(());
    };
    tracing::info!(pid, "reusing the private Postgres of an earlier run");
    send(pid, Signal::INT);
    while listener(cluster, owner) == Some(pid) {
        if Instant::now() >= deadline {
            return Err(EmbeddedError::NotStopped(pid));
        }
        thread::park_timeout(POLL);
    }
    Ok(())
}

/// The process that says in the cluster's files that it serves them, if the kernel says of what
/// listens on its socket that it is that process, and the owner's: any other is not ours to end.
fn listener(cluster: &Cluster, owner: &Owner) -> Option<u32> {
    let (pid, socket) = cluster.in_use(owner)?;
    let stream = UnixStream::connect(socket).ok()?;
    is_peer(&stream, pid, owner).then_some(pid)
}

#[cfg(target_os = "linux")]
fn is_peer(stream: &UnixStream, pid: u32, owner: &Owner) -> bool {
    rustix::net::sockopt::socket_peercred(stream).is_ok_and(|peer| {
        u32::try_from(peer.pid.as_raw_nonzero().get()) == Ok(pid) && peer.uid.as_raw() == owner.uid
    })
}

/// Elsewhere the file alone says so; as root it is not enough.
#[cfg(not(target_os = "linux"))]
fn is_peer(_: &UnixStream, _: u32, owner: &Owner) -> bool {
    !owner.is_other()
}

fn send(pid: u32, signal: Signal) {
    let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) else {
        return;
    };
    // It may have ended in between; the sender of the signal waits for the end anyway.
    let _ = rustix::process::kill_process(pid, signal);
}

/// Begins a session, as `pg_isready` does, and looks whether the server lets us in: it sends `R`
/// (authentication) when ready and `E` while it starts up or shuts down.
fn lets_in(socket_dir: &Path) -> bool {
    let ask = || -> io::Result<u8> {
        let mut stream = UnixStream::connect(socket_in(socket_dir))?;
        stream.set_read_timeout(Some(Duration::from_secs(2)))?;
        let mut start = Vec::from([0; 4]);
        start.extend(196_608_u32.to_be_bytes());
        for text in ["user", NAME, "database", "postgres", ""] {
            start.extend(text.as_bytes());
            start.push(0);
        }
        let length = u32::try_from(start.len()).unwrap_or_default();
        start[..4].copy_from_slice(&length.to_be_bytes());
        stream.write_all(&start)?;
        let mut kind = [0];
        stream.read_exact(&mut kind)?;
        let _ = stream.write_all(&[b'X', 0, 0, 0, 4]);
        Ok(kind[0])
    };
    matches!(ask(), Ok(b'R'))
}
