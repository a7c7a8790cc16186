//! Postgres and Kafka go away and come back, records are lost by Kafka itself, a backlog is larger
//! than the memory: what can be kept is kept, and what is lost is told.

use std::time::Duration;

use crate::support::input::{Input, assert_same};
use crate::support::kafka::{self, Record};
use crate::support::postgres::OwnServer;
use crate::support::viewer::Viewer;
use crate::support::{StreamSync, eventually};

async fn says(node: &StreamSync, what: &str) {
    eventually(&format!("/readyz names {what}"), async || {
        let (status, body) = node.get("/readyz").await;
        (status == 503 && body.contains(what)).then_some(())
    })
    .await;
}

enum Outage {
    Stopped,
    Killed,
}

async fn postgres_goes_and_comes_back(outage: Outage, gone: Duration) {
    let mut server = OwnServer::start().await;
    let plan = StreamSync::plan().await.partitions(2).database(server.database());
    let node = plan.start().await;
    let mut viewer = Viewer::of(&node).await;
    let input = Input::of(0..2_000).poisoned(100);
    let mut pieces = input.pieces(100);
    for piece in pieces.by_ref().take(5) {
        plan.send(&piece.records()).await;
    }
    match outage {
        Outage::Stopped => server.stop().await,
        Outage::Killed => server.kill().await,
    }
    for piece in pieces.by_ref().take(10) {
        plan.send(&piece.records()).await;
    }
    says(&node, "postgres").await;
    // The outage itself: long enough for every retry to have failed some times.
    tokio::time::sleep(gone).await;
    says(&node, "postgres").await;
    server.start_again().await;
    for piece in pieces {
        plan.send(&piece.records()).await;
    }
    viewer.sees(&input).await;
    input.is_stored(&plan).await;
    node.ready().await;
}

#[actix_web::test]
async fn a_postgres_that_is_away_for_20_seconds_costs_nothing_but_time() {
    postgres_goes_and_comes_back(Outage::Stopped, Duration::from_secs(20)).await;
}

#[actix_web::test]
async fn a_postgres_that_crashes_costs_nothing_but_time() {
    postgres_goes_and_comes_back(Outage::Killed, Duration::from_secs(1)).await;
}

#[actix_web::test]
async fn an_idle_node_notices_that_postgres_is_away() {
    let mut server = OwnServer::start().await;
    let node = StreamSync::plan().await.database(server.database()).start().await;
    // A subscription begins when the hub has looked into postgres.
    let viewer = Viewer::of(&node).await;
    server.stop().await;
    says(&node, "postgres").await;
    server.start_again().await;
    node.ready().await;
    drop(viewer);
}

#[actix_web::test]
async fn a_node_that_starts_before_its_kafka_says_so_and_begins_when_it_comes() {
    // Bound and not listening, it refuses connections and is nobody else's.
    let port = tokio::net::TcpSocket::new_v4().expect("a socket");
    port.bind(([127, 0, 0, 1], 0).into()).expect("a free port");
    let address = port.local_addr().expect("its address");
    let plan = StreamSync::plan().await.brokers(&address.to_string());
    let node = plan.launch().await;
    says(&node, "kafka").await;
    plan.send(&Input::of(0..10).records()).await;
    // The broker answers at the node's address from now on, and tells it where it really is.
    let door = port.listen(128).expect("the port is ours");
    let broker = kafka::broker()
        .bootstrap_servers()
        .split(',')
        .next()
        .expect("a broker")
        .to_owned();
    actix_web::rt::spawn(async move {
        while let Ok((mut from, _)) = door.accept().await {
            let broker = broker.clone();
            actix_web::rt::spawn(async move {
                let mut to = tokio::net::TcpStream::connect(broker).await.expect("the broker");
                let _ = tokio::io::copy_bidirectional(&mut from, &mut to).await;
            });
        }
    });
    node.ready().await;
    Input::of(0..10).is_stored(&plan).await;
}

/// Records of 100 KiB: 60 of them are more than the in-process cluster keeps.
fn padded(input: &Input) -> Vec<Record> {
    let pad = |mut record: Record| {
        let payload = record.payload.get_or_insert_default();
        payload.resize(payload.len() + (100 << 10), b' ');
        record
    };
    input.records().into_iter().map(pad).collect()
}

