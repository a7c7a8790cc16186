//! GraphQL over WebSocket: both protocols from end to end, and what happens to those who break them.

use serde_json::{Value, json};

use crate::live::after;
use crate::support::kafka::point;
use crate::support::live::{Event, POINTS, Subscriber};
use crate::support::{StreamSync, eventually, seconds_ago};

const TRANSPORT: &str = "graphql-transport-ws";
const LEGACY: &str = "graphql-ws";

fn subscribe(id: &str, selector: Value) -> Value {
    let payload = json!({"query": POINTS, "variables": {"selector": selector}});
    json!({"id": id, "type": "subscribe", "payload": payload})
}

/// The next message that is no keep-alive.
async fn heard(socket: &mut Subscriber) -> Value {
    loop {
        let message = socket.frame().await.expect("a message");
        if message["type"] != "ka" && message["type"] != "ping" {
            return message;
        }
    }
}

#[actix_web::test]
async fn queries_mutations_and_subscriptions_run_over_graphql_transport_ws() {
    let plan = StreamSync::plan().await;
    let node = plan.start().await;
    queries_mutations_and_subscriptions(&node, &plan.stream, TRANSPORT).await;
}

#[actix_web::test]
async fn queries_mutations_and_subscriptions_run_over_the_legacy_protocol() {
    let plan = StreamSync::plan().await;
    let node = plan.start().await;
    queries_mutations_and_subscriptions(&node, &plan.stream, LEGACY).await;
}

