//! After any history the rollups are what a fold over the points gives.

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use super::*;
use crate::store::testing::batches::{Input, Node, second};

#[derive(Clone, Debug)]
enum Event {
    /// Points (series, second, value), in one batch.
    Points(Vec<(u8, i64, i32)>),
    /// The same by way of a redrive.
    Redriven(u8, i64, i32),
    /// A pass at this second, with or without time for more than one statement.
    Pass(i64, bool),
}

/// Count, sum, m2, min, max, first, last, min_at, max_at.
type Row = (i64, f64, f64, f64, f64, f64, f64, i64, i64);
type Table = BTreeMap<(SeriesId, i64), Row>;

fn event() -> impl Strategy<Value = Event> {
    // Three days; mostly one hour, where things meet.
    let time = prop_oneof![4 => 0i64..3_700, 1 => -80_000i64..150_000];
    let value = -1_000i32..1_000;
    let points = proptest::collection::vec((0u8..3, time.clone(), value.clone()), 1..12);
    prop_oneof![
        4 => points.prop_map(Event::Points),
        1 => (0u8..3, time, value).prop_map(|(s, t, v)| Event::Redriven(s, t, v)),
        3 => (-80_000i64..160_000, any::<bool>()).prop_map(|(at, hurried)| Event::Pass(at, hurried)),
    ]
}

async fn points(node: &Node) -> Vec<(SeriesId, i64, f64)> {
    let rows = node
        .db
        .client
        .query("select series_id, ts, value from points order by 1, 2", &[]);
    let point = |row: &tokio_postgres::Row| (row.get(0), row.get::<_, Timestamp>(1).0.0, row.get(2));
    rows.await.unwrap().iter().map(point).collect()
}

fn fold(points: &[(SeriesId, i64, f64)], unit: i64) -> Table {
    let mut buckets: BTreeMap<(SeriesId, i64), Vec<(i64, f64)>> = BTreeMap::new();
    for (series, ts, value) in points {
        let bucket = work::floor(*ts, unit);
        buckets.entry((*series, bucket)).or_default().push((*ts, *value));
    }
    let row = |points: Vec<(i64, f64)>| {
        let (n, sum) = (points.len() as f64, points.iter().map(|p| p.1).sum::<f64>());
        let m2 = points.iter().map(|p| (p.1 - sum / n).powi(2)).sum();
        let least = |a: &(i64, f64), b: &(i64, f64)| a.1.total_cmp(&b.1).then(a.0.cmp(&b.0));
        let most = |a: &(i64, f64), b: &(i64, f64)| a.1.total_cmp(&b.1).then(b.0.cmp(&a.0));
        let (min, max) = (
            *points.iter().min_by(|a, b| least(a, b)).unwrap(),
            *points.iter().max_by(|a, b| most(a, b)).unwrap(),
        );
        let (first, last) = (points[0].1, points[points.len() - 1].1);
        (
            points.len() as i64,
            sum,
            m2,
            min.1,
            max.1,
            first,
            last,
            min.0,
            max.0,
        )
    };
    buckets
        .into_iter()
        .map(|(key, points)| (key, row(points)))
        .collect()
}

async fn table(node: &Node, name: &str) -> Table {
    let query =
        format!("select series_id, ts, count, sum, m2, min, max, first, last, min_at, max_at from {name}");
    let micros = |row: &tokio_postgres::Row, at| row.get::<_, Timestamp>(at).0.0;
    let rows = node.db.client.query(&query, &[]).await.unwrap();
    let row = |row: &tokio_postgres::Row| {
        let key = (row.get(0), micros(row, 1));
        let of = |at| row.get::<_, f64>(at);
        (
            key,
            (
                row.get(2),
                of(3),
                of(4),
                of(5),
                of(6),
                of(7),
                of(8),
                micros(row, 9),
                micros(row, 10),
            ),
        )
    };
    rows.iter().map(row).collect()
}

fn is_near(a: &Row, b: &Row) -> bool {
    let exact = |r: &Row| (r.0, r.3, r.4, r.5, r.6, r.7, r.8);
    let near = |a: f64, b: f64| (a - b).abs() <= 1e-9 * (1.0 + a.abs().max(b.abs()));
    // Whole numbers: their sums are exact.
    exact(a) == exact(b) && a.1 == b.1 && near(a.2, b.2)
}

/// What counts by the rules of edge and log is right, and nothing that should be there is missing.
async fn check(node: &Node) {
    let edge: Timestamp = node.db.client.query_one(EDGE, &[]).await.unwrap().get(0);
    let log = log::Rows::read(&node.db.client, edge.0, i64::MAX).await.unwrap();
    let points = points(node).await;
    for (level, unit) in LEVELS.into_iter().zip([MINUTE, HOUR, DAY]) {
        let name = level.table();
        let counts = |(series, start): &(SeriesId, i64)| {
            let stale = log.entries.iter().any(|entry| {
                entry.series_id == *series && entry.from.0 < start + unit && entry.to.0 >= *start
            });
            start + unit <= edge.0.0 && !stale
        };
        let of = |table: Table| -> Table { table.into_iter().filter(|(key, _)| counts(key)).collect() };
        let (found, wanted) = (of(table(node, name).await), of(fold(&points, unit)));
        assert!(
            found.keys().eq(wanted.keys()),
            "{name}: {found:?}, not {wanted:?}"
        );
        for (key, row) in &found {
            assert!(
                is_near(row, &wanted[key]),
                "{name} {key:?}: {row:?}, not {:?}",
                wanted[key]
            );
        }
    }
}

