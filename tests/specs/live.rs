//! Live delivery: what is committed reaches those who asked for it, once, and is history by then.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};
use streamsync::data::Micros;

use crate::support::kafka::{self, Record, labelled_point, point};
use crate::support::live::{Event, Subscriber};
use crate::support::{StreamSync, eventually, seconds_ago};

const HISTORY: &str = "query($selector: SeriesSelector!, $from: DateTime!) {
    history(selector: $selector, from: $from) { series { key } points { ts value } } }";

/// What history holds, written as a subscriber's lines, sorted.
pub async fn history(node: &StreamSync, selector: Value, from: Micros) -> Vec<String> {
    let variables = json!({"selector": selector, "from": from.to_string()});
    let answer = node.query(HISTORY, variables).await;
    let mut lines = Vec::new();
    for series in answer["history"].as_array().expect("series") {
        let key = series["series"]["key"].as_str().expect("a key");
        for point in series["points"].as_array().expect("points") {
            let ts = point["ts"].as_str().expect("a time");
            lines.push(format!("{key} {ts} {}", point["value"]));
        }
    }
    lines.sort();
    lines
}

pub fn after(base: Micros, seconds: usize) -> Micros {
    base.plus(Duration::from_secs(seconds as u64))
}

#[actix_web::test]
async fn the_first_message_is_an_empty_batch_with_a_cursor() {
    let node = StreamSync::plan().await.start().await;
    let mut subscriber = Subscriber::points(&node, json!({})).await;
    assert_eq!(subscriber.batch().await, Vec::<String>::new());
    assert!(subscriber.cursor.is_some());
}

#[actix_web::test]
async fn a_point_that_arrives_is_history_already() {
    let plan = StreamSync::plan().await;
    let node = plan.start().await;
    let mut subscriber = Subscriber::points(&node, json!({})).await;
    subscriber.batch().await;
    let base = seconds_ago(100);
    for n in 0..20 {
        plan.send(&[point("m", after(base, n), n as f64)]).await;
        let arrived = subscriber.collect(1).await;
        assert_eq!(arrived, [format!("m{{}} {} {n}.0", after(base, n))]);
        assert_eq!(history(&node, json!({}), after(base, n)).await, arrived);
    }
}

#[actix_web::test]
async fn a_selector_means_the_same_live_as_in_history() {
    let plan = StreamSync::plan().await;
    let node = plan.start().await;
    let label = |op: &str, value: &str| json!({"labels": [{"name": "site", "op": op, "value": value}]});
    let selectors = [
        json!({}),
        json!({"metric": "temperature"}),
        json!({"metric": "absent"}),
        label("EQUAL", "north"),
        label("EQUAL", ""),
        label("NOT_EQUAL", "north"),
        label("NOT_EQUAL", ""),
        label("MATCHES", "n.*|"),
        label("MATCHES", "nort"),
        label("NOT_MATCHES", "n.*"),
        json!({"metric": "pressure", "labels": [
            {"name": "site", "op": "MATCHES", "value": "n.+"},
            {"name": "site", "op": "NOT_EQUAL", "value": "north"}]}),
    ];
    let mut subscribers = Vec::new();
    for selector in &selectors {
        let mut subscriber = Subscriber::points(&node, json!({"selector": selector})).await;
        subscriber.batch().await;
        subscribers.push(subscriber);
    }
    let base = seconds_ago(100);
    // What one round delivers too much would show up in the next.
    for round in 0..2 {
        let from = after(base, round * 10);
        let mut records = Vec::new();
        for metric in ["temperature", "pressure"] {
            records.push(point(metric, from, 1.0));
            for site in ["north", "northwest", "south"] {
                records.push(labelled_point(
                    metric,
                    &[("site", site), ("rack", "1")],
                    from,
                    2.5,
                ));
            }
        }
        plan.send(&records).await;
        let all = subscribers[0].collect(records.len()).await;
        assert_eq!(all.len(), records.len());
        for (subscriber, selector) in subscribers.iter_mut().zip(&selectors).skip(1) {
            let expected = history(&node, selector.clone(), from).await;
            let mut arrived = subscriber.collect(expected.len()).await;
            arrived.sort();
            assert_eq!(arrived, expected, "{selector}");
        }
    }
}

