//! The cache in Redis: lookups on the caller's task, everything else in one task of its own.
//!
//! The task owns the connections. Each time it gets one it begins a new epoch before anybody may
//! read through it, so entries that a restarted Redis brings back from its disk are never seen.
//! Each entry carries a tag of our installation: an entry of somebody else counts as missing and
//! ends the epoch.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use redis::aio::MultiplexedConnection;
use redis::{Client, Pipeline, RedisError, Script, Value};
use tokio::sync::{Notify, mpsc, watch};

use super::latest::{Epoch, Latest, Lookup, newest};
use super::link::{Backoff, CacheError, Names, RedisConfig, brief, connect, random};
use crate::data::installation::Purpose;
use crate::data::{Installation, Micros, SeriesId, Stored};
use crate::telemetry::{Metrics, Status};

/// Batches on their way to Redis. With more, Redis is too slow, and a new epoch is cheaper.
const QUEUE: usize = 64;
/// Points or ids in one call of a script; Lua's `unpack` takes some 8,000.
const CHUNK: usize = 1_000;
const WRITE_TIMEOUT: Duration = Duration::from_secs(3);
/// Postgres answers in a few milliseconds; a lookup slower than this is no help.
const LOOKUP_TIMEOUT: Duration = Duration::from_millis(250);
/// The name of this cache in `Status::degraded`.
const REDIS: &str = "redis";

/// The longest name of an epoch, in bytes; ours have some 35.
const EPOCH_MAX: usize = 64;

type Link = Option<(MultiplexedConnection, Arc<Ours>)>;

pub(super) struct RedisLatest {
    jobs: mpsc::Sender<Job>,
    shared: Arc<Shared>,
    link: watch::Receiver<Link>,
}

enum Job {
    Committed(Arc<Stored>),
    FromPostgres(Epoch, Vec<Latest>),
}

/// Where our entries are, and how they are distinguished from those of others.
struct Ours {
    key: String,
    installation: Installation,
}

struct Shared {
    names: Names,
    capacity: usize,
    merge: Script,
    lookup: Script,
    renew: Script,
    metrics: Arc<Metrics>,
    status: Arc<Status>,
    /// The cache may have missed a commit: begin a new epoch.
    dirty: AtomicBool,
    wake: Notify,
    /// A lookup met a broken connection.
    broken: Notify,
}

impl std::fmt::Debug for RedisLatest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RedisLatest")
            .field("names", &self.shared.names)
            .field("connected", &self.link.borrow().is_some())
            .finish_non_exhaustive()
    }
}

impl RedisLatest {
    pub fn start(
        config: &RedisConfig,
        metrics: Arc<Metrics>,
        status: Arc<Status>,
    ) -> Result<Self, CacheError> {
        let client = config.client()?;
        let shared = Arc::new(Shared {
            names: config.names(),
            capacity: config.capacity.max(CHUNK),
            merge: Script::new(include_str!("merge.lua")),
            lookup: Script::new(include_str!("lookup.lua")),
            renew: Script::new(include_str!("renew.lua")),
            metrics,
            status,
            dirty: AtomicBool::new(true),
            wake: Notify::new(),
            broken: Notify::new(),
        });
        let (jobs, queue) = mpsc::channel(QUEUE);
        let (set_link, link) = watch::channel(None);
        tokio::spawn(run(client, Arc::clone(&shared), queue, set_link));
        Ok(Self { jobs, shared, link })
    }

    pub fn offer(&self, stored: &Arc<Stored>) {
        if self.jobs.try_send(Job::Committed(Arc::clone(stored))).is_err() {
            self.shared.metrics.cache_errors.inc();
            self.invalidate();
        }
    }

    pub fn put_back(&self, epoch: &Epoch, entries: Vec<Latest>) {
        if epoch.0.is_empty() || entries.is_empty() {
            return;
        }
        // A full queue costs one more read of Postgres, nothing else.
        let _ = self.jobs.try_send(Job::FromPostgres(epoch.clone(), entries));
    }

    pub fn invalidate(&self) {
        self.shared.dirty.store(true, Ordering::Release);
        self.shared.wake.notify_one();
    }

