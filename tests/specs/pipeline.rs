//! `pipeline`, asked once or subscribed to: what flows, how quickly, and where it is held up.

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::live::after;
use crate::support::input::Input;
use crate::support::kafka::{Record, labelled_point, point, record};
use crate::support::live::{Event, Subscriber};
use crate::support::postgres::OwnServer;
use crate::support::streamed::{MULTIPART, SSE, Streamed};
use crate::support::{StreamSync, eventually, moment, seconds_ago};

const WATCH: &str = r#"subscription { pipeline(every: "250ms") {
    at state subscribers stages { name state why total rate pressure }
    now { points } samples { records points delivered deadLetters latency { p50 p99 max } } } }"#;

/// States of the pipeline until one is as wanted; that one.
async fn until(watcher: &mut Subscriber, what: &str, wanted: impl Fn(&Value) -> bool) -> Value {
    let mut last = Value::Null;
    let found = eventually(what, async || match watcher.event().await {
        Event::Next(mut payload) => {
            last = payload["data"]["pipeline"].take();
            wanted(&last).then_some(())
        }
        other => panic!("expected a state, got {other:?}"),
    });
    found.await;
    last
}

fn stage<'a>(pipeline: &'a Value, name: &str) -> &'a Value {
    let mut stages = pipeline["stages"].as_array().expect("stages").iter();
    stages.find(|stage| stage["name"] == name).expect("the stage")
}

fn sum(pipeline: &Value, of: &str) -> i64 {
    let samples = pipeline["samples"].as_array().expect("samples").iter();
    samples.filter_map(|sample| sample[of].as_i64()).sum()
}

#[actix_web::test]
async fn a_subscription_shows_what_flows_at_once_and_then_again_until_the_node_stops() {
    let plan = StreamSync::plan().await;
    let mut node = plan.start().await;
    let mut points = Subscriber::points(&node, json!({})).await;
    points.batch().await;
    let mut watcher = Subscriber::subscribe(&node, WATCH, json!({})).await;
    let first = until(&mut watcher, "a state", |_| true).await;
    assert_eq!(first["state"], "RUNNING");
    // The watcher is none of them.
    assert_eq!(first["subscribers"], 1);
    assert_eq!(stage(&first, "STORE")["total"], 0);
    let names: Vec<_> = first["stages"].as_array().into_iter().flatten().collect();
    let names: Vec<_> = names.iter().filter_map(|stage| stage["name"].as_str()).collect();
    assert_eq!(names, ["SOURCE", "TRANSFORM", "STORE", "LIVE"]);

    let mut records: Vec<Record> = (0..20)
        .map(|n| point("m", after(moment(), n), n as f64))
        .collect();
    records.push(record("no JSON"));
    plan.send_and_read(&records).await;
    points.collect(20).await;
    let counts = [
        ("records", 21),
        ("points", 20),
        ("delivered", 20),
        ("deadLetters", 1),
    ];
    let all = |state: &Value| counts.iter().all(|(of, count)| sum(state, of) == *count);
    let state = until(&mut watcher, "everything is in the samples", all).await;
    for (name, total) in [("SOURCE", 21), ("TRANSFORM", 21), ("STORE", 20), ("LIVE", 20)] {
        let stage = stage(&state, name);
        assert_eq!(
            (&stage["total"], &stage["state"]),
            (&json!(total), &json!("RUNNING")),
            "{stage}"
        );
        // Twenty in ten seconds, or in fewer if the node is younger.
        assert!(stage["rate"].as_f64() >= Some(f64::from(total) / 10.0), "{stage}");
    }
    let mut samples = state["samples"].as_array().expect("samples").iter();
    let latency = samples
        .find(|sample| !sample["latency"].is_null())
        .expect("a latency");
    let [p50, p99, max] = ["p50", "p99", "max"].map(|of| latency["latency"][of].as_f64().expect("seconds"));
    assert!(p50 <= p99 && p99 <= max, "{latency}");
    assert_eq!(node.metric("streamsync_end_to_end_seconds_count", "").await, 21.0);

    drop(points);
    node.signal(Signal::TERM);
    let code = loop {
        match watcher.event().await {
            Event::Next(payload) => match payload["errors"][0]["extensions"]["code"].as_str() {
                None => {}
                Some(code) => break code.to_owned(),
            },
            other => panic!("expected an error, got {other:?}"),
        }
    };
    assert_eq!(code, "GOING_AWAY");
    assert!(node.ended().await.success(), "{}", node.log());
}

