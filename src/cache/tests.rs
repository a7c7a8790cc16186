//! The rule of the cache, in this process and on a real redis-server alike; and Redis going away.

use std::future::Future;
use std::net::TcpListener;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::*;
use crate::data::stored::Range;
use crate::data::{Installation, Micros, PartitionId, Series, StoredPoint, StoredSeries};

mod strangers;

struct Redis {
    child: Option<Child>,
    dir: tempfile::TempDir,
    port: u16,
}

impl Redis {
    async fn start() -> Self {
        let port = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let mut this = Self {
            child: None,
            dir: tempfile::tempdir().unwrap(),
            port,
        };
        this.run().await;
        this
    }

    async fn run(&mut self) {
        let child = Command::new("redis-server")
            .args(["--bind", "127.0.0.1", "--save", "", "--port"])
            .arg(self.port.to_string())
            .arg("--dir")
            .arg(self.dir.path())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        self.child = Some(child);
        eventually("redis answers", async || self.command("PING").await.is_some()).await;
    }

    fn kill(&mut self) {
        let mut child = self.child.take().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
    }

    fn config(&self) -> RedisConfig {
        RedisConfig {
            url: format!("redis://127.0.0.1:{}", self.port),
            prefix: "test".to_owned(),
            installation: known("one"),
            capacity: 10_000,
        }
    }

    async fn command(&self, name: &str) -> Option<()> {
        self.ask(&[name.as_bytes()]).await.map(drop)
    }

    async fn ask(&self, words: &[&[u8]]) -> Option<::redis::Value> {
        let client = ::redis::Client::open(self.config().url).unwrap();
        let mut link = client.get_multiplexed_async_connection().await.ok()?;
        let mut command = ::redis::Cmd::new();
        for word in words {
            command.arg(*word);
        }
        command.query_async(&mut link).await.ok()
    }

    fn cache(&self) -> (LatestCache, Arc<Metrics>, Arc<Status>) {
        let (metrics, status) = (Arc::<Metrics>::default(), Arc::<Status>::default());
        let cache = LatestCache::redis(&self.config(), Arc::clone(&metrics), Arc::clone(&status)).unwrap();
        (cache, metrics, status)
    }
}

fn installation(id: &str) -> Installation {
    Installation::new(id.to_owned(), format!("{id:032}").as_bytes()).unwrap()
}

fn known(id: &str) -> watch::Receiver<Option<Installation>> {
    watch::channel(Some(installation(id))).1
}

impl Drop for Redis {
    fn drop(&mut self) {
        if self.child.is_some() {
            self.kill();
        }
    }
}

