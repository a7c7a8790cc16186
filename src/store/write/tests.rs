//! The writer against a real Postgres: what is in the tables after each batch.

mod attempts;
mod dead_letters;
mod pace;
mod partitions;
mod poison;
mod redrive;
mod speed;
mod went_back;

use crate::data::Stored;
use crate::store::testing::batches::{Input, Node, ranges, second};

/// What the hub is told, as `site second value`.
fn published(stored: &Stored) -> Vec<String> {
    let line = |point: &crate::data::StoredPoint| {
        let series = &stored.series[point.series as usize].series;
        let at = (point.ts.0 - second(0).0) / 1_000_000;
        format!("{} {at} {}", series.label("site").unwrap(), point.value)
    };
    stored.points.iter().map(line).collect()
}

#[tokio::test]
async fn a_batch_is_stored_exactly_and_published_as_it_was_stored() {
    let mut node = Node::start().await;
    let (a, b) = (node.own(0).await, node.own(1).await);
    let input = Input::empty()
        .range(&a, 0, 3)
        .record(0, 1, &[("x", 1, 1.5), ("y", 1, 2.5)])
        .record(2, 2, &[("x", 2, 3.5)])
        .range(&b, 0, 9)
        .record(7, 3, &[("z", -86_400, 4.5)]);
    let written = node.write(input).await;
    let expected = ["x 1 1.5 1 0", "x 2 3.5 1 2", "y 1 2.5 1 0", "z -86400 4.5 2 7"];
    assert_eq!(node.points().await, expected);
    assert_eq!(
        published(&written.stored),
        ["x 1 1.5", "x 2 3.5", "y 1 2.5", "z -86400 4.5"]
    );
    assert_eq!(ranges(&written.committed), ["1 0..3", "2 0..9"]);
    let offsets = "select partition_id, next_offset from ingest_offsets order by 1";
    assert_eq!(node.db.rows(offsets).await, ["1|3", "2|9"]);
}

#[tokio::test]
async fn commits_say_which_offsets_times_and_series_each_partition_brought() {
    let mut node = Node::start().await;
    let (a, b, quiet) = (node.own(0).await, node.own(1).await, node.own(2).await);
    let input = Input::empty()
        .range(&a, 0, 4)
        .record(0, 1, &[("x", 5, 1.0), ("y", 1, 1.0)])
        .record(3, 1, &[("x", 9, 1.0)])
        .range(&b, 0, 1)
        .record(0, 1, &[("y", 3, 1.0)])
        .range(&quiet, 0, 6)
        .bad(2, "no");
    node.write(input).await;
    let commits = node
        .db
        .rows(
            "select partition_id, from_offset, to_offset, points, series_ids,
                extract(second from min_ts)::int, extract(second from max_ts)::int
            from commits order by 1",
        )
        .await;
    assert_eq!(
        commits,
        ["1|0|4|3|{1,2}|1|9", "2|0|1|1|{2}|3|3", "3|0|6|0|{}|null|null"]
    );
}

#[tokio::test]
async fn late_and_repeated_points_fall_into_their_places() {
    let mut node = Node::start().await;
    let a = node.own(0).await;
    let first = Input::empty()
        .range(&a, 0, 1)
        .record(0, 1, &[("x", 5, 1.0), ("x", 7, 1.0)]);
    node.write(first).await;
    let second = Input::empty()
        .range(&a, 1, 2)
        .record(1, 2, &[("x", 6, 2.0), ("x", 7, 2.0), ("x", 8, 2.0)]);
    let written = node.write(second).await;
    let expected = ["x 5 1 1 0", "x 6 2 1 1", "x 7 2 1 1", "x 8 2 1 1"];
    assert_eq!(node.points().await, expected);
    assert_eq!(published(&written.stored), ["x 6 2", "x 7 2", "x 8 2"]);
    assert_eq!(node.metrics.copy_fallbacks.get(), 0);
}

#[tokio::test]
async fn within_a_partition_the_higher_offset_wins_also_inside_one_batch() {
    let mut node = Node::start().await;
    let a = node.own(0).await;
    let input = Input::empty()
        .range(&a, 0, 2)
        .record(0, 9, &[("x", 1, 1.0), ("x", 1, 2.0)])
        .record(1, 3, &[("x", 1, 3.0)]);
    let written = node.write(input).await;
    assert_eq!(node.points().await, ["x 1 3 1 1"]);
    assert_eq!(published(&written.stored), ["x 1 3"]);
}

#[tokio::test]
async fn across_partitions_the_later_record_wins_whichever_arrives_first() {
    // (partition, recorded, value): the earlier record of partition 1 loses, equal ones go by id.
    for (early, late) in [((0, 5), (1, 9)), ((1, 5), (0, 9)), ((0, 5), (1, 5))] {
        for swapped in [false, true] {
            for together in [false, true] {
                let mut node = Node::start().await;
                let own = [node.own(0).await, node.own(1).await];
                let mut order = [(early, 1.0), (late, 2.0)];
                if swapped {
                    order.reverse();
                }
                let mut input = Input::empty();
                for ((partition, recorded), value) in order {
                    input = input
                        .range(&own[partition], 0, 1)
                        .record(0, recorded, &[("x", 1, value)]);
                    if !together {
                        node.write(input).await;
                        input = Input::empty();
                    }
                }
                node.write(input).await;
                let winner = format!("x 1 2 {} 0", late.0 + 1);
                assert_eq!(
                    node.points().await,
                    [winner],
                    "swapped {swapped}, together {together}"
                );
            }
        }
    }
}

