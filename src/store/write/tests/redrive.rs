//! Dead letters, and what becomes of them when they are sent again.

use super::published;
use crate::data::Rejected;
use crate::store::testing::batches::{Input, Node};

/// `id attempts reason detail`, and whether it is open.
const LETTERS: &str =
    "select id, attempts, reason, detail, resolved_at is null from dead_letters order by id";

/// Turns the last record into a dead letter after all, as the transform would.
fn failing(input: Input, detail: &str) -> crate::data::Batch {
    let mut batch = input.batch();
    let record = batch.raw.records.len() as u32 - 1;
    batch.points.retain(|point| point.record != record);
    batch.rejected.push(Rejected {
        record,
        reason: crate::data::Reason::WrongType,
        detail: detail.to_owned(),
        element: None,
    });
    batch
}

#[tokio::test]
async fn a_dead_letter_says_where_it_came_from_and_what_it_was() {
    let mut node = Node::start().await;
    let a = node.own(0).await;
    node.write(Input::empty().range(&a, 0, 8).bad(7, "broken \0 text"))
        .await;
    let letter = r#"select stream, reason, detail, element, topic, topic_id, partition, "offset",
        convert_from(payload, 'utf8'), payload_size, payload_sha256 = sha256(payload), key, headers,
        attempts, resolved_at from dead_letters"#;
    assert_eq!(
        node.db.rows(letter).await,
        ["machines|not_json|broken \u{fffd} text|3|machines|one|0|7|[]|2|t|null|[]|1|null"]
    );
}

#[tokio::test]
async fn a_redriven_point_fills_a_hole_and_never_replaces_another() {
    let mut node = Node::start().await;
    let (a, redrive) = (node.own(0).await, node.own_redrive().await);
    node.write(Input::empty().range(&a, 0, 1).record(0, 1, &[("x", 1, 1.0)]))
        .await;
    let input = Input::empty()
        .range(&redrive, 0, 1)
        .record(0, 9, &[("x", 1, 9.0), ("x", 2, 9.0)]);
    let written = node.write(input).await;
    assert_eq!(node.points().await, ["x 1 1 1 0", "x 2 9 2 0"]);
    assert_eq!(published(&written.stored), ["x 2 9"]);
    let together = Input::empty()
        .range(&redrive, 1, 2)
        .record(1, 9, &[("x", 3, 9.0)])
        .range(&a, 1, 2)
        .record(1, 1, &[("x", 3, 3.0)]);
    node.write(together).await;
    assert_eq!(node.points().await[2], "x 3 3 1 1");
}

#[tokio::test]
async fn a_redrive_that_is_stored_resolves_its_letter_once() {
    let mut node = Node::start().await;
    let (a, redrive) = (node.own(0).await, node.own_redrive().await);
    node.write(Input::empty().range(&a, 0, 2).bad(0, "no").bad(1, "no"))
        .await;
    let sent = |offset| {
        Input::empty()
            .range(&redrive, offset, offset + 1)
            .record(offset, 1, &[("x", 1, 1.0)])
            .redriven(1, 2)
    };
    node.write(sent(0)).await;
    assert_eq!(
        node.db.rows(LETTERS).await,
        ["1|1|not_json|no|f", "2|1|not_json|no|t"]
    );
    let resolved = "select resolved_at from dead_letters where id = 1";
    let when = node.db.rows(resolved).await;
    node.write(sent(1)).await;
    node.writer
        .write(failing(
            Input::empty()
                .range(&redrive, 2, 3)
                .record(2, 1, &[])
                .redriven(1, 3),
            "late",
        ))
        .await
        .unwrap();
    assert_eq!(node.db.rows(resolved).await, when);
    assert_eq!(node.points().await, ["x 1 1 2 0"]);
    assert_eq!(node.db.rows(LETTERS).await.len(), 2);
}

#[tokio::test]
async fn a_redrive_that_fails_counts_its_attempt_once_also_when_sent_twice() {
    let mut node = Node::start().await;
    let (a, redrive) = (node.own(0).await, node.own_redrive().await);
    node.write(Input::empty().range(&a, 0, 1).bad(0, "no")).await;
    for (offset, detail) in [(0, "still \0 wrong"), (1, "sent twice")] {
        let sent = Input::empty()
            .range(&redrive, offset, offset + 1)
            .record(offset, 1, &[])
            .redriven(1, 2);
        node.writer.write(failing(sent, detail)).await.unwrap();
    }
    assert_eq!(
        node.db.rows(LETTERS).await,
        ["1|2|wrong_type|still \u{fffd} wrong|t"]
    );
}

#[tokio::test]
async fn of_two_attempts_in_one_batch_the_higher_counts() {
    for attempts in [[2, 3], [3, 2]] {
        let mut node = Node::start().await;
        let (a, redrive) = (node.own(0).await, node.own_redrive().await);
        node.write(Input::empty().range(&a, 0, 1).bad(0, "no")).await;
        let mut input = Input::empty().range(&redrive, 0, 2);
        for (offset, attempt) in (0..).zip(attempts) {
            input = input
                .bad(offset, &format!("attempt {attempt}"))
                .redriven(1, attempt);
        }
        node.write(input).await;
        assert_eq!(node.db.rows(LETTERS).await, ["1|3|not_json|attempt 3|t"]);
    }
}

#[tokio::test]
async fn a_letter_of_another_stream_is_neither_resolved_nor_failed_again() {
    let mut node = Node::start().await;
    let (a, redrive) = (node.own(0).await, node.own_redrive().await);
    node.write(Input::empty().range(&a, 0, 1).bad(0, "no")).await;
    node.db.run("update dead_letters set stream = 'other'").await;
    let input = Input::empty()
        .range(&redrive, 0, 2)
        .record(0, 1, &[("x", 1, 1.0)])
        .redriven(1, 2)
        .bad(1, "its own")
        .redriven(1, 2);
    node.write(input).await;
    assert_eq!(
        node.db.rows(LETTERS).await,
        ["1|1|not_json|no|t", "2|1|not_json|its own|t"]
    );
}
