//! A slow client harms only itself: it is closed, or conflated if it asked for that, and loses
//! nothing for which it comes back.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::json;
use streamsync::data::Micros;

use crate::live::{after, history};
use crate::support::kafka::{Record, labelled_point};
use crate::support::live::{Event, POINTS, Subscriber};
use crate::support::streamed::{SSE, Streamed};
use crate::support::streamsync::Plan;
use crate::support::{StreamSync, eventually, seconds_ago};

const SERIES: usize = 10;
const ROUND: usize = 50;
/// With ten thousand bytes for each point this is more than any socket takes.
const ROUNDS_MAX: usize = 200;

async fn plan() -> Plan {
    StreamSync::plan()
        .await
        .partitions(4)
        .settings("[pipeline]\noutbox_kib = 16")
}

/// Asks for the long key thirty times over, so that few points fill a socket.
fn wide() -> String {
    let keys: String = (0..30).map(|n| format!("key{n}: key ")).collect();
    POINTS.replace("{ key }", &format!("{{ key {keys} }}"))
}

fn round(base: Micros, nth: usize) -> Vec<Record> {
    let padding = "x".repeat(300);
    (nth * ROUND..(nth + 1) * ROUND)
        .map(|n| {
            let metric = format!("m{}", n % SERIES);
            labelled_point(&metric, &[("padding", &padding)], after(base, n), n as f64)
        })
        .collect()
}

/// Sends rounds, each after `quick` has had the one before, until `enough` points have come to the
/// outcome; returns how many were sent.
async fn until(outcome: &str, node: &StreamSync, plan: &Plan, quick: &mut Subscriber, base: Micros) -> usize {
    let label = format!("outcome=\"{outcome}\"");
    for nth in 0..ROUNDS_MAX {
        plan.send(&round(base, nth)).await;
        assert_eq!(quick.collect(ROUND).await.len(), ROUND);
        if node.metric("streamsync_delivered_points_total", &label).await > 0.0 {
            return (nth + 1) * ROUND;
        }
    }
    panic!("no point was {outcome}");
}

fn resident_mib(node: &StreamSync) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", node.pid())).expect("its status");
    let line = status.lines().find(|l| l.starts_with("VmRSS:")).expect("VmRSS");
    let kib = line
        .split_whitespace()
        .nth(1)
        .and_then(|kib| kib.parse::<u64>().ok());
    kib.expect("a number") / 1024
}

#[actix_web::test]
async fn stalled_subscribers_slow_nobody_grow_nothing_and_lose_nothing() {
    let plan = plan().await;
    let node = plan.start().await;
    let mut quick = Subscriber::points(&node, json!({})).await;
    quick.batch().await;
    // They subscribe and then never read again.
    let mut stalled = Vec::new();
    for _ in 0..20 {
        let mut subscriber = Subscriber::subscribe(&node, &wide(), json!({})).await;
        subscriber.batch().await;
        stalled.push(subscriber);
    }
    let base = seconds_ago(100_000);
    let before = resident_mib(&node);
    let mut sent = until("discarded", &node, &plan, &mut quick, base).await;
    // One reads on: what was on its way, then why it ends.
    let mut slow = stalled.pop().expect("a stalled subscriber");
    let mut lines = Vec::new();
    let code = loop {
        match slow.event().await {
            Event::Next(payload) if payload["errors"].is_null() => lines.extend(points(&payload)),
            Event::Next(payload) => assert_eq!(payload["errors"][0]["extensions"]["code"], "SLOW_CLIENT"),
            Event::Closed(code) => break code,
            other => panic!("{other:?}"),
        }
    };
    // 1006: on a slow machine it was taken for dead before it read on.
    assert!([1013, 1006].contains(&code), "{code}");
    // The others stay as they are while the quick one gets more and more.
    for nth in sent / ROUND..sent / ROUND + 30 {
        plan.send(&round(base, nth)).await;
        quick.collect(ROUND).await;
        sent += ROUND;
    }
    let grown = resident_mib(&node).saturating_sub(before);
    assert!(grown < 64, "{grown} MiB more than before");

    let mut again = Subscriber::points(&node, json!({"after": slow.cursor})).await;
    lines.extend(again.collect(sent - lines.len()).await);
    lines.sort();
    assert_eq!(lines, history(&node, json!({}), base).await);
    drop(again);

    // The others never read: they are taken for dead.
    eventually("only the quick one is left", async || {
        let beat = tokio::time::timeout(Duration::from_millis(1), quick.event());
        assert!(
            !matches!(beat.await, Ok(Event::Closed(_))),
            "the quick one was closed"
        );
        (node.metric("streamsync_subscribers", "").await == 1.0).then_some(())
    })
    .await;
}

