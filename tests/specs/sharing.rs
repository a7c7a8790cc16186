//! A thousand subscribers cost one encoding for each way of looking at a point.

use std::collections::HashMap;

use serde_json::{Value, json};

use crate::live::after;
use crate::support::kafka::point;
use crate::support::live::Subscriber;
use crate::support::{StreamSync, seconds_ago};

const CONNECTIONS: usize = 10;
const OPERATIONS: usize = 100;
const SHAPES: [&str; 3] = [
    "cursor points { series { key } ts value }",
    "points { value }",
    "conflated points { ts v: value series { id labels { name value } } }",
];

fn operation(nth: usize) -> Value {
    let selectors = [
        json!({}),
        json!({"metric": "m1"}),
        json!({"metric": "m2"}),
        json!({"labels": [{"name": "site", "op": "EQUAL", "value": ""}]}),
    ];
    let query = format!(
        "subscription($s: SeriesSelector!) {{ points(selector: $s) {{ {} }} }}",
        SHAPES[nth % SHAPES.len()]
    );
    let variables = json!({"s": selectors[nth % selectors.len()]});
    json!({"id": nth.to_string(), "type": "subscribe", "payload": {"query": query, "variables": variables}})
}

/// How many points the operation selects of one round, which has a point of `m1` and one of `m2`.
fn selected(nth: usize) -> usize {
    [2, 1, 1, 2][nth % 4]
}

#[actix_web::test]
async fn points_are_encoded_once_for_each_shape_whoever_asks_and_however_many() {
    let plan = StreamSync::plan().await;
    let node = plan.start().await;
    let mut sockets = Vec::new();
    for _ in 0..CONNECTIONS {
        let mut socket = Subscriber::connect(&node).await;
        for nth in 0..OPERATIONS {
            socket.send(operation(nth)).await;
        }
        for _ in 0..OPERATIONS {
            assert_eq!(socket.frame().await.expect("an empty batch")["type"], "next");
        }
        sockets.push(socket);
    }
    assert_eq!(
        node.metric("streamsync_subscribers", "").await,
        (CONNECTIONS * OPERATIONS) as f64
    );
    assert_eq!(node.metric("streamsync_encoded_points_total", "").await, 0.0);

    let base = seconds_ago(1_000);
    for round in 0..5 {
        let at = after(base, round);
        plan.send(&[point("m1", at, 1.0), point("m2", at, 2.0)]).await;
        for socket in &mut sockets {
            let mut missing: HashMap<String, usize> = (0..OPERATIONS)
                .map(|nth| (nth.to_string(), selected(nth)))
                .collect();
            while !missing.is_empty() {
                let message = socket.frame().await.expect("a batch");
                let id = message["id"].as_str().expect("an id");
                let points = message["payload"]["data"]["points"]["points"].as_array();
                let left = missing.get_mut(id).expect("an operation that waits");
                *left -= points.expect("points").len();
                if *left == 0 {
                    missing.remove(id);
                }
            }
        }
        assert_eq!(
            node.metric("streamsync_encoded_points_total", "").await,
            ((round + 1) * 2 * SHAPES.len()) as f64
        );
    }
}
