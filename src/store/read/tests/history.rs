//! Buckets equal a plain fold over the points.

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use super::*;
use crate::data::{Bucket, Step, Sum};

type Points = BTreeMap<(SeriesId, i64), f64>;

fn fold(points: &Points, from: i64, to: i64, step: i64) -> Vec<Bucket> {
    let mut buckets: BTreeMap<(SeriesId, i64), Bucket> = BTreeMap::new();
    let inside = points.iter().filter(|((_, ts), _)| (from..to).contains(ts));
    for (&(series_id, ts), &value) in inside {
        let start = ts.div_euclid(step) * step;
        buckets
            .entry((series_id, start))
            .and_modify(|b| {
                b.count += 1;
                b.min = b.min.min(value);
                b.max = b.max.max(value);
                if let Some(sum) = &mut b.sum {
                    sum.add(value);
                }
                b.last = Some(value);
            })
            .or_insert(Bucket {
                series_id,
                ts: Micros(start),
                count: 1,
                min: value,
                max: value,
                sum: Some(Sum::of(value)),
                first: Some(value),
                last: Some(value),
            });
    }
    buckets.into_values().collect()
}

#[tokio::test]
async fn the_first_bucket_there_is_begins_with_the_first_time_and_the_others_where_they_always_do() {
    let world = World::new().await;
    world.db.run("update rollup_edge set edge = '0001-01-01Z'").await;
    let first = Micros::FIRST.0;
    let points = [first + 1, first + 2 * DAY, first + 3 * DAY].map(|at| (1, at, 1.0));
    world.add_points(&points).await;
    let week = Step::new(Duration::from_secs(7 * 86_400)).unwrap();
    let one = Matched::of_ids([1]);
    let buckets = world
        .reader
        .buckets(&one, Micros::FIRST, Micros(first + 9 * DAY), week);
    let counts: Vec<_> = buckets
        .await
        .unwrap()
        .iter()
        .map(|b| (b.ts.0 - first, b.count))
        .collect();
    // Weeks are counted from 1970-01-01, the first is half over.
    assert_eq!(counts, [(0, 2), (3 * DAY, 1)]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn buckets_equal_a_plain_fold_over_the_points() {
    let world = World::new().await;
    // Whole numbers, so that the order of a sum does not matter; times around the Unix epoch and
    // around the border of the two time partitions.
    let time = prop_oneof![-50i64..50, (DAY - 50)..(DAY + 50)];
    let points = proptest::collection::btree_map((1i32..4, time.clone()), -1000i32..1000, 0..60);
    let case = (points, time.clone(), time, 1i64..40);
    let mut runner = TestRunner::new(Config::with_cases(40));
    let runtime = tokio::runtime::Handle::current();
    let check = tokio::task::spawn_blocking(move || {
        runner.run(&case, |(points, a, b, step)| {
            let points: Points = points.into_iter().map(|(at, v)| (at, f64::from(v))).collect();
            let (from, to) = (a.min(b), a.max(b));
            let rows: Vec<_> = points.iter().map(|((id, ts), v)| (*id, *ts, *v)).collect();
            let got = runtime.block_on(async {
                world.db.run("truncate points").await;
                world.add_points(&rows).await;
                let step = Step::new(Duration::from_micros(step.unsigned_abs())).unwrap();
                let reader = &world.reader;
                reader
                    .buckets(&Matched::of_ids(1..4), Micros(from), Micros(to), step)
                    .await
                    .unwrap()
            });
            prop_assert_eq!(got, fold(&points, from, to, step));
            Ok(())
        })
    });
    check.await.unwrap().unwrap();
}
