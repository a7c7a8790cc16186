//! `streamsync doctor`: what it says of a node's surroundings, within its time, on 80 columns and without a
//! secret.

use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::input::Input;
use crate::support::postgres::Database;
use crate::support::redis::Redis;
use crate::support::streamsync::command;
use crate::support::terminal::{Ended, directory, run};
use crate::support::{StreamSync, eventually};

/// What it takes at most, and what a machine under load adds.
const WITHIN: Duration = Duration::from_secs(15);

const PROGRAM: &str = env!("CARGO_BIN_EXE_streamsync");

/// A database that nobody serves, with a password that must not be seen.
const AWAY: &str = "postgres://ann:s3cret@127.0.0.1:1/metrics";

fn doctor(file: &Path, arguments: &[&str]) -> Ended {
    let begun = Instant::now();
    let mut doctor = command();
    doctor
        .args(["doctor", "--listen", "127.0.0.1:1", "--config"])
        .arg(file)
        .args(arguments);
    let ended = run(&mut doctor);
    assert!(begun.elapsed() < WITHIN, "it took {:?}", begun.elapsed());
    let said = format!("{}{}", ended.out, ended.err);
    assert!(!said.contains("s3cret"), "{said}");
    ended
}

/// The checks by name; the worst of each.
fn checks(ended: &Ended) -> impl Fn(&str) -> (String, String) + use<> {
    let json: Value = serde_json::from_str(&ended.out).expect("JSON");
    move |name| {
        let of = |check: &&Value| check["check"] == name;
        let rank = |check: &&Value| {
            ["ok", "skip", "warn", "fail"]
                .iter()
                .position(|it| check["level"] == *it)
        };
        let all = json["checks"].as_array().expect("the checks").iter();
        let worst = all
            .filter(of)
            .max_by_key(rank)
            .unwrap_or_else(|| panic!("{name} in {json}"));
        let text = |key: &str| worst[key].as_str().unwrap_or_default().to_owned();
        (text("level"), text("seen"))
    }
}

#[actix::test]
async fn all_is_well_around_a_node_that_runs() {
    let redis = Redis::with_password("s3cret").await;
    let plan = StreamSync::plan()
        .await
        .settings(&format!("[redis]\nurl = {:?}", redis.url()));
    let node = plan.start().await;
    let input = Input::of(0..10);
    plan.send_and_read(&input.records()).await;
    // The last table that maintenance sees to.
    let ahead = "select count(*) >= 2 from pg_inherits where inhparent = 'rollup_1d'::regclass";
    eventually("partitions are made ahead", async || {
        (plan.database.value(ahead).await == "t").then_some(())
    })
    .await;

    let file = plan.file();
    let ended = doctor(&file, &["--json"]);
    assert_eq!(ended.code, Some(0), "{}{}", ended.out, ended.err);
    let of = checks(&ended);
    for (check, seen) in [
        ("configuration", "valid, 1 stream"),
        ("kafka", "round trip"),
        ("topics", "2 topics"),
        ("lag", "records behind"),
        ("postgres", "round trip"),
        ("clock", "agree"),
        ("sessions", "last from one transaction to the next"),
        ("tables", "up to date"),
        ("indexes", "all there"),
        ("partitions", "ahead to"),
        ("connections", "in use"),
        ("size", "the database has"),
        ("dead letters", "none waiting"),
        ("streams", "none is paused"),
        ("redis", "round trip"),
        ("open files", "are needed"),
    ] {
        let (level, said) = of(check);
        assert!(
            matches!(&*level, "ok" | "warn") && said.contains(seen),
            "{check}: {level} {said}"
        );
    }

    let text = doctor(&file, &[]);
    assert_eq!(text.code, Some(0), "{}{}", text.out, text.err);
    for line in text
        .out
        .lines()
        .filter(|line| !line.trim_start().starts_with('→'))
    {
        assert!(line.chars().count() <= 80, "{line}");
    }
    assert!(
        text.out.lines().count() <= 30 && !text.out.contains('\x1b'),
        "{}",
        text.out
    );
    node.stop().await;
}

