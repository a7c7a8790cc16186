//! What is wrong before anything runs is said by name, at once: a configuration that `serve` would
//! refuse, and a Kafka that cannot be reached. What runs is found without being told where.

use std::fs;
use std::net::TcpListener;

use serde_json::json;

use crate::support::streamsync::command;
use crate::support::terminal::{directory, run, streamsync};
use crate::support::{StreamSync, eventually, moment};
use streamsync::data::Micros;

#[test]
fn check_refuses_what_serve_would_refuse_with_its_line_key_and_value() {
    let dir = directory();
    let path = dir.path().join("wrong.toml");
    let file = r#"[kafka.properties]
"sasl.mechanism" = "PLAIN"
"securty.protocol" = "SSL"
[redis]
url = "localhost:6379"
[http]
listen = "8080"
[[stream]]
name = "machines"
values = ["temp.c", "temp_c"]
labels = ["site", "site"]
time = "ts"
"#;
    fs::write(&path, file).expect("a file");
    let path = path.to_str().expect("a path");
    let checked = streamsync(&["check", "--config", path]).complaint();
    for mistake in [
        "line 3: kafka.properties.securty.protocol: librdkafka knows no property",
        "line 5: redis.url: not a usable Redis url",
        "line 7: http.listen: must be an IP address and a port",
        "found \"8080\"",
        "line 10: stream 'machines': values: 'temp.c' and 'temp_c' would both become",
        "line 11: stream 'machines': labels: 'site' is named twice",
        "line 12: stream #1.time: must be a table such as",
    ] {
        assert!(checked.contains(mistake), "{mistake}\nis not in\n{checked}");
    }
    let served = streamsync(&["serve", "--config", path]).complaint();
    assert_eq!(served, checked);
}

/// An address on which nobody listens.
fn nowhere() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("its address").to_string()
}

#[actix_web::test]
async fn a_kafka_that_cannot_be_reached_is_named_by_its_address() {
    let address = nowhere();
    let plan = StreamSync::plan().await.brokers(&address);
    let node = plan.launch_without_topics().await;
    let said = format!("cannot reach Kafka at {address}: Connection refused");
    eventually("it is said why it is not ready", async || {
        let (status, body) = node.get("/readyz").await;
        (status == 503 && body.contains(&said)).then_some(())
    })
    .await;
    assert!(node.log().contains(&said), "{}", node.log());

    let config = plan.file();
    let sent = streamsync(&[
        "produce",
        "--config",
        config.to_str().expect("a path"),
        "--file",
        "x.csv",
    ]);
    assert!(sent.complaint().contains(&said));
    node.kill().await;
}

#[actix_web::test]
async fn produce_finds_the_embedded_broker_of_the_demo() {
    let dir = directory();
    let input = dir.path().join("x.csv");
    fs::write(&input, "metric,labels,ts,value\n").expect("a file");
    let produce = || {
        let mut command = command();
        command.arg("produce").arg("--data-dir").arg(dir.path());
        command.arg("--file").arg(&input).current_dir(&dir);
        run(&mut command)
    };
    let alone = produce().complaint();
    assert!(
        alone.contains("start one") && alone.contains("KAFKA_BROKERS"),
        "{alone}"
    );

    let mut demo = StreamSync::demo(dir.path(), None).await;
    demo.ready().await;
    let row = "oven,\"{\"\"site\"\":\"\"1e5\"\"}\"";
    let now = moment();
    fs::write(
        &input,
        format!("metric,labels,ts,value\n{row},{},1.5\n", now.as_millis()),
    )
    .expect("a file");
    let sent = produce();
    assert!(sent.err.contains("1 record to streamsync.demo"), "{sent:?}");
    let latest = r#"{ latest(selector: { metric: "oven" }) { series { key } value } }"#;
    eventually("the point is there", async || {
        let answer = demo.query(latest, json!({})).await;
        let point = answer["latest"].get(0)?.clone();
        assert_eq!(point["series"]["key"], "oven{site=\"1e5\"}");
        (point["value"] == 1.5).then_some(())
    })
    .await;
    // More than the broker keeps of its partitions: it goes no faster than it is read.
    let many = 100_000;
    let rows: String = (0..many)
        .map(|n| format!("many,\"{{}}\",{},{n}\n", now.as_millis() - n))
        .collect();
    fs::write(&input, format!("metric,labels,ts,value\n{rows}")).expect("a file");
    let sent = produce();
    assert!(sent.err.contains("100,000 records"), "{sent:?}");
    let count = r#"query($from: DateTime!) {
        history(selector: { metric: "many" }, from: $from, step: "1d", aggregate: [COUNT]) { points { value } } }"#;
    let from = Micros(now.0 - 1_000_000_000).to_string();
    eventually("all of them are stored", async || {
        let answer = demo.query(count, json!({ "from": from })).await;
        let days = answer["history"][0]["points"].as_array()?.clone();
        let stored: f64 = days.iter().filter_map(|day| day["value"].as_f64()).sum();
        (stored == f64::from(many as u32)).then_some(())
    })
    .await;
    assert!(demo.terminate().await.success());
    assert!(produce().complaint().contains("start one"));
}
