//! Rewinding and deleting on a real Postgres, with and without a node that runs.

use super::*;
use crate::data::{MatchOp, Selector, Viewer};
use crate::store::Writer;
use crate::store::ledger::Ledger;
use crate::store::testing::Database;
use crate::store::testing::batches::{Input, Node, ranges};
use crate::store::{WriteError, WriterConfig};

/// Waits for the sessions of nodes that ended, as the command does.
async fn rewind_when_stopped(db: &Database, to: &[(i32, i64)]) -> Vec<(i32, i64)> {
    let offset = |partition| {
        to.iter()
            .find(|(p, _)| *p == partition)
            .map(|(_, offset)| *offset)
    };
    rewind(&db.url, "machines", offset, LONG).await.unwrap()
}

/// For a server that is slow to notice the end of a session.
const LONG: Duration = Duration::from_secs(60);

#[tokio::test]
async fn a_rewind_is_refused_while_a_writer_or_a_ledger_is_connected() {
    let db = Database::create().await;
    let rewind = async |patience| rewind(&db.url, "machines", |_| Some(0), patience).await;
    let refused = async || matches!(rewind(Duration::ZERO).await, Err(AdminError::Running));
    let writer = Writer::connect(&db.url, WriterConfig::default(), Default::default())
        .await
        .unwrap();
    assert!(refused().await);
    let ledger = Ledger::connect(&db.url).await.unwrap();
    drop(writer);
    assert!(refused().await);
    drop(ledger);
    let unread = rewind(LONG).await;
    assert!(matches!(unread, Err(AdminError::NeverRead(_))), "{unread:?}");
}

#[tokio::test]
async fn a_rewind_waits_for_the_lock_of_a_session_that_has_just_gone() {
    let db = Database::create().await;
    // As a session whose end the server has not noticed yet.
    let held = db.again().await;
    held.run(&format!("select pg_advisory_lock_shared({})", locks::RUNNING))
        .await;
    let url = db.url.clone();
    let waiting = tokio::spawn(async move { rewind(&url, "machines", |_| Some(0), LONG).await });
    let tried = "select count(*) > 0 from pg_stat_activity
        where datname = current_database() and query like '%pg_try_advisory_xact_lock%'
        and pid <> pg_backend_pid()";
    while db.rows(tried).await != ["t"] {
        tokio::task::yield_now().await;
    }
    assert!(!waiting.is_finished());
    drop(held);
    let unread = waiting.await.unwrap();
    assert!(matches!(unread, Err(AdminError::NeverRead(_))), "{unread:?}");
}

#[tokio::test]
async fn a_rewind_leaves_no_lock_to_the_next_one_or_to_a_node() {
    let db = Database::create().await;
    for _ in 0..50 {
        let unread = rewind(&db.url, "machines", |_| Some(0), Duration::ZERO).await;
        assert!(matches!(unread, Err(AdminError::NeverRead(_))), "{unread:?}");
    }
    Ledger::connect(&db.url).await.unwrap();
}

#[tokio::test]
async fn no_ledger_connects_while_a_rewind_is_under_way() {
    let db = Database::create().await;
    db.client
        .execute("select pg_advisory_lock($1)", &[&locks::RUNNING])
        .await
        .unwrap();
    assert!(matches!(
        Ledger::connect(&db.url).await,
        Err(WriteError::Retry(_))
    ));
}

#[tokio::test]
async fn a_rewind_begins_an_epoch_forgets_the_letters_of_its_range_and_fences_the_past() {
    let mut node = Node::start().await;
    let (a, b) = (node.own(0).await, node.own(1).await);
    let input = Input::empty()
        .range(&a, 0, 10)
        .bad(3, "kept")
        .bad(7, "judged anew")
        .range(&b, 0, 10)
        .bad(7, "another partition");
    node.write(input).await;
    let Node {
        db, ledger, writer, ..
    } = node;
    drop((ledger, writer));
    assert_eq!(rewind_when_stopped(&db, &[(0, 5), (9, 5)]).await, [(0, 5)]);
    let letters = r#"select partition, "offset" from dead_letters order by 1, 2"#;
    assert_eq!(db.rows(letters).await, ["0|3", "1|7"]);
    let offsets = "select partition, epoch, next_offset, topic_id from ingest_offsets order by 1, 2";
    assert_eq!(db.rows(offsets).await, ["0|1|10|one", "0|2|5|one", "1|1|10|one"]);

    let mut writer = Writer::connect(&db.url, WriterConfig::default(), Default::default())
        .await
        .unwrap();
    let held = Input::empty().range(&a, 10, 11).record(10, 1, &[("x", 1, 1.0)]);
    let written = writer.write(held.batch()).await.unwrap();
    assert_eq!(ranges(&written.dropped), ["1 10..11"]);
}

#[tokio::test]
async fn only_the_selected_series_are_deleted_with_all_their_points() {
    let mut node = Node::start().await;
    let a = node.own(0).await;
    let points: Vec<(&str, i64, f64)> = (0..50)
        .flat_map(|n| [("x", n * 86_400, 1.0), ("y", n, 2.0)])
        .collect();
    node.write(Input::empty().range(&a, 0, 1).record(0, 1, &points))
        .await;
    let selector = Selector::of(Some("m"), &[("site", MatchOp::Equal, "x")]);
    let deleted = delete_series(&node.db.url, &Viewer::operator().select(selector))
        .await
        .unwrap();
    assert_eq!(
        deleted,
        Deleted {
            series: 1,
            points: 50
        }
    );
    assert_eq!(node.points().await.len(), 50);
    assert_eq!(node.db.rows("select version from catalogue").await, ["1"]);
}

#[tokio::test]
async fn a_writer_works_on_while_many_points_are_deleted() {
    let mut node = Node::start().await;
    let a = node.own(0).await;
    node.write(
        Input::empty()
            .range(&a, 0, 1)
            .record(0, 1, &[("x", 0, 1.0), ("y", 0, 1.0)]),
    )
    .await;
    // The catalogue is as if a write that never ends held it: only the end of the deletion waits.
    let held = node.db.again().await;
    held.run("begin").await;
    held.client
        .execute("select pg_advisory_xact_lock_shared($1)", &[&locks::CATALOGUE])
        .await
        .unwrap();
    let url = node.db.url.clone();
    let all = Viewer::operator().select(Selector::default());
    let deletion = tokio::spawn(async move { delete_series(&url, &all).await });
    while !node.points().await.is_empty() && !deletion.is_finished() {
        tokio::task::yield_now().await;
    }
    assert_eq!(node.db.rows("select count(*) from series").await, ["2"]);
    held.run("commit").await;
    let deleted = deletion.await.unwrap().unwrap();
    assert_eq!(deleted, Deleted { series: 2, points: 2 });
}
