//! Random points, random late ones, a random edge: what is read equals a fold over all points.

use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::{Config, TestRunner};

use super::model::*;
use crate::data::{Aggregate, Columns, Grid, Matched, Micros, SeriesId, Step};
use crate::store::level::{DAY, MINUTE};
use crate::store::read::{ReadError, ReadLimits};

const IN_ROLLUPS: [Aggregate; 8] = [
    Aggregate::Count,
    Aggregate::Min,
    Aggregate::Max,
    Aggregate::First,
    Aggregate::Last,
    Aggregate::Sum,
    Aggregate::Avg,
    Aggregate::Stddev,
];
const ONLY_IN_POINTS: [Aggregate; 8] = [
    Aggregate::Delta,
    Aggregate::Count,
    Aggregate::Percentile(50.0),
    Aggregate::Percentile(0.0),
    Aggregate::Last,
    Aggregate::Percentile(99.9),
    Aggregate::Increase,
    Aggregate::Rate,
];

fn is_exact(aggregate: &Aggregate) -> bool {
    use Aggregate::{Count, Delta, First, Last, Max, Min};
    matches!(aggregate, Count | Min | Max | First | Last | Delta)
}

/// Points in clusters, so that minutes, hours and days hold several.
fn points(most: usize) -> impl Strategy<Value = Points> {
    let time = (0..DAYS * 24, 0..6i64, 0..4i64, 0..120_000_000i64)
        .prop_map(|(hour, tens, minute, us)| minute_of(hour, tens * 10 + minute) + us.min(DAY));
    prop::collection::btree_map((1i32..4, time), -1e3..1e3f64, 0..most)
}

fn minute_of(hour: i64, nr: i64) -> i64 {
    minute((hour * 60 + nr).min(DAYS * 1_440 - 3))
}

fn grid() -> impl Strategy<Value = Grid> {
    let even = select(vec![7i64, 60, 600, 3_600, 90_061, 21_600, 86_400, 3 * 86_400]);
    let even = even.prop_map(|s| Grid::Even(Step::new(Duration::from_secs(s.unsigned_abs())).unwrap()));
    let bounds = select(vec![1i64, MINUTE, 60 * MINUTE, DAY]).prop_flat_map(|unit| {
        let inner = prop::collection::btree_set(FIRST / unit..(FIRST + DAYS * DAY) / unit, 0..9);
        inner.prop_map(move |inner| {
            let inner = inner.into_iter().map(|n| Micros(n * unit));
            let edges = [Micros(FIRST - 12_345), Micros(FIRST + DAYS * DAY + 1)];
            let mut bounds: Vec<Micros> = inner.chain(edges).collect();
            bounds.sort_unstable();
            Grid::Calendar(Arc::from(bounds))
        })
    });
    prop_oneof![even, bounds]
}

