//! The program from the terminal: what each command prints, changes and returns.

use std::fs;
use std::process::{Command, Stdio};

use serde_json::{Value, json};

use crate::support::kafka::point;
use crate::support::streamsync::{collect, command};
use crate::support::terminal::{directory, run, streamsync};
use crate::support::{StreamSync, eventually, moment};
use streamsync::data::Micros;
use streamsync::store::embedded::Embedded;

#[test]
fn check_says_what_a_valid_configuration_means() {
    let dir = directory();
    let file = "[[stream]]\nname = \"machines\"\ntopic = \"raw\"\npartitions = 3\n";
    fs::write(dir.path().join("streamsync.toml"), file).expect("a file");
    let said = run(command().arg("check").current_dir(&dir)).printed();
    for line in [
        "the configuration is valid",
        "kafka     embedded broker",
        "postgres  private, in the data directory",
        "listen    127.0.0.1:8080",
        "stream    machines from topic raw (3 partitions)",
    ] {
        assert!(said.contains(line), "{line:?} is not in\n{said}");
    }
}

#[test]
fn test_runs_the_tests_of_streams_and_fails_with_what_differs() {
    let dir = directory();
    let file = r#"
        [[stream]]
        name = "ovens"
        values = ["heat"]
        [[stream.test]]
        name = "one value"
        input = '{"ts": "2026-11-28T17:44:05Z", "heat": 180}'
        points = ["ovens_heat{} 180 2026-11-28T17:44:05Z"]
    "#;
    let test = |file: &str| {
        fs::write(dir.path().join("streamsync.toml"), file).expect("a file");
        run(command().arg("test").current_dir(&dir))
    };
    assert_eq!(test(file).printed(), "1 passed\n");
    let failed = test(&file.replace("{} 180", "{} 190"));
    let shown = "FAILED ovens / one value\n  - ovens_heat{} 190 2026-11-28T17:44:05.000000Z\n  \
                 + ovens_heat{} 180 2026-11-28T17:44:05.000000Z\n";
    assert!(failed.out.starts_with(shown), "{}", failed.out);
    assert!(failed.complaint().contains("0 passed, 1 failed"));
    let none = test("[[stream]]\nname = \"ovens\"\n").complaint();
    assert!(none.contains("no stream of the configuration has a [[stream.test]]"));
}

#[test]
fn check_explains_every_mistake_at_once() {
    let dir = directory();
    let path = dir.path().join("wrong.toml");
    let file = r#"
        [http]
        listen = "0.0.0.0:80"
        workers = 0
        [pipeline]
        dead_letter_limit = 2.0
        memory = 3
        [[stream]]
        name = "a b"
        start = "yesterday"
        [[stream]]
        name = "one"
        partitions = 0
        [[stream]]
        name = "one"
        topic = "streamsync.redrive.x"
    "#;
    fs::write(&path, file).expect("a file");
    let said = streamsync(&["check", "--config", path.to_str().expect("a path")]).complaint();
    for mistake in [
        "http.listen",
        "--allow-anonymous",
        "http.workers",
        "pipeline.dead_letter_limit",
        "memory",
        "stream 'a b': name",
        "yesterday\" or an RFC 3339 time|RFC 3339 time",
        "stream 'one': partitions",
        "has the same name",
        "streamsync.redrive.",
    ] {
        let named = mistake.split('|').any(|either| said.contains(either));
        assert!(named, "{mistake:?} is not in\n{said}");
    }
    assert!(
        streamsync(&["check", "--config", "/nowhere.toml"])
            .complaint()
            .contains("/nowhere.toml")
    );
    assert_eq!(streamsync(&["chekc"]).code, Some(2));
    assert!(
        streamsync(&["serve", "--listen", "127.0.0.1:0"])
            .complaint()
            .contains("no [[stream]]")
    );
}

#[test]
fn a_flag_wins_over_the_environment_and_that_over_the_file() {
    let dir = directory();
    let file =
        "[kafka]\nbrokers = \"file:1\"\n[http]\nlisten = \"127.0.0.1:1\"\n[redis]\nurl = \"redis://r\"\n";
    fs::write(dir.path().join("streamsync.toml"), file).expect("a file");
    let kafka_and_listen = |command: &mut Command, flags: &[&str]| {
        let said = run(command.arg("check").args(flags).current_dir(&dir)).printed();
        let of = |name: &str| {
            let line = said.lines().find(|line| line.trim_start().starts_with(name));
            line.and_then(|line| line.split_whitespace().last())
                .expect(name)
                .to_owned()
        };
        (of("kafka"), of("listen"), of("latest"))
    };
    let expected = |kafka: &str, listen: &str| (kafka.to_owned(), listen.to_owned(), "redis".to_owned());
    assert_eq!(
        kafka_and_listen(&mut command(), &[]),
        expected("file:1", "127.0.0.1:1")
    );
    let with_env = || {
        let mut command = command();
        command.envs([("KAFKA_BROKERS", "env:2"), ("STREAMSYNC_LISTEN", "127.0.0.1:2")]);
        command
    };
    assert_eq!(
        kafka_and_listen(&mut with_env(), &[]),
        expected("env:2", "127.0.0.1:2")
    );
    let flags = ["--kafka-brokers", "flag:3", "--listen", "127.0.0.1:3"];
    assert_eq!(
        kafka_and_listen(&mut with_env(), &flags),
        expected("flag:3", "127.0.0.1:3")
    );
}