#[tokio::test]
async fn a_point_that_loses_is_neither_published_nor_in_its_commit() {
    let mut node = Node::start().await;
    let (a, b) = (node.own(0).await, node.own(1).await);
    node.write(Input::empty().range(&a, 0, 1).record(0, 9, &[("x", 1, 1.0)]))
        .await;
    let loser = Input::empty().range(&b, 0, 1).record(0, 5, &[("x", 1, 2.0)]);
    let written = node.write(loser).await;
    assert_eq!(published(&written.stored), Vec::<String>::new());
    let commits = "select points, series_ids from commits where partition_id = 2";
    assert_eq!(node.db.rows(commits).await, ["0|{}"]);
}

#[tokio::test]
async fn after_another_node_was_ahead_only_the_first_batch_falls_back() {
    let mut node = Node::start().await;
    let (a, b) = (node.own(0).await, node.own(1).await);
    node.write(Input::empty().range(&a, 0, 1).record(0, 1, &[("x", 1, 1.0)]))
        .await;
    let mut other = node.another_writer().await;
    let ahead = Input::empty()
        .range(&b, 0, 1)
        .record(0, 2, &[("x", 2, 2.0), ("x", 9, 2.0)]);
    other.write(ahead.batch()).await.unwrap();
    for offset in 1..4 {
        let seconds = [("x", offset + 1, 3.0), ("x", offset + 7, 3.0)];
        let behind = Input::empty()
            .range(&a, offset, offset + 1)
            .record(offset, 3, &seconds);
        node.write(behind).await;
    }
    assert_eq!(node.metrics.copy_fallbacks.get(), 1);
    let expected = [
        "x 1 1 1 0",
        "x 2 3 1 1",
        "x 3 3 1 2",
        "x 4 3 1 3",
        "x 8 3 1 1",
        "x 9 3 1 2",
        "x 10 3 1 3",
    ];
    assert_eq!(node.points().await, expected);
}

#[tokio::test]
async fn series_deleted_under_a_connected_writer_come_back_with_new_ids() {
    let mut node = Node::start().await;
    let a = node.own(0).await;
    let both = [("x", 1, 1.0), ("y", 1, 1.0)];
    node.write(Input::empty().range(&a, 0, 1).record(0, 1, &both))
        .await;
    let all = crate::data::Viewer::operator().select(crate::data::Selector::default());
    let deleted = crate::store::admin::delete_series(&node.db.url, &all)
        .await
        .unwrap();
    assert_eq!((deleted.series, deleted.points), (2, 2));
    assert_eq!(node.points().await, Vec::<String>::new());
    let written = node
        .write(Input::empty().range(&a, 1, 2).record(1, 2, &[("y", 1, 2.0)]))
        .await;
    assert_eq!(node.points().await, ["y 1 2 1 1"]);
    assert_eq!(
        node.db.rows("select id, key from series").await,
        ["3|m{site=\"y\"}"]
    );
    assert_eq!(written.stored.series[0].id, 3);
}

#[tokio::test]
async fn times_at_both_ends_of_the_calendar_have_their_partitions() {
    use crate::data::Micros;
    let mut node = Node::with(super::WriterConfig {
        partition_days: 7,
        ..super::WriterConfig::default()
    })
    .await;
    let a = node.own(0).await;
    let input = Input::empty()
        .range(&a, 0, 1)
        .record(0, 1, &[("x", 0, 1.0), ("x", 1, 2.0)]);
    let mut batch = input.batch();
    batch.points[0].ts = Micros::FIRST;
    batch.points[1].ts = Micros::LAST;
    node.writer.write(batch).await.unwrap();
    let times = node
        .db
        .rows("select ts at time zone 'utc' from points order by ts")
        .await;
    assert_eq!(times, ["0001-01-01 00:00:00", "9999-12-31 23:59:59.999999"]);
    // The bounds are read back as they were written.
    node.reconnect().await;
    let again = Input::empty().range(&a, 1, 2).record(1, 1, &[("x", 0, 3.0)]);
    let mut batch = again.batch();
    batch.points[0].ts = Micros::LAST;
    node.writer.write(batch).await.unwrap();
    assert_eq!(node.db.rows("select count(*) from points").await, ["2"]);
}

#[tokio::test]
async fn a_writer_that_stands_still_inside_a_transaction_is_ended_by_the_server() {
    let node = Node::start().await;
    let setting = "select setting from pg_settings where name = 'idle_in_transaction_session_timeout'";
    let row = node.writer.client.query_one(setting, &[]).await.unwrap();
    assert_eq!(row.get::<_, &str>(0), "30000");
}