#[actix::test]
async fn servers_that_are_away_fail_within_the_time_and_what_depends_on_them_is_left_out() {
    let dir = directory();
    let file = dir.path().join("away.toml");
    let settings = format!(
        "[kafka]\nbrokers = \"127.0.0.1:1\"\n[postgres]\nurl = {AWAY:?}\n[redis]\nurl = \"redis://:s3cret@127.0.0.1:1\"\n\
         [schema_registry]\nurl = \"http://ann:s3cret@127.0.0.1:1\"\n[[stream]]\nname = \"machines\"\n"
    );
    std::fs::write(&file, settings).expect("the configuration is written");
    let ended = doctor(&file, &["--json"]);
    assert_eq!(ended.code, Some(1), "{}", ended.out);
    let of = checks(&ended);
    for check in ["kafka", "postgres", "redis", "registry"] {
        assert_eq!(of(check).0, "fail", "{:?}", of(check));
    }
    assert!(of("kafka").1.starts_with("cannot reach Kafka at 127.0.0.1:1"));
    assert!(of("postgres").1.contains("postgres://ann@127.0.0.1:1/metrics"));
    for check in ["topics", "lag", "sessions", "tables", "dead letters"] {
        assert_eq!(of(check).0, "skip", "{:?}", of(check));
    }
}

#[actix::test]
async fn what_is_wrong_is_told_with_a_remedy() {
    let redis = Redis::with_password("s3cret").await;
    let wrong = redis.url().replace("s3cret", "wr0ng");
    let database = Database::create().await;
    let plan = StreamSync::plan()
        .await
        .database(database)
        .settings(&format!("[redis]\nurl = {wrong:?}\n"));
    plan.topics().await;
    let migrated = run(command().args(["migrate", "--database-url", &plan.database.url]));
    assert_eq!(migrated.code, Some(0), "{}", migrated.err);
    // As an older program left it, with an index that somebody has dropped.
    plan.database
        .run(
            "delete from __diesel_schema_migrations where version = '20261129040000';
             drop index gaps_to_offset;
             insert into paused_streams (stream, plan, why, until)
                values ('machines', 'p', 'too many dead letters', now() + interval '1 h')",
        )
        .await;

    let file = plan.file();
    let ended = doctor(&file, &[]);
    assert_eq!(ended.code, Some(1), "{}", ended.out);
    let (program, config) = (PROGRAM, file.display());
    for line in [
        "fail  redis          Redis refused the password".to_owned(),
        "warn  tables         1 migration behind: 20261129040000".to_owned(),
        format!("      → {program} migrate --config {config}"),
        "warn  indexes        missing: gaps_to_offset".to_owned(),
        "fail  streams        machines is paused: too many dead letters".to_owned(),
        format!("      → {program} resume --stream machines --url http://127.0.0.1:1"),
    ] {
        assert!(
            ended.out.lines().any(|said| said == line),
            "{line:?} is not in\n{}",
            ended.out
        );
    }
    assert!(!ended.out.contains("wr0ng"), "{}", ended.out);

    // A warning alone is no failure, unless it is to be one.
    plan.database.run("delete from paused_streams").await;
    let text = std::fs::read_to_string(&file).expect("the configuration");
    std::fs::write(&file, text.replace(&wrong, &redis.url())).expect("the configuration is written");
    assert_eq!(doctor(&file, &[]).code, Some(0));
    assert_eq!(doctor(&file, &["--strict"]).code, Some(1));
}

#[test]
fn a_wrong_configuration_is_told_and_the_rest_is_checked_all_the_same() {
    let dir = directory();
    let file = dir.path().join("wrong.toml");
    let settings = "[http]\nworkers = 0\n[kafka]\nbrokers = \"ann:s3cret@host:9092\"\n\
                    [postgres]\nurl = \"postgres://ann:s3cret@\"\n";
    std::fs::write(&file, settings).expect("the configuration is written");
    let ended = doctor(&file, &[]);
    assert_eq!(ended.code, Some(1), "{}", ended.out);
    assert!(ended.out.contains("fail  configuration"), "{}", ended.out);
    assert!(
        ended.out.contains(&format!("→ {PROGRAM} check --config")),
        "{}",
        ended.out
    );
}
