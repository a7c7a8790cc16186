//! Windows against a plain recomputation: whatever comes late, twice, corrected or out of order
//! between partitions, and whenever Postgres is read.

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::data::{MatchOp, PartitionId, Scoped, Selector, Sum, Viewer};

const STEP: i64 = 10;

#[derive(Clone, Debug)]
enum Act {
    /// One record of some points is committed.
    Commit(PartitionId, Vec<(SeriesId, i64, i32)>),
    /// The oldest of a partition's commits that were not delivered yet.
    Deliver(PartitionId),
    /// Reads up to so many windows; knowing all positions, or only those delivered.
    Read(usize, bool),
    Take,
}

/// Postgres, the hub, and a subscriber who keeps the newest state of each window.
struct World {
    rows: BTreeMap<(SeriesId, i64), f64>,
    committed: Positions,
    delivered: Positions,
    log: BTreeMap<(PartitionId, i64), Vec<(SeriesId, StoredPoint)>>,
    windows: Windows,
    seen: BTreeMap<(SeriesId, i64), Arc<Window>>,
    /// What was committed since the subscriber began.
    news: BTreeSet<(SeriesId, i64)>,
}

fn series(id: SeriesId) -> Matched {
    Matched::of_ids([id]).remove(0)
}

fn select(metric: Option<&str>, labels: &[(&str, MatchOp, &str)]) -> Scoped {
    Viewer::everyone().select(Selector::of(metric, labels))
}

impl World {
    fn new() -> Self {
        Self {
            rows: BTreeMap::new(),
            committed: Positions::from([(1, 0), (2, 0)]),
            delivered: Positions::from([(1, 0), (2, 0)]),
            log: BTreeMap::new(),
            windows: Windows::new(step()),
            seen: BTreeMap::new(),
            news: BTreeSet::new(),
        }
    }

    fn act(&mut self, act: Act) {
        match act {
            Act::Commit(partition_id, points) => {
                let at = self.committed.entry(partition_id).or_default();
                let offset = *at;
                *at += 1;
                let mut record = Vec::new();
                for (id, ts, value) in points {
                    let value = f64::from(value);
                    self.rows.insert((id, ts), value);
                    self.news.insert((id, step().bucket(Micros(ts)).0));
                    let point = StoredPoint {
                        series: 0,
                        ts: Micros(ts),
                        value,
                        partition_id,
                        offset,
                    };
                    record.push((id, point));
                }
                self.log.insert((partition_id, offset), record);
            }
            Act::Deliver(partition_id) => {
                let at = self.delivered.entry(partition_id).or_default();
                if let Some(record) = self.log.get(&(partition_id, *at)) {
                    *at += 1;
                    for (id, point) in record {
                        self.windows.add(*id, point);
                    }
                }
            }
            Act::Read(most, knowing_all) => {
                let reading = self.windows.reading(most);
                let as_of = if knowing_all {
                    &self.committed
                } else {
                    &self.delivered
                };
                let newest = reading.newest_of.iter().filter_map(|series| {
                    let rows = self.rows.range((series.id, i64::MIN)..=(series.id, i64::MAX));
                    let mut newest = rows.map(|((id, ts), _)| (*id, step().bucket(Micros(*ts))));
                    newest.next_back()
                });
                let windows = reading.windows.iter().map(|(series, start)| (series.id, *start));
                let asked = newest.chain(windows);
                let found = asked
                    .filter_map(|(id, start)| self.recompute(id, start))
                    .collect();
                self.windows.install(&reading, as_of.clone(), found);
            }
            Act::Take => {
                for window in self.windows.take_changed() {
                    self.seen.insert((window.series.id, window.bucket.ts.0), window);
                }
            }
        }
    }

