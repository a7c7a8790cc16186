//! A Postgres that has less than it confirmed: it lost its last commits, a standby took its place, or a
//! backup was restored.

use std::sync::Arc;

use crate::data::{Assigned, PartitionId};
use crate::store::testing::batches::{Input, Node};
use crate::store::{Held, WriteError};

/// One record at each of these offsets, and one dead letter.
fn records(of: &Arc<Assigned>, from: i64, to: i64) -> Input {
    let input = Input::empty().range(of, from, to);
    (from..to).fold(input, |input, at| match at {
        3 => input.bad(at, "no"),
        _ => input.record(at, 1, &[("x", at, at as f64)]),
    })
}

async fn refused(node: &mut Node, input: Input) -> WriteError {
    let (_, error) = node.writer.write(input.batch()).await.expect_err("not stored");
    node.reconnect().await;
    error
}

fn all(n: i64) -> Vec<String> {
    (0..n)
        .filter(|at| *at != 3)
        .map(|at| format!("x {at} {at} 1 {at}"))
        .collect()
}

/// What the loss of the last commits leaves: nothing from this offset on.
const LOST: &str = r#"
    delete from commits where from_offset >= 2;
    delete from points where "offset" >= 2;
    delete from dead_letters where "offset" >= 2;
    update ingest_offsets set next_offset = 2;"#;

#[tokio::test]
async fn lost_commits_are_noticed_and_what_is_read_again_makes_the_tables_whole() {
    // With the last commits all that belongs to them is gone; somebody may also move the offset alone.
    for lost in [LOST, "update ingest_offsets set next_offset = next_offset - 3"] {
        let mut node = Node::start().await;
        let a = node.own(0).await;
        node.write(records(&a, 0, 2)).await;
        node.write(records(&a, 2, 5)).await;
        node.db.run(lost).await;
        let error = refused(&mut node, records(&a, 5, 6)).await;
        assert!(
            matches!(&error, WriteError::WentBack(why) if why.contains("machines/0")),
            "{error}"
        );
        assert!(!error.is_final());

        let again = node.own(0).await;
        node.write(records(&again, 2, 4)).await;
        node.write(records(&again, 4, 7)).await;
        assert_eq!(node.points().await, all(7));
        let commits = "select from_offset, to_offset from commits order by 1";
        assert_eq!(node.db.rows(commits).await, ["0|2", "2|4", "4|7"]);
        let letters = r#"select "offset", attempts from dead_letters"#;
        assert_eq!(node.db.rows(letters).await, ["3|1"]);
    }
}

#[tokio::test]
async fn a_commit_in_the_middle_of_which_the_offset_was_set_back_ends_there() {
    let mut node = Node::start().await;
    let a = node.own(0).await;
    node.write(records(&a, 0, 5)).await;
    node.db.run("update ingest_offsets set next_offset = 1").await;
    let again = node.own(0).await;
    node.write(records(&again, 1, 6)).await;
    let commits = "select from_offset, to_offset from commits order by 1";
    assert_eq!(node.db.rows(commits).await, ["0|1", "1|6"]);
    assert_eq!(node.points().await, all(6));
}

#[tokio::test]
async fn a_claim_that_was_lost_and_a_row_that_is_gone_or_of_another_partition_are_noticed() {
    for lost in [
        "update ingest_offsets set owner_epoch = owner_epoch - 1",
        "delete from ingest_offsets",
        "update ingest_offsets set topic = 'another'",
        "update ingest_offsets set partition = 7",
    ] {
        let mut node = Node::start().await;
        let a = node.own(0).await;
        node.write(records(&a, 0, 2)).await;
        node.db.run(lost).await;
        let error = refused(&mut node, records(&a, 2, 3)).await;
        assert!(matches!(error, WriteError::WentBack(_)), "{lost}: {error}");
        assert_eq!(node.points().await, all(2), "{lost}");
    }
}

#[tokio::test]
async fn a_writer_without_anything_to_write_notices_it_as_well() {
    let mut node = Node::start().await;
    let (a, b) = (node.own(0).await, node.own(1).await);
    node.write(records(&a, 0, 5)).await;
    let held = |of: &Arc<Assigned>, next_offset| Held {
        partition_id: of.partition_id,
        owner_epoch: of.owner_epoch,
        next_offset,
    };
    let both = [held(&a, 5), held(&b, 0)];
    assert_eq!(node.writer.check(&both).await, Ok(vec![]));
    // Another owner may have gone on from there.
    node.own(1).await;
    assert_eq!(node.writer.check(&both).await, Ok(vec![both[1]]));
    let gone = Held {
        partition_id: PartitionId::MAX,
        ..both[0]
    };
    assert!(matches!(
        node.writer.check(&[gone]).await,
        Err(WriteError::WentBack(_))
    ));
    node.db
        .run("update ingest_offsets set next_offset = 4 where partition = 0")
        .await;
    assert!(matches!(
        node.writer.check(&both).await,
        Err(WriteError::WentBack(_))
    ));
}
