//! How Postgres goes about it: indexes only, partitions left out, one statement for any number of
//! series.

use std::sync::atomic::Ordering;
use std::time::Duration;

use diesel::prelude::*;
use diesel::sql_types::Json;
use serde_json::Value;

use super::super::plan::Piece;
use super::super::statement::{Needs, Query, Statement};
use super::super::{POINTS, extremes, points_query, state};
use super::model::*;
use crate::data::{Aggregate, Grid, Matched, Micros, Step};
use crate::store::level::{DAY, Level, MINUTE};

const EXPLAIN: &str = "explain (analyze, format json) ";

#[derive(QueryableByName)]
struct Explained {
    #[diesel(sql_type = Json, column_name = "QUERY PLAN")]
    plan: Value,
}

/// The scans of tables that were executed, as `node type relation`.
async fn scans(world: &World, query: Query) -> Vec<String> {
    let rows: Vec<Explained> = world.reader.load(query).await.unwrap();
    let mut scans = Vec::new();
    collect(&rows[0].plan[0]["Plan"], &mut scans);
    scans.sort_unstable();
    scans.dedup();
    scans
}

fn collect(node: &Value, scans: &mut Vec<String>) {
    if let Some(relation) = node["Relation Name"].as_str()
        && node["Actual Loops"].as_f64() > Some(0.0)
    {
        scans.push(format!("{} {relation}", node["Node Type"].as_str().unwrap()));
    }
    for child in node["Plans"].as_array().into_iter().flatten() {
        collect(child, scans);
    }
}

/// Enough series that no partition fits on one page, which Postgres would rather read as a whole.
async fn filled() -> World {
    let world = World::new().await;
    world
        .db
        .run(&format!(
            "insert into points
             select id, 1, t, 1, 0, t from generate_series(1, 40) id,
             generate_series('{}', '{}'::timestamptz - interval '1 s', interval '5 min') t",
            Micros(FIRST),
            Micros(FIRST + DAYS * DAY)
        ))
        .await;
    world.refresh(minute(DAYS * 1_440)).await;
    world.db.run("vacuum analyze").await;
    world
}

fn pieces(parts: &[(Level, i64, i64)]) -> Vec<Piece> {
    let piece = |series_id, (level, from, to): &(Level, i64, i64)| Piece {
        series_id,
        level: *level,
        span: minute(*from)..minute(*to),
    };
    [1, 2]
        .into_iter()
        .flat_map(|id| parts.iter().map(move |part| piece(id, part)))
        .collect()
}

fn assert_indexes(scans: &[String], relations: &[&str]) {
    let relation = |scan: &String| {
        let is_index = scan.starts_with("Index") || scan.starts_with("Bitmap Heap");
        assert!(is_index, "{scan}");
        scan.rsplit(' ').next().unwrap_or_default().to_owned()
    };
    let mut seen: Vec<String> = scans.iter().map(relation).collect();
    seen.dedup();
    seen.sort_unstable();
    seen.dedup();
    assert_eq!(seen, relations);
}

fn hours() -> Grid {
    Grid::Even(Step::new(Duration::from_secs(3_600)).unwrap())
}

#[tokio::test]
async fn rollups_and_points_are_read_by_their_indexes_and_only_of_the_days_asked_for() {
    let world = filled().await;
    let from = Micros(minute(1_430));
    let parts = [
        (Level::Raw, 1_430, 1_440),
        (Level::Minute, 1_440, 2_000),
        (Level::Hour, 2_880, 3_000),
    ];
    let pieces = pieces(&parts);
    let calendar = Grid::Calendar([from, Micros(minute(1_440)), Micros(minute(4_000))].into());
    let all = [Aggregate::Avg, Aggregate::Stddev, Aggregate::First];
    for grid in [hours(), calendar] {
        for wanted in [&all[..1], &all] {
            let statement = Statement::new(&pieces, &grid, from, 1_000);
            let scans = scans(&world, statement.aggregates(EXPLAIN, &Needs::of(wanted))).await;
            assert_indexes(&scans, &["points_0", "rollup_1h_2", "rollup_1m_1"]);
        }
        let statement = Statement::new(&pieces, &grid, from, 1_000);
        let scans = scans(&world, extremes::query(&statement, EXPLAIN)).await;
        assert_indexes(&scans, &["points_0", "rollup_1h_2", "rollup_1m_1"]);
    }
}

