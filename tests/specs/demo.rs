//! `streamsync demo`: a day of real series and live points on embedded parts only, nothing of it twice
//! after a restart, and no process left behind.

use std::fs;
use std::io::Write;
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::terminal::directory;
use crate::support::{PATIENCE, StreamSync, eventually};
use streamsync::data::Micros;

const NOBODY: u32 = 65_534;
const DAY: Duration = Duration::from_secs(86_400);
const PLAIN: &str = "elb_request_count";
const NESTED: &str = "gateway_temperature_celsius";

fn users() -> Vec<Option<u32>> {
    if rustix::process::geteuid().is_root() {
        return vec![None, Some(NOBODY)];
    }
    // Not by `eprintln!`, whose lines the test runner keeps to itself.
    let _ = std::io::stderr().write_all(b"SKIPPED, needs root: the demo as another user\n");
    vec![None]
}

/// Gone, or a zombie that whoever adopted it has not reaped yet.
fn is_gone(pid: u32) -> bool {
    fs::read_to_string(format!("/proc/{pid}/stat")).map_or(true, |stat| {
        stat.rsplit(')')
            .next()
            .is_some_and(|rest| rest.trim().starts_with('Z'))
    })
}

/// Series and time, each series from its oldest point on.
async fn points(demo: &StreamSync, metric: &str) -> Vec<(String, Micros)> {
    let from = Micros::now().minus(DAY + DAY / 24);
    let asked = format!("/api/v1/points?metric={metric}&from={from}&format=ndjson&ts=us");
    let (status, text) = demo.get(&asked).await;
    assert_eq!(status, 200, "{text}");
    let rows = text
        .lines()
        .map(|line| serde_json::from_str(line).expect("a row"));
    let point = |row: Value| Some((row["series"].as_str()?.to_owned(), Micros(row["ts"].as_i64()?)));
    rows.map(|row| point(row).expect("a point")).collect()
}

/// Reasons of the dead letters, with what a person reads.
async fn letters(demo: &StreamSync) -> Vec<String> {
    let asked = "{ deadLetters { nodes { reason detail } } }";
    let answer = demo.query(asked, json!({})).await;
    let nodes = answer["deadLetters"]["nodes"].as_array().expect("a list");
    let letter = |node: &Value| format!("{}: {}", node["reason"], node["detail"]);
    let mut all: Vec<String> = nodes.iter().map(letter).collect();
    all.sort();
    all
}

/// One series of points, a day long and without a gap.
fn is_whole(points: &[(String, Micros)]) -> bool {
    let [(_, first), .., (_, last)] = points else {
        return false;
    };
    let dense = last.minus(Duration::from_secs(14 * 60));
    first.plus(DAY) <= *last
        && points.windows(2).all(|pair| {
            let gap = Duration::from_micros(pair[1].1.0.abs_diff(pair[0].1.0));
            let most = if pair[0].1 < dense { 61_000 } else { 1_100 };
            gap <= Duration::from_millis(most)
        })
}

/// Points that came after this was called.
async fn live(demo: &StreamSync) {
    let now = Micros::now();
    for metric in [PLAIN, NESTED] {
        eventually("live points", async || {
            let newer = points(demo, metric).await;
            newer.iter().any(|(_, ts)| *ts > now).then_some(())
        })
        .await;
    }
}

#[actix_web::test]
async fn the_demo_shows_a_day_at_once_and_after_a_restart_goes_on_without_a_gap_and_nothing_twice() {
    for user in users() {
        let dir = directory();
        let mut demo = StreamSync::demo(dir.path(), user).await;
        let postgres = demo.postgres_of_the_demo();
        demo.ready().await;
        let written = eventually("a day of all series and two dead letters are there", async || {
            let mut nested = points(&demo, NESTED).await;
            let two = nested.split_off(nested.iter().position(|(series, _)| series.contains("press-2"))?);
            let all = [points(&demo, PLAIN).await, nested, two];
            let letters = letters(&demo).await;
            (all.iter().all(|points| is_whole(points)) && letters.len() > 1).then_some(letters)
        })
        .await;
        let answer = demo.query("{ latest(selector: {}) { value } }", json!({})).await;
        assert_eq!(answer["latest"].as_array().map(Vec::len), Some(9));
        let (plain, nested) = (points(&demo, PLAIN).await, points(&demo, NESTED).await);
        assert_eq!(written.len(), 2, "{written:?}");
        assert!(written[0].contains("1970-01-01T00:00:07") && written[0].contains("out_of_time_range"));
        assert!(written[1].contains("temperature.fahrenheit") && written[1].contains("wrong_type"));
        let status = demo.terminate().await;
        assert!(status.success(), "{status}\n{}", demo.log());
        assert!(is_gone(postgres), "the private Postgres was left running");

        let demo = StreamSync::demo(dir.path(), user).await;
        let postgres = demo.postgres_of_the_demo();
        demo.ready().await;
        live(&demo).await;
        live(&demo).await;
        let again = points(&demo, PLAIN).await;
        assert!(again.starts_with(&plain) && is_whole(&again));
        let again = points(&demo, NESTED).await;
        let until = nested[nested.len() - 1].1;
        let before: Vec<_> = again.into_iter().filter(|(_, ts)| *ts <= until).collect();
        assert_eq!(before.len(), nested.len());
        assert_eq!(letters(&demo).await, written);
        // A kill -9 leaves nobody either.
        demo.kill().await;
        eventually(&format!("Postgres is gone within {PATIENCE:?}"), async || {
            is_gone(postgres).then_some(())
        })
        .await;
    }
}
