//! Buckets equal a plain fold over the points.

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use super::super::Wanted;
use super::*;
use crate::data::{Bucket, Step};

const EVERYTHING: Wanted = Wanted {
    sum: true,
    first_last: true,
};

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
                b.sum = b.sum.map(|sum| sum + value);
                b.last = Some(value);
            })
            .or_insert(Bucket {
                series_id,
                ts: Micros(start),
                count: 1,
                min: value,
                max: value,
                sum: Some(value),
                first: Some(value),
                last: Some(value),
            });
    }
    buckets.into_values().collect()
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
                let step = Step::new(Duration::from_micros(step.unsigned_abs()));
                world
                    .reader
                    .history(&[1, 2, 3], Micros(from), Micros(to), step, EVERYTHING)
                    .await
                    .unwrap()
            });
            prop_assert_eq!(got, fold(&points, from, to, step));
            Ok(())
        })
    });
    check.await.unwrap().unwrap();
}

#[tokio::test]
async fn without_a_step_the_points_come_as_they_are_in_the_order_asked_for() {
    let world = World::new().await;
    world
        .add_points(&[(1, 10, 0.1), (1, DAY, 1e308), (2, 3, -1.5), (2, 30, 7.0)])
        .await;
    let rows = world
        .reader
        .history(&[2, 1], Micros(3), Micros(DAY + 1), None, Wanted::default())
        .await
        .unwrap();
    let seen: Vec<_> = rows.iter().map(|b| (b.series_id, b.ts.0, b.min)).collect();
    assert_eq!(seen, [(2, 3, -1.5), (2, 30, 7.0), (1, 10, 0.1), (1, DAY, 1e308)]);
}

#[tokio::test]
async fn large_finite_values_have_a_mean_and_what_is_not_wanted_is_not_computed() {
    let world = World::new().await;
    world
        .add_points(&[(1, 1, 1e300), (1, 2, -1e300), (2, 1, 1.7e308), (2, 2, 1.7e308)])
        .await;
    let step = Step::new(Duration::from_secs(1));
    let history = async |id, wanted| {
        let reader = &world.reader;
        reader.history(&[id], Micros(0), Micros(9), step, wanted).await
    };
    assert_eq!(history(1, EVERYTHING).await.unwrap()[0].avg(), Some(0.0));
    // This sum is beyond what a double can hold; the maximum is not.
    let max = history(2, Wanted::default()).await.unwrap()[0];
    assert_eq!((max.max, max.sum, max.first), (1.7e308, None, None));
}

#[tokio::test]
async fn too_many_rows_are_an_error_and_never_a_cut() {
    let limits = ReadLimits {
        rows: 4,
        ..ReadLimits::default()
    };
    let world = World::with(limits).await;
    let points: Vec<_> = (0..5).map(|n| (1 + n % 2, i64::from(n), 1.0)).collect();
    world.add_points(&points).await;
    let step = Step::new(Duration::from_micros(1));
    for step in [None, step] {
        let ask = async |to| {
            let reader = &world.reader;
            let answer = reader
                .history(&[1, 2], Micros(0), Micros(to), step, EVERYTHING)
                .await;
            answer.map(|rows| rows.len())
        };
        assert_eq!(ask(4).await, Ok(4));
        assert_eq!(ask(5).await, Err(ReadError::TooManyRows { limit: 4 }));
    }
}