#[actix_web::test]
async fn a_stalled_event_stream_ends_with_its_cursor_and_goes_on_behind_its_last_event() {
    let plan = plan().await;
    let node = plan.start().await;
    let mut quick = Subscriber::points(&node, json!({})).await;
    quick.batch().await;
    let selector = json!({"selector": {}});
    let mut slow = Streamed::post(&node, SSE, &wide(), selector.clone()).await;
    let mut cursor = slow.event().await.and_then(|event| event.id);
    let base = seconds_ago(100_000);
    let sent = until("discarded", &node, &plan, &mut quick, base).await;
    let (mut lines, mut code) = (Vec::new(), None);
    while let Some(event) = slow.event().await {
        assert_eq!(event.name, "next", "it is not complete");
        if event.id.is_some() {
            cursor = event.id;
            lines.extend(points(&event.data));
        } else {
            code = event.data["errors"][0]["extensions"]["code"]
                .as_str()
                .map(str::to_owned);
        }
    }
    // Without a code: on a slow machine it was taken for dead before it read on.
    assert!(code.is_none_or(|code| code == "SLOW_CLIENT"));

    let last = format!("last-event-id: {}\r\n", cursor.expect("a cursor"));
    let mut again = Streamed::get(&node, POINTS, selector, &last).await;
    while lines.len() < sent {
        lines.extend(points(&json!({"data": {"points": again.batch().await}})));
    }
    lines.sort();
    assert_eq!(lines, history(&node, json!({}), base).await);
}

fn points(payload: &serde_json::Value) -> Vec<String> {
    let points = payload["data"]["points"]["points"].as_array().expect("points");
    points.iter().map(crate::support::live::line).collect()
}

#[actix_web::test]
async fn a_stalled_subscriber_that_asked_to_be_conflated_gets_the_newest_and_a_count() {
    let plan = plan().await;
    let node = plan.start().await;
    let mut quick = Subscriber::points(&node, json!({})).await;
    quick.batch().await;
    let mut slow = Subscriber::subscribe(&node, &wide(), json!({"onOverflow": "CONFLATE"})).await;
    slow.batch().await;
    let base = seconds_ago(100_000);
    let sent = until("conflated", &node, &plan, &mut quick, base).await;

    let (mut delivered, mut conflated, mut newest) = (0, 0, BTreeMap::new());
    while delivered + conflated < sent {
        let batch = slow.points_payload().await;
        conflated += batch["conflated"].as_u64().expect("a number") as usize;
        for point in batch["points"].as_array().expect("points") {
            delivered += 1;
            newest.insert(point["series"]["key"].to_string(), point["value"].as_f64());
        }
    }
    assert_eq!(delivered + conflated, sent);
    assert!(conflated > 0);
    let last = (sent - SERIES..sent).map(|n| Some(n as f64));
    assert_eq!(newest.into_values().collect::<Vec<_>>(), last.collect::<Vec<_>>());
    // Having caught up it gets every point again.
    plan.send(&round(base, sent / ROUND)).await;
    assert_eq!(slow.collect(ROUND).await.len(), ROUND);
}
