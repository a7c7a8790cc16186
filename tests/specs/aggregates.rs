//! Live aggregates: each window, as a subscriber last heard of it, is what history answers.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use streamsync::data::Micros;

use crate::live::after;
use crate::support::kafka::{Record, labelled_point, point};
use crate::support::live::{Event, Subscriber};
use crate::support::postgres::OwnServer;
use crate::support::streamsync::Plan;
use crate::support::{PATIENCE, StreamSync, eventually, moment, seconds_ago};

const AGGREGATES: &str = "subscription($selector: SeriesSelector!, $window: Duration!, $aggregate: [Aggregate!]!,
        $backfill: Duration, $every: Duration) {
    aggregates(selector: $selector, window: $window, aggregate: $aggregate, backfill: $backfill, every: $every) {
        conflated windows { series { key } closed points ts value avg min max sum count first last } } }";

const HISTORY: &str = "query($selector: SeriesSelector!, $from: DateTime!, $to: DateTime, $window: Step!,
        $aggregate: [Aggregate!]!) {
    history(selector: $selector, from: $from, to: $to, step: $window, aggregate: $aggregate) {
        series { key } points { ts value avg min max sum count first last } } }";

/// By series and start.
type Windows = BTreeMap<(String, String), Value>;

/// A subscriber that remembers the last it heard of each window.
struct Watcher {
    subscriber: Subscriber,
    windows: Windows,
    conflated: u64,
}

fn everything() -> Value {
    json!({"selector": {}, "window": "10s", "aggregate": ["AVG", "MIN", "MAX", "SUM", "COUNT", "FIRST", "LAST"]})
}

fn with(mut variables: Value, name: &str, value: Value) -> Value {
    variables[name] = value;
    variables
}

fn place(series: &Value, window: &Value) -> (String, String) {
    let text = |v: &Value| v.as_str().expect("a text").to_owned();
    (text(&series["key"]), text(&window["ts"]))
}

impl Watcher {
    /// Has its first windows.
    async fn of(node: &StreamSync, variables: Value) -> Self {
        let mut watcher = Self {
            subscriber: Subscriber::subscribe(node, AGGREGATES, variables).await,
            windows: Windows::new(),
            conflated: 0,
        };
        watcher.next().await;
        watcher
    }

    async fn next(&mut self) -> usize {
        let mut payload = match self.subscriber.event().await {
            Event::Next(payload) => payload,
            other => panic!("expected windows, got {other:?}"),
        };
        assert!(payload["errors"].is_null(), "{payload:#}");
        let batch = payload["data"]["aggregates"].take();
        self.conflated += batch["conflated"].as_u64().expect("a number");
        let windows = batch["windows"].as_array().expect("windows");
        for window in windows {
            let mut window = window.clone();
            let series = window["series"].take();
            assert_eq!(window["points"], window["count"]);
            let place = place(&series, &window);
            window.as_object_mut().expect("a window").remove("series");
            window.as_object_mut().expect("a window").remove("points");
            self.windows.insert(place, window);
        }
        windows.len()
    }

    /// Reads until it has seen what history answers, and nothing else.
    async fn agrees(&mut self, node: &StreamSync, variables: &Value) {
        let wanted = history(node, variables).await;
        let reading = async {
            while self.windows != wanted {
                self.next().await;
            }
        };
        if tokio::time::timeout(PATIENCE, reading).await.is_err() {
            let differs = |at: &&(String, String)| wanted.get(at) != self.windows.get(at);
            let all = wanted.keys().chain(self.windows.keys());
            for at in all.filter(differs) {
                eprintln!(
                    "{at:?}\n  wanted {:?}\n  got {:?}",
                    wanted.get(at),
                    self.windows.get(at)
                );
            }
            panic!("a live window is not what history answers");
        }
    }

    fn counts(&self) -> Vec<(i64, bool)> {
        let count = |w: &Value| (w["count"].as_i64().expect("a count"), w["closed"] == true);
        self.windows.values().map(count).collect()
    }
}