#[test]
fn schema_prints_the_schema_of_the_repository() {
    let committed = concat!(env!("CARGO_MANIFEST_DIR"), "/schema.graphql");
    let committed = fs::read_to_string(committed).expect("schema.graphql");
    assert!(streamsync(&["schema"]).printed() == committed);
}

#[actix_web::test]
async fn migrate_makes_the_tables_and_changes_nothing_the_second_time() {
    let plan = StreamSync::plan().await;
    let migrate = ["migrate", "--database-url", &plan.database.url];
    assert!(streamsync(&migrate).printed().starts_with("applied "));
    assert_eq!(plan.database.column("select count(*) from points").await, ["0"]);
    assert_eq!(streamsync(&migrate).printed(), "the tables are up to date\n");
    let dir = directory();
    let nowhere = run(command().arg("migrate").current_dir(&dir)).complaint();
    assert!(nowhere.contains("DATABASE_URL"), "{nowhere}");
    assert_eq!(fs::read_dir(&dir).expect("the directory").count(), 0);
}

#[test]
fn the_commands_work_on_a_private_postgres_also_beside_the_server_that_runs_on_it() {
    let dir = directory();
    let data = dir.path().join("data");
    let file = format!(
        "[[stream]]\nname = \"machines\"\n[archive]\nurl = \"file://{}\"\n",
        dir.path().join("archive").display()
    );
    fs::write(dir.path().join("streamsync.toml"), file).expect("a file");
    let said = |arguments: &[&str]| {
        let mut command = command();
        command.args(arguments).arg("--data-dir").arg(&data);
        run(command.current_dir(&dir))
    };
    let all_work = |standing: &str| {
        assert_eq!(
            said(&["migrate"]).printed(),
            "the tables are up to date\n",
            "{standing}"
        );
        let delete = ["delete-series", "--metric", "m", "--yes"];
        assert_eq!(
            said(&delete).printed(),
            "deleted 0 series and 0 points\n",
            "{standing}"
        );
        assert_eq!(said(&["archive", "--list"]).printed(), "", "{standing}");
        assert_eq!(said(&["archive"]).printed(), "", "{standing}");
        let restore = ["restore", "--from", "2026-01-01", "--to", "2026-01-02"];
        assert!(said(&restore).complaint().contains("holds nothing"), "{standing}");
        let rewind = [
            "rewind",
            "--stream",
            "machines",
            "--to",
            "0",
            "--kafka-brokers",
            "127.0.0.1:9",
        ];
        let rewind = said(&rewind).complaint();
        assert!(rewind.contains("no record of the topic"), "{standing}: {rewind}");
    };
    let running = Embedded::start(&data).expect("a private Postgres");
    assert!(said(&["migrate"]).printed().starts_with("applied "));
    all_work("beside a server");
    assert!(running.is_running());
    running.stop().expect("it stops");
    all_work("alone");
    // Each command has ended its own: a server starts at once.
    let again = Embedded::start(&data).expect("a private Postgres");
    again.stop().expect("it stops");
}

#[actix_web::test]
async fn produce_sends_the_rows_of_a_csv_file_and_the_lines_of_an_ndjson_file() {
    let plan = StreamSync::plan()
        .await
        .stream_settings("metric_prefix = \"oven\"\nlabels = [\"site\"]\nvalues = [\"heat\"]");
    let node = plan.start().await;
    let config = plan.file();
    let config = config.to_str().expect("a path");
    let dir = directory();
    let t = moment();
    let produce = |name: &str, text: &str, more: &[&str]| {
        let path = dir.path().join(name);
        fs::write(&path, text).expect("a file");
        let path = path.to_str().expect("a path");
        streamsync(&[&["produce", "--config", config, "--file", path], more].concat())
    };
    let csv = format!("ts,site,heat\n{0},north,180.5\n{0},\"a,b\",7\n", t.as_millis());
    let sent = produce("x.csv", &csv, &["--key", "site"]);
    assert!(
        sent.err.contains(&format!("2 records to {}", plan.stream)),
        "{sent:?}"
    );
    sent.printed();
    // What is wrong with a line is for the pipeline to say.
    let ndjson = format!(
        "{{\"metric\":\"up\",\"ts\":{},\"value\":1}}\n\noops\n",
        t.as_millis()
    );
    let sent = produce("x.ndjson", &ndjson, &[]);
    assert!(sent.err.contains("2 records"), "{sent:?}");
    sent.printed();
    plan.has_read(&plan.stream, &[(0, 3)]).await;

    let rows = [
        format!("oven_heat{{site=\"a,b\"}} {} 7", t.0),
        format!("oven_heat{{site=\"north\"}} {} 180.5", t.0),
        format!("up{{}} {} 1", t.0),
    ];
    assert_eq!(plan.database.points().await, rows);
    let letter = "select reason || convert_from(payload, 'UTF8') || headers::text from dead_letters";
    let letter = plan.database.value(letter).await;
    assert!(letter.starts_with("not_jsonoops"), "{letter}");
    assert!(letter.contains("streamsync-stream"), "{letter}");

    assert!(produce("x.xml", "", &[]).complaint().contains("--format"));
    assert!(
        produce("y.csv", "", &["--stream", "nobody"])
            .complaint()
            .contains("no stream 'nobody'")
    );
    node.stop().await;
}

