//! What a person looks for: metrics, labels and their values, streams, and why records failed.

use serde_json::json;

use crate::support::kafka::{labelled_point, point, record};
use crate::support::{StreamSync, moment, seconds_ago};

#[actix_web::test]
async fn metrics_labels_and_values_are_found_by_any_part_of_them_whatever_it_contains() {
    let plan = StreamSync::plan().await;
    let node = plan.start().await;
    let t = seconds_ago(10);
    let records = [
        labelled_point("room_heat", &[("site", "Köln"), ("load_%", "50%")], t, 1.0),
        labelled_point("room_heat", &[("site", "Bonn"), ("load_%", "500")], t, 1.0),
        labelled_point("ROOM-dust", &[("site", "Köln")], t, 1.0),
        point("other", t, 1.0),
    ];
    plan.send_and_read(&records).await;
    let query = r#"{
        metrics(search: "room") { name series }
        underscore: metrics(search: "_", first: 1) { name }
        labels(selector: {}) { name series }
        percent: labels(selector: {}, search: "%") { name }
        labelValues(name: "site", selector: {}, search: "KÖ") { value series }
        one: labelValues(name: "site", selector: {metric: "room_heat"}, first: 1) { value series }
        fifty: labelValues(name: "load_%", selector: {labels: [{name: "site", op: MATCHES, value: "K.*"}]},
            search: "0%") { value series } }"#;
    assert_eq!(
        node.query(query, json!({})).await,
        json!({
            "metrics": [{"name": "ROOM-dust", "series": 1}, {"name": "room_heat", "series": 2}],
            "underscore": [{"name": "room_heat"}],
            "labels": [{"name": "load_%", "series": 2}, {"name": "site", "series": 3}],
            "percent": [{"name": "load_%"}],
            "labelValues": [{"value": "Köln", "series": 2}],
            "one": [{"value": "Bonn", "series": 1}],
            "fifty": [{"value": "50%", "series": 1}],
        })
    );
    node.stop().await;
}

#[actix_web::test]
async fn dead_letters_are_counted_by_reason_and_listed_by_stream_and_reason() {
    let plan = StreamSync::plan().await;
    let node = plan.start().await;
    let broken = |n: usize| record(format!("broken {n}"));
    plan.send_and_read(&[broken(0), broken(1), record("{}"), point("m", moment(), 1.0)])
        .await;
    let answer = node
        .query("{ deadLetterReasons { stream topic reason count } }", json!({}))
        .await;
    let count = |reason: &str, count: i32| json!({"stream": plan.stream, "topic": plan.stream, "reason": reason, "count": count});
    assert_eq!(
        answer["deadLetterReasons"],
        json!([count("not_json", 2), count("missing_field", 1)])
    );
    let list = "query($stream: String, $reason: String) {
        deadLetters(stream: $stream, reason: $reason) { nodes { payload } } }";
    let listed = async |stream: &str, reason: &str| {
        let answer = node
            .query(list, json!({"stream": stream, "reason": reason}))
            .await;
        answer["deadLetters"]["nodes"].clone()
    };
    assert_eq!(
        listed(&plan.stream, "not_json").await,
        json!([{"payload": "broken 1"}, {"payload": "broken 0"}])
    );
    assert_eq!(listed(&plan.stream, "too_old").await, json!([]));
    assert_eq!(listed("another", "not_json").await, json!([]));
    node.stop().await;
}

#[actix_web::test]
async fn a_stream_shows_how_it_is_configured_and_nothing_secret() {
    let plan = StreamSync::plan().await.partitions(2).stream_settings(
        "time = { field = \"when\", unit = \"s\" }\nlabels = [\"site\"]\nvalues = [\"heat\"]
         retention = { raw = \"10d\", 1m = \"20d\", 1h = \"1y\" }\nmax_series = 7\non_missing = \"skip\"",
    );
    let node = plan.start().await;
    let query = "{ pipeline { streams { settings { topic redriveTopic partitions format timeField timeUnit
        labels values metricPrefix onMissing start onOffsetLost maxSeries maxRecordBytes acceptPast acceptFuture
        retention { level keep } } } } }";
    let mut answer = node.query(query, json!({})).await;
    let settings = answer["pipeline"]["streams"][0]["settings"].take();
    assert_eq!(
        settings,
        json!({
            "topic": plan.stream, "redriveTopic": plan.redrive_topic(), "partitions": 2, "format": "json",
            "timeField": "when", "timeUnit": "s", "labels": ["site"], "values": ["heat"],
            "metricPrefix": plan.stream, "onMissing": "skip", "start": "earliest", "onOffsetLost": "stop",
            "maxSeries": 7, "maxRecordBytes": 1 << 20, "acceptPast": "366d", "acceptFuture": "1day",
            "retention": [{"level": "raw", "keep": "10days"}, {"level": "1m", "keep": "20days"},
                {"level": "1h", "keep": "1year"}, {"level": "1d", "keep": null}],
        })
    );
    node.stop().await;
}
