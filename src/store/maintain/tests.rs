//! Forgetting on a real Postgres.

use std::collections::BTreeMap;
use std::time::Duration;

use super::*;
use crate::store::testing::batches::{Input, Node};

const WEEK: Duration = Duration::from_secs(7 * 86_400);
const KEEP: Keep = Keep {
    dead_letters: WEEK,
    commits: WEEK,
    streams: BTreeMap::new(),
    rollups: true,
    archive: false,
};

async fn run(node: &Node) -> Option<Dropped> {
    let mut maintenance = Maintenance::new(node.db.url.clone(), KEEP);
    maintenance.run(Micros::now()).await.unwrap()
}

async fn two_commits_and_dead_letters(node: &mut Node) {
    let (a, b) = (node.own(0).await, node.own(1).await);
    for offset in 0..2 {
        let input = Input::empty()
            .range(&b, offset, offset + 1)
            .bad(offset, "no")
            .range(&a, offset, offset + 1)
            .record(offset, 1, &[("x", offset, 1.0)]);
        node.write(input).await;
    }
}

#[tokio::test]
async fn what_is_old_goes_and_cursors_below_it_can_no_longer_be_resumed() {
    let mut node = Node::start().await;
    two_commits_and_dead_letters(&mut node).await;
    node.db
        .run(
            r#"update commits set committed_at = now() - interval '8 days' where from_offset = 0;
            update dead_letters set last_failed_at = now() - interval '8 days' where "offset" = 0"#,
        )
        .await;
    assert_eq!(run(&node).await, Some(Dropped::default()));
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
    two_commits_and_dead_letters(&mut node).await;
    node.db
        .run("update commits set committed_at = now() - interval '8 days'")
        .await;
    let _other = node.db.maintaining().await;
    assert_eq!(run(&node).await, None);
    assert_eq!(node.db.rows("select count(*) from commits").await, ["4"]);
}

#[tokio::test]
async fn partitions_are_made_ahead_and_the_writer_uses_them() {
    let mut node = Node::start().await;
    let a = node.own(0).await;
    let now = crate::store::testing::batches::second(0);
    let mut maintenance = Maintenance::new(node.db.url.clone(), KEEP);
    for _ in 0..2 {
        maintenance.run(now).await.unwrap();
    }
    let names = "select relname from pg_class where relispartition and relkind = 'r' order by 1";
    let ahead = [
        "points_p20260101",
        "points_p20260102",
        "points_p20260103",
        "rollup_1d_p20250313",
        "rollup_1d_p20260308",
        "rollup_1h_p20251208",
        "rollup_1h_p20260107",
        "rollup_1m_p20260101",
        "rollup_1m_p20260108",
    ];
    assert_eq!(node.db.rows(names).await, ahead);
    let input = Input::empty()
        .range(&a, 0, 1)
        .record(0, 0, &[("x", 0, 1.0), ("x", 2 * 86_400, 2.0)]);
    node.write(input).await;
    assert_eq!(node.db.rows(names).await, ahead);
    assert_eq!(node.points().await.len(), 2);
}

#[tokio::test]
async fn gaps_of_which_no_cursor_needs_to_know_are_forgotten_after_a_while() {
    let mut node = Node::start().await;
    node.own(0).await;
    node.db
        .run(
            "insert into ingest_offsets (stream, topic, partition, epoch, topic_id, next_offset)
                values ('machines', 'machines', 1, 1, 'one', 9), ('machines', 'machines', 1, 2, 'one', 9);
            update ingest_offsets set resume_from = 5 where partition_id = 1;
            insert into gaps (partition_id, from_offset, to_offset, noticed_at)
                select id, at, at + 1, now() - days * interval '1 day'
                from unnest(array[1, 1, 1, 2, 3], array[4, 5, 3, 7, 7], array[8, 8, 6, 8, 8]) as g(id, at, days)",
        )
        .await;
    run(&node).await;
    let gaps = "select partition_id, from_offset from gaps order by 1, 2";
    assert_eq!(node.db.rows(gaps).await, ["1|3", "1|5", "3|7"]);
}
