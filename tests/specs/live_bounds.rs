//! What one client's subscriptions may take: it is told when it has enough, others go on, and what
//! it had comes back when it goes.

use serde_json::{Value, json};

use crate::live::after;
use crate::slow::resident_mib;
use crate::support::kafka::point;
use crate::support::live::Subscriber;
use crate::support::{StreamSync, eventually, seconds_ago};

const POINTS: &str = "subscription($s: SeriesSelector!) { points(selector: $s) { points { key value } } }";
const AGGREGATES: &str = "subscription($w: Duration!) { aggregates(selector: {metric: \"m\"}, window: $w, aggregate: [AVG]) { conflated } }";

fn subscribe(id: usize, query: &str, variables: &Value) -> Value {
    json!({"id": id.to_string(), "type": "subscribe", "payload": {"query": query, "variables": variables}})
}

/// What each of these operations is answered first: its code, or nothing.
async fn answers(socket: &mut Subscriber, operations: usize) -> Vec<Option<String>> {
    let mut answers = vec![None; operations];
    let mut left = operations;
    while left > 0 {
        let message = socket.frame().await.expect("a message");
        let errors = match &message["type"] {
            kind if kind == "next" => message["payload"]["errors"].clone(),
            kind if kind == "error" => message["payload"].clone(),
            _ => continue,
        };
        let id: usize = message["id"]
            .as_str()
            .and_then(|id| id.parse().ok())
            .expect("an id");
        answers[id] = errors[0]["extensions"]["code"].as_str().map(str::to_owned);
        left -= 1;
    }
    answers
}

#[actix_web::test]
async fn hundreds_of_subscriptions_with_costly_expressions_take_little_and_give_it_back() {
    let plan = StreamSync::plan().await;
    let node = plan.start().await;
    let before = resident_mib(&node);
    let mut sockets = Vec::new();
    let (mut accepted, mut overloaded) = (0, 0);
    for connection in 0..5 {
        let mut socket = Subscriber::connect(&node).await;
        for nth in 0..60 {
            // Each is another one, and as large as one may be.
            let labels: Vec<_> = (0..4)
                .map(|label| {
                    let expression = format!("\\p{{Lu}}+{connection}x{nth}x{label}");
                    json!({"name": format!("l{label}"), "op": "MATCHES", "value": expression})
                })
                .collect();
            let variables = json!({"s": {"labels": labels}});
            socket.send(subscribe(nth, POINTS, &variables)).await;
        }
        for code in answers(&mut socket, 60).await {
            match code.as_deref() {
                None => accepted += 1,
                Some("OVERLOADED") => overloaded += 1,
                Some(other) => panic!("{other}"),
            }
        }
        sockets.push(socket);
    }
    assert!(accepted > 0 && overloaded > 0, "{accepted} {overloaded}");
    let grown = resident_mib(&node).saturating_sub(before);
    assert!(grown < 160, "{grown} MiB for {accepted} subscriptions");

    // Others are served.
    let mut other = Subscriber::points(&node, json!({"selector": {"metric": "m"}})).await;
    other.batch().await;
    plan.send(&[point("m", after(seconds_ago(100), 0), 1.0)]).await;
    assert_eq!(other.collect(1).await.len(), 1);

    drop(sockets);
    eventually("the memory comes back", async || {
        let left = resident_mib(&node).saturating_sub(before);
        (left < 64).then_some(())
    })
    .await;
}

#[actix_web::test]
async fn one_client_has_so_many_window_lengths_of_its_own_and_the_round_ones() {
    let node = StreamSync::plan().await.start().await;
    let mut socket = Subscriber::connect(&node).await;
    for nth in 0..20 {
        let window = format!("{}ms", 60_001 + nth);
        socket
            .send(subscribe(nth, AGGREGATES, &json!({"w": window})))
            .await;
    }
    let codes = answers(&mut socket, 20).await;
    let refused = codes.iter().flatten().collect::<Vec<_>>();
    assert_eq!(refused, ["OVERLOADED"; 12].iter().collect::<Vec<_>>());

    let mut round = Subscriber::connect(&node).await;
    let lengths = ["1s", "5s", "10s", "15s", "30s", "1m", "5m", "15m", "1h", "1day"];
    for (nth, window) in lengths.iter().enumerate() {
        round
            .send(subscribe(nth, AGGREGATES, &json!({"w": window})))
            .await;
    }
    assert_eq!(
        answers(&mut round, lengths.len()).await,
        vec![None; lengths.len()]
    );

    // What the client has left is free again.
    drop(socket);
    eventually("another length", async || {
        let mut again = Subscriber::connect(&node).await;
        again
            .send(subscribe(0, AGGREGATES, &json!({"w": "70001ms"})))
            .await;
        answers(&mut again, 1).await[0].is_none().then_some(())
    })
    .await;
}