async fn eventually(what: &str, holds: impl AsyncFn() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !holds().await {
        assert!(Instant::now() < deadline, "{what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

fn point(series: SeriesId, ts: i64, partition_id: PartitionId, offset: i64, value: f64) -> Latest {
    Latest {
        series,
        ts: Micros(ts),
        value,
        partition_id,
        offset,
    }
}

fn stored(points: &[Latest]) -> Arc<Stored> {
    let series = |id| StoredSeries {
        id,
        series: Arc::new(Series::new("m", [("id", id.to_string())])),
    };
    Arc::new(Stored {
        ranges: vec![Range {
            partition_id: 1,
            from: 0,
            to: 9,
        }],
        series: points.iter().map(|p| series(p.series)).collect(),
        points: (0..)
            .zip(points)
            .map(|(at, p)| StoredPoint {
                series: at,
                ts: p.ts,
                value: p.value,
                partition_id: p.partition_id,
                offset: p.offset,
            })
            .collect(),
    })
}

/// Asks until the answer is `expected`; what is written arrives a little later.
async fn becomes(cache: &LatestCache, id: SeriesId, expected: Option<Latest>) {
    eventually(&format!("{id} is {expected:?}"), async || {
        cache.lookup(&Matched::of_ids([id])).await.found.first().copied() == expected
    })
    .await;
}

/// Has the cache know `latest`, as after a first read from Postgres.
async fn learn(cache: &LatestCache, latest: Latest) {
    eventually("the cache can be asked", async || {
        cache.lookup(&Matched::of_ids([latest.series])).await.epoch != Epoch::default()
    })
    .await;
    let lookup = cache.lookup(&Matched::of_ids([latest.series])).await;
    cache.put_back(&lookup.epoch, vec![latest]);
    becomes(cache, latest.series, Some(latest)).await;
}

/// The same specification for both kinds.
async fn on_both<F: Future<Output = ()>>(spec: impl Fn(LatestCache) -> F) {
    spec(LatestCache::local(10_000)).await;
    let redis = Redis::start().await;
    spec(redis.cache().0).await;
}

#[tokio::test]
async fn writes_out_of_order_keep_the_newest() {
    on_both(|cache| async move {
        learn(&cache, point(1, -5, 1, 0, 0.5)).await;
        cache.offer(&stored(&[point(1, 20, 1, 8, 2.0)]));
        cache.offer(&stored(&[point(1, 10, 1, 9, 1.0), point(1, 15, 2, 7, 1.5)]));
        cache.offer(&stored(&[point(1, 20, 1, 6, 1.9)]));
        learn(&cache, point(2, 1, 1, 1, 1.0)).await;
        becomes(&cache, 1, Some(point(1, 20, 1, 8, 2.0))).await;
        cache.offer(&stored(&[point(1, 20, 1, 11, 2.5)]));
        becomes(&cache, 1, Some(point(1, 20, 1, 11, 2.5))).await;
    })
    .await;
}

#[tokio::test]
async fn a_series_nobody_asked_for_is_not_believed_from_a_write_alone() {
    on_both(|cache| async move {
        cache.offer(&stored(&[point(1, 20, 1, 8, 2.0)]));
        learn(&cache, point(2, 1, 1, 1, 1.0)).await;
        let lookup = cache.lookup(&Matched::of_ids([1, 2])).await;
        assert_eq!(lookup.missing, [1]);
        assert_eq!(lookup.found.len(), 1);
    })
    .await;
}

#[tokio::test]
async fn a_commit_between_the_read_of_postgres_and_its_entry_is_not_lost() {
    on_both(|cache| async move {
        learn(&cache, point(9, 1, 1, 1, 1.0)).await;
        let lookup = cache.lookup(&Matched::of_ids([1])).await;
        let read = point(1, 10, 1, 1, 1.0);
        cache.offer(&stored(&[point(1, 20, 1, 2, 2.0)]));
        cache.put_back(&lookup.epoch, vec![read]);
        becomes(&cache, 1, Some(point(1, 20, 1, 2, 2.0))).await;
    })
    .await;
}

#[tokio::test]
async fn two_partitions_at_one_time_are_for_postgres_to_judge() {
    on_both(|cache| async move {
        learn(&cache, point(1, 10, 1, 5, 1.0)).await;
        cache.offer(&stored(&[point(1, 10, 2, 3, 2.0)]));
        becomes(&cache, 1, None).await;
        learn(&cache, point(1, 10, 2, 3, 2.0)).await;
    })
    .await;
}

#[tokio::test]
async fn a_new_epoch_ignores_the_entries_and_the_answers_of_the_old_one() {
    on_both(|cache| async move {
        learn(&cache, point(1, 10, 1, 5, 1.0)).await;
        let old = cache.lookup(&Matched::of_ids([2])).await;
        cache.invalidate();
        becomes(&cache, 1, None).await;
        eventually("the new epoch", async || {
            let epoch = cache.lookup(&Matched::of_ids([2])).await.epoch;
            epoch != old.epoch && epoch != Epoch::default()
        })
        .await;
        cache.put_back(&old.epoch, vec![point(2, 1, 1, 1, 1.0)]);
        learn(&cache, point(3, 1, 1, 1, 1.0)).await;
        assert_eq!(cache.lookup(&Matched::of_ids([2])).await.missing, [2]);
    })
    .await;
}

#[tokio::test]
async fn a_full_cache_forgets_and_fills_anew() {
    let cache = LatestCache::local(3);
    for id in 0..50 {
        learn(&cache, point(id, 1, 1, 1, 1.0)).await;
    }
    let known = cache.lookup(&Matched::of_ids(0..50)).await.found.len();
    assert!((1..=3).contains(&known), "{known}");

    let redis = Redis::start().await;
    let cache = redis.cache().0;
    learn(&cache, point(0, 1, 1, 1, 1.0)).await;
    for from in 0..11 {
        let ids = Matched::of_ids(from * 1_000..(from + 1) * 1_000);
        assert_ne!(cache.lookup(&ids).await.epoch, Epoch::default());
    }
    becomes(&cache, 0, None).await;
}

#[tokio::test]
async fn a_restart_of_redis_heals_and_what_its_disk_brings_back_is_ignored() {
    let mut redis = Redis::start().await;
    let (cache, metrics, status) = redis.cache();
    learn(&cache, point(1, 10, 1, 1, 1.0)).await;
    redis.command("SAVE").await.unwrap();
    redis.kill();
    cache.offer(&stored(&[point(1, 20, 1, 2, 2.0)]));
    eventually("it says that Redis is away", async || {
        status.snapshot().degraded.contains_key("redis")
    })
    .await;
    assert_eq!(cache.lookup(&Matched::of_ids([1])).await.missing, [1]);
    assert!(metrics.cache_errors.get() > 0);

    redis.run().await;
    eventually("it heals", async || status.snapshot().degraded.is_empty()).await;
    assert_eq!(cache.lookup(&Matched::of_ids([1])).await.missing, [1]);
    learn(&cache, point(1, 20, 1, 2, 2.0)).await;
}

#[tokio::test]
async fn a_redis_that_is_away_or_stands_still_blocks_nobody() {
    let mut redis = Redis::start().await;
    let (cache, ..) = redis.cache();
    learn(&cache, point(1, 10, 1, 1, 1.0)).await;
    let pid = rustix::process::Pid::from_child(redis.child.as_ref().unwrap());
    rustix::process::kill_process(pid, rustix::process::Signal::STOP).unwrap();
    let began = Instant::now();
    for ts in 0..1_000 {
        cache.offer(&stored(&[point(1, 100 + ts, 1, 2, 2.0)]));
    }
    assert!(began.elapsed() < Duration::from_secs(1));
    assert_eq!(cache.lookup(&Matched::of_ids([1])).await.missing, [1]);
    assert!(began.elapsed() < Duration::from_secs(2));
    rustix::process::kill_process(pid, rustix::process::Signal::CONT).unwrap();
    learn(&cache, point(1, 2_000, 1, 2, 3.0)).await;

    redis.kill();
    for ts in 0..1_000 {
        cache.offer(&stored(&[point(1, 5_000 + ts, 1, 2, 2.0)]));
    }
    assert_eq!(cache.lookup(&Matched::of_ids([1])).await.missing, [1]);
}

#[tokio::test]
async fn a_batch_reaches_the_other_nodes_but_not_its_own() {
    let redis = Redis::start().await;
    let node = || {
        let heard = Arc::new(Mutex::new(Vec::new()));
        let (ear, status) = (Arc::clone(&heard), Arc::<Status>::default());
        let bus = Bus::start(&redis.config(), Arc::default(), status, move |event| {
            ear.lock().unwrap().push(event);
        })
        .unwrap();
        (bus, heard)
    };
    let (a, heard_a) = node();
    let (_b, heard_b) = node();
    let count = |heard: &Arc<Mutex<Vec<BusEvent>>>| heard.lock().unwrap().len();
    eventually("both listen", async || {
        count(&heard_a) == 1 && count(&heard_b) == 1
    })
    .await;
    let batch = stored(&[point(1, 10, 1, 1, 1.5), point(2, 11, 1, 2, -2.5)]);
    a.publish(&batch);
    eventually("b hears", async || count(&heard_b) == 2).await;
    let BusEvent::Stored(got) = heard_b.lock().unwrap()[1].clone() else {
        panic!("not a batch");
    };
    assert_eq!(got.points, batch.points);
    assert_eq!(got.series, batch.series);
    assert_eq!(got.ranges, batch.ranges);
    assert_eq!(count(&heard_a), 1);
}

#[tokio::test]
async fn the_bus_says_when_it_is_connected_again() {
    let mut redis = Redis::start().await;
    let status = Arc::<Status>::default();
    let connected = Arc::new(Mutex::new(0));
    let ear = Arc::clone(&connected);
    let _bus = Bus::start(&redis.config(), Arc::default(), Arc::clone(&status), move |_| {
        *ear.lock().unwrap() += 1;
    })
    .unwrap();
    eventually("connected", async || *connected.lock().unwrap() == 1).await;
    redis.kill();
    eventually("degraded", async || !status.snapshot().degraded.is_empty()).await;
    redis.run().await;
    eventually("connected again", async || *connected.lock().unwrap() == 2).await;
    assert!(status.snapshot().degraded.is_empty());
}

#[test]
fn bytes_that_are_no_batch_are_refused() {
    let ours = installation("one");
    let good = wire::encode(&ours, 7, &stored(&[point(1, 10, 1, 1, 1.5)])).unwrap();
    assert!(wire::decode(&ours, &good).is_some());
    assert!(wire::decode(&installation("two"), &good).is_none());
    for cut in 0..good.len() {
        assert!(wire::decode(&ours, &good[..cut]).is_none(), "cut at {cut}");
        let mut forged = good.clone();
        forged[cut] ^= 1;
        assert!(wire::decode(&ours, &forged).is_none(), "changed at {cut}");
    }
    assert!(wire::decode(&ours, &[&good[..], &[0]].concat()).is_none());
    assert!(wire::decode(&ours, &[2; 64]).is_none());
    assert!(wire::decode(&ours, &vec![2; wire::MESSAGE_MAX + 1]).is_none());
}

#[test]
fn a_bad_url_is_refused_without_repeating_it() {
    let config = RedisConfig {
        url: "redis//user:secret@host".to_owned(),
        prefix: "p".to_owned(),
        installation: known("one"),
        capacity: 1,
    };
    let error = config.client().unwrap_err().to_string();
    assert!(!error.contains("secret"), "{error}");
    assert!(!format!("{config:?}").contains("secret"));
}