fn time() -> impl Strategy<Value = i64> {
    prop_oneof![
        (0..DAYS * 24).prop_map(|hour| minute(hour * 60)),
        (0..DAYS * 1_440).prop_map(minute),
        FIRST..FIRST + DAYS * DAY,
    ]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn aggregates_equal_a_fold_over_the_points_whatever_is_late() {
    let world = World::new().await;
    let late = prop::collection::vec(points(5), 0..4);
    let spans = prop::collection::vec((time(), time(), grid()), 6);
    let case = (points(300), late, 0..DAYS * 1_440, spans);
    let runtime = tokio::runtime::Handle::current();
    let check = tokio::task::spawn_blocking(move || {
        TestRunner::new(Config::with_cases(24)).run(&case, |(points, late, edge, spans)| {
            runtime.block_on(check(&world, points, late, minute(edge), spans));
            Ok(())
        })
    });
    check.await.unwrap().unwrap();
}

async fn check(
    world: &World,
    mut points: Points,
    late: Vec<Points>,
    edge: i64,
    spans: Vec<(i64, i64, Grid)>,
) {
    world.clear().await;
    world.add(&points).await;
    world.refresh(edge).await;
    for commit in late {
        world.add_late(&commit).await;
        points.extend(commit);
    }
    let ids = [3, 1, 2, 9];
    let series = Matched::of_ids(ids);
    for (a, b, grid) in spans {
        let (from, to) = (a.min(b), a.max(b));
        for wanted in [IN_ROLLUPS, ONLY_IN_POINTS] {
            let got = world
                .reader
                .aggregated(&series, Micros(from), Micros(to), &grid, &wanted)
                .await;
            let exact: Vec<bool> = wanted.iter().map(is_exact).collect();
            let fold = fold(&points, &ids, (from, to), &grid, &wanted);
            assert_alike(&got.unwrap(), &fold, &exact, 1e6);
        }
        if let Grid::Even(width) = grid {
            let got = world
                .reader
                .extremes(&series, Micros(from), Micros(to), width)
                .await
                .unwrap();
            assert_eq!(got, extremes(&points, &ids, (from, to), &grid));
        }
        let got = world
            .reader
            .stored(&series, Micros(from), Micros(to))
            .await
            .unwrap();
        assert_eq!(
            got,
            extremes(
                &points,
                &ids,
                (from, to),
                &Grid::Even(Step::new(Duration::from_micros(1)).unwrap())
            )
        );
    }
}

fn extremes(
    points: &Points,
    ids: &[SeriesId],
    (from, to): (i64, i64),
    grid: &Grid,
) -> Vec<(SeriesId, Columns)> {
    let of_series = |id: &SeriesId| {
        let all: Vec<(i64, f64)> = points
            .range((*id, from)..(*id, to))
            .map(|((_, ts), v)| (*ts, *v))
            .collect();
        let mut chosen = std::collections::BTreeMap::new();
        chosen.extend(all.first().copied());
        chosen.extend(all.last().copied());
        for bucket in all.chunk_by(|a, b| grid.bucket(Micros(a.0)) == grid.bucket(Micros(b.0))) {
            // min_by takes the first of equals, max_by the last.
            chosen.extend(bucket.iter().copied().min_by(|a, b| a.1.total_cmp(&b.1)));
            chosen.extend(bucket.iter().rev().copied().max_by(|a, b| a.1.total_cmp(&b.1)));
        }
        let (times, values) = chosen.into_iter().map(|(ts, v)| (Micros(ts), Some(v))).unzip();
        let line = Columns {
            times,
            columns: vec![values],
        };
        (!line.is_empty()).then_some((*id, line))
    };
    ids.iter().filter_map(of_series).collect()
}

#[tokio::test]
async fn values_of_any_size_are_summed_up_wherever_a_double_can_hold_what_they_come_to() {
    let world = World::new().await;
    let values = [
        (1, 1e300),
        (1, -1e300),
        (2, 1.7e308),
        (2, 1.7e308),
        (3, 1e200),
        (3, -1e200),
        (4, 1e139),
        (4, 1.0),
        (5, 1e308),
        (5, 1e308),
        (5, 1e308),
        (6, 1e308),
        (6, -1e308),
        (7, 1e150),
        (7, 3e150),
        (8, 1e300),
        (9, 5e-324),
    ];
    let points: Points = (0i64..)
        .zip(values)
        .map(|(at, (id, v))| ((id, FIRST + at * 1_000), v))
        .collect();
    world.add(&points).await;
    let wanted = [IN_ROLLUPS, ONLY_IN_POINTS].concat();
    let day = Grid::Even(Step::new(Duration::from_secs(86_400)).unwrap());
    let ids = [1, 2, 3, 4, 5, 6, 7, 8, 9];
    let series = Matched::of_ids(ids);
    let span = (FIRST, FIRST + 2 * DAY);
    // From points, then from rollups.
    for edge in [FIRST, FIRST + 3 * DAY] {
        world.refresh(edge).await;
        for wanted in [&IN_ROLLUPS[..], &wanted] {
            let got = world
                .reader
                .aggregated(&series, Micros(span.0), Micros(span.1), &day, wanted)
                .await;
            let exact: Vec<bool> = wanted.iter().map(is_exact).collect();
            assert_alike(
                &got.unwrap(),
                &fold(&points, &ids, span, &day, wanted),
                &exact,
                0.0,
            );
        }
    }
}

#[tokio::test]
async fn means_sums_and_deviations_of_large_values_are_those_of_arithmetic() {
    let world = World::new().await;
    let wanted = [
        Aggregate::Avg,
        Aggregate::Sum,
        Aggregate::Stddev,
        Aggregate::Percentile(50.0),
        Aggregate::Increase,
    ];
    let cases: [(&[f64], [Option<f64>; 5]); 5] = [
        (
            &[1e300],
            [Some(1e300), Some(1e300), Some(0.0), Some(1e300), Some(0.0)],
        ),
        (
            &[1e308; 3],
            [Some(1e308), None, Some(0.0), Some(1e308), Some(0.0)],
        ),
        (
            &[-1e308, 1e308],
            [Some(0.0), Some(0.0), Some(1e308), Some(0.0), None],
        ),
        (
            &[1e150, 3e150],
            [Some(2e150), Some(4e150), Some(1e150), Some(2e150), Some(2e150)],
        ),
        (&[0.1; 10], [Some(0.1), None, None, Some(0.1), Some(0.0)]),
    ];
    let mut points = Points::new();
    for (id, (values, _)) in (1..).zip(&cases) {
        points.extend((0..).zip(*values).map(|(n, v)| ((id, FIRST + n * 1_000), *v)));
    }
    world.add(&points).await;
    let day = Grid::Even(Step::new(Duration::from_secs(86_400)).unwrap());
    let (from, to) = (Micros(FIRST), Micros(FIRST + DAY));
    let lines = world
        .reader
        .aggregated(&Matched::of_ids(1..6), from, to, &day, &wanted)
        .await
        .unwrap();
    for ((id, line), (values, expected)) in lines.iter().zip(&cases) {
        for (at, expected) in expected.iter().enumerate() {
            let got = line.columns[at][0];
            // What is rounded in a sum of tenths is not told here.
            if !(*id == 5 && expected.is_none()) {
                let alike = match (got, *expected) {
                    (Some(got), Some(wanted)) => (got - wanted).abs() <= 1e-15 * wanted.abs(),
                    (got, wanted) => got == wanted,
                };
                assert!(alike, "{:?} of {values:?} is {got:?}", wanted[at]);
            }
        }
    }
}

#[tokio::test]
async fn too_many_rows_are_an_error_and_never_a_cut() {
    let limits = ReadLimits {
        rows: 4,
        ..ReadLimits::default()
    };
    let world = World::with(limits).await;
    let points: Points = (0..5).map(|n| ((1, minute(n) + 1), 1.0)).collect();
    world.add(&points).await;
    world.refresh(minute(3)).await;
    let step = Step::new(Duration::from_secs(60)).unwrap();
    for (minutes, wanted) in [(4, Ok(4)), (5, Err(ReadError::TooManyRows { limit: 4 }))] {
        let (from, to) = (Micros(FIRST), Micros(minute(minutes)));
        let rows = |lines: Vec<(SeriesId, Columns)>| lines.iter().map(|(_, line)| line.len()).sum::<usize>();
        assert_eq!(
            world
                .reader
                .stored(&Matched::of_ids([1]), from, to)
                .await
                .map(rows),
            wanted
        );
        let grid = Grid::Even(step);
        let lines = world
            .reader
            .aggregated(&Matched::of_ids([1]), from, to, &grid, &IN_ROLLUPS)
            .await;
        assert_eq!(lines.map(rows), wanted);
    }
}
