//! Latest values in Redis and batches between nodes: faster with it, right without it.

use serde_json::{Value, json};

use crate::live::after;
use crate::support::kafka::{labelled_point, point};
use crate::support::live::Subscriber;
use crate::support::redis::Redis;
use crate::support::streamsync::Plan;
use crate::support::{StreamSync, eventually, seconds_ago};

async fn plan_with(redis: &Redis) -> Plan {
    StreamSync::plan()
        .await
        .settings(&format!("[redis]\nurl = {:?}", redis.url()))
}

/// What this installation calls it, with the default prefix.
async fn name_in_redis(plan: &Plan, what: &str) -> String {
    let id = plan.database.value("select id from installation").await;
    format!("{{streamsync:{id}}}:{what}")
}

async fn latest(node: &StreamSync) -> Value {
    let mut answer = node
        .query("{ latest(selector: {metric: \"m\"}) { value } }", json!({}))
        .await;
    answer["latest"][0]["value"].take()
}

/// Commits become latest at once, whatever the cache does meanwhile: a subscriber tells when.
async fn store_and_ask(plan: &Plan, node: &StreamSync, subscriber: &mut Subscriber, n: usize) {
    let base = seconds_ago(1_000);
    plan.send(&[point("m", after(base, n), n as f64)]).await;
    subscriber.collect(1).await;
    eventually("the latest value is the one just stored", async || {
        (latest(node).await == n as f64).then_some(())
    })
    .await;
}

async fn degraded(node: &StreamSync) -> bool {
    let (status, body) = node.get("/readyz").await;
    assert_eq!(status, 200, "{body}");
    let body: Value = serde_json::from_str(&body).expect("JSON");
    !body["degraded"].as_object().expect("a map").is_empty()
}

async fn becomes(node: &StreamSync, wanted: bool) {
    eventually("readyz tells how Redis is", async || {
        (degraded(node).await == wanted).then_some(())
    })
    .await;
}

#[actix_web::test]
async fn latest_values_come_from_redis() {
    let redis = Redis::start().await;
    let plan = plan_with(&redis).await;
    let node = plan.start().await;
    becomes(&node, false).await;
    let mut subscriber = Subscriber::points(&node, json!({})).await;
    subscriber.batch().await;
    for n in 1..5 {
        store_and_ask(&plan, &node, &mut subscriber, n).await;
    }
    // The answer stays although Postgres no longer knows it: only Redis can have given it.
    let key = name_in_redis(&plan, "latest").await;
    eventually("the value is in Redis", async || {
        let epoch = redis.command(&["GET", &key]).await?;
        let epoch = epoch.split('"').nth(1).map(str::to_owned)?;
        let entries = redis.command(&["HVALS", &format!("{key}:{epoch}")]).await?;
        entries.contains("\"=").then_some(())
    })
    .await;
    plan.database.run("update points set value = -1").await;
    assert_eq!(latest(&node).await, 4.0);
}

#[actix_web::test]
async fn without_redis_answers_come_from_postgres_and_with_it_again_they_are_never_stale() {
    let mut redis = Redis::start().await;
    let plan = plan_with(&redis).await;
    let node = plan.start().await;
    let mut subscriber = Subscriber::points(&node, json!({})).await;
    subscriber.batch().await;
    store_and_ask(&plan, &node, &mut subscriber, 1).await;
    for round in 0..3 {
        redis.down();
        store_and_ask(&plan, &node, &mut subscriber, round * 10 + 2).await;
        becomes(&node, true).await;
        let pipeline = node.query("{ pipeline { state ready } }", json!({})).await;
        assert_eq!(pipeline["pipeline"], json!({"state": "DEGRADED", "ready": true}));
        store_and_ask(&plan, &node, &mut subscriber, round * 10 + 3).await;
        // It comes back with what it held before it went.
        redis.up().await;
        assert_eq!(latest(&node).await, (round * 10 + 3) as f64);
        becomes(&node, false).await;
        assert_eq!(latest(&node).await, (round * 10 + 3) as f64);
        store_and_ask(&plan, &node, &mut subscriber, round * 10 + 4).await;
    }
}

#[actix_web::test]
async fn a_node_starts_without_its_redis() {
    let mut redis = Redis::start().await;
    redis.down();
    let plan = plan_with(&redis).await;
    let node = plan.start().await;
    let mut subscriber = Subscriber::points(&node, json!({})).await;
    subscriber.batch().await;
    store_and_ask(&plan, &node, &mut subscriber, 1).await;
    becomes(&node, true).await;
    redis.up().await;
    becomes(&node, false).await;
    store_and_ask(&plan, &node, &mut subscriber, 2).await;
}

#[actix_web::test]
async fn what_one_node_commits_the_others_deliver_through_redis() {
    let redis = Redis::start().await;
    let plan = plan_with(&redis).await.partitions(4);
    two_nodes_deliver_everything(&plan).await;
}

#[actix_web::test]
async fn what_one_node_commits_the_others_deliver_without_redis() {
    let plan = StreamSync::plan().await.partitions(4);
    two_nodes_deliver_everything(&plan).await;
}

/// Both nodes read partitions; a subscriber of either sees all points once, also across rebalances.
async fn two_nodes_deliver_everything(plan: &Plan) {
    let one = plan.start().await;
    let mut subscribers = vec![Subscriber::points(&one, json!({})).await];
    let two = plan.start().await;
    subscribers.push(Subscriber::points(&two, json!({})).await);
    for subscriber in &mut subscribers {
        subscriber.batch().await;
    }
    let base = seconds_ago(1_000);
    let mut sent = 0;
    let mut seen = vec![Vec::new(); 2];
    for _ in 0..20 {
        let records: Vec<_> = (sent..sent + 20)
            .map(|n| labelled_point(&format!("m{}", n % 8), &[("site", "a")], after(base, n), n as f64))
            .collect();
        sent += records.len();
        plan.send(&records).await;
        for (subscriber, seen) in subscribers.iter_mut().zip(&mut seen) {
            seen.extend(subscriber.collect(records.len()).await);
        }
    }
    seen.iter_mut().for_each(|lines| lines.sort());
    assert_eq!(seen[0].len(), sent);
    assert_eq!(seen[0], seen[1]);
    seen[0].dedup();
    assert_eq!(seen[0].len(), sent, "a point came twice");
}
