//! What operators look at: `/livez`, `/readyz`, `/metrics`, and `pipeline` saying the same.

use serde_json::{Value, json};
use streamsync::telemetry::Metrics;

use crate::live::after;
use crate::support::kafka::{point, record};
use crate::support::live::{Event, Subscriber};
use crate::support::{StreamSync, eventually, seconds_ago};

#[test]
fn names_helps_and_buckets_are_those_that_dashboards_and_alerts_know() {
    let metrics = Metrics::default();
    for family in [
        &metrics.records,
        &metrics.points,
        &metrics.written_points,
        &metrics.failed_writes,
        &metrics.skipped,
        &metrics.dead_letters,
        &metrics.rollup_buckets,
        &metrics.left_out,
        &metrics.forgotten,
        &metrics.went_back,
        &metrics.panics,
        &metrics.closed,
        &metrics.catch_up_reads,
        &metrics.refused,
        &metrics.over_limits,
        &metrics.auth_failures,
        &metrics.cut,
    ] {
        metrics.add(family, &[], 1);
    }
    for family in [&metrics.lag, &metrics.connections] {
        family.get_or_create(&Vec::new()).set(1);
    }
    let text = metrics.text();
    let declared = text
        .lines()
        .filter(|line| line.starts_with('#') || line.contains("_bucket{"));
    assert_eq!(
        declared.collect::<Vec<_>>(),
        include_str!("metrics.txt").lines().collect::<Vec<_>>()
    );
}

#[actix_web::test]
async fn every_family_has_the_right_value_after_a_known_input() {
    let plan = StreamSync::plan().await.partitions(2);
    let node = plan.start().await;
    let mut subscriber = Subscriber::points(&node, json!({})).await;
    subscriber.batch().await;
    let base = seconds_ago(1_000);
    // One key, so one partition: ten points, then one of them corrected, then three bad records.
    plan.send(
        &(0..10)
            .map(|n| point("m", after(base, n), n as f64))
            .collect::<Vec<_>>(),
    )
    .await;
    subscriber.collect(10).await;
    plan.send(&[point("m", base, 5.0)]).await;
    subscriber.collect(1).await;
    let no_value = format!("{{\"metric\": \"m\", \"ts\": \"{base}\"}}");
    plan.send(&[record("no json"), record("{"), record(no_value)])
        .await;
    eventually("the bad records are dead letters", async || {
        (node.metric("streamsync_dead_letters_total", "").await == 3.0).then_some(())
    })
    .await;
    eventually("nothing is behind", async || {
        let in_flight = node.metric("streamsync_credits_held_bytes", "").await;
        (node.metric("streamsync_consumer_lag_records", "").await + in_flight == 0.0).then_some(())
    })
    .await;

    let stream = format!("stream=\"{}\"", plan.stream);
    for (name, label, value) in [
        ("streamsync_records_total", &*stream, 14.0),
        ("streamsync_points_total", "outcome=\"stored\"", 10.0),
        ("streamsync_points_total", "outcome=\"replaced\"", 1.0),
        ("streamsync_points_total", "outcome=\"lost\"", 0.0),
        ("streamsync_dead_letters_total", "reason=\"not_json\"", 2.0),
        ("streamsync_dead_letters_total", "reason=\"missing_field\"", 1.0),
        ("streamsync_credits_total_bytes", "", f64::from(32 << 20)),
        ("streamsync_generation", "", 1.0),
        ("streamsync_subscribers", "", 1.0),
        ("streamsync_matched_points_total", "", 11.0),
        ("streamsync_pending_points", "", 0.0),
        ("streamsync_delivered_points_total", "outcome=\"sent\"", 11.0),
        ("streamsync_delivered_points_total", "outcome=\"conflated\"", 0.0),
        ("streamsync_delivered_points_total", "outcome=\"discarded\"", 0.0),
        ("streamsync_dropped_shares_total", "", 0.0),
        ("streamsync_cache_errors_total", "", 0.0),
    ] {
        assert_eq!(node.metric(name, label).await, value, "{name} {label}");
    }
    let (status, text) = node.get("/metrics").await;
    assert_eq!(status, 200);
    for partition in 0..2 {
        let line = format!(
            "streamsync_consumer_lag_records{{topic=\"{}\",partition=\"{partition}\"}} 0",
            plan.stream
        );
        assert!(text.contains(&line), "{line}\n{text}");
    }
    // At least one batch for each of the three sendings that were awaited.
    assert!(node.metric("streamsync_batch_seconds_count", "").await >= 3.0);
    assert!(node.metric("streamsync_batch_seconds_sum", "").await > 0.0);
    assert!(node.metric("streamsync_copy_fallbacks_total", "").await <= 1.0);
    assert!(text.contains("\nstreamsync_tail_reads_total "), "{text}");
    assert!(text.ends_with("# EOF\n"));
    the_pipeline_agrees(&node).await;
}

