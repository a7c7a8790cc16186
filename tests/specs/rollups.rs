//! A running node rolls up what it stores, and a crash in the middle of it changes nothing.

use std::time::Duration;

use crate::support::kafka::{Record, point};
use crate::support::streamsync::Plan;
use crate::support::{StreamSync, eventually, seconds_ago};

const AT_ONCE: &str = "[rollups]\nlag = \"0s\"\nevery = \"100ms\"";

/// Points of two metrics over three hours that are over.
fn points(numbers: std::ops::Range<u64>) -> Vec<Record> {
    let at = |n: u64| seconds_ago(20_000).plus(Duration::from_secs(n * 97 % 10_800));
    numbers
        .map(|n| point(if n % 2 == 0 { "even" } else { "odd" }, at(n), n as f64))
        .collect()
}

/// Waits until nothing is left in the log, then compares with the points.
async fn is_rolled_up(plan: &Plan, points: usize) {
    let left = "select (select count(*) from points) || ' ' || count(*)
        from invalidations, rollup_edge where min_ts < edge";
    eventually("everything is rolled up", async || {
        (plan.database.value(left).await == format!("{points} 0")).then_some(())
    })
    .await;
    for (table, unit) in [("rollup_1m", "minute"), ("rollup_1h", "hour")] {
        let wrong = format!(
            "select count(*) from (
                select series_id, date_trunc('{unit}', ts, 'utc') as ts, count(*), sum(value), max(value)
                from points group by 1, 2) p
            full join {table} r on (r.series_id, r.ts) = (p.series_id, p.ts)
            where (r.count, r.sum, r.max) is distinct from (p.count, p.sum, p.max)"
        );
        assert_eq!(plan.database.value(&wrong).await, "0", "{table}");
    }
}

/// The first pass finds nothing; the one with points ends the process at `place`.
async fn the_refresh_crashes(place: &str) {
    let plan = StreamSync::plan().await.quick_rejoin().settings(AT_ONCE);
    let mut node = plan.launch_with_failure(&format!("{place}=1*off->return")).await;
    node.ready().await;
    eventually("the edge has moved", async || {
        let edge = "select edge > '2000-01-01' from rollup_edge";
        (plan.database.value(edge).await == "t").then_some(())
    })
    .await;
    plan.send(&points(0..200)).await;
    assert!(!node.ended().await.success());

    let node = plan.start().await;
    is_rolled_up(&plan, 200).await;
    plan.send(&points(200..260)).await;
    is_rolled_up(&plan, 260).await;
    assert_eq!(node.metric("streamsync_rollup_invalidations", "").await, 0.0);
    assert!(node.metric("streamsync_rollup_buckets_total", "1h").await > 0.0);
    node.stop().await;
}

#[actix_web::test]
async fn a_crash_in_the_middle_of_a_refresh_leaves_rollups_right() {
    the_refresh_crashes("in-refresh").await;
}

#[actix_web::test]
async fn a_crash_before_the_commit_of_a_refresh_leaves_rollups_right() {
    the_refresh_crashes("before-refresh-commit").await;
}

#[actix_web::test]
async fn a_crash_after_the_commit_of_a_refresh_leaves_rollups_right() {
    the_refresh_crashes("after-refresh-commit").await;
}

#[actix_web::test]
async fn of_two_nodes_both_may_refresh_and_either_may_go() {
    let plan = StreamSync::plan()
        .await
        .partitions(2)
        .quick_rejoin()
        .settings(AT_ONCE);
    let (first, second) = (plan.start().await, plan.launch().await);
    plan.send(&points(0..100)).await;
    is_rolled_up(&plan, 100).await;
    first.kill().await;
    plan.send(&points(100..200)).await;
    is_rolled_up(&plan, 200).await;
    second.stop().await;
}