/// What history answers for the same windows, with `closed` worked out from the newest window.
async fn history(node: &StreamSync, variables: &Value) -> Windows {
    let variables = with(variables.clone(), "from", json!("2000-01-01T00:00:00Z"));
    let variables = with(variables, "to", json!("2100-01-01T00:00:00Z"));
    let answer = node.query(HISTORY, variables).await;
    let mut windows = Windows::new();
    for series in answer["history"].as_array().expect("series") {
        let points = series["points"].as_array().expect("points");
        for (left, point) in points.iter().enumerate() {
            let closed = json!(left + 1 < points.len());
            let place = place(&series["series"], point);
            windows.insert(place, with(point.clone(), "closed", closed));
        }
    }
    windows
}

/// The whole hundred seconds before `ago`.
fn whole_seconds_ago(ago: u64) -> Micros {
    Micros(seconds_ago(ago).0 / 100_000_000 * 100_000_000)
}

/// The same numbers in each run.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }

    /// Five series; mostly onwards in time, now and then late or a moment that was there before.
    /// Halves, so that the order of a sum does not matter.
    fn records(&mut self, base: Micros, round: usize) -> Vec<Record> {
        let mut record = || {
            let newest = 20 * (round as u64 + 1);
            let seconds = match self.roll(4) {
                0 => self.roll(newest),
                _ => newest - self.roll(20),
            };
            let at = after(base, seconds as usize);
            let site = ["a", "b", "c", "d", "e"][self.roll(5) as usize];
            labelled_point("m", &[("site", site)], at, self.roll(1_000) as f64 / 2.0 - 100.0)
        };
        (0..40).map(|_| record()).collect()
    }
}

async fn store(plan: &Plan, node: &StreamSync, records: &[Record]) {
    plan.send_and_read(records).await;
    eventually("all is stored", async || {
        let lag = node.metric("streamsync_consumer_lag_records", "").await;
        let held = node.metric("streamsync_credits_held_bytes", "").await;
        (lag + held == 0.0).then_some(())
    })
    .await;
}