    pub async fn lookup(&self, series: &[SeriesId]) -> Lookup {
        let missed = || Lookup {
            missing: series.to_vec(),
            ..Lookup::default()
        };
        let link = self.link.borrow().clone();
        // An epoch that is about to end: its entries may lack a commit.
        if series.is_empty() || self.shared.dirty.load(Ordering::Acquire) {
            return missed();
        }
        let Some((mut link, ours)) = link else {
            self.shared.metrics.cache_errors.inc();
            return missed();
        };
        match self.shared.lookup(&mut link, &ours, series).await {
            Ok(Some(lookup)) => lookup,
            Ok(None) => {
                self.shared.metrics.cache_errors.inc();
                tracing::warn!("an entry in Redis is of another installation; the cache starts afresh");
                self.invalidate();
                missed()
            }
            Err(error) => {
                self.shared.metrics.cache_errors.inc();
                if !error.is_timeout() {
                    self.shared.broken.notify_one();
                }
                missed()
            }
        }
    }
}

/// Ends when the last handle is dropped.
async fn run(
    client: Client,
    shared: Arc<Shared>,
    mut queue: mpsc::Receiver<Job>,
    set_link: watch::Sender<Link>,
) {
    let mut backoff = Backoff::new();
    let mut names = shared.names.clone();
    loop {
        let error = match open(&client, &shared, &mut names, &mut queue).await {
            Ok(None) => return,
            Ok(Some((ours, mut writes, lookups))) => {
                backoff = Backoff::new();
                set_link.send_replace(Some((lookups, Arc::clone(&ours))));
                match shared.status.update(|s| s.degraded.remove(REDIS)) {
                    Some(_) => tracing::info!("Redis is back"),
                    None => tracing::info!("connected to Redis"),
                }
                let ended = serve(&shared, &ours, &mut writes, &mut queue).await;
                // First of all: a reader might otherwise read an old epoch.
                shared.dirty.store(true, Ordering::Release);
                set_link.send_replace(None);
                match ended {
                    Ok(()) => return,
                    Err(error) => error,
                }
            }
            Err(error) => error,
        };
        shared.metrics.cache_errors.inc();
        let why = brief(&error);
        let before = shared.status.update(|s| s.degraded.insert(REDIS, why.clone()));
        if before.is_none() {
            tracing::warn!(%why, "Redis is unavailable; latest values come from Postgres until it is back");
        }
        let wait = tokio::time::sleep(backoff.next_wait());
        if discard_until(wait, &mut queue).await.is_none() {
            return;
        }
    }
}

/// Connects immediately, so that a wrong password is reported, and continues when Postgres has told
/// the installation. `None` when all handles are gone.
async fn open(
    client: &Client,
    shared: &Shared,
    names: &mut Names,
    queue: &mut mpsc::Receiver<Job>,
) -> Result<Option<(Arc<Ours>, MultiplexedConnection, MultiplexedConnection)>, RedisError> {
    let mut writes = connect(client, WRITE_TIMEOUT).await?;
    for script in [&shared.merge, &shared.lookup, &shared.renew] {
        script.load_async(&mut writes).await?;
    }
    let Some(installation) = discard_until(names.known(), queue).await else {
        return Ok(None);
    };
    let ours = Arc::new(Ours {
        key: names.name(&installation, "latest"),
        installation,
    });
    shared.renew(&mut writes, &ours).await?;
    let lookups = connect(client, LOOKUP_TIMEOUT).await?;
    Ok(Some((ours, writes, lookups)))
}

/// `Ok` when there is nobody left to serve.
async fn serve(
    shared: &Shared,
    ours: &Ours,
    link: &mut MultiplexedConnection,
    queue: &mut mpsc::Receiver<Job>,
) -> Result<(), RedisError> {
    loop {
        if shared.dirty.load(Ordering::Acquire) {
            shared.renew(link, ours).await?;
        }
        tokio::select! {
            job = queue.recv() => match job {
                Some(Job::Committed(stored)) => {
                    shared.merge(link, ours, &Epoch::default(), false, &newest(&stored)).await?;
                }
                Some(Job::FromPostgres(epoch, entries)) => {
                    shared.merge(link, ours, &epoch, true, &entries).await?;
                }
                None => return Ok(()),
            },
            () = shared.wake.notified() => {}
            () = shared.broken.notified() => {
                // Whether the server or only the connection is gone, a new connection is needed.
                return Err(RedisError::from((redis::ErrorKind::Io, "connection lost")));
            }
        }
    }
}

/// Nothing written during an outage is missed: it ends with a new epoch. `None` when all handles
/// are gone.
async fn discard_until<T>(until: impl Future<Output = T>, queue: &mut mpsc::Receiver<Job>) -> Option<T> {
    let mut until = std::pin::pin!(until);
    loop {
        tokio::select! {
            done = &mut until => return Some(done),
            job = queue.recv() => drop(job?),
        }
    }
}