    fn recompute(&self, id: SeriesId, start: Micros) -> Option<(Bucket, Micros)> {
        let rows = self.rows.range((id, start.0)..(id, start.0 + STEP));
        let points: Vec<(i64, f64)> = rows.map(|((_, ts), value)| (*ts, *value)).collect();
        let values = points.iter().map(|(_, value)| *value);
        let bucket = Bucket {
            series_id: id,
            ts: start,
            count: points.len() as i64,
            min: values.clone().reduce(f64::min)?,
            max: values.clone().reduce(f64::max)?,
            sum: Some(Sum::of(values.sum())),
            first: points.first().map(|(_, value)| *value),
            last: points.last().map(|(_, value)| *value),
        };
        Some((bucket, Micros(points.last()?.0)))
    }

    /// Delivers and reads everything there is.
    fn settle(&mut self) {
        for partition in [1, 2] {
            for _ in 0..self.log.len() {
                self.act(Act::Deliver(partition));
            }
        }
        while self.windows.unread() > 0 {
            self.act(Act::Read(2, true));
        }
        self.act(Act::Take);
    }
}

fn step() -> Step {
    Step::new(Duration::from_micros(STEP.unsigned_abs())).unwrap()
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let partition = 1..3i32;
    // Whole numbers, so that the order of a sum does not matter.
    let point = (1..4i32, -30i64..60, -100..100i32);
    let act = prop_oneof![
        4 => (partition.clone(), prop::collection::vec(point, 1..4)).prop_map(|(p, v)| Act::Commit(p, v)),
        4 => partition.prop_map(Act::Deliver),
        2 => (1..4usize, any::<bool>()).prop_map(|(most, all)| Act::Read(most, all)),
        1 => Just(Act::Take),
    ];
    prop::collection::vec(act, 0..80)
}

proptest! {
    #[test]
    fn every_window_ends_up_as_a_recomputation_finds_it(before in acts(), all: bool, after in acts()) {
        let mut world = World::new();
        for act in before {
            world.act(act);
        }
        for id in 1..4 {
            world.windows.follow(&series(id));
        }
        // The subscription begins when its series have been read.
        world.act(Act::Read(3, all));
        world.news.clear();
        for act in after {
            world.act(act);
        }
        world.settle();
        for id in 1..4 {
            let newest = world.rows.range((id, i64::MIN)..=(id, i64::MAX)).next_back();
            let newest = newest.map(|((_, ts), _)| *ts);
            world.news.extend(newest.map(|ts| (id, step().bucket(Micros(ts)).0)));
            let current = world.windows.current(id, None);
            prop_assert_eq!(current.len(), usize::from(newest.is_some()));
            for ((_, start), window) in world.seen.range((id, i64::MIN)..=(id, i64::MAX)) {
                let found = world.recompute(id, Micros(*start));
                prop_assert_eq!(Some(window.bucket), found.map(|(bucket, _)| bucket));
                prop_assert_eq!(window.closed, newest >= Some(start + STEP));
            }
        }
        for place in &world.news {
            prop_assert!(world.seen.contains_key(place), "{:?} was not seen", place);
        }
    }
}

fn world_with(rows: &[(SeriesId, i64, i32)]) -> World {
    let mut world = World::new();
    world.act(Act::Commit(1, rows.to_vec()));
    world.windows.follow(&series(1));
    world.settle();
    world
}

#[test]
fn points_in_order_are_added_without_reading() {
    let mut world = world_with(&[(1, 3, 1)]);
    for ts in 4..40 {
        world.act(Act::Commit(1, vec![(1, ts, 2)]));
        world.act(Act::Deliver(1));
        assert_eq!(world.windows.unread(), 0);
    }
    world.act(Act::Take);
    let seen: Vec<_> = world
        .seen
        .iter()
        .map(|((_, start), w)| (*start, w.bucket.count))
        .collect();
    assert_eq!(seen, [(0, 7), (10, 10), (20, 10), (30, 10)]);
    assert!(world.seen[&(1, 20)].closed && !world.seen[&(1, 30)].closed);
}

