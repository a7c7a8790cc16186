//! Claims and epochs on a real Postgres, with several nodes at once.

use super::*;
use crate::store::testing::Database;
use crate::store::testing::batches::{Input, Node, place, ranges};

const ROWS: &str = "select epoch, topic_id, next_offset, owner_epoch from ingest_offsets order by epoch";

#[tokio::test]
async fn each_claim_fences_the_owner_before() {
    let mut node = Node::start().await;
    let before = node.own(0).await;
    let now = node.own(0).await;
    assert_eq!(before.partition_id, now.partition_id);
    assert!(now.owner_epoch > before.owner_epoch);
    let input = Input::empty().share(&before, 0, 1).record(0, 1, &[("x", 1, 1.0)]);
    assert_eq!(ranges(&node.write(input).await.dropped), ["1 0..1"]);
}

#[tokio::test]
async fn two_nodes_that_find_a_new_partition_at_once_share_one_epoch() {
    let db = Database::create().await;
    let mut first = Ledger::connect(&db.url).await.unwrap();
    let mut second = Ledger::connect(&db.url).await.unwrap();
    let at = place(0, "one");
    assert_eq!(first.claim(at).await.unwrap(), Claim::New);
    assert_eq!(second.claim(at).await.unwrap(), Claim::New);
    let (one, other) = tokio::join!(first.begin_epoch(at, 5), second.begin_epoch(at, 5));
    let (one, other) = (one.unwrap(), other.unwrap());
    assert_eq!(one.partition_id, other.partition_id);
    assert_ne!(one.owner_epoch, other.owner_epoch);
    assert_eq!(db.rows(ROWS).await, ["1|one|5|2"]);
}

#[tokio::test]
async fn two_nodes_that_see_a_recreated_topic_begin_one_epoch_and_fence_the_old() {
    let mut node = Node::start().await;
    let old = node.own(0).await;
    let mut second = Ledger::connect(&node.db.url).await.unwrap();
    let at = place(0, "two");
    assert_eq!(node.ledger.claim(at).await.unwrap(), Claim::Recreated);
    assert_eq!(second.claim(at).await.unwrap(), Claim::Recreated);
    node.ledger.begin_epoch(at, 0).await.unwrap();
    second.begin_epoch(at, 0).await.unwrap();
    assert_eq!(node.db.rows(ROWS).await, ["1|one|0|2", "2|two|0|2"]);
    let input = Input::empty().share(&old, 0, 1).record(0, 1, &[("x", 1, 1.0)]);
    assert_eq!(ranges(&node.write(input).await.dropped), ["1 0..1"]);
}

#[tokio::test]
async fn a_jump_begins_a_new_epoch_under_the_same_topic_id_once() {
    let mut node = Node::start().await;
    node.own(0).await;
    let mut second = Ledger::connect(&node.db.url).await.unwrap();
    let at = place(0, "one");
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
    let at = place(0, "one");
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
