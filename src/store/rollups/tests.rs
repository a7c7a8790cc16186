//! Rollups against a real Postgres, pass by pass.

mod random;
mod speed;
mod truth;

use super::*;
use crate::store::testing::batches::{Input, Node, START, second};
use truth::{edge_and_dirty, holds};

const MINUTE: i64 = 60;
const HOUR: i64 = 3_600;
const DAY: i64 = 86_400;

async fn refresher(node: &Node, budget: Duration) -> Refresher {
    let config = RollupConfig {
        budget,
        ..RollupConfig::default()
    };
    Refresher::connect(&node.db.url, config, Arc::clone(&node.metrics))
        .await
        .unwrap()
}

/// Passes as if it were second `n` and the lag over, until nothing is left.
async fn refresh(refresher: &mut Refresher, n: i64) {
    let now = second(n).plus(refresher.config.lag);
    while refresher.pass(now).await.unwrap().pending > 0 {}
}

async fn minutes(node: &Node) -> Vec<String> {
    let query = format!(
        "select labels->>'site', (extract(epoch from ts)::bigint - {START}) / 60, count, sum, m2, min, max, first, last,
            extract(epoch from min_at)::bigint - {START}, extract(epoch from max_at)::bigint - {START}
        from rollup_1m join series on id = series_id order by 1, 2"
    );
    node.db.rows(&query).await
}

async fn log(node: &Node) -> Vec<String> {
    let query = format!(
        "select id, s, extract(epoch from f)::numeric - {START}, extract(epoch from t)::numeric - {START}
        from invalidations, unnest(series_ids, from_ts, to_ts) r(s, f, t) order by 1, 2, 3"
    );
    node.db.rows(&query).await
}

#[tokio::test]
async fn each_commit_logs_once_what_won_of_each_series_and_nothing_where_nothing_won() {
    let mut node = Node::start().await;
    let (a, b) = (node.own(0).await, node.own(1).await);
    let input = Input::empty()
        .range(&a, 0, 2)
        .record(0, 5, &[("x", 7, 1.0), ("y", 5, 1.0)])
        .record(1, 5, &[("x", 9, 1.0)])
        .range(&b, 0, 1)
        .record(0, 5, &[("x", 2, 1.0)]);
    node.write(input).await;
    assert_eq!(
        log(&node).await,
        ["1|1|2.000000|9.000000", "1|2|5.000000|5.000000"]
    );
    // A correction and points that lose.
    let input = Input::empty()
        .range(&b, 1, 2)
        .record(1, 6, &[("x", 7, 2.0)])
        .record(2, 1, &[("y", 5, 0.0)]);
    node.write(input).await;
    node.write(Input::empty().range(&a, 2, 3).record(2, 1, &[("x", 7, 9.0)]))
        .await;
    assert_eq!(log(&node).await[2..], ["2|1|7.000000|7.000000"]);
}

#[tokio::test]
async fn minutes_have_all_there_is_to_know_of_their_points_also_after_late_ones_and_corrections() {
    let mut node = Node::start().await;
    let a = node.own(0).await;
    let mut refresher = refresher(&node, Duration::from_secs(9)).await;
    let input = Input::empty().range(&a, 0, 1).record(
        0,
        1,
        &[
            ("x", 1, 4.0),
            ("x", 2, 1.0),
            ("x", 3, 4.0),
            ("x", 60, 7.0),
            ("x", 121, 0.0),
        ],
    );
    node.write(input).await;
    refresh(&mut refresher, 125).await;
    assert_eq!(
        minutes(&node).await,
        ["x|0|3|9|6|1|4|4|4|2|1", "x|1|1|7|0|7|7|7|7|60|60"]
    );
    assert_eq!(log(&node).await, ["2|1|120.000000|179.999999"]);

    let late = Input::empty()
        .range(&a, 1, 2)
        .record(1, 2, &[("x", 0, 1.0), ("x", 60, 8.0)]);
    node.write(late).await;
    refresh(&mut refresher, 126).await;
    assert_eq!(
        minutes(&node).await,
        ["x|0|4|10|9|1|4|1|4|0|1", "x|1|1|8|0|8|8|8|8|60|60"]
    );
    assert_eq!(
        node.db.rows("select day, version from days").await,
        ["2026-01-01|2"]
    );
}

