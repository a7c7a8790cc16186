//! From the body of a request to points that are kept.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use actix_web::HttpRequest;
use actix_web::web;
use parking_lot::Mutex;
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::body::Body;
use super::stream;
use crate::data::{Budget, Code, Micros, Problem, Reason, RecordError, Viewer};
use crate::graphql::services::Services;
use crate::http::authenticate;
use crate::http::still_allowed::StillAllowed;
use crate::http::worker::Worker;
use crate::store::read::Reader;
use crate::transform::{Intake, LeftOut, Taken, TakenPoint, Taking};
use crate::write::{self, Became, NotAdmitted, Refusals, StreamTarget};

/// Bodies that are read at once.
const READ_AT_ONCE: usize = 2;
/// How long a body waits for its turn.
const TURN: Duration = Duration::from_secs(10);
/// How long Kafka may take, and Postgres where it must have the points.
const KEPT_WITHIN: Duration = Duration::from_secs(10);
/// For points that wait for Kafka, of all requests together.
const WAITING_BYTES: usize = 64 << 20;
/// Records that wait for Kafka at once, of a request and of a stream. At 300,000 a second Kafka may take
/// 50 ms for them.
const WINDOW: usize = 1_000;
const ON_THEIR_WAY: usize = 16_000;
/// When to look again at a stream that is paused, in seconds.
const PAUSED_RETRY: u32 = 10;

#[derive(Clone, Debug)]
pub struct WriteSettings {
    /// The stream of requests that name none.
    pub stream: Option<String>,
    /// The largest body, also when it is decompressed.
    pub body_bytes: usize,
}

/// What all who write share.
#[derive(Clone, Debug)]
pub struct Writes(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    services: Services,
    settings: WriteSettings,
    turns: Arc<Semaphore>,
    intakes: Mutex<Vec<Intake>>,
    waiting: Arc<Budget>,
    /// Of each stream: one whose partitions are away does not keep others waiting.
    on_their_way: Mutex<BTreeMap<String, Arc<Semaphore>>>,
}

/// What became of a request.
#[derive(Debug, Default)]
pub(super) struct Written {
    pub points: usize,
    pub refusals: Refusals,
    pub left_out: LeftOut,
    /// All that was refused is beyond the scope of the writer.
    pub is_forbidden: bool,
}

impl Writes {
    pub fn new(services: Services, settings: WriteSettings) -> Self {
        Self(Arc::new(Shared {
            services,
            settings,
            turns: Arc::new(Semaphore::new(READ_AT_ONCE)),
            intakes: Mutex::default(),
            waiting: Budget::new(WAITING_BYTES),
            on_their_way: Mutex::default(),
        }))
    }

    pub(super) fn settings(&self) -> &WriteSettings {
        &self.0.settings
    }

