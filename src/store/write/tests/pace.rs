//! What Postgres refuses or takes long for: what that means, and that whoever watches sees progress.

use std::sync::Arc;

use crate::store::testing::batches::{Input, Node};
use crate::store::{Pace, WriteError, WriterConfig};

#[tokio::test]
async fn each_sqlstate_says_whether_and_how_to_try_again() {
    let mut node = Node::start().await;
    let a = node.own(0).await;
    let kind = |error: &WriteError| match error {
        WriteError::Retry(_) => "retry",
        WriteError::TooSlow(_) => "smaller",
        WriteError::Unknown(_) => "for a while",
        WriteError::WentBack(_) | WriteError::Poisoned(_) | WriteError::Fatal(_) => "no",
    };
    for (state, wanted) in [
        ("57P01", "retry"),
        ("53100", "retry"),
        ("53200", "retry"),
        ("40001", "retry"),
        ("57014", "smaller"),
        ("55P03", "smaller"),
        ("58030", "for a while"),
        ("XX000", "for a while"),
        ("26000", "for a while"),
        ("28P01", "for a while"),
        ("42P01", "for a while"),
        ("42501", "for a while"),
    ] {
        node.db
            .run(&format!(
                "create or replace function refuse() returns trigger language plpgsql as
                    $$ begin raise exception 'no' using errcode = '{state}'; end $$;
                create or replace trigger refuse before insert on commits execute function refuse()"
            ))
            .await;
        let input = Input::empty().range(&a, 0, 1).record(0, 1, &[("x", 1, 1.0)]);
        let (_, error) = node.writer.write(input.batch()).await.expect_err("refused");
        assert_eq!(kind(&error), wanted, "{state}");
        node.reconnect().await;
    }
    node.db.run("drop trigger refuse on commits").await;
    node.write(Input::empty().range(&a, 0, 1).record(0, 1, &[("x", 1, 1.0)]))
        .await;
    assert_eq!(node.points().await, ["x 1 1 1 0"]);
}

#[tokio::test]
async fn after_a_stall_a_batch_is_written_in_parts_and_every_statement_counts_as_progress() {
    let pace = Arc::new(Pace::default());
    let mut node = Node::with(WriterConfig {
        pace: Arc::clone(&pace),
        ..WriterConfig::default()
    })
    .await;
    let a = node.own(0).await;
    // Thousands of new series are looked for in several statements.
    let many: Vec<String> = (0..3_500).map(|n| format!("s{n}")).collect();
    let points: Vec<(&str, i64, f64)> = many.iter().map(|site| (&**site, 1, 1.0)).collect();
    node.write(Input::empty().range(&a, 0, 1).record(0, 1, &points))
        .await;
    assert!(pace.steps() > 8, "{}", pace.steps());

    // Two stalls.
    pace.slower();
    pace.slower();
    let input = Input::empty().range(&a, 1, 1_001);
    let input = (1..1_001).fold(input, |input, at| input.record(at, 1, &[("x", at, 1.0)]));
    let before = pace.steps();
    let written = node.write(input).await;
    assert_eq!(written.stored.points.len(), 1_000);
    let commits = "select count(*), max(to_offset - from_offset) from commits where from_offset > 0";
    assert_eq!(node.db.rows(commits).await, ["4|250"]);
    assert!(pace.steps() > before + 12);
    assert_eq!(node.points().await.len(), 4_500);
}
