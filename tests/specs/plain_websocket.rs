//! The plain WebSocket at `/ws`, for clients that know JSON and nothing of GraphQL.

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::live::after;
use crate::support::kafka::{labelled_point, point};
use crate::support::live::Subscriber;
use crate::support::{StreamSync, eventually, seconds_ago};

async fn connect(node: &StreamSync) -> Subscriber {
    let mut socket = Subscriber::plain(node).await;
    let hello = socket.frame().await.expect("a greeting");
    assert_eq!(
        (&hello["type"], &hello["protocol"]),
        (&json!("hello"), &json!(1)),
        "{hello:#}"
    );
    assert!(hello["limits"]["messageBytes"].is_u64(), "{hello:#}");
    socket
}

/// The next message, which must be of this kind.
async fn heard(socket: &mut Subscriber, kind: &str) -> Value {
    let message = socket.frame().await.expect("a message");
    assert_eq!(message["type"], kind, "{message:#}");
    message
}

async fn subscribed(socket: &mut Subscriber, subscribe: Value) -> Value {
    socket.send(subscribe).await;
    heard(socket, "subscribed").await;
    heard(socket, "points").await
}

#[actix_web::test]
async fn points_come_as_plain_messages_with_their_cursor() {
    let plan = StreamSync::plan().await;
    let node = plan.start().await;
    let mut socket = connect(&node).await;
    let first = subscribed(&mut socket, json!({"type": "subscribe", "id": "a\"b"})).await;
    assert_eq!((&first["id"], &first["points"]), (&json!("a\"b"), &json!([])));
    let at = seconds_ago(100);
    plan.send(&[labelled_point("m", &[("site", "a")], at, 1.5)]).await;
    let next = heard(&mut socket, "points").await;
    let members: Vec<&String> = next.as_object().expect("an object").keys().collect();
    assert_eq!(members, ["conflated", "cursor", "id", "points", "type"]);
    assert_eq!(next["points"][0]["series"], "m{site=\"a\"}");
    assert_eq!(next["points"][0]["value"], 1.5);
    assert!(next["points"][0]["ts"].is_string(), "{next:#}");
    assert_eq!(node.metric("streamsync_connections", "plain-ws").await, 1.0);
}

#[actix_web::test]
async fn a_selector_is_a_map_of_labels_or_a_list_of_matchers() {
    let plan = StreamSync::plan().await;
    let node = plan.start().await;
    let mut socket = connect(&node).await;
    let selectors = [
        json!({"metric": "m", "labels": {"site": "a"}}),
        json!({"labels": [{"name": "site", "op": "=~", "value": "a|z"}]}),
    ];
    for (id, selector) in ["map", "list"].iter().zip(selectors) {
        subscribed(
            &mut socket,
            json!({"type": "subscribe", "id": id, "selector": selector}),
        )
        .await;
    }
    let at = seconds_ago(100);
    let of = |site| labelled_point("m", &[("site", site)], at, 1.0);
    plan.send(&[of("b"), of("a")]).await;
    let mut ids = Vec::new();
    while ids.len() < 2 {
        let message = heard(&mut socket, "points").await;
        let points = message["points"].as_array().expect("points");
        assert!(
            points.iter().all(|p| p["series"] == "m{site=\"a\"}"),
            "{message:#}"
        );
        if !points.is_empty() {
            ids.push(message["id"].as_str().expect("an id").to_owned());
        }
    }
    ids.sort();
    assert_eq!(ids, ["list", "map"]);
}

#[actix_web::test]
async fn a_client_that_comes_back_goes_on_behind_its_cursor() {
    let plan = StreamSync::plan().await;
    let node = plan.start().await;
    let mut socket = connect(&node).await;
    let cursor = subscribed(&mut socket, json!({"type": "subscribe", "id": "1"})).await["cursor"].take();
    drop(socket);
    plan.send_and_read(&[point("m", seconds_ago(100), 1.0)]).await;
    let mut socket = connect(&node).await;
    let again = json!({"type": "subscribe", "id": "1", "after": cursor});
    subscribed(&mut socket, again).await;
    assert_eq!(heard(&mut socket, "points").await["points"][0]["value"], 1.0);
}

#[actix_web::test]
async fn a_subscription_ends_when_the_client_says_so_and_the_connection_goes_on() {
    let plan = StreamSync::plan().await;
    let node = plan.start().await;
    let mut socket = connect(&node).await;
    for id in ["a", "b"] {
        subscribed(&mut socket, json!({"type": "subscribe", "id": id})).await;
    }
    socket.send(json!({"type": "unsubscribe", "id": "a"})).await;
    assert_eq!(heard(&mut socket, "unsubscribed").await["id"], "a");
    eventually("one subscription is left", async || {
        (node.metric("streamsync_subscribers", "").await == 1.0).then_some(())
    })
    .await;
    plan.send(&[point("m", seconds_ago(100), 1.0)]).await;
    assert_eq!(heard(&mut socket, "points").await["id"], "b");
    socket.send(json!({"type": "ping", "payload": [1]})).await;
    assert_eq!(heard(&mut socket, "pong").await["payload"], json!([1]));
}

