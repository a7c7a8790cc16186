//! A running server takes up another configuration: mappings at the next record and on every node, and
//! never one with a mistake.

use std::fs;
use std::path::Path;

use rustix::process::Signal;
use serde_json::json;

use crate::support::kafka::{Record, record, send};
use crate::support::streamsync::{Plan, command};
use crate::support::terminal::{Ended, run};
use crate::support::{StreamSync, eventually, seconds_ago, unique};

const OLD: &str = "values = [\"heat\"]\nmetric_prefix = \"old\"";

/// Some for each partition.
fn records(times: std::ops::Range<u64>) -> Vec<Record> {
    let of = |n: u64| {
        let ts = seconds_ago(n).0 / 1_000;
        record(format!(r#"{{"heat": {n}, "ts": {ts}}}"#)).key(&n.to_string())
    };
    times.map(of).collect()
}

fn reload(node: &StreamSync) -> Ended {
    run(command().args(["reload", "--url", &node.url]))
}

fn change(file: &Path, from: &str, to: &str) {
    let text = fs::read_to_string(file).expect("the file");
    assert!(text.contains(from), "{text}");
    fs::write(file, text.replacen(from, to, 1)).expect("a file");
}

async fn counts(plan: &Plan) -> Vec<String> {
    let counts = "select metric || ' ' || count(*) from points join series on id = series_id group by metric";
    let mut counts = plan.database.column(counts).await;
    counts.sort_unstable();
    counts
}

#[actix_web::test]
async fn a_changed_mapping_is_taken_up_on_every_node_and_no_partition_moves() {
    let plan = StreamSync::plan().await.partitions(4).stream_settings(OLD);
    plan.topics().await;
    let files = [plan.file(), plan.file()];
    let (one, other) = (
        plan.launch_from(&files[0]).await,
        plan.launch_from(&files[1]).await,
    );
    for node in [&one, &other] {
        eventually("each node has its half", async || {
            let asked = node
                .query("{ pipeline { partitions { topic } } }", json!({}))
                .await;
            let partitions = asked["pipeline"]["partitions"]
                .as_array()
                .cloned()
                .unwrap_or_default();
            let own = partitions
                .iter()
                .filter(|partition| partition["topic"] == *plan.stream);
            (own.count() == 2).then_some(())
        })
        .await;
    }
    plan.send_and_read(&records(100..140)).await;
    let owners =
        "select string_agg(partition || ' ' || owner_epoch, ', ' order by partition) from ingest_offsets";
    let before = plan.database.value(owners).await;
    assert_eq!(counts(&plan).await, ["old_heat 40"]);

    for file in &files {
        change(file, "\"old\"", "\"new\"");
    }
    assert_eq!(reload(&one).printed(), format!("changed: {}\n", plan.stream));
    eventually("the other node has read its file", async || {
        other.log().contains("read the configuration again").then_some(())
    })
    .await;
    plan.send_and_read(&records(0..40)).await;
    assert_eq!(counts(&plan).await, ["new_heat 40", "old_heat 40"]);
    assert_eq!(plan.database.value(owners).await, before);
    for node in [&one, &other] {
        assert_eq!(node.metric("streamsync_generation", "").await, 1.0);
    }
    one.stop().await;
    other.stop().await;
}

#[actix_web::test]
async fn a_configuration_with_a_mistake_changes_nothing_and_says_why() {
    let plan = StreamSync::plan().await.stream_settings(OLD);
    plan.topics().await;
    let file = plan.file();
    let node = plan.launch_from(&file).await;
    node.ready().await;
    let good = fs::read_to_string(&file).expect("the file");
    for (from, to, why) in [
        (
            "values = [\"heat\"]",
            "values = [\"heat\", \"heat\"]",
            "'heat' is named twice",
        ),
        (
            "\"old\"",
            "\"new\"\ntopic = \"elsewhere\"",
            "change only at a restart",
        ),
        (
            "[[stream]]",
            "[[stream]]\nname = \"second\"\n[[stream]]",
            "restart to add or remove some",
        ),
        ("[[stream]]", "[[stream", "line"),
    ] {
        change(&file, from, to);
        let complaint = reload(&node).complaint();
        assert!(complaint.contains(why), "{to}: {complaint}");
        let told = |log: &str| log.matches("the configuration stays as it was").count();
        let before = told(&node.log());
        node.signal(Signal::HUP);
        eventually("the log says so", async || {
            (told(&node.log()) > before).then_some(())
        })
        .await;
        fs::write(&file, &good).expect("a file");
    }
    plan.send_and_read(&records(0..3)).await;
    assert_eq!(counts(&plan).await, ["old_heat 3"]);
    // Settings of other sections wait, and are named.
    change(&file, "[kafka]", "[pipeline]\nmemory_mib = 65\n[kafka]");
    change(&file, "\"old\"", "\"new\"");
    let said = reload(&node).printed();
    assert_eq!(
        said,
        format!("changed: {}\nchanged at the next start: pipeline\n", plan.stream)
    );
    plan.send_and_read(&records(3..5)).await;
    assert_eq!(counts(&plan).await, ["new_heat 2", "old_heat 3"]);
    node.stop().await;
}

#[actix_web::test]
async fn a_stream_that_was_paused_for_its_mapping_goes_on_with_the_mended_one() {
    let plan = StreamSync::plan()
        .await
        .settings("[pipeline]\ndead_letter_limit = 0.5\ndead_letter_window = 20")
        .stream_settings("values = [\"heet\"]\nmetric_prefix = \"old\"");
    plan.topics().await;
    let file = plan.file();
    let node = plan.launch_from(&file).await;
    node.ready().await;
    plan.send(&records(100..120)).await;
    eventually("the stream is paused", async || {
        (node.get("/readyz").await.0 == 503).then_some(())
    })
    .await;
    change(&file, "heet", "heat");
    reload(&node).printed();
    node.ready().await;
    plan.send_and_read(&records(0..30)).await;
    eventually("the rest is stored", async || {
        counts(&plan)
            .await
            .contains(&"old_heat 30".to_owned())
            .then_some(())
    })
    .await;
    node.stop().await;
}

#[actix_web::test]
async fn a_changed_schema_file_is_taken_up_and_other_streams_remember_on() {
    let folder = tempfile::tempdir().expect("a folder");
    let schema = folder.path().join("reading.avsc");
    let of = |field: &str| {
        let fields = json!([{"name": field, "type": "double"}]);
        let reading = json!({"type": "record", "name": "Reading", "fields": fields});
        fs::write(&schema, reading.to_string()).expect("a file");
    };
    of("heat");
    let other = unique("s");
    let plan = StreamSync::plan()
        .await
        .stream_settings(&format!(
            "format = \"avro\"\nschema = {{ file = {schema:?} }}\ntime = {{ from = \"kafka\" }}\n\
             values = [\"heat\", \"warmth\"]\nmetric_prefix = \"new\""
        ))
        .another_stream(
            &other,
            &format!("{OLD}\ndedupe = {{ by = [\"heat\"], within = \"1h\" }}"),
        );
    plan.topics().await;
    let file = plan.file();
    let node = plan.launch_from(&file).await;
    let heat = [record(7.0_f64.to_le_bytes())];
    let repeat = async |seconds: u64| {
        let ts = seconds_ago(seconds).0 / 1_000;
        let places = send(&other, &[record(format!(r#"{{"heat": 1, "ts": {ts}}}"#))]).await;
        plan.has_read(&other, &places).await;
    };
    plan.send_and_read(&heat).await;
    repeat(20).await;
    assert_eq!(reload(&node).printed(), "no stream has changed\n");
    of("warmth");
    assert_eq!(reload(&node).printed(), format!("changed: {}\n", plan.stream));
    plan.send_and_read(&heat).await;
    repeat(10).await;
    assert_eq!(counts(&plan).await, ["new_heat 1", "new_warmth 1", "old_heat 1"]);
    node.stop().await;
}

#[actix_web::test]
async fn lookups_are_there_before_the_first_record_is_mapped_with_them() {
    let with = |lookup: &str| {
        format!("{OLD}\nlabels = [\"device\"]\n[[stream.lookup]]\nlabel = \"device\"\nkey = \"id\"\n{lookup}")
    };
    let plan = StreamSync::plan()
        .await
        .stream_settings(&with("table = \"devices\"\nlabels = [\"site\"]"));
    plan.topics().await;
    let file = plan.file();
    let reading = |heat: i64| {
        let ts = seconds_ago(60).0 / 1_000 + heat;
        record(format!(r#"{{"device": "7", "heat": {heat}, "ts": {ts}}}"#))
    };
    let node = plan.launch_from(&file).await;
    // The table is not there yet: the record waits for it, and so does the stream.
    eventually("it waits for the table", async || {
        node.log().contains("the table devices").then_some(())
    })
    .await;
    let places = plan.send(&[reading(1)]).await;
    assert_eq!(node.get("/readyz").await.0, 503);
    plan.database
        .run("create table devices (id int primary key, site text)")
        .await;
    plan.database.run("insert into devices values (7, 'north')").await;
    plan.has_read(&plan.stream, &places).await;

    // One that cannot be loaded replaces nothing.
    let directory = tempfile::tempdir().expect("a directory");
    let csv = directory.path().join("halls.csv");
    change(
        &file,
        "table = \"devices\"\nlabels = [\"site\"]",
        &format!("file = {csv:?}\nlabels = [\"hall\"]"),
    );
    let complaint = reload(&node).complaint();
    assert!(complaint.contains("halls.csv"), "{complaint}");
    plan.send_and_read(&[reading(2)]).await;
    fs::write(&csv, "id,hall\n7,B\n").expect("a file");
    reload(&node).printed();
    plan.send_and_read(&[reading(3)]).await;
    let found =
        "select key || ' ' || count(*) from points join series on id = series_id group by key order by key";
    assert_eq!(
        plan.database.column(found).await,
        [
            r#"old_heat{device="7",hall="B"} 1"#,
            r#"old_heat{device="7",site="north"} 2"#
        ]
    );
    node.stop().await;
}