#[actix_web::test]
async fn offsets_that_kafka_lost_stop_the_partition_or_become_a_gap_that_cursors_do_not_cross() {
    let plan = StreamSync::plan().await.quick_rejoin();
    let node = plan.start().await;
    let mut viewer = Viewer::of(&node).await;
    plan.send(&Input::of(0..10).records()).await;
    viewer.sees(&Input::of(0..10)).await;
    drop(node);
    viewer.closed().await;
    plan.send(&padded(&Input::of(10..70))).await;
    let low = kafka::lose(&plan.stream, 0, 30).await;
    assert!(low > 10, "{low}");

    let node = plan.launch().await;
    says(&node, "OFFSET_LOST").await;
    Input::of(0..10).is_stored(&plan).await;
    assert_eq!(plan.database.value("select count(*) from gaps").await, "0");
    drop(node);

    let plan = plan.stream_settings("on_offset_lost = \"jump\"");
    let node = plan.start().await;
    let left = Input::of(low as usize..70);
    eventually("it goes on behind the gap", async || {
        (plan.database.points().await.len() == 10 + left.points().len()).then_some(())
    })
    .await;
    let mut stored = plan.database.points().await;
    stored.sort_unstable();
    let mut wanted = [Input::of(0..10).points(), left.points()].concat();
    wanted.sort_unstable();
    assert_same("the table", &stored, &wanted);
    let gap = plan
        .database
        .value("select from_offset || '-' || to_offset from gaps")
        .await;
    assert_eq!(gap, format!("10-{low}"));

    viewer.resume(&node).await;
    viewer.resumes_behind_the_gap(&node).await;
    viewer.sees_points(&wanted).await;
}

#[actix_web::test]
async fn records_that_kafka_drops_while_they_wait_become_a_gap_and_a_connected_subscriber_is_told() {
    let mut server = OwnServer::start().await;
    let plan = StreamSync::plan()
        .await
        .quick_rejoin()
        .database(server.database());
    // Little is read ahead, so that most still lies in Kafka when it drops it.
    let plan = plan.settings("[pipeline]\nmemory_mib = 1");
    let plan = plan.stream_settings("on_offset_lost = \"jump\"");
    let node = plan.start().await;
    let mut viewer = Viewer::of(&node).await;
    plan.send(&Input::of(0..10).records()).await;
    viewer.sees(&Input::of(0..10)).await;
    server.stop().await;
    plan.send(&padded(&Input::of(10..130))).await;
    let low = kafka::lose(&plan.stream, 0, 110).await;
    server.start_again().await;

    let from = eventually("the gap is written down", async || {
        let gap = plan.database.column("select from_offset from gaps").await.pop()?;
        gap.parse::<usize>().ok()
    })
    .await;
    let mut wanted = [Input::of(0..from).points(), Input::of(low as usize..130).points()].concat();
    wanted.sort_unstable();
    viewer.resumes_behind_the_gap(&node).await;
    viewer.sees_points(&wanted).await;
    let mut stored = plan.database.points().await;
    stored.sort_unstable();
    assert_same("the table", &stored, &wanted);
    node.ready().await;
}

/// The in-process cluster cannot delete a topic.
#[actix_web::test]
#[ignore = "needs Apache Kafka: make test-kafka"]
async fn a_topic_created_anew_is_read_from_its_beginning_and_old_cursors_cannot_go_on() {
    let plan = StreamSync::plan().await;
    let node = plan.start().await;
    let mut viewer = Viewer::of(&node).await;
    plan.send(&Input::of(0..10).records()).await;
    viewer.sees(&Input::of(0..10)).await;
    node.kill().await;
    viewer.closed().await;
    kafka::delete_topic(&plan.stream).await;
    plan.topics().await;
    plan.send(&Input::of(10..15).records()).await;

    let node = plan.start().await;
    Input::of(0..15).is_stored(&plan).await;
    let epochs = format!(
        "select epoch || ': ' || next_offset from ingest_offsets where topic = '{}' order by epoch",
        plan.stream
    );
    assert_eq!(plan.database.column(&epochs).await, ["1: 10", "2: 5"]);
    viewer.resume(&node).await;
    viewer.resumes_behind_the_gap(&node).await;
    viewer.sees(&Input::of(0..15)).await;
}

#[actix_web::test]
async fn a_backlog_far_beyond_the_memory_passes_within_it() {
    let plan = StreamSync::plan()
        .await
        .partitions(2)
        .settings("[pipeline]\nmemory_mib = 1");
    plan.topics().await;
    let input = Input::of(0..30_000);
    plan.send(&input.records()).await;
    let node = plan.launch().await;
    input.is_stored(&plan).await;
    // Half of them would be more than the budget.
    assert!(node.metric("streamsync_batch_seconds_count", "").await > 10.0);
    let total = node.metric("streamsync_credits_total_bytes", "").await;
    assert_eq!(total, f64::from(1 << 20));
    // One record that is almost as large as everything together.
    let mut large = Input::of(30_000..30_001).records();
    let payload = large[0].payload.get_or_insert_default();
    payload.resize(900 << 10, b' ');
    plan.send(&large).await;
    Input::of(0..30_001).is_stored(&plan).await;
    node.stop().await;
}
