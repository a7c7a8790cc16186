//! Records of Kafka become rows of Postgres: each of them, exactly, once.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::support::kafka::{self, Record, point, record};
use crate::support::{StreamSync, eventually, moment, unique};
use streamsync::data::{Micros, Series};

const MACHINES: &str = r#"
    metric_prefix = "machines"
    labels = ["site", "device.id"]
    values = ["temperature", "state.load"]"#;

/// Microseconds as the texts of the points have them.
fn after(start: Micros, micros: i64) -> Micros {
    Micros(start.0 + micros)
}

#[actix_web::test]
async fn a_mapped_record_becomes_one_point_for_each_of_its_value_fields() {
    let plan = StreamSync::plan().await.stream_settings(MACHINES);
    let node = plan.start().await;
    let t = moment();
    let payload = json!({
        "ts": t.as_millis(), "site": "north", "device": {"id": 7}, "temperature": 21.5,
        "state": {"load": true}, "unmapped": "left alone",
    });
    plan.send_and_read(&[record(payload.to_string())]).await;

    assert_eq!(
        plan.database.points().await,
        [
            format!(r#"machines_state_load{{device.id="7",site="north"}} {} 1"#, t.0),
            format!(
                r#"machines_temperature{{device.id="7",site="north"}} {} 21.5"#,
                t.0
            ),
        ]
    );
    let labels = "select concat(labels->>'site', labels->>'device.id', stream) from series limit 1";
    assert_eq!(
        plan.database.value(labels).await,
        format!("north7{}", plan.stream)
    );
    node.stop().await;
}

#[actix_web::test]
async fn a_record_that_says_all_needs_no_mapping_and_an_array_is_many_points() {
    let plan = StreamSync::plan().await.stream_settings(MACHINES);
    let node = plan.start().await;
    let t = moment();
    let element = |host: &str, ts: Micros, value: f64| json!({"metric": "cpu", "labels": {"zone": "", "host": host}, "ts": ts.to_string(), "value": value});
    let array = json!([
        element("b", after(t, 1), 0.1),
        element("a", t, -3.0),
        // A quote, a backslash and a line break in a label, and a value with all its digits.
        element("\"\\\n", t, 0.1 + 0.2),
    ]);
    let nothing = json!([]);
    let alone = json!({"metric": "up", "ts": t.as_millis(), "value": false});
    let records = [array, nothing, alone].map(|payload| record(payload.to_string()));
    plan.send_and_read(&records).await;

    assert_eq!(
        plan.database.points().await,
        [
            format!(r#"cpu{{host="\"\\\n"}} {} 0.30000000000000004"#, t.0),
            format!(r#"cpu{{host="a"}} {} -3"#, t.0),
            format!(r#"cpu{{host="b"}} {} 0.1"#, t.0 + 1),
            format!("up{{}} {} 0", t.0),
        ]
    );
    assert_eq!(
        plan.database.value("select count(*) from dead_letters").await,
        "0"
    );
    node.stop().await;
}

#[actix_web::test]
async fn times_are_read_as_epoch_seconds_millis_micros_nanos_and_as_rfc_3339() {
    let names: Vec<String> = ["us", "ns", "s"].iter().map(|unit| unique(unit)).collect();
    let unit = |unit: &str| format!("time = {{ field = \"ts\", unit = {unit:?} }}");
    let plan = StreamSync::plan()
        .await
        .another_stream(&names[0], &unit("us"))
        .another_stream(&names[1], &unit("ns"))
        .another_stream(&names[2], &unit("s"));
    let node = plan.start().await;
    let t = after(moment(), 123_456);
    let texts = [
        (&plan.stream, "millis", json!(t.0 / 1_000)),
        (&plan.stream, "millis-fraction", json!(t.0 as f64 / 1e3)),
        (&plan.stream, "rfc3339", json!(t.to_string())),
        (
            &plan.stream,
            "rfc3339-offset",
            json!(in_another_zone(after(t, 0))),
        ),
        (&names[0], "micros", json!(t.0)),
        (&names[1], "nanos", json!(t.0 * 1_000 + 999)),
        (&names[2], "seconds", json!(t.0 / 1_000_000)),
    ];
    for (stream, metric, ts) in &texts {
        let payload = json!({"metric": metric, "ts": ts, "value": 1});
        let places = kafka::send(stream, &[record(payload.to_string())]).await;
        plan.has_read(stream, &places).await;
    }

    let times: BTreeMap<String, i64> = plan
        .database
        .points()
        .await
        .iter()
        .map(|line| {
            let mut words = line.split(' ');
            let metric = words.next().expect("a key").trim_end_matches("{}");
            let ts = words.next().expect("a time").parse().expect("microseconds");
            (metric.to_owned(), ts)
        })
        .collect();
    let expected = [
        ("micros", t.0),
        ("millis", t.0 / 1_000 * 1_000),
        ("millis-fraction", t.0),
        ("nanos", t.0),
        ("rfc3339", t.0),
        ("rfc3339-offset", t.0),
        ("seconds", t.0 / 1_000_000 * 1_000_000),
    ];
    let expected = expected.map(|(metric, ts)| (metric.to_owned(), ts));
    assert_eq!(times, BTreeMap::from(expected));
    node.stop().await;
}

/// The same moment as a clock two and a half hours ahead shows it.
fn in_another_zone(ts: Micros) -> String {
    let ahead = after(ts, 150 * 60 * 1_000_000).to_string();
    ahead.replace('Z', "+02:30")
}

/// `series` series with `each` points, as records and as the rows they must become.
fn bulk(start: Micros, from: usize, series: usize, each: usize) -> (Vec<Record>, Vec<String>) {
    let (mut records, mut rows) = (Vec::new(), Vec::new());
    for step in from..from + each {
        for host in 0..series {
            let ts = after(start, step as i64 * 1_000_001);
            let value = (step * series + host) as f64 / 8.0;
            let key = Series::new("load", [("host", format!("{host:03}"))]).key;
            let payload = json!({
                "metric": "load", "labels": {"host": format!("{host:03}")}, "ts": ts.to_string(), "value": value,
            });
            rows.push(format!("{key} {} {value}", ts.0));
            records.push(record(payload.to_string()).key(&key).at(ts));
        }
    }
    (records, rows)
}

#[actix_web::test]
async fn four_partitions_are_stored_exactly_and_a_restart_goes_on_where_the_last_run_stopped() {
    let plan = StreamSync::plan().await.partitions(4);
    let start = Micros(moment().0 - 3_600_000_000);
    let (first, mut rows) = bulk(start, 0, 50, 100);
    plan.topics().await;
    let before = plan.send(&first).await;
    let node = plan.start().await;
    plan.has_read(&plan.stream, &before).await;
    let replaced = node
        .metric("streamsync_points_total", "outcome=\"replaced\"")
        .await;
    assert_eq!(replaced, 0.0, "something was stored twice");
    node.stop().await;

    let (second, more) = bulk(start, 100, 50, 40);
    rows.extend(more);
    let between = plan.send(&second).await;
    let node = plan.start().await;
    plan.has_read(&plan.stream, &between).await;
    let read = node.metric("streamsync_records_total", "").await;
    assert_eq!(read, second.len() as f64, "records read by the second run");
    node.stop().await;

    rows.sort_unstable();
    let stored = plan.database.points().await;
    assert_eq!(stored.len(), rows.len());
    assert!(stored == rows, "the table differs from the input");
    // Each offset in one commit, and no partition idle.
    let commits =
        "select count(distinct partition_id) || ' ' || sum(to_offset - from_offset) || ' ' || sum(points)
        from commits";
    let all = rows.len();
    assert_eq!(plan.database.value(commits).await, format!("4 {all} {all}"));
    let overlaps = "select count(*) from commits a join commits b using (partition_id)
        where a.from_offset < b.from_offset and b.from_offset < a.to_offset";
    assert_eq!(plan.database.value(overlaps).await, "0");
    let ends = "select sum(next_offset) from ingest_offsets";
    assert_eq!(plan.database.value(ends).await, all.to_string());
}

#[actix_web::test]
async fn a_stream_that_starts_at_the_latest_leaves_out_what_was_there() {
    let plan = StreamSync::plan().await.stream_settings(r#"start = "latest""#);
    let t = moment();
    plan.topics().await;
    let old = plan.send(&[point("old", t, 1.0), point("old", t, 2.0)]).await;
    let node = plan.start().await;
    plan.has_read(&plan.stream, &old).await;
    plan.send_and_read(&[point("new", t, 3.0)]).await;
    assert_eq!(plan.database.points().await, [format!("new{{}} {} 3", t.0)]);
    node.stop().await;
}

/// The in-process cluster finds no offset by its time.
#[actix_web::test]
#[ignore = "needs Apache Kafka: make test-kafka"]
async fn a_stream_that_starts_at_a_time_begins_with_the_first_record_of_that_time() {
    let t = moment();
    let plan = StreamSync::plan()
        .await
        .stream_settings(&format!("start = \"{t}\""));
    plan.topics().await;
    let before = after(t, -1_000_000);
    plan.send(&[point("old", before, 1.0), point("new", t, 2.0)])
        .await;
    let node = plan.start().await;
    plan.send_and_read(&[point("new", after(t, 1), 3.0)]).await;
    let rows = [format!("new{{}} {} 2", t.0), format!("new{{}} {} 3", t.0 + 1)];
    assert_eq!(plan.database.points().await, rows);
    node.stop().await;
}

/// The in-process cluster creates topics for its own process only.
#[actix_web::test]
#[ignore = "needs Apache Kafka: make test-kafka"]
async fn a_missing_topic_is_created_with_the_partitions_of_its_stream() {
    let plan = StreamSync::plan().await.partitions(3);
    let node = plan.launch_without_topics().await;
    node.ready().await;
    eventually("three partitions are read", async || {
        let shown = node
            .query("{ pipeline { partitions { topic } } }", json!({}))
            .await;
        let all = shown["pipeline"]["partitions"].as_array()?.clone();
        let ours = all.iter().filter(|one| one["topic"] == plan.stream.as_str());
        (ours.count() == 3).then_some(())
    })
    .await;
    let t = moment();
    plan.send_and_read(&[point("a", t, 1.0), point("b", t, 2.0)])
        .await;
    assert_eq!(plan.database.points().await.len(), 2);
    node.stop().await;
}

const PUBLISH: &str = "mutation($stream: String!, $points: [PointInput!]!) {
    publish(stream: $stream, points: $points) { accepted durable offsets { topic partition lastOffset } } }";

#[actix_web::test]
async fn published_points_go_through_kafka_into_history() {
    let plan = StreamSync::plan().await.partitions(2);
    let node = plan.start().await;
    let t = after(moment(), 7);
    let points = json!([
        {"metric": "typed", "labels": [{"name": "by", "value": "hand"}], "ts": t.to_string(), "value": 4.25},
        {"metric": "typed", "value": 5},
    ]);
    let variables = json!({"stream": plan.stream, "points": points});
    let receipt = node.query(PUBLISH, variables).await["publish"].take();
    assert_eq!(receipt["accepted"], 2);
    assert_eq!(receipt["durable"], true);
    let places: Vec<(i32, i64)> = receipt["offsets"]
        .as_array()
        .expect("offsets")
        .iter()
        .map(|at| {
            assert_eq!(at["topic"], plan.stream.as_str());
            (number(&at["partition"]) as i32, number(&at["lastOffset"]))
        })
        .collect();
    plan.has_read(&plan.stream, &places).await;

    let history = "query($from: DateTime!) { history(selector: {metric: \"typed\"}, from: $from) {
        series { key } points { ts value } } }";
    let from = json!({"from": after(t, -60_000_000).to_string()});
    let found = node.query(history, from).await["history"].take();
    assert_eq!(found[0]["series"]["key"], r#"typed{by="hand"}"#);
    assert_eq!(found[0]["points"], json!([{"ts": t.to_string(), "value": 4.25}]));
    assert_eq!(found[1]["series"]["key"], "typed{}");
    assert_eq!(found[1]["points"][0]["value"], 5.0);
    node.stop().await;
}

fn number(value: &Value) -> i64 {
    value.as_i64().expect("a whole number")
}

#[actix_web::test]
async fn what_the_pipeline_would_refuse_cannot_be_published() {
    let plan = StreamSync::plan().await;
    let node = plan.start().await;
    let good = json!({"metric": "m", "value": 1});
    let unknown = json!({"stream": "nobody", "points": [good]});
    assert_eq!(node.error_code(PUBLISH, unknown).await, "NOT_FOUND");
    let bad = [
        json!([]),
        json!([good, {"metric": "m{", "value": 1}]),
        json!([good, {"metric": "m", "ts": "1990-01-01T00:00:00Z", "value": 1}]),
        json!([{"metric": "m", "value": 1, "labels": [{"name": "a", "value": "1"}, {"name": "a", "value": "2"}]}]),
        json!([{"metric": "m", "value": 1, "labels": [{"name": "a", "value": "x".repeat(1_025)}]}]),
    ];
    for points in bad {
        let variables = json!({"stream": plan.stream, "points": points});
        assert_eq!(
            node.error_code(PUBLISH, variables).await,
            "BAD_USER_INPUT",
            "{points}"
        );
    }
    // Not one record of all these lists was sent.
    let places = plan.send_and_read(&[point("sentinel", moment(), 1.0)]).await;
    assert_eq!(places, [(0, 0)]);
    node.stop().await;
}