#[tokio::test]
async fn hours_and_days_appear_when_the_edge_has_passed_them() {
    let mut node = Node::start().await;
    let a = node.own(0).await;
    let mut refresher = refresher(&node, Duration::from_secs(9)).await;
    let count = async |node: &Node| {
        let counts = "select (select count(*) from rollup_1h), (select count(*) from rollup_1d)";
        node.db.rows(counts).await.remove(0)
    };
    node.write(Input::empty().range(&a, 0, 1).record(0, 1, &[("x", 5, 1.0)]))
        .await;
    for (now, expected) in [
        (HOUR - 1, "0|0"),
        (HOUR, "1|0"),
        (DAY - 1, "1|0"),
        (DAY, "1|1"),
        (3 * DAY, "1|1"),
    ] {
        refresh(&mut refresher, now).await;
        assert_eq!(count(&node).await, expected, "at {now}");
        holds(&node).await;
    }
}

#[tokio::test]
async fn numbers_that_cannot_be_summed_up_stop_nothing() {
    let mut node = Node::start().await;
    let a = node.own(0).await;
    let mut refresher = refresher(&node, Duration::from_secs(9)).await;
    let values = [f64::MAX, f64::MIN, 1e200, 1e139, 5e-324, -1e-170, 0.0];
    let mut points = Vec::new();
    for (at, first) in (0..).zip(values) {
        for (i, second) in (0..).zip(values) {
            points.push(("x", at * HOUR + i * MINUTE, first));
            points.push(("x", at * HOUR + i * MINUTE + 1, second));
        }
    }
    node.write(Input::empty().range(&a, 0, 1).record(0, 1, &points))
        .await;
    refresh(&mut refresher, 2 * DAY).await;
    holds(&node).await;
    assert_eq!(node.db.rows("select sum, m2 from rollup_1d").await, ["null|null"]);
}

#[tokio::test]
async fn what_has_no_raw_points_any_more_is_left_as_it_is_unless_it_was_restored() {
    let mut node = Node::start().await;
    let a = node.own(0).await;
    let mut refresher = refresher(&node, Duration::from_secs(9)).await;
    let days: Vec<_> = (0..4).map(|day| ("x", day * DAY + 7, 1.0)).collect();
    node.write(Input::empty().range(&a, 0, 1).record(0, 1, &days))
        .await;
    refresh(&mut refresher, 4 * DAY).await;
    node.db
        .run(
            "insert into horizons values ('machines', 'raw', '2026-01-04Z');
             insert into restored values ('2026-01-02', now());
             delete from points where ts < '2026-01-02Z' or ts between '2026-01-03Z' and '2026-01-04Z'",
        )
        .await;
    let late: Vec<_> = (0..4).map(|day| ("x", day * DAY + 8, 1.0)).collect();
    node.write(Input::empty().range(&a, 1, 2).record(1, 1, &late))
        .await;
    refresh(&mut refresher, 4 * DAY).await;
    let days = "select count from rollup_1d order by ts";
    assert_eq!(node.db.rows(days).await, ["1", "2", "1", "2"]);
    let versions = "select version from days order by day";
    assert_eq!(node.db.rows(versions).await, ["1", "2", "1", "2"]);
}

#[tokio::test]
async fn a_late_point_where_finer_rollups_are_gone_has_its_whole_day_made_anew() {
    let mut node = Node::start().await;
    let a = node.own(0).await;
    let mut refresher = refresher(&node, Duration::ZERO).await;
    let points: Vec<_> = (0..48).map(|n| ("x", n * HOUR + 7, 1.0)).collect();
    node.write(Input::empty().range(&a, 0, 1).record(0, 1, &points))
        .await;
    refresh(&mut refresher, 3 * DAY).await;
    node.db
        .run(
            "insert into horizons values ('machines', '1m', '2026-01-02Z'), ('machines', '1h', '2026-01-02Z');
             delete from rollup_1m where ts < '2026-01-02Z'; delete from rollup_1h where ts < '2026-01-02Z'",
        )
        .await;
    node.write(
        Input::empty()
            .range(&a, 1, 2)
            .record(1, 1, &[("x", 5 * HOUR, 1.0)]),
    )
    .await;
    refresh(&mut refresher, 3 * DAY).await;
    assert_eq!(
        node.db.rows("select count from rollup_1d order by ts").await,
        ["25", "24"]
    );
    holds(&node).await;
}

