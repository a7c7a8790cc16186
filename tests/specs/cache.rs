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

/// As a node of an earlier version sent it: without a tag, from offset 0 to very far.
fn without_a_tag() -> Vec<u8> {
    let mut message = vec![1];
    message.extend(7u64.to_le_bytes());
    message.extend(1u32.to_le_bytes());
    message.extend(1i32.to_le_bytes());
    message.extend(0i64.to_le_bytes());
    message.extend(1_000_000_000_000i64.to_le_bytes());
    message.extend([0; 8]);
    message
}

#[actix_web::test]
async fn what_strangers_write_to_redis_ends_no_live_delivery() {
    let redis = Redis::start().await;
    let plan = plan_with(&redis).await;
    let mut node = plan.start().await;
    becomes(&node, false).await;
    let mut subscriber = Subscriber::points(&node, json!({})).await;
    subscriber.batch().await;
    let channel = name_in_redis(&plan, "stored").await;
    let base = seconds_ago(1_000);
    let first = redis
        .overhear(&channel, async {
            plan.send(&[point("m", after(base, 1), 1.0)]).await;
        })
        .await;
    assert_eq!(subscriber.collect(1).await.len(), 1);

    let mut forged = first.clone();
    // The end of its only range: after version, node, the number of ranges, partition and beginning.
    forged[25 + 5] = 1;
    let mut of_this_version = without_a_tag();
    of_this_version[0] = 2;
    let counted = node.metric("streamsync_cache_errors_total", "").await;
    for message in [
        &without_a_tag(),
        &of_this_version,
        &forged,
        &first[..40].to_vec(),
        &Vec::new(),
    ] {
        redis.publish(&channel, message).await;
        redis.publish("{streamsync}:stored", message).await;
    }
    eventually("each is counted", async || {
        (node.metric("streamsync_cache_errors_total", "").await >= counted + 5.0).then_some(())
    })
    .await;
    for n in 2..5 {
        store_and_ask(&plan, &node, &mut subscriber, n).await;
    }

    // A true message comes again, after its node has gone.
    assert!(node.terminate().await.success());
    let node = plan.start().await;
    let mut subscriber = Subscriber::points(&node, json!({})).await;
    subscriber.batch().await;
    for _ in 0..100 {
        redis.publish(&channel, &first).await;
    }
    plan.send(&[point("m", after(base, 5), 5.0)]).await;
    let seen = subscriber.collect(1).await;
    assert!(seen.len() == 1 && seen[0].ends_with(" 5.0"), "{seen:?}");
    assert_eq!(latest(&node).await, 5.0);
}

#[actix_web::test]
async fn two_installations_with_default_settings_share_a_redis_and_do_not_meet() {
    let redis = Redis::start().await;
    let plans = [plan_with(&redis).await, plan_with(&redis).await];
    let mut all = Vec::new();
    for plan in &plans {
        let node = plan.start().await;
        becomes(&node, false).await;
        let mut subscriber = Subscriber::points(&node, json!({})).await;
        subscriber.batch().await;
        all.push((node, subscriber));
    }
    let base = seconds_ago(1_000);
    for n in 1..10 {
        // The same partition ids, offsets and series ids in both, and other values.
        for (which, plan) in plans.iter().enumerate() {
            let value = (n * 10 + which) as f64;
            plan.send(&[point("m", after(base, n), value)]).await;
        }
        for (which, (node, subscriber)) in all.iter_mut().enumerate() {
            let value = (n * 10 + which) as f64;
            let seen = subscriber.collect(1).await;
            assert!(
                seen.len() == 1 && seen[0].ends_with(&format!(" {value:?}")),
                "{seen:?}"
            );
            eventually("its own latest value", async || {
                (latest(node).await == value).then_some(())
            })
            .await;
        }
    }
}
