//! Pages of points visit each exactly once, in order, while others arrive.

use super::super::PointKey;
use super::*;

async fn world_with_points() -> (World, Vec<(String, i64)>) {
    let world = World::new().await;
    let series: Vec<Series> = (0..90)
        .map(|n| {
            Series::new(
                "m",
                [("n", format!("{n:02}")), ("even", (n % 2 == 0).to_string())],
            )
        })
        .collect();
    world.add_series(&series).await;
    let mut expected = Vec::new();
    let mut points = Vec::new();
    for (id, series) in (1..).zip(&series) {
        // Most series have nothing, some have much, on both sides of the partitions' border.
        for n in 0..(if id % 10 == 1 { 37 } else { i64::from(id % 3 == 0) }) {
            let ts = if n % 2 == 0 { n } else { DAY + n };
            points.push((id, ts, f64::from(id)));
            expected.push((series.key.to_string(), ts));
        }
    }
    world.add_points(&points).await;
    expected.sort();
    (world, expected)
}

async fn walk(world: &World, selector: &Scoped, first: usize) -> Vec<(String, i64)> {
    let mut seen: Vec<(String, i64)> = Vec::new();
    loop {
        let after = seen.last().map(|(series, ts)| PointKey {
            series: series.clone(),
            ts: Micros(*ts),
        });
        let page = world
            .reader
            .points(selector, Micros(0), Micros(2 * DAY), after.as_ref(), first)
            .await
            .unwrap();
        assert!(page.rows.len() <= first);
        seen.extend(
            page.rows
                .iter()
                .map(|p| (p.series.series.key.to_string(), p.ts.0)),
        );
        if !page.more {
            return seen;
        }
    }
}

#[tokio::test]
async fn pages_of_any_length_visit_each_point_exactly_once_in_order() {
    let (world, expected) = world_with_points().await;
    for first in [1, 7, 100, 1_000] {
        assert_eq!(walk(&world, &selector(None, &[]), first).await, expected);
    }
    let odd = selector(Some("m"), &[("even", MatchOp::Matches, "f.*")]);
    let odd_points: Vec<_> = expected
        .into_iter()
        .filter(|(key, _)| key.contains("false"))
        .collect();
    assert_eq!(walk(&world, &odd, 10).await, odd_points);
}

#[tokio::test]
async fn points_that_arrive_between_two_pages_repeat_and_hide_nothing() {
    let (world, expected) = world_with_points().await;
    let all = selector(None, &[]);
    let (from, to) = (Micros(0), Micros(2 * DAY));
    let first = world.reader.points(&all, from, to, None, 10).await.unwrap();
    let last = first.rows.last().unwrap();
    let after = PointKey {
        series: last.series.series.key.to_string(),
        ts: last.ts,
    };
    // One before the cursor, one behind it.
    world
        .add_points(&[
            (last.series.id, last.ts.0 - 1, 0.0),
            (last.series.id, last.ts.0 + 1, 0.0),
        ])
        .await;
    let rest = world
        .reader
        .points(&all, from, to, Some(&after), 1_000)
        .await
        .unwrap();
    assert_eq!(first.rows.len() + rest.rows.len(), expected.len() + 1);
    assert_eq!(rest.rows[0].ts, Micros(last.ts.0 + 1));
}

#[tokio::test]
async fn a_page_goes_on_where_its_series_was_deleted() {
    let (world, expected) = world_with_points().await;
    let gone = PointKey {
        series: "a-metric-that-is-no-more{}".to_owned(),
        ts: Micros(5),
    };
    let all = selector(None, &[]);
    let page = world
        .reader
        .points(&all, Micros(0), Micros(2 * DAY), Some(&gone), 1_000)
        .await
        .unwrap();
    assert_eq!(page.rows.len(), expected.len());
}
