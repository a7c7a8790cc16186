//! What an operator does to stored data: reading a range again, deleting series.

use serde_json::json;

use crate::support::kafka::{self, point, record};
use crate::support::terminal::streamsync;
use crate::support::{StreamSync, moment};
use streamsync::data::Micros;

#[actix_web::test]
async fn rewind_reads_a_range_again_and_judges_its_dead_letters_anew() {
    let plan = StreamSync::plan().await;
    let t = moment();
    let heat = |n: i64| record(json!({"ts": (t.0 / 1_000) + n, "heat": n}).to_string()).at(t);
    let node = plan.start().await;
    plan.send_and_read(&[heat(0), point("a", t, 1.0), heat(2), point("b", t, 3.0)])
        .await;

    let rewind = |config: &str, to: &str| {
        streamsync(&["rewind", "--config", config, "--stream", &plan.stream, "--to", to])
    };
    let config = plan.file();
    let config = config.to_str().expect("a path");
    assert!(rewind(config, "1").complaint().contains("stop it first"));
    node.stop().await;
    assert!(
        rewind(config, "soon")
            .complaint()
            .contains("--to is an offset or a time")
    );
    assert_eq!(
        rewind(config, "1").printed(),
        format!("{}/0 will be read from offset 1\n", plan.stream)
    );
    let letters = r#"select "offset" || reason from dead_letters"#;
    assert_eq!(plan.database.column(letters).await, ["0missing_field"]);

    // What is read again comes back, and what stood before the range does not.
    plan.database.run("delete from points").await;
    let stream = plan.stream.clone();
    let plan = plan.stream_settings("metric_prefix = \"oven\"\nvalues = [\"heat\"]");
    let node = plan.start().await;
    plan.has_read(&stream, &[(0, 3)]).await;
    let rows = [
        format!("a{{}} {} 1", t.0),
        format!("b{{}} {} 3", t.0),
        format!("oven_heat{{}} {} 2", t.0 + 2_000),
    ];
    assert_eq!(plan.database.points().await, rows);
    assert_eq!(plan.database.column(letters).await, ["0missing_field"]);
    let epochs = format!(
        "select string_agg(epoch::text, ' ' order by epoch) from ingest_offsets where topic = '{stream}'"
    );
    assert_eq!(plan.database.value(&epochs).await, "1 2");
    node.stop().await;
}

#[actix_web::test]
async fn rewind_reaches_partitions_that_the_configuration_does_not_know_of() {
    let plan = StreamSync::plan().await;
    kafka::create_topic(&plan.stream, 3).await;
    let node = plan.start().await;
    let t = moment();
    let points: Vec<_> = (0..30).map(|n| point(&format!("m{n}"), t, 1.0)).collect();
    plan.send_and_read(&points).await;
    node.stop().await;
    let config = plan.file();
    let config = config.to_str().expect("a path");
    let rewind = [
        "rewind",
        "--config",
        config,
        "--stream",
        &plan.stream,
        "--to",
        "0",
    ];
    assert_eq!(streamsync(&rewind).printed().lines().count(), 3);
}

/// The in-process cluster finds no offset by its time.
#[actix_web::test]
#[ignore = "needs Apache Kafka: make test-kafka"]
async fn rewind_finds_the_offset_of_a_time() {
    let plan = StreamSync::plan().await.partitions(2);
    let node = plan.start().await;
    let t = moment();
    let records: Vec<_> = (0..20)
        .map(|n| point(&format!("m{n}"), Micros(t.0 + n * 1_000_000), n as f64))
        .collect();
    let places = plan.send_and_read(&records).await;
    node.stop().await;
    plan.database.run("delete from points").await;
    let config = plan.file();
    let config = config.to_str().expect("a path");
    let to = Micros(t.0 + 10 * 1_000_000).to_string();
    streamsync(&[
        "rewind",
        "--config",
        config,
        "--stream",
        &plan.stream,
        "--to",
        &to,
    ])
    .printed();
    let node = plan.start().await;
    plan.has_read(&plan.stream, &places).await;
    assert_eq!(plan.database.points().await.len(), 10);
    node.stop().await;
}

#[actix_web::test]
async fn delete_series_deletes_what_was_selected_while_the_node_goes_on() {
    let plan = StreamSync::plan().await;
    let node = plan.start().await;
    let t = moment();
    let cpu = |host: &str, value: f64| {
        let payload = json!({"metric": "cpu", "labels": {"host": host}, "ts": t.to_string(), "value": value});
        record(payload.to_string()).at(t)
    };
    plan.send_and_read(&[cpu("a", 1.0), cpu("b", 2.0), point("up", t, 3.0)])
        .await;
    let delete = |arguments: &[&str]| {
        streamsync(
            &[
                &["delete-series", "--database-url", &plan.database.url],
                arguments,
            ]
            .concat(),
        )
    };
    assert!(delete(&["--yes"]).complaint().contains("say which series"));
    assert!(delete(&["--metric", "cpu"]).complaint().contains("--yes"));
    let chosen = ["--metric", "cpu", "--label", "host=a", "--yes"];
    assert_eq!(delete(&chosen).printed(), "deleted 1 series and 1 point\n");
    assert_eq!(delete(&chosen).printed(), "deleted 0 series and 0 points\n");
    let kept = [
        format!("cpu{{host=\"b\"}} {} 2", t.0),
        format!("up{{}} {} 3", t.0),
    ];
    assert_eq!(plan.database.points().await, kept);

    // The running writer knew the old ids.
    plan.send_and_read(&[cpu("a", 4.0), cpu("b", 5.0)]).await;
    let rows = [
        format!("cpu{{host=\"a\"}} {} 4", t.0),
        format!("cpu{{host=\"b\"}} {} 5", t.0),
        format!("up{{}} {} 3", t.0),
    ];
    assert_eq!(plan.database.points().await, rows);
    node.stop().await;
}