async fn live_through(events: Vec<Event>) {
    let mut node = Node::start().await;
    let (own, redrive) = (node.own(0).await, node.own_redrive().await);
    let hurried = RollupConfig {
        budget: Duration::ZERO,
        ..RollupConfig::default()
    };
    let mut slow = Refresher::connect(&node.db.url, RollupConfig::default())
        .await
        .unwrap();
    let mut hasty = Refresher::connect(&node.db.url, hurried).await.unwrap();
    let mut next = [0, 0];
    let site = |series: u8| ["x", "y", "z"][usize::from(series)];
    for event in events {
        match event {
            Event::Points(points) => {
                let points: Vec<_> = points
                    .iter()
                    .map(|(series, at, value)| (site(*series), *at, f64::from(*value)))
                    .collect();
                let input = Input::empty().share(&own, next[0], next[0] + 1);
                node.write(input.record(next[0], 0, &points)).await;
                next[0] += 1;
            }
            Event::Redriven(series, at, value) => {
                let input = Input::empty().share(&redrive, next[1], next[1] + 1);
                let points = [(site(series), at, f64::from(value))];
                node.write(input.record(next[1], 0, &points).redriven(1, 1)).await;
                next[1] += 1;
            }
            Event::Pass(at, hurried) => {
                let refresher = if hurried { &mut hasty } else { &mut slow };
                refresher.pass(second(at)).await.unwrap().unwrap();
                check(&node).await;
            }
        }
    }
    while hasty.pass(second(400_000)).await.unwrap().unwrap().behind {}
    check(&node).await;
    let waiting = "select count(*) from invalidations";
    assert_eq!(node.db.rows(waiting).await, ["0"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rollups_equal_a_full_recomputation_after_any_history() {
    let runtime = tokio::runtime::Handle::current();
    let mut runner = TestRunner::new(Config::with_cases(16));
    let check = tokio::task::spawn_blocking(move || {
        runner.run(&proptest::collection::vec(event(), 1..24), |events| {
            runtime.block_on(live_through(events));
            Ok(())
        })
    });
    check.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_day_whose_points_were_dropped_keeps_its_rollups() {
    let mut node = Node::start().await;
    let own = node.own(0).await;
    let input = Input::empty().share(&own, 0, 1);
    node.write(input.record(0, 0, &[("x", 5, 1.0), ("x", 6, 3.0)]))
        .await;
    let mut refresher = Refresher::connect(&node.db.url, RollupConfig::default())
        .await
        .unwrap();
    refresher.pass(second(100)).await.unwrap();
    node.db
        .run("delete from points; insert into horizons values ('machines', 'raw', '2026-01-02Z')")
        .await;
    let input = Input::empty().share(&own, 1, 2);
    node.write(input.record(1, 0, &[("x", 7, 9.0)])).await;
    refresher.pass(second(200)).await.unwrap();
    let rollups = "select count, sum, max from rollup_1m";
    assert_eq!(node.db.rows(rollups).await, ["2|4|3"]);
    node.db
        .run("insert into restored values ('2026-01-01', now() + interval '1 day')")
        .await;
    let input = Input::empty().share(&own, 2, 3);
    node.write(input.record(2, 0, &[("x", 8, 1.0)])).await;
    refresher.pass(second(300)).await.unwrap();
    assert_eq!(node.db.rows(rollups).await, ["2|10|9"]);
}

#[tokio::test]
async fn one_node_at_a_time_makes_rollups_and_values_too_large_fail_nothing() {
    let mut node = Node::start().await;
    let own = node.own(0).await;
    let input = Input::empty().share(&own, 0, 1);
    let points = [("x", 5, 1.7e308), ("x", 6, 1.7e308), ("y", 5, 2.0)];
    node.write(input.record(0, 0, &points)).await;
    let mut one = Refresher::connect(&node.db.url, RollupConfig::default())
        .await
        .unwrap();
    let lock = "select pg_advisory_lock($1)";
    node.db.client.execute(lock, &[&locks::ROLLUPS]).await.unwrap();
    assert_eq!(one.pass(second(200_000)).await.unwrap(), None);
    node.db
        .client
        .query_one(UNLOCK, &[&locks::ROLLUPS])
        .await
        .unwrap();
    one.pass(second(200_000)).await.unwrap().unwrap();
    for level in LEVELS {
        let query = format!(
            "select count, sum, m2, max from {} order by series_id",
            level.table()
        );
        assert_eq!(node.db.rows(&query).await, ["2|null|null|1.7e+308", "1|2|0|2"]);
    }
    assert_eq!(
        node.db.rows("select day, version from days").await,
        ["2026-01-01|1"]
    );
}
