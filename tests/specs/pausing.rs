//! A stream whose mapping is wrong is paused on every node, and goes on without a restart; what a
//! client may publish never pauses one.

use serde_json::json;

use crate::support::kafka::{Record, point, record};
use crate::support::streamsync::{Plan, command};
use crate::support::{StreamSync, eventually, moment, seconds_ago};

/// Pauses after 11 records without a `temperature`.
async fn strict() -> Plan {
    StreamSync::plan()
        .await
        .partitions(2)
        .stream_settings("values = [\"temperature\"]")
}

/// All for one partition, so that one node judges them.
fn wrong() -> Vec<Record> {
    let of = |n: u32| record(format!(r#"{{"temprature": {n}, "ts": 1}}"#)).key("one");
    (0..11).map(of).collect()
}

/// Some for each partition.
fn right(times: std::ops::Range<u64>) -> Vec<Record> {
    let of = |n: u64| {
        let ts = seconds_ago(n).0 / 1_000;
        record(format!(r#"{{"temperature": {n}, "ts": {ts}}}"#)).key(&n.to_string())
    };
    times.map(of).collect()
}

async fn is_paused(node: &StreamSync, plan: &Plan) {
    let what = format!("stream {} paused", plan.stream);
    eventually(&what, async || {
        let (status, body) = node.get("/readyz").await;
        (status == 503 && body.contains(&what)).then_some(())
    })
    .await;
    let shown = node.query("{ pipeline { streams { paused } } }", json!({})).await;
    assert_eq!(shown["pipeline"]["streams"][0]["paused"], true);
}

async fn stores(plan: &Plan, points: usize) {
    eventually(&format!("{points} points"), async || {
        (plan.database.points().await.len() == points).then_some(())
    })
    .await;
}

#[actix_web::test]
async fn a_paused_stream_stands_still_on_every_node_and_is_resumed_on_every_node() {
    let plan = strict()
        .await
        .settings("[pipeline]\ndead_letter_limit = 0.5\ndead_letter_window = 20");
    let (one, other) = (plan.start().await, plan.start().await);
    plan.send(&wrong()).await;
    is_paused(&one, &plan).await;
    is_paused(&other, &plan).await;
    plan.send(&right(1..41)).await;
    let publish =
        "mutation($s: String!) { publish(stream: $s, points: [{metric: \"m\", value: 1}]) { accepted } }";
    let code = other.error_code(publish, json!({"s": plan.stream})).await;
    assert_eq!(code, "STREAM_PAUSED");
    assert_eq!(plan.database.points().await.len(), 0);

    let resume = |url: &str| {
        let mut resume = command();
        resume.args(["resume", "--stream", &plan.stream, "--url", url]);
        let said = resume.output().expect("it runs");
        String::from_utf8_lossy(&said.stdout).into_owned()
    };
    assert_eq!(
        resume(&one.url),
        format!("stream {} is read again\n", plan.stream)
    );
    stores(&plan, 40).await;
    one.ready().await;
    other.ready().await;
    assert_eq!(
        resume(&other.url),
        format!("stream {} was not paused\n", plan.stream)
    );
    // Without a restart.
    for node in [&one, &other] {
        assert_eq!(node.metric("streamsync_generation", "").await, 1.0);
    }
    // It is judged anew.
    plan.send(&wrong()).await;
    is_paused(&one, &plan).await;
    is_paused(&other, &plan).await;
}

#[actix_web::test]
async fn a_paused_stream_is_read_again_after_a_time() {
    let plan = strict().await.settings(
        "[pipeline]\ndead_letter_limit = 0.5\ndead_letter_window = 20\ndead_letter_pause = \"15s\"",
    );
    let node = plan.start().await;
    plan.send(&wrong()).await;
    is_paused(&node, &plan).await;
    plan.send(&right(1..11)).await;
    stores(&plan, 10).await;
    node.ready().await;
}

#[actix_web::test]
async fn new_series_and_published_points_pause_no_stream() {
    let plan = StreamSync::plan()
        .await
        .settings("[pipeline]\ndead_letter_limit = 0.5\ndead_letter_window = 20")
        .stream_settings("max_series = 10");
    let node = plan.start().await;
    let series = |of: std::ops::Range<u32>| -> Vec<Record> {
        of.map(|n| point(&format!("m{n}"), moment(), 1.0)).collect()
    };
    plan.send_and_read(&series(0..60)).await;
    let letters = "select count(*) || ' ' || max(reason) from dead_letters";
    assert_eq!(plan.database.value(letters).await, "50 too_many_series");

    let publish =
        "mutation($s: String!, $p: [PointInput!]!) { publish(stream: $s, points: $p) { accepted } }";
    let points = |names: &[&str]| -> serde_json::Value {
        names
            .iter()
            .map(|name| json!({"metric": name, "value": 1}))
            .collect()
    };
    let known = json!({"s": plan.stream, "p": points(&["m0", "m1"])});
    let new = json!({"s": plan.stream, "p": points(&["m0", "new"])});
    for _ in 0..30 {
        assert_eq!(node.error_code(publish, new.clone()).await, "BAD_USER_INPUT");
    }
    assert_eq!(node.query(publish, known).await["publish"]["accepted"], 2);
    // A record that says it was published, and is wrong all the same.
    let forged: Vec<Record> = wrong()
        .into_iter()
        .map(|record| record.header("streamsync-stream", plan.stream.clone()))
        .collect();
    plan.send_and_read(&forged).await;
    let fine = plan.send(&series(0..1)).await;
    plan.has_read(&plan.stream, &fine).await;
    node.ready().await;
}
