//! `transform`: a program in VRL goes through the records of a stream before its mapping does.

use std::fs;

use crate::support::kafka::{Record, record};
use crate::support::streamsync::{Plan, command};
use crate::support::terminal::{Ended, directory, run};
use crate::support::{StreamSync, moment};
use streamsync::data::Micros;

/// Readings in Fahrenheit; those of a test are dropped, and a batch has a reading for each oven.
const PROGRAM: &str = r#"
values = ["heat"]
labels = ["oven"]
metric_prefix = ""
transform = '''
if .kind == "test" { abort }
common = { "ts": .ts }
. = if is_array(.ovens) {
    map_values(array!(.ovens)) -> |oven| { merge(common, object!(oven)) }
} else { [.] }
. = map_values(.) -> |one| {
    one.heat = round((to_float!(one.heat) - 32.0) / 1.8)
    one
}
'''"#;

async fn plan() -> Plan {
    StreamSync::plan().await.stream_settings(PROGRAM)
}

/// One reading, one that is dropped, two in a batch, and one that the program fails on.
fn some(t: Micros) -> Vec<Record> {
    let ts = t.as_millis();
    [
        format!(r#"{{"ts": {ts}, "oven": "a", "heat": 212}}"#),
        format!(r#"{{"ts": {ts}, "kind": "test", "oven": "a", "heat": 1}}"#),
        format!(r#"{{"ts": {ts}, "ovens": [{{"oven": "b", "heat": 32}}, {{"oven": "c", "heat": 50}}]}}"#),
        format!(r#"{{"ts": {ts}, "oven": "d", "heat": "hot"}}"#),
    ]
    .map(record)
    .map(|record| record.at(t))
    .into()
}

async fn stored(plan: &Plan) -> Vec<String> {
    let points =
        "select (labels ->> 'oven') || ' ' || value from points join series on id = series_id order by 1";
    plan.database.column(points).await
}

#[actix_web::test]
async fn a_program_changes_drops_and_splits_records_and_its_failures_are_dead_letters() {
    let plan = plan().await;
    let node = plan.start().await;
    plan.send_and_read(&some(moment())).await;
    assert_eq!(stored(&plan).await, ["a 100", "b 0", "c 10"]);
    let letters = "select reason || ' ' || detail from dead_letters";
    let told = plan.database.value(letters).await;
    assert!(
        told.starts_with("transform_failed transform: line 7, column "),
        "{told}"
    );
    let skipped = format!("stream=\"{}\",rule=\"transform\"", plan.stream);
    assert_eq!(node.metric("streamsync_skipped_total", &skipped).await, 1.0);
    node.stop().await;
}

#[actix_web::test]
async fn a_program_with_a_mistake_is_told_with_its_place_and_replaces_no_good_one() {
    let plan = plan().await;
    plan.topics().await;
    let file = plan.file();
    let node = plan.launch_from(&file).await;
    node.ready().await;
    let change = |from: &str, to: &str| {
        let text = fs::read_to_string(&file).expect("the file");
        assert!(text.contains(from), "{text}");
        fs::write(&file, text.replacen(from, to, 1)).expect("a file");
    };
    let reload = || run(command().args(["reload", "--url", &node.url]));
    change("{ \"ts\": .ts }", "{ \"ts\": upcase(.ts) }");
    let told = reload().complaint();
    assert!(told.contains("transform: line 2, column "), "{told}");
    let check = run(command().arg("check").arg("--config").arg(&*file));
    assert!(check.complaint().contains("transform: line 2, column "));
    plan.send_and_read(&some(moment())[..1]).await;
    assert_eq!(stored(&plan).await, ["a 100"]);

    change("upcase(.ts)", ".ts");
    change("- 32.0", "+ 968.0");
    assert_eq!(reload().printed(), format!("changed: {}\n", plan.stream));
    let b = some(moment()).remove(0);
    let b =
        record(String::from_utf8_lossy(b.payload.as_deref().expect("a payload")).replace("\"a\"", "\"b\""));
    plan.send_and_read(&[b]).await;
    assert_eq!(stored(&plan).await, ["a 100", "b 656"]);
    node.stop().await;
}

#[actix_web::test]
async fn dry_run_shows_what_the_program_makes_of_records() {
    let plan = plan().await;
    plan.topics().await;
    let file = plan.file();
    let t = moment();
    plan.send(&some(t)).await;
    let shown = run(command().arg("dry-run").arg("--config").arg(&*file)).printed();
    for line in [
        &*format!("  => {{\"heat\":100.0,\"oven\":\"a\",\"ts\":{}}}", t.as_millis()),
        &format!("  -> heat{{oven=\"c\"}} 10 {}", Micros(t.as_millis() * 1_000)),
        "  -> skipped: transform",
        "  -> dead letter transform_failed: transform: line 7, column ",
        "4 records, 3 points",
    ] {
        assert!(shown.contains(line), "{line:?} is not in\n{shown}");
    }
}

#[test]
fn infer_and_test_go_through_the_program_of_a_file() {
    let dir = directory();
    let run_here = |arguments: &[&str]| -> Ended { run(command().args(arguments).current_dir(dir.path())) };
    let line = |n: u64| {
        format!(
            "{{\"raw\": \"ts={} device=d{} heat={n}\"}}\n",
            1_764_351_845 + n,
            n % 3
        )
    };
    fs::write(
        dir.path().join("ovens.ndjson"),
        (0..30).map(line).collect::<String>(),
    )
    .expect("a file");
    let program = ". = parse_key_value!(.raw)\n.ts = to_int!(.ts)\n.heat = to_float!(.heat)\n";
    fs::write(dir.path().join("ovens.vrl"), program).expect("a file");
    let inferred = run_here(&["infer", "--transform", "ovens.vrl", "ovens.ndjson"]);
    assert!(
        inferred
            .err
            .contains("30 records: 30 points of 3 series, no dead letters"),
        "{}",
        inferred.err
    );
    let toml = inferred.printed();
    for piece in ["transform = { file = \"ovens.vrl\" }", "\"device\"", "\"heat\""] {
        assert!(toml.contains(piece), "{piece:?} is not in\n{toml}");
    }
    fs::write(dir.path().join("streamsync.toml"), &toml).expect("a file");
    assert_eq!(run_here(&["test"]).printed(), "1 passed\n");
    fs::write(dir.path().join("ovens.vrl"), ".a = 1\n.at = now()\n").expect("a file");
    let told = run_here(&["check"]).complaint();
    assert!(
        told.contains("ovens.vrl: line 2, column 7: the function `now` gives another time"),
        "{told}"
    );
}
