//! What becomes of records, looked at without storing anything: `dry-run`, `tap` and `records`.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use serde_json::{Value, json};

use crate::support::kafka::{Record, record};
use crate::support::streamsync::{Plan, command};
use crate::support::terminal::run;
use crate::support::{StreamSync, eventually, moment};
use streamsync::data::{Header, Micros};

async fn plan() -> Plan {
    StreamSync::plan().await.partitions(2).stream_settings(
        "values = [\"heat\"]\nlabels = [\"oven\"]\nwhen = [\"kind!=test\"]\nmetric_prefix = \"\"",
    )
}

/// A point, one that is left out, a dead letter and a tombstone.
fn some(t: Micros) -> Vec<Record> {
    let good = format!(r#"{{"ts": "{t}", "oven": "a", "heat": 180}}"#);
    let left_out = format!(r#"{{"ts": "{t}", "kind": "test", "heat": 1}}"#);
    let tombstone = Record {
        payload: None,
        ..record("")
    };
    [
        record(good).key("k"),
        record(left_out),
        record("no json"),
        tombstone,
    ]
    .into_iter()
    .zip(0..)
    .map(|(record, n)| record.at(Micros(t.0 + n * 1_000)))
    .collect()
}

#[actix_web::test]
async fn dry_run_shows_what_would_become_of_records_and_stores_and_commits_nothing() {
    let plan = plan().await;
    plan.topics().await;
    let file = plan.file();
    let dry_run = |arguments: &[&str]| {
        let mut dry_run = command();
        dry_run.arg("dry-run").arg("--config").arg(&*file).args(arguments);
        run(&mut dry_run)
    };
    assert_eq!(dry_run(&[]).printed(), "0 records, 0 points\n");
    let t = moment();
    let places = plan.send(&some(t)).await;
    let line = |n: usize| {
        let (partition, offset) = places[n];
        format!("{partition}/{offset} {}\n", Micros(t.0 + n as i64 * 1_000))
    };
    let expected = format!(
        "{}  {{\"ts\":\"{t}\",\"oven\":\"a\",\"heat\":180}}\n  -> heat{{oven=\"a\"}} 180 {t}\n\
         {}  {{\"ts\":\"{t}\",\"kind\":\"test\",\"heat\":1}}\n  -> skipped: when\n",
        line(0),
        line(1)
    );
    let said = dry_run(&[]).printed();
    assert!(said.starts_with(&expected), "{said}\nis not\n{expected}");
    assert!(
        said.contains("  -> dead letter not_json: expected a JSON value"),
        "{said}"
    );
    assert!(said.contains("  -> skipped: tombstone"), "{said}");
    let summary = "4 records, 1 point; skipped: 1 tombstone, 1 when; dead letters: 1 not_json\n";
    assert!(said.ends_with(summary), "{said}");
    // The newest.
    let last = dry_run(&["--limit", "1"]).printed();
    assert!(last.starts_with(&line(3)), "{last}");
    let all = dry_run(&["--from", "earliest", "--limit", "10"]).printed();
    assert!(all.ends_with(summary), "{all}");
    let beyond = dry_run(&["--from", "1000"]).printed();
    assert_eq!(beyond, "0 records, 0 points\n");
    assert!(
        dry_run(&["--from", "soon"])
            .complaint()
            .contains("--from is earliest, an offset or a time")
    );
    assert!(
        dry_run(&["--stream", "nope"])
            .complaint()
            .contains("no stream 'nope'")
    );

    // A node begins at the first record, as if nobody had looked.
    let node = plan.start().await;
    plan.has_read(&plan.stream, &places).await;
    assert_eq!(
        plan.database.points().await,
        [format!(r#"heat{{oven="a"}} {} 180"#, t.0)]
    );
    node.stop().await;
}

#[actix_web::test]
async fn infer_learns_from_a_topic_under_another_name_than_its_records_have() {
    let plan = plan().await;
    plan.topics().await;
    let t = moment();
    let named = |n: i64| Record {
        headers: vec![Header {
            name: "streamsync-stream".to_owned(),
            value: plan.stream.clone().into_bytes(),
        }],
        ..record(format!(
            r#"{{"ts": "{}", "oven": "a", "heat": {n}}}"#,
            Micros(t.0 + n)
        ))
    };
    plan.send(&[named(180), named(181)]).await;
    let mut infer = command();
    infer.args(["infer", "--name", "ovens", "--topic", &plan.stream, "--config"]);
    let inferred = run(infer.arg(&*plan.file()));
    assert!(
        inferred
            .err
            .contains("2 records: 2 points of 1 series, no dead letters"),
        "{}",
        inferred.err
    );
    let toml = inferred.printed();
    let topic = format!("topic = \"{}\"", plan.stream);
    for piece in ["name = \"ovens\"", &topic, "\"heat\"", "\"oven\""] {
        assert!(toml.contains(piece), "{piece} is not in\n{toml}");
    }
}

#[actix_web::test]
async fn tap_follows_records_beside_a_node_that_stores_them() {
    let plan = plan().await;
    let node = plan.start().await;
    let file = plan.file();
    let mut tapping = command()
        .args(["tap", "--stage", "decoded", "--limit", "1", "--config"])
        .arg(&*file)
        .stdout(Stdio::piped())
        .spawn()
        .expect("it runs");
    let mut lines = BufReader::new(tapping.stdout.take().expect("its output")).lines();
    let line = std::thread::spawn(move || lines.next());
    let t = moment();
    // It begins at the end, at a moment that it does not tell: records are sent until it has one.
    let mut sent = 0;
    eventually("a record is shown", async || {
        sent += 1;
        let good = format!(r#"{{"ts": "{t}", "oven": "a", "heat": 180}}"#);
        plan.send(&[record(good)]).await;
        line.is_finished().then_some(())
    })
    .await;
    let shown = line.join().expect("no panic").expect("a line").expect("a text");
    assert_eq!(shown, format!("{{\"ts\":\"{t}\",\"oven\":\"a\",\"heat\":180}}"));
    assert!(tapping.wait().expect("it ends").success());
    eventually("the node has stored it", async || {
        (plan.database.points().await.len() == 1).then_some(())
    })
    .await;
    node.stop().await;
}

const RECORDS: &str = "query($stream: String!, $last: Int) { records(stream: $stream, last: $last) {
    partition offset timestamp key payloadBase64 payloadSize decoded skipped
    points { key ts value } deadLetter { reason detail element } } }";

#[actix_web::test]
async fn records_gives_the_last_records_of_a_stream_and_what_becomes_of_them_now() {
    let plan = plan().await;
    let node = plan.start().await;
    let t = moment();
    let places = plan.send_and_read(&some(t)).await;
    let records = async |last: i32| {
        let asked = json!({"stream": plan.stream, "last": last});
        node.query(RECORDS, asked).await["records"].take()
    };
    let all = records(20).await;
    let all = all.as_array().expect("records");
    assert_eq!(all.len(), 4);
    let (partition, offset) = places[0];
    assert_eq!(
        all[3],
        json!({
            "partition": partition, "offset": offset, "timestamp": t.to_string(), "key": "k",
            "payloadBase64": base64(&format!(r#"{{"ts": "{t}", "oven": "a", "heat": 180}}"#)),
            "payloadSize": all[3]["payloadSize"],
            "decoded": format!(r#"{{"ts":"{t}","oven":"a","heat":180}}"#),
            "skipped": null, "deadLetter": null,
            "points": [{"key": "heat{oven=\"a\"}", "ts": t.to_string(), "value": 180.0}],
        })
    );
    assert_eq!(
        (&all[2]["skipped"], &all[2]["points"]),
        (&json!("when"), &json!([]))
    );
    assert_eq!(all[1]["deadLetter"]["reason"], "not_json");
    assert_eq!(
        (&all[0]["skipped"], &all[0]["payloadBase64"]),
        (&json!("tombstone"), &Value::Null)
    );
    assert_eq!(records(1).await.as_array().map(Vec::len), Some(1));
    for (variables, code) in [
        (json!({"stream": "nope"}), "NOT_FOUND"),
        (json!({"stream": plan.stream, "last": 101}), "BAD_USER_INPUT"),
        (json!({"stream": plan.stream, "last": 0}), "BAD_USER_INPUT"),
    ] {
        assert_eq!(node.error_code(RECORDS, variables).await, code);
    }
    // Looking takes no partition from the node.
    let owners = "select max(owner_epoch) from ingest_offsets";
    assert_eq!(plan.database.value(owners).await, "1");
    node.stop().await;
}

fn base64(text: &str) -> String {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.encode(text)
}
