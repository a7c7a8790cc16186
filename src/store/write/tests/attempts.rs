//! Attempts that were made before, and owners that came after: what the compare-and-set finds.

use std::sync::Arc;

use super::published;
use crate::data::Assigned;
use crate::store::testing::batches::{Input, Node, ranges};

fn two_records(of: &Arc<Assigned>) -> Input {
    Input::empty()
        .range(of, 0, 4)
        .record(1, 1, &[("x", 1, 1.0)])
        .record(3, 1, &[("x", 3, 3.0)])
}

#[tokio::test]
async fn a_batch_whose_commit_was_not_answered_is_found_committed() {
    let mut node = Node::start().await;
    let a = node.own(0).await;
    node.write(two_records(&a)).await;
    node.reconnect().await;
    let again = node.write(two_records(&a)).await;
    assert_eq!(ranges(&again.already), ["1 0..4"]);
    assert_eq!(ranges(&again.committed), Vec::<String>::new());
    assert!(again.dropped.is_empty() && again.stored.points.is_empty());
    assert_eq!(node.points().await, ["x 1 1 1 1", "x 3 3 1 3"]);
    assert_eq!(
        node.db.rows("select from_offset, to_offset from commits").await,
        ["0|4"]
    );
}

#[tokio::test]
async fn of_a_batch_that_was_committed_in_part_only_the_rest_is_written() {
    let mut node = Node::start().await;
    let a = node.own(0).await;
    let half = Input::empty().range(&a, 0, 3).record(1, 1, &[("x", 1, 1.0)]);
    node.write(half).await;
    node.reconnect().await;
    let rest = node.write(two_records(&a)).await;
    assert_eq!(ranges(&rest.already), ["1 0..3"]);
    assert_eq!(ranges(&rest.committed), ["1 3..4"]);
    assert_eq!(published(&rest.stored), ["x 3 3"]);
    assert_eq!(node.points().await, ["x 1 1 1 1", "x 3 3 1 3"]);
    let commits = node
        .db
        .rows("select from_offset, to_offset, points from commits order by 1")
        .await;
    assert_eq!(commits, ["0|3|1", "3|4|1"]);
}

#[tokio::test]
async fn dead_letters_of_an_unanswered_commit_are_not_counted_twice() {
    let mut node = Node::start().await;
    let a = node.own(0).await;
    let bad = || Input::empty().range(&a, 0, 1).bad(0, "no");
    assert_eq!(node.write(bad()).await.dead_letters.len(), 1);
    node.reconnect().await;
    assert_eq!(node.write(bad()).await.dead_letters.len(), 0);
    assert_eq!(node.db.rows("select attempts from dead_letters").await, ["1"]);
}

#[tokio::test]
async fn a_partition_with_another_owner_is_dropped_and_the_rest_is_kept() {
    let mut node = Node::start().await;
    let (a, b) = (node.own(0).await, node.own(1).await);
    node.own(0).await;
    let input = Input::empty()
        .range(&b, 0, 1)
        .record(0, 1, &[("x", 1, 1.0)])
        .range(&a, 0, 2)
        .record(0, 1, &[("x", 2, 2.0)])
        .bad(1, "no");
    let written = node.write(input).await;
    assert_eq!(ranges(&written.dropped), ["1 0..2"]);
    assert_eq!(ranges(&written.committed), ["2 0..1"]);
    assert_eq!(published(&written.stored), ["x 1 1"]);
    assert_eq!(node.points().await, ["x 1 1 2 0"]);
    assert!(written.dead_letters.is_empty());
    assert_eq!(
        node.db.rows("select * from dead_letters").await,
        Vec::<String>::new()
    );
    assert_eq!(node.metrics.dropped_shares.get(), 1);
}