#[actix_web::test]
async fn the_latency_is_that_since_the_record_s_own_timestamp() {
    let plan = StreamSync::plan().await;
    let node = plan.start().await;
    let written = seconds_ago(3_600);
    plan.send_and_read(&[point("m", written, 1.0)]).await;
    let query = "{ pipeline { samples { latency { p50 max } } } }";
    let latency = eventually("a sample has a latency", async || {
        let data = node.query(query, json!({})).await;
        let samples = data["pipeline"]["samples"].as_array().expect("samples").clone();
        samples
            .into_iter()
            .map(|sample| sample["latency"].clone())
            .find(|latency| !latency.is_null())
    })
    .await;
    let [p50, max] = ["p50", "max"].map(|of| latency[of].as_f64().expect("seconds"));
    assert!((3_600.0..3_720.0).contains(&max) && p50 == max, "{latency}");
    assert_eq!(
        node.metric("streamsync_end_to_end_seconds_bucket", "le=\"1048.576\"")
            .await,
        0.0
    );
    assert_eq!(
        node.metric("streamsync_end_to_end_seconds_bucket", "le=\"+Inf\"")
            .await,
        1.0
    );
    node.stop().await;
}

#[actix_web::test]
async fn a_store_that_stands_still_fills_the_budget_and_the_source_waits_until_it_is_back() {
    let mut server = OwnServer::start().await;
    let plan = StreamSync::plan().await.database(server.database());
    let plan = plan.settings("[pipeline]\nmemory_mib = 1");
    let node = plan.start().await;
    let mut watcher = Subscriber::subscribe(&node, WATCH, json!({})).await;
    // It has its partition by then.
    plan.send_and_read(&Input::of(0..1).records()).await;
    server.stop().await;
    let padded = |mut record: Record| {
        let payload = record.payload.get_or_insert_default();
        payload.resize(payload.len() + (100 << 10), b' ');
        record
    };
    let input = Input::of(1..30);
    plan.send(&input.records().into_iter().map(padded).collect::<Vec<_>>())
        .await;
    let pressure = |state: &Value, name: &str| stage(state, name)["pressure"].as_f64().expect("a pressure");
    // The last batch is transformed by then.
    let full = |state: &Value| {
        stage(state, "SOURCE")["state"] == "WAITING" && stage(state, "TRANSFORM")["state"] == "WAITING"
    };
    let state = until(&mut watcher, "the source waits", full).await;
    let store = stage(&state, "STORE");
    assert_eq!(store["state"], "STOPPED");
    assert!(
        store["why"]
            .as_str()
            .is_some_and(|why| why.starts_with("postgres: ")),
        "{store}"
    );
    assert!(
        stage(&state, "SOURCE")["why"]
            .as_str()
            .is_some_and(|why| why.contains("budget")),
        "{state}"
    );
    assert!(pressure(&state, "SOURCE") > 0.5, "{state}");
    assert_eq!(pressure(&state, "STORE"), pressure(&state, "SOURCE"), "{state}");

    server.start_again().await;
    let stored = |state: &Value| stage(state, "STORE")["total"] == 30 && pressure(state, "SOURCE") == 0.0;
    let state = until(&mut watcher, "the store is back", stored).await;
    for name in ["SOURCE", "TRANSFORM", "STORE"] {
        // Idle again, if that was more than ten seconds ago.
        assert!(
            ["RUNNING", "IDLE"].contains(&stage(&state, name)["state"].as_str().expect("a state")),
            "{state}"
        );
    }
    Input::of(0..30).is_stored(&plan).await;
}

