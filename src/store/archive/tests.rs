//! Which days are due, on a real Postgres.

use super::*;
use crate::store::testing::Database;

/// A closed day with one point, 2026-01-01, and what happens to it.
async fn standing_after(statements: &str) -> Vec<Standing> {
    let db = Database::create().await;
    db.run(
        r#"create table points_p partition of points for values from ('2026-01-01Z') to ('2026-01-03Z');
        insert into series (key, metric, labels, stream) values ('m{}', 'm', '{}', 's');
        insert into points values (1, 1, '2026-01-01 12:00Z', 1, 0, '2026-01-01 12:00Z');
        insert into days (day, version) values ('2026-01-01', 2), ('2026-01-02', 1);
        update rollup_edge set edge = '2026-01-02Z'"#,
    )
    .await;
    db.run(statements).await;
    let states = days(&db.client, Micros::FIRST, Micros::LAST).await.unwrap();
    states.iter().map(|state| state.standing).collect()
}

const COPY_OF: &str = "insert into archives (day, version, url, rows, bytes, checksum)
    values ('2026-01-01', $, 'file:///x', 1, 1, 'x');";

#[tokio::test]
async fn a_closed_day_with_points_is_due() {
    // Nothing is due of a day without points, such as the second one.
    assert_eq!(standing_after("").await, [Standing::Due]);
    assert_eq!(standing_after("delete from points").await, []);
}

#[tokio::test]
async fn a_day_is_open_until_the_edge_is_past_it_and_its_changes_are_taken_in() {
    let edge = "update rollup_edge set edge = '2026-01-01 23:59Z'";
    assert_eq!(standing_after(edge).await, [Standing::Open]);
    let change = |from: &str, to: &str| {
        format!(
            "insert into invalidations (min_ts, max_ts, series_ids, from_ts, to_ts) values
                ('{from}Z', '{to}Z', '{{1}}', '{{{from}Z}}', '{{{to}Z}}')"
        )
    };
    let around = change("2025-12-31", "2026-01-01 00:00");
    assert_eq!(standing_after(&around).await, [Standing::Open]);
    let behind = change("2026-01-02", "2026-01-02 10:00");
    assert_eq!(standing_after(&behind).await, [Standing::Due]);
}

#[tokio::test]
async fn a_day_that_changed_is_due_again() {
    let copy_of = |version: &str| COPY_OF.replace('$', version);
    assert_eq!(standing_after(&copy_of("2")).await, [Standing::Archived]);
    assert_eq!(standing_after(&copy_of("1")).await, [Standing::Due]);
}

#[tokio::test]
async fn a_day_of_which_something_was_dropped_is_not_copied_over_its_whole_copy() {
    let dropped = "insert into horizons values ('s', 'raw', '2026-01-02Z');";
    assert_eq!(standing_after(dropped).await, [Standing::Due], "better than none");
    let copied = format!("{dropped}{}", COPY_OF.replace('$', "1"));
    assert_eq!(standing_after(&copied).await, [Standing::Thinned]);
    let restored = format!("{copied} insert into restored values ('2026-01-01', now())");
    assert_eq!(standing_after(&restored).await, [Standing::Due]);
}

#[tokio::test]
async fn the_partitions_of_other_days_are_not_touched() {
    let db = Database::create().await;
    db.run(
        "create table points_a partition of points for values from ('2026-01-01Z') to ('2026-01-02Z');
        create table points_b partition of points for values from ('2026-01-02Z') to ('2026-01-03Z');
        insert into days (day, version) values ('2026-01-01', 1)",
    )
    .await;
    let explain = format!("explain (analyze, costs off) {DAYS}");
    let all = [Micros::FIRST, Micros::LAST];
    let plan = db.client.query(&explain, &[&all[0], &all[1]]).await.unwrap();
    let plan: Vec<String> = plan.iter().map(|row| row.get(0)).collect();
    let plan = plan.join("\n");
    let other = plan.split("points_b").nth(1).unwrap_or("never executed");
    assert!(
        other
            .lines()
            .next()
            .unwrap_or_default()
            .contains("never executed"),
        "{plan}"
    );
}