impl Shared {
    async fn renew(&self, link: &mut MultiplexedConnection, ours: &Ours) -> Result<(), RedisError> {
        // The flag is cleared first: a loss in between sets it again.
        self.dirty.store(false, Ordering::Release);
        let done: Result<(), _> = self
            .renew
            .key(&ours.key)
            .arg(fresh_epoch())
            .invoke_async(link)
            .await;
        if done.is_err() {
            self.dirty.store(true, Ordering::Release);
        }
        done
    }

    async fn merge(
        &self,
        link: &mut MultiplexedConnection,
        ours: &Ours,
        epoch: &Epoch,
        from_postgres: bool,
        points: &[Latest],
    ) -> Result<(), RedisError> {
        if points.is_empty() {
            return Ok(());
        }
        let mut pipeline = Pipeline::with_capacity(points.len() / CHUNK + 1);
        for chunk in points.chunks(CHUNK) {
            let mut call = self.merge.key(&ours.key);
            call.arg(&epoch.0).arg(if from_postgres { "1" } else { "" });
            for point in chunk {
                call.arg(point.series).arg(to_text(&ours.installation, point));
            }
            pipeline.invoke_script(&call).ignore();
        }
        pipeline.exec_async(link).await
    }

    /// `None` for an entry that no node of ours wrote.
    async fn lookup(
        &self,
        link: &mut MultiplexedConnection,
        ours: &Ours,
        series: &[SeriesId],
    ) -> Result<Option<Lookup>, RedisError> {
        let mut pipeline = Pipeline::with_capacity(series.len() / CHUNK + 1);
        for chunk in series.chunks(CHUNK) {
            let mut call = self.lookup.key(&ours.key);
            call.arg(self.capacity).arg(fresh_epoch()).arg(chunk);
            pipeline.invoke_script(&call);
        }
        let answers: Vec<Vec<Value>> = pipeline.query_async(link).await?;
        let mut lookup = Lookup::default();
        for (chunk, answer) in series.chunks(CHUNK).zip(answers) {
            let mut values = answer.into_iter();
            if let Some(Value::BulkString(epoch)) = values.next() {
                // Marks of an earlier chunk's epoch are gone if the last one differs; then what is
                // put back finds no entry, which is right.
                if epoch.len() > EPOCH_MAX {
                    return Ok(None);
                }
                lookup.epoch = Epoch(String::from_utf8_lossy(&epoch).into_owned());
            }
            for (id, value) in chunk.iter().zip(values) {
                if value == Value::Nil {
                    lookup.missing.push(*id);
                    continue;
                }
                let Some(latest) = from_value(&ours.installation, *id, &value) else {
                    return Ok(None);
                };
                lookup.found.push(latest);
            }
        }
        Ok(Some(lookup))
    }
}

/// Never the same twice, over all nodes.
fn fresh_epoch() -> String {
    format!("{:x}-{:x}", Micros::now().0, random())
}

/// Fixed-width hex whose order as text is the order as number: negative times come first. The tag
/// comes last.
fn to_text(installation: &Installation, point: &Latest) -> String {
    let mut text = format!(
        "{:016x}{:08x}{:016x}{:016x}",
        point.ts.0 ^ i64::MIN,
        point.partition_id,
        point.offset,
        point.value.to_bits()
    );
    let tag = installation.tag(Purpose::Latest, tagged(point.series, &text).as_bytes());
    text.extend(tag[..TAG].iter().map(|byte| format!("{byte:02x}")));
    text
}

/// Bytes kept of a tag.
const TAG: usize = 8;
const POINT: usize = 56;

fn tagged(series: SeriesId, text: &str) -> String {
    format!("{series}={text}")
}

/// `None` for an entry that no node of ours wrote.
fn from_value(installation: &Installation, series: SeriesId, value: &Value) -> Option<Latest> {
    let Value::BulkString(bytes) = value else {
        return None;
    };
    let (text, tag) = std::str::from_utf8(bytes).ok()?.split_at_checked(POINT)?;
    let number = |text: &str, from: usize, to: usize| u64::from_str_radix(text.get(from..to)?, 16).ok();
    let tag = number(tag, 0, 2 * TAG)
        .filter(|_| tag.len() == 2 * TAG)?
        .to_be_bytes();
    if !installation.made(Purpose::Latest, tagged(series, text).as_bytes(), &tag) {
        return None;
    }
    Some(Latest {
        series,
        ts: Micros(number(text, 0, 16)?.cast_signed() ^ i64::MIN),
        partition_id: u32::try_from(number(text, 16, 24)?).ok()?.cast_signed(),
        offset: number(text, 24, 40)?.cast_signed(),
        value: f64::from_bits(number(text, 40, 56)?),
    })
}
