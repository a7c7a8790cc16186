//! How many live connections one address may have, over every transport.

use std::time::{Duration, Instant};

use awc::http::StatusCode;
use futures_util::future::{join, join_all};
use rustix::process::Signal;
use serde_json::json;

use crate::support::live::Subscriber;
use crate::support::streamed::{MULTIPART, SSE, Streamed};
use crate::support::{StreamSync, eventually};

#[actix_web::test]
async fn an_address_with_as_many_live_connections_as_it_may_gets_no_more_until_one_ends() {
    let plan = StreamSync::plan()
        .await
        .settings("[http]\nconnections_per_address = 3");
    let node = plan.start().await;
    let _first = Subscriber::connect(&node).await;
    let _second = Subscriber::plain(&node).await;
    let third = Streamed::points(&node, SSE, json!({})).await;
    assert_eq!(third.status, 200);

    let mut refused = Streamed::points(&node, MULTIPART, json!({})).await;
    assert_eq!(refused.status, 429);
    assert!(refused.rest().await.contains("TOO_MANY_CONNECTIONS"));
    let url = node.url.replace("http://", "ws://") + "/ws";
    match awc::Client::default().ws(url).connect().await {
        Err(awc::error::WsClientError::InvalidResponseStatus(status)) => {
            assert_eq!(status, StatusCode::TOO_MANY_REQUESTS);
        }
        other => panic!("{:?}", other.map(drop)),
    }
    let reason = "connections_per_address";
    assert_eq!(
        node.metric("streamsync_refused_connections_total", reason).await,
        2.0
    );
    // What is answered at once is not counted.
    node.query("{ pipeline { ready } }", json!({})).await;

    drop(third);
    eventually("a place is free", async || {
        let stream = Streamed::points(&node, SSE, json!({})).await;
        (stream.status == 200).then_some(())
    })
    .await;
}

#[actix_web::test]
async fn the_limits_of_a_connection_are_settings() {
    let plan = StreamSync::plan().await.settings(
        "[http]\nconnections_per_address = 0\noperations_per_connection = 1\nmessage_kib = 1\ninit_timeout = \"200ms\"",
    );
    let node = plan.start().await;
    let mut plain = Subscriber::plain(&node).await;
    let hello = plain.frame().await.expect("a greeting");
    assert_eq!(hello["limits"]["messageBytes"], 1_024);
    assert_eq!(hello["limits"]["subscriptions"], 1);
    for id in ["1", "2"] {
        plain.send(json!({"type": "subscribe", "id": id})).await;
    }
    let mut refused = json!(null);
    while refused["type"] != "error" {
        refused = plain.frame().await.expect("a message");
    }
    assert_eq!(
        (&refused["id"], &refused["code"]),
        (&json!("2"), &json!("TOO_MANY_OPERATIONS"))
    );
    plain
        .send(json!({"type": "ping", "payload": "x".repeat(1_024)}))
        .await;
    let code = loop {
        if let Err(code) = plain.frame().await {
            break code;
        }
    };
    assert_eq!(code, 1009);
    let mut silent = Subscriber::socket(&node, "graphql-transport-ws").await;
    assert_eq!(silent.frame().await, Err(4408));
}

#[actix_web::test]
async fn a_node_that_stops_sends_its_clients_away_one_after_the_other() {
    let plan = StreamSync::plan().await.settings("[http]\ndrain = \"2s\"");
    let mut node = plan.start().await;
    let (mut busy, mut idle) = (Vec::new(), Vec::new());
    for _ in 0..10 {
        let mut subscriber = Subscriber::points(&node, json!({})).await;
        subscriber.batch().await;
        busy.push(subscriber);
        idle.push(Subscriber::connect(&node).await);
    }
    node.signal(Signal::TERM);
    let closed = async |clients: &mut Vec<Subscriber>| {
        let each = clients.iter_mut().map(async |client| {
            loop {
                if let Err(code) = client.frame().await {
                    assert_eq!(code, 1001);
                    return Instant::now();
                }
            }
        });
        let mut times = join_all(each).await;
        times.sort();
        times[9] - times[0]
    };
    let (busy, idle) = join(closed(&mut busy), closed(&mut idle)).await;
    // Of two seconds; what is rounded to the clock's tick, twice, leaves more than this.
    let spread = Duration::from_millis(500);
    assert!(busy >= spread && idle >= spread, "{busy:?} {idle:?}");
    assert!(node.ended().await.success(), "{}", node.log());
}
