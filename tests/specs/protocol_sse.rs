//! GraphQL over server-sent events, by the "distinct connections mode" of graphql-sse's PROTOCOL.md.

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::live::after;
use crate::support::kafka::point;
use crate::support::live::POINTS;
use crate::support::streamed::{Event, SSE, Streamed};
use crate::support::{StreamSync, eventually, seconds_ago};

fn values(batch: &Value) -> Vec<f64> {
    let points = batch["points"].as_array().expect("points");
    points
        .iter()
        .filter_map(|point| point["value"].as_f64())
        .collect()
}

#[actix_web::test]
async fn a_subscription_streams_events_whose_ids_are_cursors() {
    let plan = StreamSync::plan().await;
    let node = plan.start().await;
    let mut stream = Streamed::points(&node, SSE, json!({})).await;
    assert_eq!(stream.status, 200);
    assert!(
        stream.head.contains("content-type: text/event-stream"),
        "{}",
        stream.head
    );
    assert!(stream.head.contains("x-accel-buffering: no"), "{}", stream.head);
    assert_eq!(values(&stream.batch().await), [0.0; 0]);
    plan.send(&[point("m", seconds_ago(100), 1.5)]).await;
    assert_eq!(values(&stream.batch().await), [1.5]);
    assert_eq!(
        node.metric("streamsync_connections", "transport=\"sse\"").await,
        1.0
    );

    drop(stream);
    eventually("the subscription has ended with its connection", async || {
        let left =
            node.metric("streamsync_subscribers", "").await + node.metric("streamsync_connections", "").await;
        (left == 0.0).then_some(())
    })
    .await;
}

#[actix_web::test]
async fn a_browser_that_comes_back_goes_on_behind_its_last_event() {
    let plan = StreamSync::plan().await;
    let node = plan.start().await;
    let variables = json!({"selector": {}, "backfill": "1h"});
    let mut browser = Streamed::get(&node, POINTS, variables.clone(), "").await;
    let mut id = browser
        .event()
        .await
        .and_then(|event| event.id)
        .expect("a cursor");
    drop(browser);
    let base = seconds_ago(100);
    for n in 0..3 {
        plan.send_and_read(&[point("m", after(base, n), n as f64)]).await;
        let last = format!("last-event-id: {id}\r\n");
        let mut browser = Streamed::get(&node, POINTS, variables.clone(), &last).await;
        assert_eq!(values(&browser.batch().await), [0.0; 0]);
        let event = browser.event().await.expect("an event");
        assert_eq!(values(&event.data["data"]["points"]), [n as f64]);
        id = event.id.expect("a cursor");
    }
}

#[actix_web::test]
async fn a_subscription_that_could_not_go_on_where_it_was_is_told_so() {
    let node = StreamSync::plan().await.start().await;
    for (query, id, code) in [
        (
            "subscription { points(selector: {}) { cursor } }",
            "AAAA",
            "BAD_USER_INPUT",
        ),
        (POINTS, "no-cursor", "BAD_USER_INPUT"),
    ] {
        let last = format!("last-event-id: {id}\r\n");
        let mut browser = Streamed::get(&node, query, json!({"selector": {}}), &last).await;
        let event = browser.event().await.expect("an event");
        assert_eq!(event.data["errors"][0]["extensions"]["code"], code, "{event:?}");
        assert_eq!(browser.event().await.expect("the end").name, "complete");
        assert_eq!(browser.event().await, None);
    }
}

#[actix_web::test]
async fn queries_and_mutations_are_one_event_and_its_completion() {
    let plan = StreamSync::plan().await;
    let node = plan.start().await;
    let mut query = Streamed::get(&node, "{ pipeline { ready } }", json!({}), "").await;
    assert_eq!(
        query.rest().await,
        ":\n\nevent: next\ndata: {\"data\":{\"pipeline\":{\"ready\":true}}}\n\nevent: complete\ndata:\n\n"
    );
    let publish = "mutation($stream: String!) {
        publish(stream: $stream, points: [{metric: \"m\", value: 4.5}]) { accepted } }";
    let variables = json!({"stream": plan.stream});
    let mut mutation = Streamed::post(&node, SSE, publish, variables.clone()).await;
    let accepted = Event {
        name: "next".to_owned(),
        id: None,
        data: json!({"data": {"publish": {"accepted": 1}}}),
    };
    assert_eq!(mutation.event().await, Some(accepted));
    assert_eq!(mutation.event().await.expect("the end").name, "complete");

    let mut by_get = Streamed::get(&node, publish, variables, "").await;
    assert_eq!(by_get.status, 405);
    assert!(by_get.head.contains("allow: post"), "{}", by_get.head);
    assert!(by_get.rest().await.contains("METHOD_NOT_ALLOWED"));
}

#[actix_web::test]
async fn what_is_wrong_with_a_document_comes_as_an_event() {
    let node = StreamSync::plan().await.launch().await;
    for query in ["{ nothing }", "subscription { nothing }", "{"] {
        let mut stream = Streamed::post(&node, SSE, query, json!({})).await;
        assert_eq!(stream.status, 200, "{query}");
        let event = stream.event().await.expect("an event");
        assert_eq!(event.name, "next", "{query}");
        assert_eq!(
            event.data["errors"][0]["extensions"]["code"], "GRAPHQL_VALIDATION_FAILED",
            "{query}"
        );
        assert!(event.data.get("data").is_none(), "{event:?}");
        assert_eq!(stream.event().await.expect("the end").name, "complete");
        assert_eq!(stream.event().await, None);
    }
}

#[actix_web::test]
async fn a_node_that_stops_ends_its_events_without_completing_them_and_nothing_is_lost() {
    let plan = StreamSync::plan().await.settings("[http]\ndrain = \"1s\"");
    let mut leaving = plan.start().await;
    let base = seconds_ago(1_000);
    let mut stream = Streamed::points(&leaving, SSE, json!({})).await;
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    plan.send(&[point("m", base, 0.0)]).await;
    leaving.signal(Signal::TERM);
    for n in 1..20 {
        plan.send(&[point("m", after(base, n), n as f64)]).await;
    }
    while let Some(event) = stream.event().await {
        assert_eq!(event.name, "next");
        if let Some(id) = event.id {
            seen.extend(values(&event.data["data"]["points"]));
            cursor = id;
        } else {
            assert_eq!(event.data["errors"][0]["extensions"]["code"], "GOING_AWAY");
        }
    }
    assert!(leaving.ended().await.success(), "{}", leaving.log());

    let node = plan.start().await;
    let last = format!("last-event-id: {cursor}\r\n");
    let mut stream = Streamed::get(&node, POINTS, json!({"selector": {}}), &last).await;
    while seen.len() < 20 {
        seen.extend(values(&stream.batch().await));
    }
    let all: Vec<f64> = (0..20).map(f64::from).collect();
    assert_eq!(seen, all);
}

#[actix_web::test]
async fn pages_of_other_origins_cannot_open_a_stream() {
    let plan = StreamSync::plan()
        .await
        .settings("[http]\nallowed_origins = [\"https://known.example\"]");
    let node = plan.start().await;
    let query = "{ pipeline { ready } }";
    let foreign = Streamed::get(&node, query, json!({}), "origin: https://evil.example\r\n").await;
    assert_eq!(foreign.status, 403);
    let known = Streamed::get(&node, query, json!({}), "origin: https://known.example\r\n").await;
    assert_eq!(known.status, 200);
    let allowed = "access-control-allow-origin: https://known.example";
    assert!(known.head.contains(allowed), "{}", known.head);
}