#[tokio::test]
async fn what_needs_points_reads_those_of_its_days_and_one_before() {
    let world = filled().await;
    let pieces = pieces(&[(Level::Raw, 3_000, 3_100)]);
    let grid = hours();
    let statement = Statement::new(&pieces, &grid, Micros(minute(3_000)), 1_000);
    let percentiles = Needs::of(&[Aggregate::Percentile(50.0)]);
    assert_indexes(
        &scans(&world, statement.aggregates(EXPLAIN, &percentiles)).await,
        &["points_2"],
    );
    // The point before is in the same partition, so no older one is opened.
    let rate = Needs::of(&[Aggregate::Rate, Aggregate::Delta]);
    assert_indexes(
        &scans(&world, statement.aggregates(EXPLAIN, &rate)).await,
        &["points_2"],
    );
    let stored = format!("{EXPLAIN}{POINTS}");
    let query = points_query(
        stored,
        &[1, 2],
        Micros(minute(3_000)),
        Micros(minute(3_100)),
        1_000,
    );
    assert_indexes(&scans(&world, query).await, &["points_2"]);
}

#[tokio::test]
async fn the_newest_point_opens_no_partition_but_the_newest() {
    let world = filled().await;
    let newest = format!("{EXPLAIN}{}", crate::store::read::latest::NEWEST);
    let query = diesel::sql_query(newest)
        .into_boxed()
        .bind::<diesel::sql_types::Array<diesel::sql_types::Integer>, _>(vec![1, 2]);
    assert_indexes(&scans(&world, query).await, &["points_3"]);
}

#[tokio::test]
async fn the_log_of_changes_is_read_by_time() {
    let world = filled().await;
    world
        .db
        .run(&format!(
            "insert into invalidations (min_ts, max_ts, series_ids, from_ts, to_ts)
             select t, t, array[n], array[t], array[t]
             from generate_series(1, 20000) n, lateral (select '{}'::timestamptz + n * interval '1 s' as t) t;
             analyze invalidations",
            Micros(minute(DAYS * 1_440))
        ))
        .await;
    let query = state::query(EXPLAIN, &[1, 2], Micros(FIRST), Micros(FIRST + DAY));
    let scans = scans(&world, query).await;
    assert!(
        scans.iter().any(|scan| scan == "Index Scan invalidations"),
        "{scans:?}"
    );
    assert!(
        !scans.iter().any(|scan| scan == "Seq Scan invalidations"),
        "{scans:?}"
    );
}

#[tokio::test]
async fn a_question_is_the_same_few_statements_for_any_number_of_series() {
    let world = filled().await;
    let all = Matched::of_ids(1..500);
    let (from, to) = (Micros(FIRST + 7 * MINUTE + 1), Micros(FIRST + 3 * DAY));
    let asked = world.reader.statements.clone();
    for of in [&all[..1], &all] {
        let wanted = [Aggregate::Avg, Aggregate::First, Aggregate::Stddev];
        for wanted in [&wanted[..], &[Aggregate::Rate, Aggregate::Percentile(9.0)]] {
            asked.store(0, Ordering::Relaxed);
            world
                .reader
                .aggregated(of, from, to, &hours(), wanted)
                .await
                .unwrap();
            // Begin, the state of the rollups, the answer, the end.
            assert_eq!(asked.load(Ordering::Relaxed), 4);
        }
        asked.store(0, Ordering::Relaxed);
        world.reader.stored(of, from, to).await.unwrap();
        assert_eq!(asked.load(Ordering::Relaxed), 4);
        let width = Step::new(Duration::from_secs(600)).unwrap();
        asked.store(0, Ordering::Relaxed);
        world.reader.extremes(of, from, to, width).await.unwrap();
        assert_eq!(asked.load(Ordering::Relaxed), 5);
    }
}