async fn queries_mutations_and_subscriptions(node: &StreamSync, stream: &str, protocol: &str) {
    let legacy = protocol == LEGACY;
    let (start, next, stop) = match legacy {
        true => ("start", "data", "stop"),
        false => ("subscribe", "next", "complete"),
    };
    let mut socket = Subscriber::socket(node, protocol).await;
    socket
        .send(json!({"type": "connection_init", "payload": {}}))
        .await;
    assert_eq!(heard(&mut socket).await, json!({"type": "connection_ack"}));

    socket
        .send(json!({"id": "q", "type": start, "payload": {"query": "{ pipeline { ready } }"}}))
        .await;
    let answer = json!({"data": {"pipeline": {"ready": true}}});
    assert_eq!(
        heard(&mut socket).await,
        json!({"id": "q", "type": next, "payload": answer})
    );
    assert_eq!(heard(&mut socket).await, json!({"id": "q", "type": "complete"}));

    let points = json!({"query": POINTS, "variables": {"selector": {}}});
    socket
        .send(json!({"id": "s", "type": start, "payload": points}))
        .await;
    assert_eq!(
        heard(&mut socket).await["payload"]["data"]["points"]["points"],
        json!([])
    );

    let publish = "mutation($stream: String!) {
        publish(stream: $stream, points: [{metric: \"m\", value: 4.5}]) { accepted } }";
    let payload = json!({"query": publish, "variables": {"stream": stream}});
    socket
        .send(json!({"id": "m", "type": start, "payload": payload}))
        .await;
    let (mut receipt, mut delivered, mut completed) = (None, None, false);
    while receipt.is_none() || delivered.is_none() || !completed {
        let mut message = heard(&mut socket).await;
        match (message["id"].as_str(), message["type"].as_str()) {
            (Some("m"), Some("complete")) => completed = true,
            (Some("m"), _) => receipt = Some(message["payload"]["data"]["publish"]["accepted"].take()),
            (Some("s"), _) => delivered = Some(message["payload"]["data"]["points"]["points"].take()),
            other => panic!("{other:?}: {message:#}"),
        }
    }
    assert_eq!(receipt, Some(json!(1)));
    assert_eq!(delivered.expect("the point")[0]["value"], 4.5);

    socket.send(json!({"id": "s", "type": stop})).await;
    eventually("the subscription has ended", async || {
        (node.metric("streamsync_subscribers", "").await == 0.0).then_some(())
    })
    .await;
    // The connection lives on, and says what is wrong with a document.
    socket
        .send(json!({"id": "e", "type": start, "payload": {"query": "{ nothing }"}}))
        .await;
    let mut refused = heard(&mut socket).await;
    if legacy && refused["id"] == "s" {
        refused = heard(&mut socket).await;
    }
    assert_eq!((&refused["id"], &refused["type"]), (&json!("e"), &json!("error")));
    let error = if legacy {
        &refused["payload"]
    } else {
        &refused["payload"][0]
    };
    assert_eq!(error["extensions"]["code"], "GRAPHQL_VALIDATION_FAILED");
}

#[actix_web::test]
async fn two_subscriptions_share_a_connection_and_each_ends_alone() {
    let plan = StreamSync::plan().await;
    let node = plan.start().await;
    let mut socket = Subscriber::connect(&node).await;
    for (id, metric) in [("a", "m1"), ("b", "m2")] {
        socket.send(subscribe(id, json!({"metric": metric}))).await;
        assert_eq!(heard(&mut socket).await["id"], id);
    }
    let base = seconds_ago(100);
    plan.send(&[point("m1", base, 1.0)]).await;
    assert_eq!(heard(&mut socket).await["id"], "a");
    plan.send(&[point("m2", base, 1.0)]).await;
    assert_eq!(heard(&mut socket).await["id"], "b");

    socket.send(json!({"id": "a", "type": "complete"})).await;
    eventually("one subscription has ended", async || {
        (node.metric("streamsync_subscribers", "").await == 1.0).then_some(())
    })
    .await;
    plan.send(&[point("m1", after(base, 1), 2.0), point("m2", after(base, 1), 2.0)])
        .await;
    assert_eq!(heard(&mut socket).await["id"], "b");
    // Its id is free again.
    socket.send(subscribe("a", json!({"metric": "m1"}))).await;
    assert_eq!(heard(&mut socket).await["id"], "a");
    plan.send(&[point("m1", after(base, 2), 3.0)]).await;
    let last = heard(&mut socket).await;
    assert_eq!(last["id"], "a");
    assert_eq!(last["payload"]["data"]["points"]["points"][0]["value"], 3.0);
}

#[actix_web::test]
async fn who_breaks_the_protocol_is_told_by_the_close_code() {
    let node = StreamSync::plan().await.launch().await;
    let init = json!({"type": "connection_init"});
    for (code, messages) in [
        (4400, vec![json!({"type": "nonsense"})]),
        (4400, vec![json!("no object")]),
        (
            4400,
            vec![
                init.clone(),
                json!({"type": "subscribe", "payload": {"query": "{ a }"}}),
            ],
        ),
        (
            4400,
            vec![
                init.clone(),
                json!({"id": "1", "type": "subscribe", "payload": {}}),
            ],
        ),
        (4401, vec![subscribe("1", json!({}))]),
        (4429, vec![init.clone(), init.clone()]),
        (
            4409,
            vec![init.clone(), subscribe("1", json!({})), subscribe("1", json!({}))],
        ),
    ] {
        let mut socket = Subscriber::socket(&node, TRANSPORT).await;
        for message in &messages {
            socket.send(message.clone()).await;
        }
        assert_eq!(socket.closed().await, code, "{messages:?}");
    }
    let mut socket = Subscriber::socket(&node, "soap").await;
    assert_eq!(socket.closed().await, 4406);
    for code in ["4400", "4401", "4406", "4409", "4429"] {
        let label = format!("code=\"{code}\"");
        assert!(
            node.metric("streamsync_closed_connections_total", &label).await >= 1.0,
            "{code}"
        );
    }
}

#[actix_web::test]
async fn the_legacy_protocol_answers_mistakes_and_goes_on() {
    let node = StreamSync::plan().await.start().await;
    let mut socket = Subscriber::socket(&node, LEGACY).await;
    socket.send(json!({"type": "connection_init"})).await;
    assert_eq!(heard(&mut socket).await["type"], "connection_ack");
    for (message, id) in [
        (json!("no object"), Value::Null),
        (json!({"type": "nonsense", "id": "1"}), json!("1")),
        (json!({"type": "start", "id": "2", "payload": {}}), json!("2")),
    ] {
        socket.send(message.clone()).await;
        let answer = heard(&mut socket).await;
        assert_eq!(
            (&answer["type"], &answer["id"]),
            (&json!("error"), &id),
            "{message}"
        );
        assert!(answer["payload"]["message"].is_string(), "{answer:#}");
    }
    // An id that runs is taken over by whoever starts it again.
    for _ in 0..2 {
        let points = json!({"query": POINTS, "variables": {"selector": {}}});
        socket
            .send(json!({"id": "s", "type": "start", "payload": points}))
            .await;
        assert_eq!(heard(&mut socket).await["type"], "data");
    }
    eventually("one subscription is left", async || {
        (node.metric("streamsync_subscribers", "").await == 1.0).then_some(())
    })
    .await;
}

#[actix_web::test]
async fn who_says_nothing_is_closed_with_4408() {
    let node = StreamSync::plan().await.launch().await;
    for protocol in [TRANSPORT, LEGACY] {
        let mut socket = Subscriber::socket(&node, protocol).await;
        assert_eq!(socket.closed().await, 4408);
    }
}

#[actix_web::test]
async fn what_a_client_sends_is_bounded() {
    let node = StreamSync::plan().await.start().await;
    let mut socket = Subscriber::connect(&node).await;
    let long = "x".repeat(256 * 1024 + 1);
    socket
        .send(json!({"type": "ping", "payload": {"long": long}}))
        .await;
    assert_eq!(socket.closed().await, 1009);

    let mut socket = Subscriber::connect(&node).await;
    let within = "x".repeat(200 * 1024);
    socket
        .send(json!({"type": "ping", "payload": {"long": within}}))
        .await;
    assert_eq!(heard(&mut socket).await["payload"]["long"], within);

    for n in 0..100 {
        socket.send(subscribe(&n.to_string(), json!({}))).await;
        assert_eq!(heard(&mut socket).await["type"], "next");
    }
    socket.send(subscribe("too many", json!({}))).await;
    let refused = heard(&mut socket).await;
    assert_eq!(
        (&refused["id"], &refused["type"]),
        (&json!("too many"), &json!("error"))
    );
    // The others go on.
    socket.send(json!({"id": "0", "type": "complete"})).await;
    socket.send(subscribe("again", json!({}))).await;
    assert_eq!(heard(&mut socket).await["id"], "again");
}

#[actix_web::test]
async fn an_operation_that_fails_ends_alone() {
    let node = StreamSync::plan().await.start().await;
    let mut socket = Subscriber::connect(&node).await;
    socket.send(subscribe("good", json!({}))).await;
    assert_eq!(heard(&mut socket).await["id"], "good");
    let bad = json!({"labels": [{"name": "a", "op": "MATCHES", "value": "("}]});
    socket.send(subscribe("bad", bad)).await;
    loop {
        match socket.event().await {
            Event::Complete => break,
            Event::Error(errors) => {
                assert_eq!(errors[0]["extensions"]["code"], "BAD_USER_INPUT");
                break;
            }
            Event::Next(payload) => {
                assert_eq!(payload["errors"][0]["extensions"]["code"], "BAD_USER_INPUT");
            }
            Event::Closed(code) => panic!("closed with {code}"),
        }
    }
    assert_eq!(node.metric("streamsync_subscribers", "").await, 1.0);
}
