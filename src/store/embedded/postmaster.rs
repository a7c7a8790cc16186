//! The server process: started as our child, asked through its socket, stopped by signal.
//!
//! Facts this rests on: a postmaster that was killed but not yet reaped still looks alive by its pid
//! and its lock file, so only a socket that answers counts; the parent-death signal fires when the
//! *thread* that started the child ends, so one thread starts it and then waits for it.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Condvar, Mutex, PoisonError, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal};

use super::binaries::Binaries;
use super::cluster::{Cluster, tail};
use super::owner::Owner;
use super::{EmbeddedError, NAME};

/// How long a start may take, crash recovery and a dying predecessor included.
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

const SETTINGS: [&str; 11] = [
    "listen_addresses=",
    "unix_socket_permissions=0700",
    "port=5432",
    "max_connections=100",
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
    ended: Arc<Ended>,
    socket_dir: PathBuf,
}

/// Set by the thread that waits for the child.
#[derive(Debug, Default)]
struct Ended {
    flag: Mutex<bool>,
    changed: Condvar,
}

impl Postmaster {
    pub fn start(binaries: &Binaries, cluster: &Cluster, owner: &Owner) -> Result<Self, EmbeddedError> {
        let deadline = Instant::now() + START_TIMEOUT;
        end_leftover(cluster, deadline)?;
        loop {
            owner.private_dir(&cluster.socket_dir)?;
            let log = open_log(cluster, owner)?;
            let log_from = log.metadata().map_or(0, |meta| meta.len());
            let this = Self::spawn(command(binaries, cluster, owner, log), cluster)?;
            if this.wait_ready(cluster, deadline) {
                return Ok(this);
            }
            let why = this.why_not(cluster, log_from);
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
        !self.ended.within(Duration::ZERO)
    }

    pub fn stop(&self) -> Result<(), EmbeddedError> {
        let steps = [(Signal::INT, FAST_TIMEOUT), (Signal::QUIT, IMMEDIATE_TIMEOUT)];
        for (signal, patience) in steps {
            if !self.is_running() {
                return Ok(());
            }
            send(self.pid, signal);
            if self.ended.within(patience) {
                return Ok(());
            }
        }
        Err(EmbeddedError::NotStopped(self.pid))
    }

    fn spawn(mut command: Command, cluster: &Cluster) -> Result<Self, EmbeddedError> {
        let ended = Arc::new(Ended::default());
        let (tell, told) = mpsc::sync_channel(1);
        let waiter = Arc::clone(&ended);
        thread::Builder::new()
            .name("postgres".to_owned())
            .spawn(move || match command.spawn() {
                Ok(mut child) => {
                    let _ = tell.send(Ok(child.id()));
                    wait(&mut child);
                    waiter.set();
                }
                Err(error) => {
                    let _ = tell.send(Err(error));
                }
            })
            .map_err(EmbeddedError::io("cannot watch", &cluster.data))?;
        let pid = told
            .recv()
            .unwrap_or_else(|_| Err(std::io::Error::other("its thread ended")))
            .map_err(EmbeddedError::io("cannot start postgres on", &cluster.data))?;
        Ok(Self {
            pid,
            ended,
            socket_dir: cluster.socket_dir.clone(),
        })
    }

    fn wait_ready(&self, cluster: &Cluster, deadline: Instant) -> bool {
        while Instant::now() < deadline {
            if probe(cluster) == Answer::Ready {
                return true;
            }
            if self.ended.within(POLL) {
                return false;
            }
        }
        false
    }

    fn why_not(&self, cluster: &Cluster, log_from: u64) -> String {
        if self.is_running() {
            return format!("no answer within {} s", START_TIMEOUT.as_secs());
        }
        let written = fs::read(&cluster.log).unwrap_or_default();
        let from = usize::try_from(log_from).map_or(0, |at| at.min(written.len()));
        tail(&String::from_utf8_lossy(&written[from..]))
    }
}

impl Drop for Postmaster {
    fn drop(&mut self) {
        match self.stop() {
            // Empty by now, unless something else lies there that is not ours to remove.
            Ok(()) => drop(fs::remove_dir(&self.socket_dir)),
            Err(error) => tracing::error!(%error, "private Postgres left running"),
        }
    }
}

impl Ended {
    fn set(&self) {
        *self.flag.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.changed.notify_all();
    }

