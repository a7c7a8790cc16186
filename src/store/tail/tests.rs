//! The tail reader against a real Postgres, with rows as the writer leaves them.

use super::*;
use crate::data::{MatchOp, Scoped, Selector, Viewer};
use crate::store::testing::Database;

/// Partition 1 has three commits of two series, with the record at offset 3 in two points.
const ROWS: &str = "\
create table points_all partition of points default; \
insert into series (key, metric, labels, stream) values \
  ('m{site=\"a\"}', 'm', '{\"site\": \"a\"}', 's'), ('m{site=\"b\"}', 'm', '{\"site\": \"b\"}', 's'); \
insert into ingest_offsets (stream, topic, partition, epoch, topic_id, next_offset) \
  values ('s', 't', 0, 1, 'x', 10); \
insert into points (series_id, partition_id, ts, value, \"offset\", recorded_at) values \
  (1, 1, '2026-01-01 00:00:00+00', 0, 0, now()), (2, 1, '2026-01-01 00:00:01+00', 1, 1, now()), \
  (1, 1, '2026-01-01 00:00:03+00', 3, 3, now()), (2, 1, '2026-01-01 00:00:03+00', 3.5, 3, now()), \
  (1, 1, '2026-01-01 00:00:08+00', 8, 8, now()); \
insert into commits (partition_id, from_offset, to_offset, min_ts, max_ts, points, series_ids) values \
  (1, 0, 2, '2026-01-01 00:00:00+00', '2026-01-01 00:00:01+00', 2, '{1,2}'), \
  (1, 2, 5, '2026-01-01 00:00:03+00', '2026-01-01 00:00:03+00', 2, '{1,2}'), \
  (1, 5, 10, '2026-01-01 00:00:08+00', '2026-01-01 00:00:08+00', 1, '{1}');";

async fn setup() -> (Database, Tail) {
    let db = Database::create().await;
    // The migrations may already have made a default partition or others.
    db.run(ROWS).await;
    let tail = Tail::new(db.url.clone(), 2);
    (db, tail)
}

fn select(metric: Option<&str>, labels: &[(&str, MatchOp, &str)]) -> Scoped {
    Viewer::operator().select(Selector::of(metric, labels))
}

fn everything() -> Scoped {
    select(None, &[])
}

async fn pages(tail: &Tail, from: i64, upto: i64, want: Want<'_>) -> Vec<(i64, Vec<i64>)> {
    let upto = Positions::from([(1, upto)]);
    let mut at = Positions::from([(1, from)]);
    let mut names = Names::default();
    let mut pages = Vec::new();
    while let Some(page) = tail.page(&at, &upto, want, &mut names).await.unwrap() {
        assert_eq!(page.ranges[0].from, at[&1]);
        assert!(page.ranges[0].to > at[&1], "a page moves on");
        at.insert(1, page.ranges[0].to);
        pages.push((at[&1], page.points.iter().map(|p| p.offset).collect()));
    }
    pages
}

#[tokio::test]
async fn pages_continue_each_other_up_to_the_seam_and_never_split_a_record() {
    let (_db, tail) = setup().await;
    for rows in [1, 2, 3, 100] {
        let want = Want { only: None, rows };
        let all = pages(&tail, 0, 10, want).await;
        let offsets: Vec<i64> = all.iter().flat_map(|(_, o)| o.clone()).collect();
        assert_eq!(offsets, [0, 1, 3, 3, 8], "with pages of {rows}");
        assert_eq!(all.last().unwrap().0, 10);
    }
    let want = Want {
        only: None,
        rows: 100,
    };
    let part = pages(&tail, 1, 4, want).await;
    let offsets: Vec<i64> = part.iter().flat_map(|(_, o)| o.clone()).collect();
    assert_eq!(offsets, [1, 3, 3]);
    assert_eq!(part.last().unwrap().0, 4);
}

#[tokio::test]
async fn a_page_brings_only_the_series_that_are_wanted() {
    let (_db, tail) = setup().await;
    let selector = select(Some("m"), &[("site", MatchOp::Equal, "b")]);
    let names = tail.matching(&selector, 10).await.unwrap().unwrap();
    assert_eq!(names.keys().copied().collect::<Vec<_>>(), [2]);
    let want = Want {
        only: Some(&[2]),
        rows: 100,
    };
    let offsets: Vec<i64> = pages(&tail, 0, 10, want)
        .await
        .into_iter()
        .flat_map(|(_, o)| o)
        .collect();
    assert_eq!(offsets, [1, 3]);
    assert_eq!(tail.matching(&everything(), 10).await.unwrap().unwrap().len(), 2);
}

