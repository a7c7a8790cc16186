//! Records that Postgres or a limit refuses: each alone becomes a dead letter.

use std::collections::HashMap;

use crate::data::Reason;
use crate::store::WriterConfig;
use crate::store::testing::batches::{Input, Node, ranges};

const LETTERS: &str = r#"select "offset", reason from dead_letters order by 1"#;

#[tokio::test]
async fn a_record_that_postgres_refuses_stands_alone_and_the_rest_is_stored() {
    let mut node = Node::start().await;
    let (a, b) = (node.own(0).await, node.own(1).await);
    node.db.run("alter table points add check (value < 100)").await;
    let mut input = Input::empty().range(&a, 0, 8);
    for offset in 0..8 {
        let value = if offset == 5 { 500.0 } else { offset as f64 };
        input = input.record(offset, 1, &[("x", offset, value)]);
    }
    input = input.range(&b, 0, 1).record(0, 1, &[("y", 0, 1.0)]);
    let written = node.write(input).await;
    let mut expected: Vec<String> = (0..8)
        .filter(|n| *n != 5)
        .map(|n| format!("x {n} {n} 1 {n}"))
        .collect();
    expected.push("y 0 1 2 0".to_owned());
    assert_eq!(node.points().await, expected);
    assert_eq!(written.stored.points.len(), 8);
    let [dead] = &written.dead_letters[..] else {
        panic!("{:?}", written.dead_letters);
    };
    assert_eq!(
        (&*dead.stream, dead.reason),
        ("machines", Reason::RejectedByStore)
    );
    assert_eq!(node.db.rows(LETTERS).await, ["5|rejected_by_store"]);
    let covered: i64 = written.committed.iter().map(|range| range.to - range.from).sum();
    assert_eq!(covered, 9, "{:?}", ranges(&written.committed));
    let offsets = "select next_offset from ingest_offsets order by partition_id";
    assert_eq!(node.db.rows(offsets).await, ["8", "1"]);
}

#[tokio::test]
async fn a_series_key_too_long_for_the_index_harms_only_its_record() {
    let mut node = Node::start().await;
    let a = node.own(0).await;
    // Does not compress: each character depends on all before it.
    let mut state = 1_u32;
    let random = |_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        char::from(b'!' + (state >> 24) as u8 % 90)
    };
    let long: String = (0..8_000).map(random).collect();
    let input = Input::empty()
        .range(&a, 0, 3)
        .record(0, 1, &[("x", 1, 1.0)])
        .record(1, 1, &[(&long, 1, 1.0)])
        .record(2, 1, &[("y", 1, 1.0)]);
    node.write(input).await;
    assert_eq!(node.points().await, ["x 1 1 1 0", "y 1 1 1 2"]);
    assert_eq!(node.db.rows(LETTERS).await, ["1|rejected_by_store"]);
}

#[tokio::test]
async fn a_stream_brings_no_more_series_than_it_may() {
    let mut node = Node::with(WriterConfig {
        max_series: HashMap::from([("machines".into(), 2)]),
        ..WriterConfig::default()
    })
    .await;
    let a = node.own(0).await;
    let input = Input::empty()
        .range(&a, 0, 5)
        .record(0, 1, &[("x", 1, 1.0)])
        // All or nothing: the first of its two series would still be allowed.
        .record(1, 1, &[("p", 1, 1.0), ("q", 1, 1.0)])
        .record(2, 1, &[("y", 1, 1.0), ("x", 2, 1.0)])
        .record(3, 1, &[("z", 1, 1.0)])
        .record(4, 1, &[("x", 3, 1.0)]);
    let written = node.write(input).await;
    assert_eq!(
        node.points().await,
        ["x 1 1 1 0", "x 2 1 1 2", "x 3 1 1 4", "y 1 1 1 2"]
    );
    assert_eq!(
        node.db.rows(LETTERS).await,
        ["1|too_many_series", "3|too_many_series"]
    );
    assert_eq!(written.dead_letters.len(), 2);
    assert_eq!(node.db.rows("select count(*) from series").await, ["2"]);
    let later = Input::empty().range(&a, 5, 6).record(5, 1, &[("z", 1, 1.0)]);
    assert_eq!(node.write(later).await.dead_letters.len(), 1);
}

#[tokio::test]
async fn a_record_rejected_before_creates_no_series() {
    let mut node = Node::start().await;
    let a = node.own(0).await;
    let mut batch = Input::empty()
        .range(&a, 0, 2)
        .record(0, 1, &[("x", 1, 1.0)])
        .bad(1, "no")
        .batch();
    batch
        .points
        .extend(batch.points.clone().into_iter().map(|mut point| {
            batch.series.push(std::sync::Arc::new(crate::data::Series::new(
                "other",
                [("a", "b")],
            )));
            (point.record, point.series) = (1, 1);
            point
        }));
    node.writer.write(batch).await.unwrap();
    assert_eq!(node.db.rows("select metric from series").await, ["m"]);
}

#[tokio::test]
async fn a_time_partition_dropped_under_a_connected_writer_is_created_anew() {
    let mut node = Node::start().await;
    let a = node.own(0).await;
    node.write(Input::empty().range(&a, 0, 1).record(0, 1, &[("x", 1, 1.0)]))
        .await;
    let drop = "select format('drop table %s', inhrelid::regclass) from pg_inherits
        where inhparent = 'points'::regclass";
    let drop = node.db.rows(drop).await;
    node.db.run(&drop[0]).await;
    node.write(Input::empty().range(&a, 1, 2).record(1, 1, &[("x", 2, 2.0)]))
        .await;
    assert_eq!(node.points().await, ["x 2 2 1 1"]);
    assert_eq!(node.db.rows(LETTERS).await, Vec::<String>::new());
}
