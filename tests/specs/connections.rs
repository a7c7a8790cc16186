//! How many connections one address may have, what they may hold, and when they end.

use std::time::{Duration, Instant};

use futures_util::future::{join, join_all};
use rustix::process::Signal;
use serde_json::json;

use crate::slow::resident_mib;
use crate::support::live::Subscriber;
use crate::support::streamed::{MULTIPART, SSE, Streamed};
use crate::support::{StreamSync, eventually};

/// Not the address by which the harness asks.
const OTHER: [u8; 4] = [127, 0, 0, 2];

#[actix_web::test]
async fn an_address_with_as_many_connections_as_it_may_gets_no_more_until_one_ends() {
    let plan = StreamSync::plan()
        .await
        .settings("[http]\nconnections_per_address = 3");
    let node = plan.start().await;
    let handshake = "upgrade: websocket\r\nconnection: upgrade\r\nsec-websocket-version: 13\r\n\
                     sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    let query = "/graphql?query=subscription%7Bpipeline%7Bready%7D%7D";
    let ask = async |what: &str, accept: &str, headers: &str| {
        let socket = Streamed::connect_from(&node, OTHER).await;
        Streamed::over(socket, what, accept, headers, "").await
    };
    let silent = Streamed::connect_from(&node, OTHER).await;
    let websocket = ask("GET /ws", "*/*", handshake).await;
    assert_eq!(websocket.status, 101);
    let stream = ask(&format!("GET {query}"), SSE, "").await;
    assert_eq!(stream.status, 200);

    for (what, accept, headers) in [
        ("GET /livez", "*/*", ""),
        ("GET /ws", "*/*", handshake),
        (&format!("GET {query}"), MULTIPART, ""),
    ] {
        let mut refused = ask(what, accept, headers).await;
        assert_eq!(refused.status, 429, "{what}");
        assert!(refused.rest().await.contains("TOO_MANY_CONNECTIONS"), "{what}");
    }
    let reason = "connections_per_address";
    assert_eq!(
        node.metric("streamsync_refused_connections_total", reason).await,
        3.0
    );
    // Another address is not concerned, and a place that is free is given again.
    node.query("{ pipeline { ready } }", json!({})).await;
    drop(silent);
    eventually("a place is free", async || {
        (ask("GET /livez", "*/*", "").await.status == 200).then_some(())
    })
    .await;
    drop((websocket, stream));
}

#[actix_web::test]
async fn answers_that_nobody_reads_end_and_take_no_more_than_their_share() {
    let plan = StreamSync::plan()
        .await
        .settings("[http]\nstall_timeout = \"5s\"\nmemory_mib = 16");
    let node = plan.start().await;
    let at = plan.send_wide().await;
    let path = format!("GET /api/v1/points?format=ndjson&from={}", at.0 / 1_000_000);

    let before = resident_mib(&node);
    let (mut stalled, mut refused) = (Vec::new(), 0);
    for _ in 0..60 {
        let socket = Streamed::connect_from(&node, OTHER).await;
        let answer = Streamed::over(socket, &path, "*/*", "", "").await;
        match answer.status {
            200 => stalled.push(answer),
            429 => refused += 1,
            other => panic!("{other}"),
        }
    }
    // A page counts for a MiB at least, and an address has a quarter of the 16; some have ended.
    assert!(!stalled.is_empty() && refused > 0, "{refused} refused");
    let grown = resident_mib(&node).saturating_sub(before);
    // All of them would be 600.
    assert!(grown < 100, "{grown} MiB more than before");
    // Others are answered meanwhile.
    let (status, _) = node
        .get(&path["GET ".len()..].replace("from", "limit=1&from"))
        .await;
    assert_eq!(status, 200);
    eventually("those that nobody reads have ended", async || {
        let open = node.metric("streamsync_open_connections", "").await;
        (open <= 3.0).then_some(())
    })
    .await;
    drop(stalled);
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
    assert_eq!(plain.closed().await, 1009);
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
            assert_eq!(client.closed().await, 1001);
            Instant::now()
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