#[actix_web::test]
async fn a_correction_is_delivered_and_a_point_that_loses_is_not() {
    let plan = StreamSync::plan().await.partitions(2);
    let node = plan.start().await;
    let mut subscriber = Subscriber::points(&node, json!({"selector": {"metric": "m"}})).await;
    subscriber.batch().await;
    let (base, line) = (seconds_ago(1_000), |at: Micros, value: &str| {
        format!("m{{}} {at} {value}")
    });

    let places = plan.send(&[point("m", base, 1.0)]).await;
    assert_eq!(subscriber.collect(1).await, [line(base, "1.0")]);
    // Late points are delivered as they come, and so is each correction.
    let late = base.minus(Duration::from_secs(500));
    plan.send(&[point("m", late, 2.0)]).await;
    assert_eq!(subscriber.collect(1).await, [line(late, "2.0")]);
    plan.send(&[point("m", base, 3.0)]).await;
    assert_eq!(subscriber.collect(1).await, [line(base, "3.0")]);

    // On another partition the older record loses.
    let mut key = b"m".to_vec();
    while plan.partition_of(&key).await == places[0].0 {
        key.push(b'\'');
    }
    let older = Record {
        key: Some(key),
        timestamp: Some(base.minus(Duration::from_secs(1))),
        ..point("m", base, 4.0)
    };
    plan.send(&[older]).await;
    eventually("the loser is counted", async || {
        (node.metric("streamsync_points_total", "outcome=\"lost\"").await == 1.0).then_some(())
    })
    .await;
    plan.send(&[point("m", after(base, 1), 5.0)]).await;
    assert_eq!(subscriber.collect(1).await, [line(after(base, 1), "5.0")]);
}

#[actix_web::test]
async fn every_sends_the_newest_of_each_series_and_counts_the_others() {
    let plan = StreamSync::plan().await.partitions(3);
    let node = plan.start().await;
    let mut subscriber = Subscriber::points(&node, json!({"every": "300ms"})).await;
    subscriber.batch().await;
    let base = seconds_ago(1_000);
    let records: Vec<_> = (0..600)
        .map(|n| point(&format!("m{}", n % 3), after(base, n / 3), n as f64))
        .collect();
    plan.send(&records).await;

    let (mut delivered, mut conflated, mut newest) = (0, 0, BTreeMap::new());
    while delivered + conflated < 600 {
        let batch = subscriber.points_payload().await;
        conflated += batch["conflated"].as_u64().expect("a number");
        let points = batch["points"].as_array().expect("points");
        delivered += points.len() as u64;
        let mut keys = Vec::new();
        for point in points {
            let key = point["series"]["key"].as_str().expect("a key").to_owned();
            newest.insert(key.clone(), point["value"].as_f64());
            keys.push(key);
        }
        keys.dedup();
        assert_eq!(keys.len(), points.len(), "a series came twice in one batch");
    }
    assert_eq!(delivered + conflated, 600);
    assert!(conflated > 0, "nothing was conflated");
    let last = [597.0, 598.0, 599.0].map(Some);
    assert_eq!(newest.into_values().collect::<Vec<_>>(), last);
}

#[actix_web::test]
async fn what_cannot_be_subscribed_to_is_refused_with_a_code() {
    let node = StreamSync::plan().await.start().await;
    let mut subscriber = Subscriber::points(&node, json!({})).await;
    subscriber.batch().await;
    let cursor = subscriber.cursor.take().expect("a cursor");
    let bad_regex = json!({"labels": [{"name": "a", "op": "MATCHES", "value": "("}]});
    for variables in [
        json!({"after": cursor, "backfill": "1h"}),
        json!({"after": "broken"}),
        json!({"after": cursor[..cursor.len() - 3]}),
        json!({"after": ""}),
        json!({"backfill": "soon"}),
        json!({"every": "0s"}),
        json!({"selector": bad_regex}),
    ] {
        let mut refused = Subscriber::points(&node, variables.clone()).await;
        let (code, error) = refused.refusal().await;
        assert_eq!(code, "BAD_USER_INPUT", "{variables} {error:#}");
    }
}

#[actix_web::test]
async fn a_draining_node_sends_the_last_cursor_and_another_continues_from_it() {
    let plan = StreamSync::plan().await;
    let mut node = plan.start().await;
    let mut subscriber = Subscriber::points(&node, json!({})).await;
    subscriber.batch().await;
    let base = seconds_ago(100);
    plan.send(&[point("m", base, 1.0)]).await;
    subscriber.collect(1).await;
    node.signal(rustix::process::Signal::TERM);
    let code = loop {
        match subscriber.event().await {
            Event::Closed(code) => break code,
            Event::Next(payload) => {
                let code = &payload["errors"][0]["extensions"]["code"];
                assert!(code.is_null() || code == "GOING_AWAY", "{payload:#}");
            }
            Event::Complete => {}
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(code, 1001);
    assert!(node.ended().await.success());

    kafka::send(&plan.stream, &[point("m", after(base, 1), 2.0)]).await;
    let node = plan.start().await;
    let mut again = Subscriber::points(&node, json!({"after": subscriber.cursor})).await;
    assert_eq!(again.collect(1).await, [format!("m{{}} {} 2.0", after(base, 1))]);
}
