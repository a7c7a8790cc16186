//! SIGTERM: what was read is stored, subscribers get their cursor, and it all takes a bounded time.

use std::time::{Duration, Instant};

use futures_util::future::join;
use rustix::process::Signal;

use crate::support::input::Input;
use crate::support::postgres::OwnServer;
use crate::support::viewer::Viewer;
use crate::support::{StreamSync, eventually};

#[actix_web::test]
async fn a_busy_node_that_is_terminated_stores_what_it_read_and_its_subscribers_go_on_elsewhere() {
    let plan = StreamSync::plan().await.partitions(2);
    let mut leaving = plan.start().await;
    let mut viewer = Viewer::of(&leaving).await;
    let input = Input::of(0..4_000).poisoned(100);
    let sent = async {
        for (step, piece) in input.pieces(100).enumerate() {
            plan.send(&piece.records()).await;
            if step == 10 {
                leaving.signal(Signal::TERM);
            }
        }
    };
    let (_, code) = join(sent, viewer.closed()).await;
    assert_eq!(code, 1001);
    let status = leaving.ended().await;
    assert!(status.success(), "{status}\n{}", leaving.log());

    let other = plan.start().await;
    viewer.resume(&other).await;
    viewer.sees(&input).await;
    input.is_stored(&plan).await;
}

#[actix_web::test]
async fn a_terminated_node_has_stored_every_record_it_had_read() {
    let plan = StreamSync::plan().await;
    let mut node = plan.start().await;
    plan.send(&Input::of(0..5_000).records()).await;
    let read = eventually("it reads", async || {
        let read = node.metric("streamsync_records_total", &plan.stream).await;
        (read > 0.0).then_some(read)
    })
    .await;
    assert!(node.terminate().await.success());
    let stored: f64 = plan
        .database
        .value("select count(*) from points")
        .await
        .parse()
        .expect("a number");
    assert!(stored >= read, "{stored} stored of {read} read");
    let next = plan
        .database
        .value("select sum(next_offset)::bigint from ingest_offsets")
        .await;
    assert_eq!(next, stored.to_string());
}

/// A node whose Postgres went away with a batch in its hand.
async fn a_node_that_cannot_store() -> (OwnServer, StreamSync) {
    let mut server = OwnServer::start().await;
    let plan = StreamSync::plan().await.database(server.database());
    let node = plan.start().await;
    plan.send(&Input::of(0..1).records()).await;
    Input::of(0..1).is_stored(&plan).await;
    server.stop().await;
    plan.send(&Input::of(1..10).records()).await;
    eventually("the batch waits for postgres", async || {
        let held = node.metric("streamsync_credits_held_bytes", "").await;
        (held > 0.0).then_some(())
    })
    .await;
    (server, node)
}

#[actix_web::test]
async fn a_stop_that_cannot_end_says_who_is_left_and_ends_at_its_deadline() {
    let (_server, mut node) = a_node_that_cannot_store().await;
    let began = Instant::now();
    let status = node.terminate().await;
    assert!(!status.success());
    let took = began.elapsed();
    // The pipeline has what the farewell to subscribers and HTTP leaves of the 30 seconds.
    let (patience, deadline) = (Duration::from_secs(20), Duration::from_secs(30));
    assert!(
        took >= patience && took < deadline + Duration::from_secs(15),
        "{took:?}"
    );
    let log = node.log();
    assert!(log.contains("still waiting for the pipeline to stop"), "{log}");
}

#[actix_web::test]
async fn a_second_signal_ends_at_once() {
    let (_server, mut node) = a_node_that_cannot_store().await;
    node.signal(Signal::TERM);
    eventually("it says who is left", async || {
        node.log()
            .contains("still waiting for the pipeline to stop")
            .then_some(())
    })
    .await;
    let status = node.terminate().await;
    assert!(!status.success());
    // At once is before the first signal's stop came to its end, however fast the machine is.
    let log = node.log();
    assert!(!log.contains("the shutdown deadline passed"), "{log}");
}