#[test]
fn late_points_of_one_turn_cost_one_read() {
    let mut world = world_with(&[(1, 9, 1), (1, 25, 1)]);
    for ts in [3, 4, 5, 25] {
        world.act(Act::Commit(1, vec![(1, ts, 7)]));
        world.act(Act::Deliver(1));
    }
    let places = vec![(series(1), Micros(0)), (series(1), Micros(20))];
    assert_eq!(world.windows.reading(10).windows, places);
    world.act(Act::Read(10, true));
    world.act(Act::Take);
    assert_eq!((world.windows.unread(), world.seen[&(1, 0)].bucket.count), (0, 4));
    assert_eq!(world.seen[&(1, 20)].bucket.last, Some(7.0));
}

#[test]
fn a_read_that_already_holds_what_comes_next_counts_it_once() {
    let mut world = world_with(&[(1, 5, 1)]);
    world.act(Act::Commit(1, vec![(1, 2, 1)]));
    world.act(Act::Deliver(1));
    // These two are committed when the window is read for the late one, and delivered later.
    world.act(Act::Commit(1, vec![(1, 6, 1)]));
    world.act(Act::Commit(2, vec![(1, 7, 1)]));
    world.settle();
    assert_eq!(world.seen[&(1, 0)].bucket.count, 4);
    assert_eq!(world.windows.unread(), 0);
}

fn window(id: SeriesId, start: i64, count: i64) -> Arc<Window> {
    Arc::new(Window {
        series: series(id),
        bucket: Bucket {
            series_id: id,
            ts: Micros(start),
            count,
            min: 0.0,
            max: 0.0,
            sum: None,
            first: None,
            last: None,
        },
        closed: false,
    })
}

fn told(updates: &Updates) -> Vec<(i64, i64)> {
    let told = updates.windows.iter().map(|w| (w.bucket.ts.0, w.bucket.count));
    told.collect()
}

#[tokio::test]
async fn a_slow_subscriber_gets_the_newest_of_each_window_and_a_quick_one_the_very_batch() {
    let (sender, mut receiver) = updates(Duration::ZERO, &Waiting::default());
    sender.open(&vec![window(1, 0, 1)].into());
    assert_eq!(told(&receiver.next().await.unwrap()), [(0, 1)]);
    let batch: Arc<[_]> = vec![window(1, 0, 2)].into();
    sender.push(&batch);
    assert!(Arc::ptr_eq(&receiver.next().await.unwrap().windows, &batch));
    for count in 3..9 {
        sender.push(&vec![window(1, 10 * (count % 2), count)].into());
    }
    let updates = receiver.next().await.unwrap();
    assert_eq!((told(&updates), updates.conflated), (vec![(10, 7), (0, 8)], 4));
}

#[tokio::test]
async fn a_backfill_comes_first_and_never_hides_what_waits() {
    let (sender, mut receiver) = updates(Duration::ZERO, &Waiting::default());
    sender.open(&vec![window(1, 20, 5)].into());
    sender.push(&vec![window(1, 10, 9)].into());
    let older = [0, 10, 20, 30].map(|start| window(1, start, 4).bucket);
    receiver.fill(older.to_vec());
    assert_eq!(told(&receiver.next().await.unwrap()), [(0, 4), (10, 9), (20, 5)]);
}

#[tokio::test]
async fn an_outbox_nobody_takes_from_is_bounded() {
    let (sender, mut receiver) = updates(Duration::ZERO, &Waiting::default());
    sender.open(&Arc::default());
    for batch in 0..101 {
        let windows: Vec<_> = (0..1_000).map(|n| window(1, batch * 1_000 + n, 1)).collect();
        sender.push(&windows.into());
    }
    assert!(sender.is_over());
    assert_eq!(receiver.next().await.unwrap_err(), End::Overflow);
}

