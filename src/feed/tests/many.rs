//! Thousands who come back at the same moment: each gets its own points, and Postgres is asked as
//! often as what they have in common needs.

use std::time::{Duration, Instant};

use futures_util::future::join_all;

use super::world::{World, next};
use crate::data::{Cursor, Positions};
use crate::feed::*;

const PARTITIONS: i32 = 3;
const SERIES: i64 = 20;
const OFFSETS: i64 = 6_000;

/// Where a client stands and what it asks for; all follows from its number.
struct Client {
    from: Positions,
    series: Option<i64>,
}

impl Client {
    fn number(n: i64) -> Self {
        // Some stand at the same place, most do not.
        let from = |partition: i32| (n * 7_919 + i64::from(partition) * 1_234) % OFFSETS;
        Self {
            from: (1..=PARTITIONS).map(|id| (id, from(id))).collect(),
            series: (n % 21 != 0).then_some(n % SERIES),
        }
    }

    fn expects(&self, upto: i64) -> Vec<(i32, i64)> {
        let of = |(id, from): (&i32, &i64)| {
            let id = *id;
            let wanted = |offset: &i64| self.series.is_none_or(|series| offset % SERIES == series);
            (*from..upto)
                .filter(wanted)
                .map(move |offset| (id, offset))
                .collect::<Vec<_>>()
        };
        self.from.iter().flat_map(of).collect()
    }

    /// Comes back, reads all it missed and what is published then.
    async fn resume(&self, world: &World, upto: i64) -> Feed {
        let start = Start::After(Cursor::at(self.from.clone()));
        let mut feed = world.open_series(self.series, start).await.unwrap();
        let mut seen = self.read(&mut feed, self.expects(upto).len()).await;
        // In order within a partition.
        seen.sort_by_key(|(partition, _)| *partition);
        assert_eq!(seen, self.expects(upto));
        feed
    }

    async fn read(&self, feed: &mut Feed, points: usize) -> Vec<(i32, i64)> {
        let mut seen = Vec::new();
        while seen.len() < points {
            let batch = next(feed).await.unwrap();
            seen.extend(
                batch
                    .selected
                    .points()
                    .map(|point| (point.partition_id, point.offset)),
            );
        }
        seen
    }
}

/// Returns how many pages were read.
async fn come_back(clients: i64) -> u64 {
    let mut world = World::of(PARTITIONS, SERIES).await;
    for partition in world.partitions() {
        for from in (0..OFFSETS).step_by(500) {
            world.commit_in(partition, from, from + 500).await;
        }
    }
    world.restart();
    world.published(i64::from(PARTITIONS) * OFFSETS).await;
    let clients: Vec<Client> = (0..clients).map(Client::number).collect();
    let before = Instant::now();
    let mut feeds = join_all(clients.iter().map(|client| client.resume(&world, OFFSETS))).await;
    let reads = ["horizon", "series", "page"].map(|kind| world.reads_of(kind));
    println!("{} clients: {reads:?} in {:?}", clients.len(), before.elapsed());
    let total = world.reads();

    // All of them are live now, and those who go away for a moment come back from memory.
    let stored = world.commit_in(2, OFFSETS, OFFSETS + SERIES).await;
    world.hub.publish(stored);
    for (client, feed) in clients.iter().zip(&mut feeds) {
        let new = if client.series.is_some() {
            1
        } else {
            SERIES as usize
        };
        let seen = client.read(feed, new).await;
        assert!(
            seen.iter()
                .all(|(partition, offset)| *partition == 2 && *offset >= OFFSETS)
        );
        assert_eq!(seen.len(), new);
    }
    assert_eq!(world.reads(), total);
    world.reads_of("page")
}

#[actix_web::test]
async fn two_thousand_who_come_back_after_a_restart_share_the_reads() {
    let pages = come_back(2_000).await;
    // Two for each partition, and again for some who come a little later and want other series.
    assert!(pages < 100, "{pages} pages");
}

/// For the figures: `cargo test --release -- --ignored --nocapture ten_thousand`.
#[ignore = "takes long without optimisation"]
#[actix_web::test]
async fn ten_thousand_who_come_back_after_a_restart_share_the_reads() {
    let pages = come_back(10_000).await;
    assert!(pages < 200, "{pages} pages");
}

#[actix_web::test]
async fn dashboards_that_open_alike_share_the_history() {
    let world = World::of(1, 2).await;
    let stored = world.commit(0, 4_000).await;
    world.hub.publish(stored);
    world.published(4_000).await;
    let span = Duration::from_secs(100 * 365 * 86_400);
    let one = async || {
        let mut feed = world.open(Start::Backfill(span)).await.unwrap();
        let beginning = next(&mut feed).await.unwrap().cursor;
        (beginning.encode(), super::world::read(&mut feed, 2_000).await.0)
    };
    let before = Instant::now();
    let (mut beginnings, seen): (Vec<_>, Vec<_>) =
        join_all((0..500).map(|_| one())).await.into_iter().unzip();
    let expected: Vec<i64> = (0..4_000).step_by(2).collect();
    assert!(seen.iter().all(|seen| *seen == expected));

    // Whoever opens within a second begins alike. Each beginning has two pages and an end.
    beginnings.sort_unstable();
    beginnings.dedup();
    let beginnings = beginnings.len() as u64;
    assert!(
        beginnings <= 1 + before.elapsed().as_secs(),
        "{beginnings} beginnings"
    );
    let [history, horizon, series] = ["history", "horizon", "series"].map(|kind| world.reads_of(kind));
    assert!(
        history <= 3 * beginnings,
        "{history} statements for {beginnings} beginnings"
    );
    assert!(
        horizon + series < 500,
        "{horizon} and {series} statements for 500 clients"
    );
}