#[tokio::test]
async fn a_backfill_goes_by_series_and_time_and_stops_below_the_seam() {
    let (_db, tail) = setup().await;
    let names = tail.matching(&everything(), 10).await.unwrap().unwrap();
    let since = Micros::from_rfc3339("2026-01-01T00:00:01Z").unwrap();
    for rows in [1, 2, 100] {
        let seam = Positions::from([(1, 8)]);
        let (mut done, mut seen) = (None, Vec::new());
        while let Some((page, reached)) = tail.backfill(since, done, &seam, rows, &names).await.unwrap() {
            let series = |p: &crate::data::StoredPoint| page.series[p.series as usize].id;
            seen.extend(page.points.iter().map(|p| (series(p), p.offset)));
            done = Some(reached);
        }
        assert_eq!(seen, [(1, 3), (2, 1), (2, 3)], "with pages of {rows}");
    }
}

#[tokio::test]
async fn a_cursor_is_continued_only_when_nothing_can_be_missing() {
    let (db, tail) = setup().await;
    let check = async |at: &[(i32, i64)]| {
        let positions: Positions = at.iter().copied().collect();
        let horizon = tail.horizon().await.unwrap();
        horizon.check(&positions).map_err(|gap| gap.earliest)
    };
    assert_eq!(check(&[(1, 4)]).await, Ok(()));
    assert_eq!(check(&[]).await, Ok(()));
    db.run("insert into gaps (partition_id, from_offset, to_offset) values (1, 5, 7)")
        .await;
    // What lies before the gap can be told.
    assert_eq!(check(&[(1, 4)]).await, Ok(()));
    let horizon = tail.horizon().await.unwrap();
    let range = |from, to| Range {
        partition_id: 1,
        from,
        to,
    };
    assert_eq!(horizon.before_gap(range(0, 4)), range(0, 4));
    assert_eq!(horizon.before_gap(range(4, 9)), range(4, 5));
    assert_eq!(check(&[(1, 5)]).await, Err(Positions::from([(1, 7)])));
    assert_eq!(check(&[(1, 6)]).await, Err(Positions::from([(1, 7)])));
    assert_eq!(check(&[(1, 7)]).await, Ok(()));
    db.run("update ingest_offsets set resume_from = 9").await;
    // Nobody can be in the gap any more, so it is not even read.
    assert_eq!(tail.horizon().await.unwrap().gaps, []);
    assert_eq!(check(&[(1, 8)]).await, Err(Positions::from([(1, 9)])));
    db.run(
        "insert into ingest_offsets (stream, topic, partition, epoch, topic_id, next_offset) \
         values ('s', 't', 0, 2, 'y', 0)",
    )
    .await;
    assert_eq!(check(&[(1, 10)]).await, Err(Positions::new()));
    assert_eq!(check(&[(2, 0)]).await, Ok(()));
}

#[tokio::test]
async fn selectors_are_looked_up_side_by_side() {
    let (_db, tail) = setup().await;
    let site = |value| [("site", MatchOp::Equal, value)];
    let selectors = [
        select(Some("m"), &site("b")),
        select(Some("other"), &[]),
        select(Some("m\0"), &[]),
        select(Some("m"), &[]),
    ];
    let sorted = |names: &Option<Names>| {
        let mut ids: Vec<SeriesId> = names.as_ref()?.keys().copied().collect();
        ids.sort_unstable();
        Some(ids)
    };
    let together = async |limit| {
        let found = tail.matching_together(&selectors, limit).await.unwrap()?;
        Some(found.iter().map(sorted).collect::<Vec<_>>())
    };
    let found = [vec![2], vec![], vec![], vec![1, 2]].map(Some);
    assert_eq!(together(10).await, Some(found.to_vec()));
    let [b, other, nul, _] = found.clone();
    assert_eq!(together(1).await, Some(vec![b, other, nul, None]));
    assert_eq!(together(0).await, None, "one by one");
    for (selector, found) in selectors.iter().zip(&found) {
        assert_eq!(sorted(&tail.matching(selector, 10).await.unwrap()), *found);
    }
    let all = tail.matching(&everything(), 1).await.unwrap();
    assert!(all.is_none(), "more than the limit");
    let by_label = select(None, &site("a"));
    assert_eq!(
        sorted(&tail.matching(&by_label, 10).await.unwrap()),
        Some(vec![1])
    );
}

#[tokio::test]
async fn a_partition_of_which_less_is_stored_than_was_published_went_back() {
    let (_db, tail) = setup().await;
    let horizon = tail.horizon().await.unwrap();
    let went_back = |at: &[(i32, i64)]| horizon.went_back(&at.iter().copied().collect());
    assert_eq!(went_back(&[(1, 10), (2, 5)]), Vec::<PartitionId>::new());
    assert_eq!(went_back(&[(1, 11)]), [1]);
}