#[tokio::test]
async fn the_first_batch_comes_even_if_it_is_empty_and_an_end_is_told() {
    let (sender, mut receiver) = updates(Duration::ZERO, &Waiting::default());
    sender.open(&Arc::default());
    assert!(receiver.next().await.unwrap().windows.is_empty());
    drop(sender);
    assert_eq!(receiver.next().await.unwrap_err(), End::Unavailable);
}

#[tokio::test]
async fn a_series_that_one_group_found_in_postgres_is_judged_for_all_groups() {
    let mut audience = Audience::default();
    let mut windows = Windows::new(step());
    let mut join = |metric: Option<&str>| {
        let (sender, receiver) = updates(Duration::ZERO, &Waiting::default());
        (audience.join(select(metric, &[]), None, sender), receiver)
    };
    let ((all, mut early), (some, mut late)) = (join(None), join(Some("m1")));
    let (same, mut third) = join(Some("m1"));
    assert!(same.is_none());
    // The first group asked before the series was stored, the second after.
    audience.matched(all.unwrap().0, &[]);
    audience.matched(some.unwrap().0, &[series(1)]);
    windows.follow(&series(1));
    audience.open(&windows);
    assert_eq!(audience.wants(&series(1)), Wanted::Already);
    assert_eq!(audience.wants(&series(2)), Wanted::New(series(2)));
    windows.install(
        &windows.reading(9),
        Positions::new(),
        vec![(window(1, 0, 1).bucket, Micros(0))],
    );
    audience.open(&windows);
    let first = [&early, &late, &third].map(|receiver| receiver.series().len());
    assert_eq!(first, [1, 1, 1]);
    audience.deliver(&[window(1, 0, 2), window(2, 0, 7)]);
    assert_eq!(told(&early.next().await.unwrap()), [(0, 2), (0, 7)]);
    assert_eq!(told(&late.next().await.unwrap()), [(0, 2)]);
    assert_eq!(told(&third.next().await.unwrap()), [(0, 2)]);
    drop((early, late));
    assert_eq!(audience.sweep(), [2]);
    drop(third);
    assert_eq!(audience.sweep(), [1]);
    assert!(audience.is_empty());
}

#[tokio::test]
async fn a_series_nobody_wants_is_judged_for_those_who_come_later() {
    let mut audience = Audience::default();
    for metric in ["m1", "m2", "m3"] {
        let (sender, receiver) = updates(Duration::ZERO, &Waiting::default());
        audience.join(select(Some(metric), &[]), None, sender);
        assert_eq!(audience.wants(&series(3)) != Wanted::No, metric == "m3");
        drop(receiver);
        audience.sweep();
        assert_eq!(audience.wants(&series(3)), Wanted::No);
    }
}

#[tokio::test]
async fn when_too_many_windows_wait_those_who_hold_most_of_them_are_ended() {
    let waiting = Waiting::default();
    let mut audience = Audience::default();
    let mut slow = Vec::new();
    for n in 0..15 {
        let (sender, receiver) = updates(Duration::ZERO, &waiting);
        // Fifteen groups that all want the same.
        let other = select(None, &[("none", MatchOp::NotEqual, &n.to_string())]);
        let (group, _) = audience.join(other, None, sender).unwrap();
        audience.matched(group, &[]);
        slow.push(receiver);
    }
    audience.open(&Windows::new(step()));
    assert_eq!(audience.wants(&series(1)), Wanted::New(series(1)));
    let batch: Vec<_> = (0..80_000).map(|n| window(1, n, 1)).collect();
    audience.deliver(&batch);
    assert_eq!(waiting.get(), 15 * 80_000);
    audience.relieve(&waiting);
    assert!(waiting.get() <= 1_000_000);
    let mut ended = 0;
    for receiver in &mut slow {
        ended += usize::from(matches!(receiver.next().await, Err(End::Overflow)));
    }
    assert_eq!(ended, 3);
    drop((slow, audience));
    assert_eq!(waiting.get(), 0);
}