#[tokio::test]
async fn a_pass_beside_another_or_beside_a_deletion_does_nothing() {
    let mut node = Node::start().await;
    let a = node.own(0).await;
    let mut refresher = refresher(&node, Duration::from_secs(9)).await;
    node.write(Input::empty().range(&a, 0, 1).record(0, 1, &[("x", 5, 1.0)]))
        .await;
    let lock = format!("select pg_advisory_lock({})", locks::ROLLUPS);
    node.db.run(&lock).await;
    refresher.pass(second(DAY)).await.unwrap();
    assert_eq!(minutes(&node).await, Vec::<String>::new());
    node.db.run("select pg_advisory_unlock_all()").await;
    refresh(&mut refresher, DAY).await;
    assert_eq!(minutes(&node).await.len(), 1);

    let all = crate::data::Viewer::operator().select(crate::data::Selector::default());
    crate::store::admin::delete_series(&node.db.url, &all)
        .await
        .unwrap();
    let left = "select count(*) from (table rollup_1m union all table rollup_1h union all table rollup_1d) r";
    assert_eq!(node.db.rows(left).await, ["0"]);
}

#[tokio::test]
async fn two_points_ages_apart_bring_no_partitions_between_them() {
    let mut node = Node::start().await;
    let a = node.own(0).await;
    let mut refresher = refresher(&node, Duration::ZERO).await;
    let mut batch = Input::empty()
        .range(&a, 0, 1)
        .record(0, 1, &[("x", 0, 1.0), ("x", 5, 2.0)])
        .batch();
    batch.points[0].ts = Micros::FIRST;
    node.writer.write(batch).await.unwrap();
    refresh(&mut refresher, DAY).await;
    let parts = "select count(*) from pg_inherits where inhparent = 'rollup_1m'::regclass";
    assert_eq!(node.db.rows(parts).await, ["2"]);
    let days = node.db.rows("select count, sum from rollup_1d order by ts").await;
    assert_eq!(days, ["1|1", "1|2"]);
}

#[tokio::test]
async fn what_is_committed_during_a_pass_is_taken_in_by_the_next() {
    let mut node = Node::start().await;
    let a = node.own(0).await;
    let mut refresher = refresher(&node, Duration::from_secs(9)).await;
    let mut writer = node.another_writer().await;
    let writing = async {
        for n in 0..60 {
            // Late ones and corrections, in the same few minutes.
            let points: Vec<_> = (0..40).map(|i| ("x", (n * 7 + i * 13) % 400, n as f64)).collect();
            let input = Input::empty().range(&a, n, n + 1).record(n, n, &points);
            writer.write(input.batch()).await.unwrap();
        }
    };
    let refreshing = async {
        for n in 0..60 {
            let now = second(n * 10).plus(refresher.config.lag);
            refresher.pass(now).await.unwrap();
        }
    };
    tokio::join!(writing, refreshing);
    refresh(&mut refresher, 2 * DAY).await;
    holds(&node).await;
}

#[test]
fn what_one_statement_computes_follows_what_the_last_one_took() {
    assert_eq!(at_once(FEWEST * 8, STATEMENT), FEWEST * 8);
    assert_eq!(at_once(FEWEST * 8, STATEMENT * 4), FEWEST * 2);
    // A starved server: the next one is as small as can be at once.
    assert_eq!(at_once(MOST, STATEMENT * 10_000), FEWEST);
    assert_eq!(at_once(FEWEST, Duration::ZERO), FEWEST * 2);
    assert_eq!(at_once(MOST, Duration::ZERO), MOST);
}
