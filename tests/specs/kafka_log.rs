//! What Kafka's log may do to a reader: get partitions later, end with offsets that are no records, be
//! cut and grow again. Nothing is left out in silence, and nothing that was not lost is called lost.

use serde_json::json;

use crate::support::input::{Input, assert_same};
use crate::support::kafka::{self, Ending, OwnBroker, Record, point};
use crate::support::streamsync::Plan;
use crate::support::viewer::Viewer;
use crate::support::{StreamSync, eventually, seconds_ago};

/// New partitions of a topic are noticed within a second or so.
const SOON: &str = "[kafka.properties]\n\"topic.metadata.refresh.interval.ms\" = \"1000\"";

fn points(metric: &str, count: usize) -> Vec<Record> {
    (0..count)
        .map(|n| point(&format!("{metric}_{n}"), seconds_ago(60), n as f64))
        .collect()
}

async fn are_stored(plan: &Plan, metric: &str, count: usize) {
    let stored = format!("select count(*) from series where metric like '{metric}%'");
    eventually(&format!("{count} of {metric} are stored"), async || {
        (plan.database.value(&stored).await == count.to_string()).then_some(())
    })
    .await;
}

/// Everything that Kafka has is read, and the pipeline says so.
async fn has_no_lag(node: &StreamSync) {
    eventually("no lag", async || {
        let shown = node
            .query("{ pipeline { partitions { lag trouble } } }", json!({}))
            .await;
        let partitions = shown["pipeline"]["partitions"].as_array()?.clone();
        let idle = |p: &serde_json::Value| p["lag"] == 0 && p["trouble"].is_null();
        (!partitions.is_empty() && partitions.iter().all(idle)).then_some(())
    })
    .await;
}

#[actix_web::test]
#[ignore = "needs Apache Kafka: make test-kafka"]
async fn partitions_that_a_topic_gets_later_begin_at_their_beginning() {
    let plan = StreamSync::plan()
        .await
        .stream_settings("start = \"latest\"")
        .settings(SOON);
    plan.topics().await;
    kafka::send_to(&plan.stream, 0, &points("before", 10), None).await;
    let node = plan.start().await;
    eventually("it is claimed", async || {
        let claimed = plan.database.column("select topic from ingest_offsets").await;
        claimed.contains(&plan.stream).then_some(())
    })
    .await;
    kafka::grow(&plan.stream, 3).await;
    kafka::send_to(&plan.stream, 1, &points("at_once", 50), None).await;
    are_stored(&plan, "at_once", 50).await;
    // One that came while no node ran.
    node.kill().await;
    kafka::grow(&plan.stream, 4).await;
    kafka::send_to(&plan.stream, 3, &points("meanwhile", 20), None).await;
    let _node = plan.start().await;
    are_stored(&plan, "meanwhile", 20).await;
    assert_eq!(plan.database.value("select count(*) from points").await, "70");
}

#[actix_web::test]
#[ignore = "needs Apache Kafka: make test-kafka"]
async fn markers_and_aborted_records_at_the_end_are_neither_lag_nor_loss() {
    let plan = StreamSync::plan().await;
    let node = plan.start().await;
    let mut viewer = Viewer::of(&node).await;
    kafka::send_to(
        &plan.stream,
        0,
        &Input::of(0..100).records(),
        Some(Ending::Commit),
    )
    .await;
    kafka::send_to(&plan.stream, 0, &points("aborted", 50), Some(Ending::Abort)).await;
    has_no_lag(&node).await;
    viewer.sees(&Input::of(0..100)).await;
    // No lag may also be that of an end that Kafka told before the aborted records.
    let next = "select next_offset from ingest_offsets where partition = 0 order by next_offset desc";
    eventually("the offset has passed the last marker", async || {
        (plan.database.column(next).await[0] == "152").then_some(())
    })
    .await;

    // Retention up to the end loses nothing of ours.
    let cursor = viewer.cursor.clone();
    node.kill().await;
    viewer.closed().await;
    assert_eq!(kafka::lose(&plan.stream, 0, 152).await, 152);
    let node = plan.start().await;
    has_no_lag(&node).await;
    kafka::send_to(
        &plan.stream,
        0,
        &Input::of(100..200).records(),
        Some(Ending::Commit),
    )
    .await;
    viewer.cursor = cursor;
    viewer.resume(&node).await;
    viewer.sees(&Input::of(0..200)).await;
    has_no_lag(&node).await;
    assert_eq!(plan.database.value("select count(*) from gaps").await, "0");
    let mut stored = plan.database.points().await;
    stored.sort_unstable();
    assert_same("the table", &stored, &Input::of(0..200).points());
    assert_eq!(node.metric("streamsync_generation", "").await, 1.0);
}

/// A node that has read 100 records, and a broker that has lost the last 40 of them and taken 80 others.
async fn cut_and_grown(broker: &mut OwnBroker, plan: &Plan, between: impl AsyncFnOnce()) {
    broker.send(&plan.stream, &Input::of(0..60).records()).await;
    broker.send(&plan.stream, &Input::of(60..100).records()).await;
    Input::of(0..100).is_stored(plan).await;
    between().await;
    broker.kill();
    broker.cut(&plan.stream, 60);
    broker.start_again().await;
    broker.send(&plan.stream, &Input::of(100..180).records()).await;
}

async fn says(node: &StreamSync, what: &str) {
    eventually(&format!("/readyz says {what}"), async || {
        let (status, body) = node.get("/readyz").await;
        (status == 503 && body.contains(what)).then_some(())
    })
    .await;
}

#[actix_web::test]
#[ignore = "needs Apache Kafka: make test-kafka"]
async fn a_log_that_was_cut_and_has_grown_again_stops_the_partition_or_is_read_anew_from_the_cut() {
    let mut broker = OwnBroker::start().await;
    let plan = StreamSync::plan().await.brokers(&broker.address);
    broker.create_topic(&plan.stream, 1).await;
    let node = plan.launch_without_topics().await;
    cut_and_grown(&mut broker, &plan, async || node.stop().await).await;

    let node = plan.launch_without_topics().await;
    says(&node, "OFFSET_LOST: offset 100 is next").await;
    Input::of(0..100).is_stored(&plan).await;
    assert_eq!(plan.database.value("select count(*) from gaps").await, "0");
    drop(node);

    let plan = plan.stream_settings("on_offset_lost = \"jump\"");
    let node = plan.launch_without_topics().await;
    let all = Input::of(0..180).points();
    eventually("what was written anew is read", async || {
        (plan.database.points().await.len() == all.len()).then_some(())
    })
    .await;
    let mut stored = plan.database.points().await;
    stored.sort_unstable();
    assert_same("the table", &stored, &all);
    let gap = "select from_offset || '-' || to_offset from gaps";
    assert_eq!(plan.database.column(gap).await, ["60-100"]);
    node.ready().await;
}

#[actix_web::test]
#[ignore = "needs Apache Kafka: make test-kafka"]
async fn a_log_that_is_cut_and_grows_again_under_a_running_node_stops_the_partition() {
    let mut broker = OwnBroker::start().await;
    let plan = StreamSync::plan().await.brokers(&broker.address);
    broker.create_topic(&plan.stream, 1).await;
    let node = plan.launch_without_topics().await;
    cut_and_grown(&mut broker, &plan, async || ()).await;
    says(&node, "OFFSET_LOST: offset 100 is next").await;
    Input::of(0..100).is_stored(&plan).await;
}