#[actix_web::test]
async fn query_prints_latest_values_history_and_any_graphql() {
    let plan = StreamSync::plan().await;
    let node = plan.start().await;
    let t = moment();
    plan.send_and_read(&[
        point("a", Micros(t.0 - 1_000_000), 1.0),
        point("a", t, 2.0),
        point("b", t, 3.0),
    ])
    .await;
    let query = |arguments: &[&str]| streamsync(&[&["query", "--url", &node.url], arguments].concat());
    let json = |text: String| serde_json::from_str::<Value>(&text).expect("JSON");

    let latest = json(query(&["--metric", "a"]).printed());
    let point = json!({"series": {"key": "a{}"}, "ts": t.to_string(), "value": 2.0});
    assert_eq!(latest, json!({"latest": [point]}));
    let history = json(query(&["--metric", "a", "--last", "1h"]).printed());
    assert_eq!(history["history"][0]["points"].as_array().map(Vec::len), Some(2));
    let table = query(&["--format", "table"]).printed();
    assert_eq!(
        table
            .lines()
            .filter(|line| line.contains("a{}") || line.contains("b{}"))
            .count(),
        2,
        "{table}"
    );
    for step in [&["--step", "1s"][..], &[]] {
        let history = [&["--metric", "a", "--last", "1h", "--format", "table"], step].concat();
        let table = query(&history).printed();
        let rows: Vec<Vec<&str>> = table
            .lines()
            .map(|line| line.split_whitespace().collect())
            .collect();
        assert_eq!(rows[0], ["series.key", "ts", "value"], "{table}");
        let values: Vec<_> = rows[2..].iter().map(|row| (row[0], row[2])).collect();
        assert_eq!(values, [("a{}", "1"), ("a{}", "2")], "{table}");
    }
    let own = query(&[
        "query($p: String) { metrics(prefix: $p) { name } }",
        "--variables",
        "{\"p\":\"b\"}",
    ]);
    assert_eq!(json(own.printed()), json!({"metrics": [{"name": "b"}]}));

    assert!(query(&["{ nonsense }"]).complaint().contains("nonsense"));
    assert!(
        query(&["--metric", "a", "--label", "x"])
            .complaint()
            .contains("name=value")
    );
    let nothing = query(&["--metric", "c", "--format", "table"]).printed();
    assert_eq!(nothing, "nothing matches\n");
    let dated = query(&[
        "--metric",
        "a",
        "--from",
        "2020-01-01",
        "--to",
        "2020-01-01T00:01",
    ])
    .printed();
    assert_eq!(json(dated), json!({"history": []}));
    let nobody = streamsync(&["query", "--url", "http://127.0.0.1:9"]);
    assert!(nobody.complaint().contains("no answer"));
    node.stop().await;
}

#[actix_web::test]
async fn tail_prints_points_as_they_come_and_ends_cleanly_at_ctrl_c() {
    let plan = StreamSync::plan().await;
    let node = plan.start().await;
    let t = moment();
    plan.send_and_read(&[point("a", t, 1.0)]).await;
    let mut tail = command()
        .args(["tail", "--url", &node.url, "--metric", "a", "--backfill", "1h"])
        .stdout(Stdio::piped())
        .spawn()
        .expect("the binary starts");
    let printed = collect(tail.stdout.take().expect("its output"));
    let lines = async |count: usize| {
        eventually("the points are printed", async || {
            let lines = printed.lock().expect("its lines").clone();
            (lines.len() == count).then_some(lines)
        })
        .await
    };
    lines(1).await;
    plan.send(&[point("b", t, 9.0), point("a", Micros(t.0 + 1), 2.0)])
        .await;
    let words: Vec<Vec<String>> = lines(2)
        .await
        .iter()
        .map(|line| line.split_whitespace().map(str::to_owned).collect())
        .collect();
    let later = Micros(t.0 + 1).to_string();
    assert_eq!(words, [[&*t.to_string(), "1.0", "a{}"], [&*later, "2.0", "a{}"]]);

    let pid = rustix::process::Pid::from_child(&tail);
    rustix::process::kill_process(pid, rustix::process::Signal::INT).expect("it runs");
    let status = eventually("tail ends", async || tail.try_wait().expect("its state")).await;
    assert!(status.success(), "{status}");
    eventually("its subscription is gone", async || {
        (node.metric("streamsync_subscribers", "").await == 0.0).then_some(())
    })
    .await;
    node.stop().await;
}