#[actix_web::test]
async fn a_subscriber_that_does_not_read_shows_as_pressure_at_the_live_end() {
    let plan = StreamSync::plan().await.settings("[pipeline]\noutbox_kib = 16");
    let node = plan.start().await;
    let keys: String = (0..100).map(|n| format!("key{n}: key ")).collect();
    let wide = format!(
        "subscription {{ points(selector: {{}}, onOverflow: CONFLATE) {{ cursor points {{ {keys} }} }} }}"
    );
    let mut slow = Subscriber::subscribe(&node, &wide, json!({})).await;
    assert!(matches!(slow.event().await, Event::Next(_)));
    let mut watcher = Subscriber::subscribe(&node, WATCH, json!({})).await;
    let padding = "x".repeat(300);
    let mut sent = 0;
    let live = eventually("the live end waits", async || {
        let metric = format!("m{}", sent % 10);
        let record = |n| {
            labelled_point(
                &metric,
                &[("padding", &padding)],
                after(seconds_ago(100_000), n),
                1.0,
            )
        };
        plan.send(&(sent..sent + 50).map(record).collect::<Vec<_>>())
            .await;
        sent += 50;
        let state = until(&mut watcher, "a state", |_| true).await;
        let live = stage(&state, "LIVE").clone();
        (live["state"] == "WAITING").then_some(live)
    })
    .await;
    assert!(live["pressure"].as_f64() >= Some(0.5), "{live}");
    assert!(
        live["why"].as_str().is_some_and(|why| why.contains("subscriber")),
        "{live}"
    );
}

#[actix_web::test]
async fn it_comes_over_every_transport_and_answers_while_postgres_and_kafka_are_away() {
    let plan = StreamSync::plan().await.brokers("127.0.0.1:1");
    let node = plan
        .env("DATABASE_URL", "postgres://nobody@127.0.0.1:1/nothing")
        .launch()
        .await;
    let query = "subscription { pipeline { state offsets { nextOffset } stages { state } } }";
    let is_there = |response: &Value| {
        let pipeline = &response["data"]["pipeline"];
        assert_eq!(
            (&pipeline["state"], &pipeline["offsets"]),
            (&json!("NOT_READY"), &Value::Null)
        );
        assert_eq!(pipeline["stages"][2]["state"], "STOPPED", "{response}");
        assert_eq!(response["errors"][0]["extensions"]["code"], "UNAVAILABLE");
    };
    let mut socket = Subscriber::subscribe(&node, query, json!({})).await;
    let mut events = Streamed::post(&node, SSE, query, json!({})).await;
    let mut parts = Streamed::post(&node, MULTIPART, query, json!({})).await;
    let mut legacy = Subscriber::socket(&node, "graphql-ws").await;
    legacy.send(json!({"type": "connection_init"})).await;
    legacy
        .send(json!({"id": "1", "type": "start", "payload": {"query": query}}))
        .await;
    // More than the first one, which comes at once.
    for _ in 0..2 {
        match socket.event().await {
            Event::Next(payload) => is_there(&payload),
            other => panic!("expected a state, got {other:?}"),
        }
        is_there(&events.event().await.expect("an event").data);
        is_there(&parts.part().await.expect("a part")["payload"]);
        let data = loop {
            let message = legacy.frame().await.expect("a message");
            if message["type"] == "data" {
                break message;
            }
        };
        is_there(&data["payload"]);
    }
}

#[actix_web::test]
async fn how_often_it_comes_is_bounded() {
    let node = StreamSync::plan().await.launch().await;
    for every in ["249ms", "61s"] {
        let query = format!("subscription {{ pipeline(every: \"{every}\") {{ at }} }}");
        let mut watcher = Subscriber::subscribe(&node, &query, json!({})).await;
        assert_eq!(watcher.refusal().await.0, "BAD_USER_INPUT");
    }
}