#[actix_web::test]
async fn mistakes_are_told_with_a_code_and_harm_nothing_else() {
    let plan = StreamSync::plan().await;
    let node = plan.start().await;
    let mut socket = connect(&node).await;
    subscribed(&mut socket, json!({"type": "subscribe", "id": "good"})).await;
    for (message, id, code) in [
        (json!("nonsense"), Value::Null, "BAD_MESSAGE"),
        (json!({"type": "publish"}), Value::Null, "BAD_MESSAGE"),
        (
            json!({"type": "subscribe", "id": "x", "slector": {}}),
            json!("x"),
            "BAD_MESSAGE",
        ),
        (
            json!({"type": "subscribe", "id": "good"}),
            json!("good"),
            "DUPLICATE_ID",
        ),
        (
            json!({"type": "subscribe", "id": "x", "after": "no cursor"}),
            json!("x"),
            "BAD_USER_INPUT",
        ),
        (
            json!({"type": "subscribe", "id": "x", "every": "soon"}),
            json!("x"),
            "BAD_USER_INPUT",
        ),
        (
            json!({"type": "subscribe", "id": "x", "selector": {"labels": [{"name": "a", "op": "=~", "value": "("}]}}),
            json!("x"),
            "BAD_USER_INPUT",
        ),
    ] {
        socket.send(message.clone()).await;
        let error = heard(&mut socket, "error").await;
        assert_eq!(
            (&error["id"], &error["code"]),
            (&id, &json!(code)),
            "{message}: {error:#}"
        );
        assert!(error["message"].is_string(), "{error:#}");
    }
    plan.send(&[point("m", seconds_ago(100), 1.0)]).await;
    assert_eq!(heard(&mut socket, "points").await["id"], "good");
}

#[actix_web::test]
async fn a_cursor_of_another_database_is_refused_with_the_earliest_that_can_be_continued() {
    let elsewhere = StreamSync::plan().await;
    let node = elsewhere.start().await;
    elsewhere
        .send_and_read(&[point("m", seconds_ago(100), 1.0)])
        .await;
    let mut socket = connect(&node).await;
    let cursor = subscribed(&mut socket, json!({"type": "subscribe", "id": "1"})).await["cursor"].take();
    let node = StreamSync::plan().await.start().await;
    let mut socket = connect(&node).await;
    socket
        .send(json!({"type": "subscribe", "id": "1", "after": cursor}))
        .await;
    let mut error = heard(&mut socket, "error").await;
    assert_eq!(error["code"], "RESUME_GAP", "{error:#}");
    let earliest = error["earliestCursor"].take();
    let again = json!({"type": "subscribe", "id": "1", "after": earliest});
    subscribed(&mut socket, again).await;
}

#[actix_web::test]
async fn a_node_that_stops_closes_with_1001_after_the_last_cursor_and_nothing_is_lost() {
    let plan = StreamSync::plan().await.settings("[http]\ndrain = \"1s\"");
    let mut leaving = plan.start().await;
    let mut socket = connect(&leaving).await;
    let mut idle = connect(&leaving).await;
    let mut cursor = subscribed(&mut socket, json!({"type": "subscribe", "id": "1"})).await["cursor"].take();
    leaving.signal(Signal::TERM);
    let base = seconds_ago(1_000);
    for n in 0..20 {
        plan.send(&[point("m", after(base, n), n as f64)]).await;
    }
    let mut seen = Vec::new();
    let mut take = |message: &Value| {
        let points = message["points"].as_array().expect("points");
        seen.extend(points.iter().filter_map(|point| point["value"].as_f64()));
    };
    let code = loop {
        match socket.frame().await {
            Ok(mut message) if message["type"] == "points" => {
                take(&message);
                cursor = message["cursor"].take();
            }
            Ok(message) => assert_eq!(message["code"], "GOING_AWAY", "{message:#}"),
            Err(code) => break code,
        }
    };
    assert_eq!(code, 1001);
    assert_eq!(idle.closed().await, 1001);
    assert!(leaving.ended().await.success(), "{}", leaving.log());

    let node = plan.start().await;
    let mut socket = connect(&node).await;
    take(
        &subscribed(
            &mut socket,
            json!({"type": "subscribe", "id": "1", "after": cursor}),
        )
        .await,
    );
    let all: Vec<f64> = (0..20).map(f64::from).collect();
    while seen.len() < all.len() {
        let message = heard(&mut socket, "points").await;
        let points = message["points"].as_array().expect("points");
        seen.extend(points.iter().filter_map(|point| point["value"].as_f64()));
    }
    assert_eq!(seen, all);
}

#[actix_web::test]
async fn pages_of_other_origins_cannot_connect() {
    let node = StreamSync::plan().await.launch().await;
    let url = node.url.replace("http://", "ws://") + "/ws";
    let status = async |origin: &str| {
        let request = awc::Client::default().ws(&url).origin(origin);
        match request.connect().await {
            Err(awc::error::WsClientError::InvalidResponseStatus(status)) => status.as_u16(),
            other => other.map_or_else(
                |error| panic!("{error}"),
                |(response, _)| response.status().as_u16(),
            ),
        }
    };
    assert_eq!(status("https://evil.example").await, 403);
    assert_eq!(status(&node.url).await, 101);
}

#[actix_web::test]
async fn what_is_no_websocket_is_told_so() {
    let node = StreamSync::plan().await.launch().await;
    let (status, body) = node.get("/ws").await;
    assert_eq!(status, 426);
    assert!(body.contains("UPGRADE_REQUIRED"), "{body}");
}