async fn the_pipeline_agrees(node: &StreamSync) {
    let query = "{ pipeline { generation subscribers credits { held total }
        partitions { lag } streams { records stored replaced lost deadLetters } } }";
    let answer = node.query(query, json!({})).await;
    let pipeline = &answer["pipeline"];
    assert_eq!(
        (&pipeline["generation"], &pipeline["subscribers"]),
        (&json!(1), &json!(1))
    );
    assert_eq!(pipeline["credits"], json!({"held": 0, "total": 32 << 20}));
    let streams = json!([{"records": 14, "stored": 10, "replaced": 1, "lost": 0, "deadLetters": 3}]);
    assert_eq!(pipeline["streams"], streams);
    let lags = pipeline["partitions"].as_array().expect("partitions");
    // Two of the stream and one of its dead letters on their way again.
    assert_eq!(lags.len(), 3);
    assert!(lags.iter().all(|partition| partition["lag"] == 0));
}

#[actix_web::test]
async fn connections_and_conflated_points_are_counted() {
    let plan = StreamSync::plan().await;
    let node = plan.start().await;
    let mut broken = Subscriber::connect(&node).await;
    broken.send(json!("nonsense")).await;
    assert_eq!(broken.event().await, Event::Closed(4400));
    assert_eq!(
        node.metric("streamsync_closed_connections_total", "code=\"4400\"")
            .await,
        1.0
    );

    let mut subscriber = Subscriber::points(&node, json!({"every": "200ms"})).await;
    subscriber.batch().await;
    let base = seconds_ago(1_000);
    let records: Vec<_> = (0..100).map(|n| point("m", after(base, n), n as f64)).collect();
    plan.send(&records).await;
    let (mut delivered, mut conflated) = (0.0, 0.0);
    while delivered + conflated < 100.0 {
        let batch = subscriber.points_payload().await;
        conflated += batch["conflated"].as_f64().expect("a number");
        delivered += batch["points"].as_array().expect("points").len() as f64;
    }
    let counted = async |outcome: &str| {
        let label = format!("outcome=\"{outcome}\"");
        node.metric("streamsync_delivered_points_total", &label).await
    };
    assert_eq!(counted("sent").await, delivered);
    assert_eq!(counted("conflated").await, conflated);
    drop(subscriber);
    eventually("nobody is subscribed", async || {
        (node.metric("streamsync_subscribers", "").await == 0.0).then_some(())
    })
    .await;
    node.stop().await;
}

#[actix_web::test]
async fn health_says_what_is_missing() {
    let plan = StreamSync::plan().await;
    let node = plan.start().await;
    assert_eq!(node.get("/livez").await, (200, "ok\n".to_owned()));
    let (status, body) = node.get("/readyz").await;
    let body: Value = serde_json::from_str(&body).expect("JSON");
    assert_eq!(
        (status, body),
        (200, json!({"ready": true, "missing": [], "degraded": {}}))
    );

    // A Postgres that nobody runs: alive, not ready, and telling why.
    let away = StreamSync::plan()
        .await
        .env("DATABASE_URL", "postgres://nobody@127.0.0.1:1/nothing")
        .launch()
        .await;
    assert_eq!(away.get("/livez").await.0, 200);
    let (status, body) = away.get("/readyz").await;
    let body: Value = serde_json::from_str(&body).expect("JSON");
    assert_eq!((status, &body["ready"]), (503, &json!(false)));
    assert!(body["missing"].to_string().contains("postgres"), "{body}");
    let pipeline = away
        .query("{ pipeline { state ready missing } }", json!({}))
        .await;
    assert_eq!(pipeline["pipeline"]["state"], "NOT_READY");
}
