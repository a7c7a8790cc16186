//! Time partitions: as many as the times of real data need, and no more than may be.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::data::{Batch, Micros};
use crate::store::level::Level;
use crate::store::locks;
use crate::store::partitions::LOCK;
use crate::store::testing::batches::{Input, Node, second};
use crate::store::{Writer, WriterConfig};

const DAY: i64 = 86_400;
const COUNT: &str = "select count(*) from pg_inherits where inhparent = 'points'::regclass";
const LETTERS: &str = r#"select "offset", reason from dead_letters order by 1"#;

fn few() -> WriterConfig {
    WriterConfig {
        // One stream may open half of them.
        far_partitions: 6,
        ..WriterConfig::default()
    }
}

/// Moves the points, which are given in seconds from then.
fn since(then: Micros, mut batch: Batch) -> Batch {
    for point in &mut batch.points {
        point.ts.0 += then.0 - second(0).0;
    }
    batch
}

#[tokio::test]
async fn ten_years_of_daily_points_are_stored_in_partitions_of_a_month() {
    let mut node = Node::start().await;
    let a = node.own(0).await;
    let input = Input::empty().range(&a, 0, 3_650);
    let input = (0..3_650).fold(input, |input, n| input.record(n, 0, &[("x", -n * DAY, 1.0)]));
    let begun = Instant::now();
    let written = node
        .writer
        .write(since(Micros::now(), input.batch()))
        .await
        .unwrap();
    assert_eq!(written.stored.points.len(), 3_650);
    let partitions: usize = node.db.rows(COUNT).await[0].parse().unwrap();
    // 60 days and the months before.
    assert!((175..190).contains(&partitions), "{partitions}");
    assert!(begun.elapsed() < Duration::from_secs(60), "{:?}", begun.elapsed());
    assert!(node.db.rows(LETTERS).await.is_empty());
}

#[tokio::test]
async fn a_wrong_clock_fills_dead_letters_and_not_the_catalogue() {
    let mut node = Node::with(few()).await;
    let a = node.own(0).await;
    // Each record has points of two months; the clock of the third is centuries ahead.
    let wrong = |offset: i64, years: i64| {
        let at = years * 365 * DAY;
        [("x", at, offset as f64), ("x", at + 45 * DAY, 1.0)]
    };
    // One moment for all: days must not change where midnight comes in between.
    let now = Micros::now();
    let input = || {
        let input = Input::empty()
            .range(&a, 0, 6)
            .record(0, 0, &wrong(0, -3))
            .record(1, 0, &wrong(1, -20))
            .record(2, 0, &wrong(2, 500))
            // Present and past are not confused by it.
            .record(3, 0, &[("x", 0, 3.0), ("x", -50 * DAY, 3.0)])
            .record(4, 0, &[("y", -3 * 365 * DAY, 4.0)])
            .record(5, 0, &[("z", -40 * 365 * DAY, 5.0)]);
        since(now, input.batch())
    };
    let written = node.writer.write(input()).await.unwrap();
    assert_eq!(written.dead_letters.len(), 2);
    let blames_mapping = written.dead_letters.iter().any(|letter| letter.blames_mapping);
    assert!(!blames_mapping, "its stream is not paused for it");
    let refused = ["1|too_many_partitions", "2|too_many_partitions"];
    assert_eq!(node.db.rows(LETTERS).await, refused);
    let series = "select labels->>'site' from series order by 1";
    assert_eq!(node.db.rows(series).await, ["x", "y", "z"]);
    let partitions = node.db.rows(COUNT).await;
    assert_eq!(partitions, ["5"], "three far ones and two days");

    // The answer to the commit was lost, and another node tries it again.
    let connect = || Writer::connect(&node.db.url, few(), Arc::clone(&node.metrics));
    let mut other = connect().await.unwrap();
    let again = other.write(input()).await.unwrap();
    assert_eq!((again.already.len(), again.dead_letters.len()), (1, 0));
    // What was stored once finds its partition, however often it is read again.
    node.db
        .run("update ingest_offsets set next_offset = 0; delete from commits; delete from dead_letters")
        .await;
    node.writer = connect().await.unwrap();
    node.writer.write(input()).await.unwrap();
    assert_eq!(node.db.rows(LETTERS).await, refused);
    assert_eq!(node.db.rows(COUNT).await, partitions);
}

#[tokio::test]
async fn writers_do_not_wait_for_those_who_make_partitions_of_rollups() {
    let mut node = Node::start().await;
    let a = node.own(0).await;
    // What a maintenance or a refresher holds while it makes one.
    let rollup = Level::Minute.table();
    node.db.run("begin").await;
    let locked = node.db.client.execute(LOCK, &[&locks::PARTITIONS, &rollup]).await;
    locked.expect("a free lock");
    let write = node.write(Input::empty().range(&a, 0, 1).record(0, 1, &[("x", 1, 1.0)]));
    tokio::time::timeout(Duration::from_secs(20), write)
        .await
        .expect("it does not wait");
    assert_eq!(node.points().await, ["x 1 1 1 0"]);
}