#[actix_web::test]
async fn a_live_window_is_what_history_answers_afterwards() {
    let plan = StreamSync::plan().await.partitions(3);
    let mut node = plan.start().await;
    let base = whole_seconds_ago(1_000);
    let mut dice = Dice(7);
    let all = with(everything(), "selector", json!({"metric": "m"}));
    let two = json!({"labels": [{"name": "site", "op": "MATCHES", "value": "a|b"}]});
    let two = with(everything(), "selector", two);
    let mut first = Watcher::of(&node, with(all.clone(), "backfill", json!("1h"))).await;
    let mut some = Watcher::of(&node, with(two.clone(), "backfill", json!("1h"))).await;
    for round in 0..6 {
        store(&plan, &node, &dice.records(base, round)).await;
        first.agrees(&node, &all).await;
        some.agrees(&node, &two).await;
    }
    // However large the values, and however their sums are rounded.
    let large: [(&str, &[f64]); 4] = [
        ("f", &[1e308; 3]),
        ("g", &[1e308, -1e308]),
        ("h", &[1e150, 3e150]),
        ("i", &[0.1; 10]),
    ];
    let of =
        |site: &str, nth: usize, value: f64| labelled_point("m", &[("site", site)], after(base, nth), value);
    let first_of = large.map(|(site, values)| of(site, 0, values[0]));
    store(&plan, &node, &first_of).await;
    first.agrees(&node, &all).await;
    let others = large.iter().flat_map(|(site, values)| {
        let others = values.iter().enumerate().skip(1);
        others.map(move |(nth, value)| of(site, nth, *value))
    });
    store(&plan, &node, &others.collect::<Vec<_>>()).await;
    first.agrees(&node, &all).await;
    let window = |site: &str| {
        let key = format!(r#"m{{site="{site}"}}"#);
        let window = first.windows.iter().find(|((of, _), _)| *of == key);
        let (_, window) = window.expect("a window");
        (
            window["avg"].clone(),
            window["sum"].clone(),
            window["value"].clone(),
        )
    };
    assert_eq!(window("f"), (json!(1e308), Value::Null, json!(1e308)));
    assert_eq!(window("g"), (json!(0.0), json!(0.0), json!(0.0)));
    assert_eq!(window("h"), (json!(2e150), json!(4e150), json!(2e150)));
    assert_eq!(window("i").0, json!(0.1));
    assert!(node.terminate().await.success());
    node = plan.start().await;
    // Everything comes at once, and goes on from there.
    let mut again = Watcher::of(&node, with(all.clone(), "backfill", json!("1h"))).await;
    assert_eq!(again.windows, history(&node, &all).await);
    for round in 6..10 {
        store(&plan, &node, &dice.records(base, round)).await;
        again.agrees(&node, &all).await;
    }
}

#[actix_web::test]
async fn the_current_windows_come_first_and_new_series_when_they_begin() {
    let plan = StreamSync::plan().await;
    let node = plan.start().await;
    let base = whole_seconds_ago(500);
    let early = [
        point("m", base, 1.0),
        point("m", after(base, 11), 2.0),
        point("m", after(base, 12), 3.0),
    ];
    store(&plan, &node, &early).await;
    let mut nobody = Watcher::of(&node, with(everything(), "selector", json!({"metric": "x"}))).await;
    let mut watcher = Watcher::of(&node, everything()).await;
    assert_eq!((nobody.counts(), watcher.counts()), (vec![], vec![(2, false)]));

    // The window before it closes when a newer one begins.
    store(
        &plan,
        &node,
        &[point("m", after(base, 25), 4.0), point("x", base, 5.0)],
    )
    .await;
    while watcher.windows.len() < 3 {
        watcher.next().await;
    }
    assert_eq!(watcher.counts(), [(2, true), (1, false), (1, false)]);
    nobody.next().await;
    assert_eq!(nobody.counts(), [(1, false)]);
}

#[actix_web::test]
async fn a_late_point_and_a_correction_change_a_closed_window() {
    let plan = StreamSync::plan().await;
    let node = plan.start().await;
    let base = whole_seconds_ago(500);
    let early: Vec<_> = (0..20)
        .map(|n| point("m", after(base, n * 10), n as f64))
        .collect();
    store(&plan, &node, &early).await;
    let mut watcher = Watcher::of(&node, everything()).await;
    assert_eq!(watcher.counts(), [(1, false)]);
    store(&plan, &node, &[point("m", after(base, 33), 7.0)]).await;
    while watcher.windows.len() < 2 {
        watcher.next().await;
    }
    assert_eq!(watcher.counts(), [(2, true), (1, false)]);
    store(&plan, &node, &[point("m", after(base, 30), 9.0)]).await;
    while watcher.windows.values().next().expect("a window")["first"] != 9.0 {
        watcher.next().await;
    }
    let closed = watcher.windows.values().next().expect("a window");
    assert_eq!(
        (&closed["sum"], &closed["last"], &closed["count"]),
        (&json!(16.0), &json!(7.0), &json!(2))
    );
}

#[actix_web::test]
async fn a_hundred_subscribers_cost_one_computation() {
    let plan = StreamSync::plan().await;
    let node = plan.start().await;
    let base = whole_seconds_ago(500);
    store(&plan, &node, &[labelled_point("m", &[("site", "a")], base, 1.0)]).await;
    let selectors = [
        json!({}),
        json!({"metric": "m"}),
        json!({"labels": [{"name": "site", "value": "a"}]}),
        json!({"labels": [{"name": "site", "op": "NOT_EQUAL", "value": "b"}]}),
    ];
    let mut watchers = Vec::new();
    for n in 0..100 {
        let variables = with(everything(), "selector", selectors[n % selectors.len()].clone());
        watchers.push(Watcher::of(&node, variables).await);
    }
    assert_eq!(node.metric("streamsync_window_reads_total", "").await, 1.0);
    let updates = async || node.metric("streamsync_window_updates_total", "").await;
    let before = updates().await;
    for round in 2..5 {
        let record = labelled_point("m", &[("site", "a")], after(base, round), 1.0);
        store(&plan, &node, &[record]).await;
        for watcher in &mut watchers {
            while watcher.counts() != [(round as i64, false)] {
                watcher.next().await;
            }
        }
    }
    assert_eq!(updates().await - before, 3.0);
    assert_eq!(node.metric("streamsync_window_reads_total", "").await, 1.0);
}

#[actix_web::test]
async fn with_every_each_update_is_sent_or_counted_as_replaced() {
    let plan = StreamSync::plan().await;
    let node = plan.start().await;
    let base = whole_seconds_ago(500);
    let mut watcher = Watcher::of(&node, with(everything(), "every", json!("2s"))).await;
    let mut quick = Watcher::of(&node, everything()).await;
    for n in 1..6 {
        store(&plan, &node, &[point("m", after(base, n), 1.0)]).await;
        while quick.counts() != [(n as i64, false)] {
            quick.next().await;
        }
    }
    let mut sent = 0;
    while watcher.counts() != [(5, false)] {
        sent += watcher.next().await as u64;
    }
    assert_eq!(sent + watcher.conflated, 5);
}

#[actix_web::test]
async fn a_client_that_stalls_finds_the_newest_state_of_each_window() {
    let plan = StreamSync::plan().await;
    let node = plan.start().await;
    let base = whole_seconds_ago(500);
    // Two megabytes for each update: a few are more than any socket takes, and come before the
    // client counts as dead.
    let keys: String = (0..600).map(|n| format!("key{n}: key ")).collect();
    let wide = AGGREGATES.replace("{ key }", &format!("{{ key {keys} }}"));
    let mut stalled = Watcher {
        subscriber: Subscriber::subscribe(&node, &wide, everything()).await,
        windows: Windows::new(),
        conflated: 0,
    };
    stalled.next().await;
    let mut quick = Watcher::of(&node, everything()).await;
    let padding = "x".repeat(350);
    for round in 0..8 {
        let record = |n: usize| {
            let metric = format!("m{n}");
            let at = after(base, round);
            labelled_point(&metric, &[("padding", &padding)], at, round as f64)
        };
        store(&plan, &node, &(0..10).map(record).collect::<Vec<_>>()).await;
        let newest = (round + 1) as i64;
        while quick.counts() != [(newest, false); 10] {
            quick.next().await;
        }
    }
    stalled.agrees(&node, &everything()).await;
    assert!(stalled.conflated > 0, "it was not stalled");
}

#[actix_web::test]
async fn what_cannot_be_aggregated_is_refused_with_a_code() {
    let node = StreamSync::plan().await.start().await;
    for (name, value) in [
        ("window", json!("0s")),
        ("window", json!("1000000d")),
        ("aggregate", json!([])),
        ("aggregate", json!(["AVG", "RATE"])),
        ("backfill", json!("soon")),
        ("every", json!("2h")),
        (
            "selector",
            json!({"labels": [{"name": "a", "op": "MATCHES", "value": "("}]}),
        ),
    ] {
        let variables = with(everything(), name, value);
        let mut refused = Subscriber::subscribe(&node, AGGREGATES, variables.clone()).await;
        let (code, error) = refused.refusal().await;
        assert_eq!(code, "BAD_USER_INPUT", "{variables} {error:#}");
    }
}

#[actix_web::test]
async fn a_draining_node_says_that_it_goes() {
    let node = StreamSync::plan().await.start().await;
    let mut watcher = Watcher::of(&node, everything()).await;
    assert_eq!(node.metric("streamsync_subscribers", "").await, 2.0);
    node.signal(rustix::process::Signal::TERM);
    let (code, _) = watcher.subscriber.refusal().await;
    assert_eq!(code, "GOING_AWAY");
    while watcher.subscriber.event().await != Event::Closed(1001) {}
    let mut node = node;
    assert!(node.ended().await.success());
}

#[actix_web::test]
async fn a_postgres_that_goes_and_comes_back_ends_no_subscription() {
    let mut server = OwnServer::start().await;
    let plan = StreamSync::plan().await.database(server.database());
    let node = plan.start().await;
    let base = Micros(moment().0 / 100_000_000 * 100_000_000);
    store(
        &plan,
        &node,
        &[point("m", base, 1.0), point("m", after(base, 20), 1.0)],
    )
    .await;
    let all = everything();
    let mut watcher = Watcher::of(&node, with(all.clone(), "backfill", json!("1h"))).await;
    server.stop().await;
    plan.send(&[point("m", after(base, 21), 2.0), point("m", after(base, 1), 2.0)])
        .await;
    eventually("the node misses its postgres", async || {
        (node.get("/readyz").await.0 == 503).then_some(())
    })
    .await;
    server.start_again().await;
    node.ready().await;
    store(&plan, &node, &[point("m", after(base, 22), 3.0)]).await;
    watcher.agrees(&node, &all).await;
    assert_eq!(watcher.counts(), [(2, true), (3, false)]);
}
