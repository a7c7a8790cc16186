//! Postgres has less than it had confirmed: what is missing is read from Kafka again, and whoever saw
//! it does not see it twice.

use serde_json::json;

use crate::support::input::Input;
use crate::support::postgres::OwnServer;
use crate::support::viewer::Viewer;
use crate::support::{StreamSync, eventually};

async fn is_noticed(node: &StreamSync) {
    eventually("the pipeline notices it", async || {
        let noticed = node
            .metric("streamsync_postgres_went_back_total", "pipeline")
            .await;
        (noticed > 0.0).then_some(())
    })
    .await;
}

/// Nothing comes after the loss, so nobody is told of it by a record.
#[actix_web::test]
async fn commits_that_an_idle_node_lost_are_read_again_and_subscribers_go_on_without_a_repetition() {
    // With the last commits all that belongs to them is gone, or somebody sets back the offset alone.
    let lost = r#"
        update ingest_offsets set next_offset = greatest(next_offset - 10, 0) where topic = 'TOPIC';
        delete from points p using ingest_offsets o
            where o.partition_id = p.partition_id and p."offset" >= o.next_offset;
        delete from commits c using ingest_offsets o
            where o.partition_id = c.partition_id and c.from_offset >= o.next_offset;"#;
    let moved = "update ingest_offsets set next_offset = greatest(next_offset - 1, 0) where topic = 'TOPIC'";
    let plan = StreamSync::plan().await.partitions(2).quick_rejoin();
    let node = plan.start().await;
    let mut viewer = Viewer::of(&node).await;
    let mut left = Viewer::of(&node).await;
    plan.send(&Input::of(0..100).records()).await;
    viewer.sees(&Input::of(0..100)).await;
    left.sees(&Input::of(0..100)).await;

    plan.database.run(&lost.replace("TOPIC", &plan.stream)).await;
    is_noticed(&node).await;
    Input::of(0..100).is_stored_once(&plan).await;
    // Live goes on, for who was there, for who comes back and for who is new.
    node.ready().await;
    left.resume(&node).await;
    let mut newcomer = Viewer::of(&node).await;
    plan.send(&Input::of(100..120).records()).await;
    viewer.sees(&Input::of(0..120)).await;
    left.sees(&Input::of(0..120)).await;
    newcomer.sees(&Input::of(100..120)).await;

    plan.database.run(&moved.replace("TOPIC", &plan.stream)).await;
    plan.send(&Input::of(120..140).records()).await;
    viewer.sees(&Input::of(0..140)).await;
    Input::of(0..140).is_stored_once(&plan).await;
    node.ready().await;
    assert!(node.log().contains("lost confirmed commits"));
}

#[actix_web::test]
async fn a_crash_of_postgres_with_asynchronous_commits_costs_nothing_but_time() {
    let mut server = OwnServer::start().await;
    let plan = StreamSync::plan()
        .await
        .quick_rejoin()
        .database(server.database());
    let plan = plan.postgres_settings("synchronous_commit = false");
    let database = server.database();
    // Nothing but a commit that waits for it writes the log of Postgres.
    database.run("alter system set bgwriter_lru_maxpages = 0").await;
    database.run("alter system set autovacuum = off").await;
    database.run("select pg_reload_conf()").await;
    let node = plan.start().await;
    eventually("the tables were looked after", async || {
        let storage = node
            .query("{ pipeline { storage { maintenance { outcome } } } }", json!({}))
            .await;
        (storage["pipeline"]["storage"]["maintenance"]["outcome"] == "DONE").then_some(())
    })
    .await;
    let mut viewer = Viewer::of(&node).await;
    plan.send(&Input::of(0..10).records()).await;
    viewer.sees(&Input::of(0..10)).await;

    let log_writer = server.stop_log_writer().await;
    plan.send(&Input::of(10..20).records()).await;
    viewer.sees(&Input::of(0..20)).await;
    server.kill_with(log_writer).await;
    server.start_again().await;
    is_noticed(&node).await;
    Input::of(0..20).is_stored_once(&plan).await;
    node.ready().await;
    plan.send(&Input::of(20..30).records()).await;
    viewer.sees(&Input::of(0..30)).await;
    Input::of(0..30).is_stored_once(&plan).await;
}

#[actix_web::test]
async fn a_partition_that_another_owner_keeps_though_kafka_leaves_it_here_is_claimed_anew() {
    let plan = StreamSync::plan().await.quick_rejoin();
    let node = plan.start().await;
    plan.send_and_read(&Input::of(0..10).records()).await;
    plan.database
        .run("update ingest_offsets set owner_epoch = owner_epoch + 1")
        .await;
    plan.send(&Input::of(10..20).records()).await;
    Input::of(0..20).is_stored_once(&plan).await;
    assert!(node.metric("streamsync_dropped_shares_total", "").await > 0.0);
    assert!(node.log().contains("has another owner"), "{}", node.log());
    node.ready().await;
}
