//! Forgetting on a real Postgres.

use super::*;
use crate::store::testing::batches::{Input, Node};

const WEEK: Duration = Duration::from_secs(7 * 86_400);
const KEEP: Keep = Keep {
    dead_letters: WEEK,
    commits: WEEK,
};

async fn two_commits_and_letters(node: &mut Node) {
    let (a, b) = (node.own(0).await, node.own(1).await);
    for offset in 0..2 {
        let input = Input::empty()
            .share(&b, offset, offset + 1)
            .bad(offset, "no")
            .share(&a, offset, offset + 1)
            .record(offset, 1, &[("x", offset, 1.0)]);
        node.write(input).await;
    }
}

#[tokio::test]
async fn what_is_old_goes_and_cursors_below_it_can_no_longer_be_resumed() {
    let mut node = Node::start().await;
    two_commits_and_letters(&mut node).await;
    node.db
        .run(
            r#"update commits set committed_at = now() - interval '8 days' where from_offset = 0;
            update dead_letters set last_failed_at = now() - interval '8 days' where "offset" = 0"#,
        )
        .await;
    run(&node.db.url, &KEEP).await.unwrap();
    let offsets = "select partition_id, resume_from from ingest_offsets order by 1";
    assert_eq!(node.db.rows(offsets).await, ["1|1", "2|1"]);
    assert_eq!(
        node.db.rows("select distinct from_offset from commits").await,
        ["1"]
    );
    assert_eq!(node.db.rows(r#"select "offset" from dead_letters"#).await, ["1"]);
    assert_eq!(node.points().await.len(), 2, "points stay");
}

#[tokio::test]
async fn one_node_at_a_time_forgets() {
    let mut node = Node::start().await;
    two_commits_and_letters(&mut node).await;
    node.db
        .run("update commits set committed_at = now() - interval '8 days'")
        .await;
    node.db
        .client
        .execute("select pg_advisory_lock($1)", &[&locks::MAINTAIN])
        .await
        .unwrap();
    run(&node.db.url, &KEEP).await.unwrap();
    assert_eq!(node.db.rows("select count(*) from commits").await, ["4"]);
}