    fn within(&self, patience: Duration) -> bool {
        let flag = self.flag.lock().unwrap_or_else(PoisonError::into_inner);
        let (flag, _) = self
            .changed
            .wait_timeout_while(flag, patience, |ended| !*ended)
            .unwrap_or_else(PoisonError::into_inner);
        *flag
    }
}

fn wait(child: &mut Child) {
    match child.wait() {
        Ok(status) => tracing::debug!(%status, "private Postgres ended"),
        Err(error) => tracing::error!(%error, "cannot wait for the private Postgres"),
    }
}

fn command(binaries: &Binaries, cluster: &Cluster, owner: &Owner, log: File) -> Command {
    let mut command = owner.command(&binaries.postgres);
    command.arg("-D").arg(&cluster.data).arg("-c").arg(format!(
        "unix_socket_directories={}",
        cluster.socket_dir.display()
    ));
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
            return Err(std::io::ErrorKind::BrokenPipe.into());
        }
        Ok(())
    };
    // SAFETY: between fork and exec only two system calls are made and no memory is allocated.
    unsafe { command.pre_exec(ask) };
}

#[cfg(not(target_os = "linux"))]
fn end_with_parent(_: &mut Command) {}

fn open_log(cluster: &Cluster, owner: &Owner) -> Result<File, EmbeddedError> {
    let path = &cluster.log;
    if fs::metadata(path).is_ok_and(|meta| meta.len() > LOG_LIMIT) {
        fs::rename(path, path.with_extension("log.old"))
            .map_err(EmbeddedError::io("cannot set aside", path))?;
    }
    let file = File::options()
        .create(true)
        .append(true)
        .open(path)
        .map_err(EmbeddedError::io("cannot open", path))?;
    owner.give(path)?;
    Ok(file)
}

/// Shuts down a server that outlived the program that started it. Nobody else can be using it: we
/// hold the lock of the data directory.
fn end_leftover(cluster: &Cluster, deadline: Instant) -> Result<(), EmbeddedError> {
    let Some(pid) = listener(cluster) else {
        return Ok(());
    };
    tracing::info!(pid, "taking over the private Postgres of a former run");
    send(pid, Signal::INT);
    let lock_file = cluster.data.join("postmaster.pid");
    while lock_file.exists() && listener(cluster) == Some(pid) {
        if Instant::now() >= deadline {
            return Err(EmbeddedError::NotStopped(pid));
        }
        thread::park_timeout(POLL);
    }
    Ok(())
}

/// The process that listens on the cluster's socket, as the kernel knows it.
#[cfg(target_os = "linux")]
fn listener(cluster: &Cluster) -> Option<u32> {
    let stream = UnixStream::connect(cluster.socket()).ok()?;
    let peer = rustix::net::sockopt::socket_peercred(&stream).ok()?;
    u32::try_from(peer.pid.as_raw_nonzero().get()).ok()
}

/// The process that says so in its lock file, if something listens on the cluster's socket.
#[cfg(not(target_os = "linux"))]
fn listener(cluster: &Cluster) -> Option<u32> {
    UnixStream::connect(cluster.socket()).ok()?;
    let text = fs::read_to_string(cluster.data.join("postmaster.pid")).ok()?;
    text.lines().next()?.trim().parse().ok()
}

fn send(pid: u32, signal: Signal) {
    let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) else {
        return;
    };
    // It may have ended in between; whoever sent the signal waits for the end anyway.
    let _ = rustix::process::kill_process(pid, signal);
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Answer {
    Ready,
    NotYet,
}

/// Begins a session, as `pg_isready` does, and looks whether the server lets us in: it sends `R`
/// (authentication) when ready and `E` while it starts up or shuts down.
fn probe(cluster: &Cluster) -> Answer {
    let ask = || -> std::io::Result<u8> {
        let mut stream = UnixStream::connect(cluster.socket())?;
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
    match ask() {
        Ok(b'R') => Answer::Ready,
        _ => Answer::NotYet,
    }
}
