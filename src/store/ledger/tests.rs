//! Claims and epochs on a real Postgres, with several nodes at once.

use super::*;
use crate::store::testing::Database;
use crate::store::testing::batches::{Input, Node, ranges, topic_partition};

const ROWS: &str = "select epoch, topic_id, next_offset, owner_epoch from ingest_offsets order by epoch";

#[tokio::test]
async fn each_claim_fences_the_owner_before() {
    let mut node = Node::start().await;
    let before = node.own(0).await;
    let now = node.own(0).await;
    assert_eq!(before.partition_id, now.partition_id);
    assert!(now.owner_epoch > before.owner_epoch);
    let input = Input::empty().range(&before, 0, 1).record(0, 1, &[("x", 1, 1.0)]);
    assert_eq!(ranges(&node.write(input).await.dropped), ["1 0..1"]);
}

#[tokio::test]
async fn two_nodes_that_find_a_new_partition_at_once_share_one_epoch() {
    let db = Database::create().await;
    let mut first = Ledger::connect(&db.url).await.unwrap();
    let mut second = Ledger::connect(&db.url).await.unwrap();
    let at = topic_partition(0, "one");
    assert_eq!(first.claim(at).await.unwrap(), Claim::New);
    assert_eq!(second.claim(at).await.unwrap(), Claim::New);
    let (one, other) = tokio::join!(first.begin_epoch(at, 5), second.begin_epoch(at, 5));
    let (one, other) = (one.unwrap(), other.unwrap());
    assert_eq!(one.partition_id, other.partition_id);
    assert_ne!(one.owner_epoch, other.owner_epoch);
    assert_eq!(db.rows(ROWS).await, ["1|one|5|2"]);
}

#[tokio::test]
async fn where_a_topic_begins_is_set_once_and_later_partitions_are_read_whole() {
    let db = Database::create().await;
    let mut first = Ledger::connect(&db.url).await.unwrap();
    let mut second = Ledger::connect(&db.url).await.unwrap();
    assert_eq!(first.claim(topic_partition(0, "one")).await.unwrap(), Claim::New);
    assert_eq!(second.claim(topic_partition(1, "one")).await.unwrap(), Claim::New);
    first
        .begin_topic(topic_partition(0, "one"), &[(0, 5), (1, 7)])
        .await
        .unwrap();
    // Looked later, when there was more.
    second
        .begin_topic(topic_partition(1, "one"), &[(0, 50), (1, 70), (2, 90)])
        .await
        .unwrap();
    let Claim::Resumed(owned) = second.claim(topic_partition(1, "one")).await.unwrap() else {
        panic!("it was set");
    };
    assert_eq!((owned.next_offset, owned.owner_epoch), (7, 1));
    assert_eq!(
        first.claim(topic_partition(2, "one")).await.unwrap(),
        Claim::Unread
    );
    assert_eq!(
        first
            .begin_epoch(topic_partition(2, "one"), 0)
            .await
            .unwrap()
            .next_offset,
        0
    );
    let rows = "select partition, next_offset, owner_epoch from ingest_offsets order by partition";
    assert_eq!(db.rows(rows).await, ["0|5|0", "1|7|1", "2|0|1"]);
}

#[tokio::test]
async fn the_leader_epoch_of_the_last_record_is_kept_beside_the_offset() {
    let mut node = Node::start().await;
    let of = node.own(0).await;
    let known = "select next_offset, leader_epoch, leader_epoch_offset from ingest_offsets";
    let input = Input::empty()
        .range(&of, 0, 2)
        .epoch(4)
        .record(0, 1, &[("x", 1, 1.0)]);
    node.write(input).await;
    assert_eq!(node.db.rows(known).await, ["2|4|2"]);
    // Markers only.
    node.write(Input::empty().range(&of, 2, 9)).await;
    assert_eq!(node.db.rows(known).await, ["9|4|2"]);
    let commits = "select from_offset, to_offset, points from commits order by from_offset";
    assert_eq!(node.db.rows(commits).await, ["0|2|1", "2|9|0"]);
    let Claim::Resumed(owned) = node.ledger.claim(topic_partition(0, "one")).await.unwrap() else {
        panic!("it is known");
    };
    assert_eq!(owned.leader_epoch, Some(LeaderEpoch { epoch: 4, offset: 2 }));
    // The record that it is of is read again.
    node.db.run("update ingest_offsets set next_offset = 1").await;
    let Claim::Resumed(owned) = node.ledger.claim(topic_partition(0, "one")).await.unwrap() else {
        panic!("it is known");
    };
    assert_eq!((owned.next_offset, owned.leader_epoch), (1, None));
}

#[tokio::test]
async fn two_nodes_that_see_a_recreated_topic_begin_one_epoch_and_fence_the_old() {
    let mut node = Node::start().await;
    let old = node.own(0).await;
    let mut second = Ledger::connect(&node.db.url).await.unwrap();
    let at = topic_partition(0, "two");
    assert_eq!(node.ledger.claim(at).await.unwrap(), Claim::Unread);
    assert_eq!(second.claim(at).await.unwrap(), Claim::Unread);
    node.ledger.begin_epoch(at, 0).await.unwrap();
    second.begin_epoch(at, 0).await.unwrap();
    assert_eq!(node.db.rows(ROWS).await, ["1|one|0|2", "2|two|0|2"]);
    let input = Input::empty().range(&old, 0, 1).record(0, 1, &[("x", 1, 1.0)]);
    assert_eq!(ranges(&node.write(input).await.dropped), ["1 0..1"]);
}

#[tokio::test]
async fn a_jump_begins_a_new_epoch_under_the_same_topic_id_once() {
    let mut node = Node::start().await;
    node.own(0).await;
    let mut second = Ledger::connect(&node.db.url).await.unwrap();
    let at = topic_partition(0, "one");
    node.ledger.claim(at).await.unwrap();
    second.claim(at).await.unwrap();
    let jumped = node.ledger.begin_epoch(at, 70).await.unwrap();
    let joined = second.begin_epoch(at, 70).await.unwrap();
    assert_eq!(jumped.partition_id, joined.partition_id);
    assert_eq!(joined.next_offset, 70);
    assert_eq!(
        node.db
            .rows("select epoch, next_offset from ingest_offsets")
            .await
            .len(),
        2
    );
    // On purpose, knowing the epoch it jumped to, a node may jump again.
    second.begin_epoch(at, 80).await.unwrap();
    assert_eq!(node.db.rows("select max(epoch) from ingest_offsets").await, ["3"]);
}

#[tokio::test]
async fn a_gap_moves_forward_only_and_only_for_the_owner() {
    let db = Database::create().await;
    let mut ledger = Ledger::connect(&db.url).await.unwrap();
    let at = topic_partition(0, "one");
    ledger.claim(at).await.unwrap();
    let mut owned = ledger.begin_epoch(at, 10).await.unwrap();
    assert!(ledger.record_gap(owned, 9).await.is_err());
    ledger.record_gap(owned, 10).await.unwrap();
    assert_eq!(db.rows("select * from gaps").await, Vec::<String>::new());
    ledger.record_gap(owned, 15).await.unwrap();
    assert_eq!(
        db.rows("select from_offset, to_offset from gaps").await,
        ["10|15"]
    );
    assert_eq!(db.rows("select next_offset from ingest_offsets").await, ["15"]);
    owned.next_offset = 15;
    ledger.claim(at).await.unwrap();
    assert!(ledger.record_gap(owned, 20).await.is_err());
}