    /// Stores what `read` finds in the body that came to this path.
    ///
    /// # Errors
    /// Nothing is stored, or not all: the same request may be sent again.
    pub(super) async fn store<E, R>(
        &self,
        (request, worker): (&HttpRequest, &Worker<E>),
        path: &'static str,
        named: stream::Named<'_>,
        body: Body,
        read: R,
    ) -> Result<Written, Problem>
    where
        R: FnOnce(&[u8], &mut Taking<'_>) -> Result<Refusals, RecordError> + Send + 'static,
    {
        let services = &self.0.services;
        let (reader, viewer) = match worker.reader(request) {
            Some((reader, viewer)) => (Some(reader), viewer),
            None => (None, Viewer::nobody()),
        };
        let streams = services.streams();
        let stream = stream::of(
            &named,
            self.0.settings.stream.as_deref(),
            &streams.targets,
            &viewer,
        )?;
        let result = self.store_in(
            (&stream, &streams.targets[&stream]),
            request,
            (reader, &viewer),
            body,
            read,
        );
        let result = result.await;
        self.count(request, &stream, path, &result);
        result
    }

    fn count(
        &self,
        request: &HttpRequest,
        stream: &str,
        path: &'static str,
        result: &Result<Written, Problem>,
    ) {
        let Services { metrics, writers, .. } = &self.0.services;
        let labels = [("stream", stream), ("path", path)];
        let became = match result {
            Ok(written) => {
                let (points, refused) = (written.points as u64, written.refusals.count());
                for (outcome, n) in [("stored", points), ("refused", refused)] {
                    let labels = [labels[0], labels[1], ("outcome", outcome)];
                    metrics.add(&metrics.written_points, &labels, n);
                }
                Became::Stored { points, refused }
            }
            Err(_) => {
                metrics.add(&metrics.failed_writes, &labels, 1);
                Became::Failed
            }
        };
        let principal = authenticate::principal(request).map(|principal| Arc::clone(&principal.name));
        let principal = principal.unwrap_or_else(|| "everyone".into());
        writers.count(stream, &principal, path, became);
    }

    async fn store_in<R>(
        &self,
        (stream, target): (&str, &StreamTarget),
        request: &HttpRequest,
        (reader, viewer): (Option<Reader>, &Viewer),
        body: Body,
        read: R,
    ) -> Result<Written, Problem>
    where
        R: FnOnce(&[u8], &mut Taking<'_>) -> Result<Refusals, RecordError> + Send + 'static,
    {
        let services = &self.0.services;
        if services.status.is_paused(stream) {
            let why = format!("stream '{stream}' is paused because too many of its records failed");
            return Err(Problem::new(Code::StreamPaused, why).with("retryAfter", PAUSED_RETRY));
        }
        fail::fail_point!("write-received", |_| std::process::abort());
        let (taken, refusals) = self.read(target, body, read).await?;
        let mut written = Written {
            refusals,
            left_out: taken.left_out.clone(),
            ..Written::default()
        };
        let taken = self.writable(taken, viewer, &mut written);
        let reader = reader.filter(|_| !services.status.is_without_tables());
        let taken = self
            .admitted(taken, (stream, target), reader, viewer, &mut written)
            .await?;
        if let Some(Err(ended)) = StillAllowed::of(request).map(|mut still| still.check()) {
            return Err(ended.into());
        }
        let bytes = size_of::<TakenPoint>() * taken.points.len();
        let waiting = self.0.waiting.reserve(bytes);
        let _waiting = waiting.ok_or_else(|| Problem::overloaded("too many points wait for kafka"))?;
        fail::fail_point!("write-read", |_| std::process::abort());
        self.publish(&taken, (stream, target)).await?;
        fail::fail_point!("write-kept", |_| std::process::abort());
        written.points = taken.points.len();
        for (rule, n) in written.left_out.counts() {
            let labels = [("stream", stream), ("rule", rule)];
            services.metrics.add(&services.metrics.left_out, &labels, n);
        }
        Ok(written)
    }

    /// On a thread of its own: a large body does not keep others from being answered. Few are read at once,
    /// so that what they are decompressed to is bounded.
    async fn read<R>(&self, target: &StreamTarget, body: Body, read: R) -> Result<(Taken, Refusals), Problem>
    where
        R: FnOnce(&[u8], &mut Taking<'_>) -> Result<Refusals, RecordError> + Send + 'static,
    {
        let overloaded = |_| Problem::overloaded("too many requests that write are being read");
        let turn = timeout(TURN, Arc::clone(&self.0.turns).acquire_owned()).await;
        let turn = turn.map_err(overloaded)?;
        let (shared, limits) = (Arc::clone(&self.0), target.limits.clone());
        let reading = web::block(move || {
            // Also when nobody waits for it any more.
            let _turn = turn;
            let body = body.open()?;
            let mut intake = shared.intakes.lock().pop().unwrap_or_default();
            let mut taking = intake.begin(&limits, &body, Micros::now());
            let refusals = read(&body, &mut taking);
            let taken = taking.end();
            shared.intakes.lock().push(intake);
            refusals.map(|refusals| (taken, refusals)).map_err(|error| {
                Problem::new(Code::BadUserInput, format!("{}: {}", error.reason, error.detail))
            })
        });
        let read = reading.await;
        read.map_err(|_| Problem::new(Code::Unavailable, "the server is about to stop"))?
    }

    /// Without the points of series that the viewer may not write.
    fn writable(&self, taken: Taken, viewer: &Viewer, written: &mut Written) -> Taken {
        let forbidden: HashSet<u32> = (0_u32..)
            .zip(&taken.series)
            .filter(|(_, series)| !viewer.may_write(series))
            .map(|(at, _)| at)
            .collect();
        written.is_forbidden = written.refusals.is_empty() && !forbidden.is_empty();
        without(taken, &forbidden, |key, count| {
            let why = "your role may not write this series";
            written.refusals.forbidden(count, || series(key), why);
        })
    }

    /// Without the points of series that would be more than the stream may have.
    async fn admitted(
        &self,
        taken: Taken,
        (stream, target): (&str, &StreamTarget),
        reader: Option<Reader>,
        viewer: &Viewer,
        written: &mut Written,
    ) -> Result<Taken, Problem> {
        // Without Postgres the writer's limit alone holds.
        let Some(reader) = reader else { return Ok(taken) };
        let services = &self.0.services;
        let used: HashSet<u32> = taken.points.iter().map(|point| point.series).collect();
        let keys = used.iter().map(|at| &*taken.series[*at as usize].key);
        let admitted = services
            .new_series
            .admit(&reader, stream, keys, target.max_series, viewer)
            .await;
        match admitted {
            Ok(()) => Ok(taken),
            Err(NotAdmitted::TooMany { new, max }) => {
                let new: HashSet<String> = new.into_iter().collect();
                let beyond = used.into_iter();
                let beyond = beyond.filter(|at| new.contains(&*taken.series[*at as usize].key));
                let detail = format!("stream '{stream}' may have {max} series, and this one would be new");
                let error = RecordError::new(Reason::TooManySeries, detail);
                let beyond = beyond.collect();
                written.is_forbidden = false;
                Ok(without(taken, &beyond, |key, count| {
                    written.refusals.add_some(count, || series(key), error.clone());
                }))
            }
            Err(refused) => {
                if matches!(refused, NotAdmitted::TooFast) {
                    services.metrics.over_limit("published_series");
                }
                Err(refused.told_to(viewer, stream))
            }
        }
    }

    fn on_their_way(&self, stream: &str) -> Arc<Semaphore> {
        let mut of = self.0.on_their_way.lock();
        if let Some(found) = of.get(stream) {
            return Arc::clone(found);
        }
        let new = Arc::new(Semaphore::new(ON_THEIR_WAY));
        of.insert(stream.to_owned(), Arc::clone(&new));
        new
    }

    /// Returns when all are kept for good.
    async fn publish(&self, taken: &Taken, (stream, target): (&str, &StreamTarget)) -> Result<(), Problem> {
        let publisher = &self.0.services.publisher;
        let mut records = write::records(taken, stream, target).peekable();
        let mut places = Vec::new();
        let on_their_way = self.on_their_way(stream);
        // As many as series, and more only where a series has very many points.
        let at_once = taken.series.len().min(WINDOW) as u32;
        let sending = async {
            while records.peek().is_some() {
                let _room = on_their_way.acquire_many(at_once).await;
                let window = records.by_ref().take(WINDOW);
                places.extend(publisher.publish(Box::new(window)).await?);
            }
            fail::fail_point!("write-sent", |_| std::process::abort());
            publisher.keep(&target.topic, &places).await
        };
        let unavailable = |why: &dyn std::fmt::Display| {
            tracing::warn!(stream, "cannot write points to Kafka: {why}");
            let why = "kafka did not acknowledge all of the points; sending all again is safe";
            Problem::new(Code::Unavailable, why)
        };
        let sent = timeout(KEPT_WITHIN, sending).await;
        sent.map_err(|late| unavailable(&late))?
            .map_err(|error| unavailable(&error))
    }
}

/// Calls `refuse` with the key and the number of points of each series that is left away.
fn without(mut taken: Taken, series: &HashSet<u32>, mut refuse: impl FnMut(&str, u64)) -> Taken {
    if series.is_empty() {
        return taken;
    }
    let mut counts: BTreeMap<u32, u64> = BTreeMap::new();
    taken.points.retain(|point| {
        let is_left = series.contains(&point.series);
        if is_left {
            *counts.entry(point.series).or_default() += 1;
        }
        !is_left
    });
    for (at, count) in counts {
        refuse(&taken.series[at as usize].key, count);
    }
    taken
}

fn series(key: &str) -> String {
    format!("series {key}")
}
