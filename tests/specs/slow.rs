//! A slow client harms only itself: it is closed, or conflated if it asked for that, and loses
//! nothing for which it comes back. At every instant each point is accounted for.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde_json::json;
use streamsync::data::Micros;

use crate::live::{after, history};
use crate::support::kafka::{Record, labelled_point};
use crate::support::live::{Event, POINTS, Subscriber, line};
use crate::support::streamed::{SSE, Streamed};
use crate::support::streamsync::Plan;
use crate::support::{StreamSync, eventually, seconds_ago};

const SERIES: usize = 10;
const ROUND: usize = 50;
/// Each point takes this much, at least.
const POINT_BYTES: usize = 30_000;
/// So this is more than any socket takes.
const ROUNDS_MAX: usize = 200;
/// A peer from which nothing came for 30 s is taken for dead.
const STALL_MAX: Duration = Duration::from_secs(20);

async fn plan() -> Plan {
    StreamSync::plan()
        .await
        .partitions(4)
        .settings("[pipeline]\noutbox_kib = 16")
}

/// Asks for the long key a hundred times over, so that few points fill a socket.
fn wide() -> String {
    let keys: String = (0..100).map(|n| format!("key{n}: key ")).collect();
    POINTS.replace("{ key }", &format!("{{ key {keys} }}"))
}

/// The points sent so far, one by one, and a subscriber that keeps up with them.
struct Load<'a> {
    node: &'a StreamSync,
    plan: &'a Plan,
    quick: Subscriber,
    base: Micros,
    sent: usize,
}

impl<'a> Load<'a> {
    async fn on(plan: &'a Plan, node: &'a StreamSync) -> Self {
        let mut quick = Subscriber::points(node, json!({})).await;
        quick.batch().await;
        let base = seconds_ago(100_000);
        Self {
            node,
            plan,
            quick,
            base,
            sent: 0,
        }
    }

    async fn round(&mut self) {
        let padding = "x".repeat(300);
        let record = |n: usize| -> Record {
            let metric = format!("m{}", n % SERIES);
            labelled_point(&metric, &[("padding", &padding)], after(self.base, n), n as f64)
        };
        let records: Vec<_> = (self.sent..self.sent + ROUND).map(record).collect();
        self.plan.send(&records).await;
        assert_eq!(self.quick.collect(ROUND).await.len(), ROUND);
        self.sent += ROUND;
    }

    /// Sends rounds until some more points have come to this outcome.
    async fn until(&mut self, outcome: &str) {
        let label = format!("outcome=\"{outcome}\"");
        let before = self
            .node
            .metric("streamsync_delivered_points_total", &label)
            .await;
        for _ in 0..ROUNDS_MAX {
            self.round().await;
            if self
                .node
                .metric("streamsync_delivered_points_total", &label)
                .await
                > before
            {
                return;
            }
        }
        panic!("no point was {outcome}");
    }
}

async fn stalled(node: &StreamSync, variables: serde_json::Value) -> Subscriber {
    let mut subscriber = Subscriber::subscribe(node, &wide(), variables).await;
    subscriber.batch().await;
    subscriber
}

/// Lets one come and not read until points have come to this outcome; also how many points there
/// were before. On a machine that is so slow that it would be taken for dead it proves nothing, so
/// another one comes.
async fn stall<S>(load: &mut Load<'_>, outcome: &str, mut come: impl AsyncFnMut() -> S) -> (S, usize) {
    loop {
        let joined = load.sent;
        let slow = come().await;
        let since = Instant::now();
        load.until(outcome).await;
        if since.elapsed() < STALL_MAX {
            return (slow, joined);
        }
    }
}

#[actix_web::test]
async fn a_stalled_subscriber_that_reads_on_gets_its_cursor_then_1013_and_resumes_without_loss() {
    let plan = plan().await;
    let node = plan.start().await;
    let mut load = Load::on(&plan, &node).await;
    let come = async || stalled(&node, json!({})).await;
    let (mut slow, joined) = stall(&mut load, "discarded", come).await;
    let mut lines = Vec::new();
    let mut last_was_empty = false;
    let error = loop {
        let Event::Next(mut payload) = slow.event().await else {
            panic!("it ended without a reason");
        };
        if !payload["errors"].is_null() {
            break payload["errors"][0].take();
        }
        let points = points(&payload);
        last_was_empty = points.is_empty();
        lines.extend(points);
    };
    assert!(
        last_was_empty,
        "the last batch before the end is there for its cursor"
    );
    assert_eq!(error["extensions"]["code"], "SLOW_CLIENT");
    assert_eq!(slow.event().await, Event::Closed(1013));
    assert!(lines.len() < load.sent - joined, "it was never behind");

    let mut again = Subscriber::points(&node, json!({"after": slow.cursor})).await;
    lines.extend(again.collect(load.sent - joined - lines.len()).await);
    lines.sort();
    let joined_at = after(load.base, joined);
    assert_eq!(lines, history(&node, json!({}), joined_at).await);
}

#[actix_web::test]
async fn a_stalled_event_stream_ends_with_its_cursor_and_goes_on_behind_its_last_event() {
    let plan = plan().await;
    let node = plan.start().await;
    let mut load = Load::on(&plan, &node).await;
    let selector = json!({"selector": {}});
    let come = async || {
        let mut slow = Streamed::post(&node, SSE, &wide(), selector.clone()).await;
        let cursor = slow.event().await.and_then(|event| event.id);
        (slow, cursor)
    };
    let ((mut slow, mut cursor), joined) = stall(&mut load, "discarded", come).await;
    let (mut lines, mut code) = (Vec::new(), None);
    while let Some(event) = slow.event().await {
        assert_eq!(event.name, "next", "it is not complete");
        if event.id.is_some() {
            cursor = event.id;
            lines.extend(points(&event.data));
        } else {
            let given = event.data["errors"][0]["extensions"]["code"].as_str();
            code = given.map(str::to_owned);
        }
    }
    assert_eq!(code.as_deref(), Some("SLOW_CLIENT"));

    let last = format!("last-event-id: {}\r\n", cursor.expect("a cursor"));
    let mut again = Streamed::get(&node, POINTS, selector, &last).await;
    while lines.len() < load.sent - joined {
        lines.extend(points(&json!({"data": {"points": again.batch().await}})));
    }
    lines.sort();
    assert_eq!(lines, history(&node, json!({}), after(load.base, joined)).await);
}

fn points(payload: &serde_json::Value) -> Vec<String> {
    let points = payload["data"]["points"]["points"].as_array().expect("points");
    points.iter().map(line).collect()
}

#[actix_web::test]
async fn stalled_subscribers_slow_nobody_and_grow_nothing() {
    let plan = plan().await;
    let node = plan.start().await;
    let mut load = Load::on(&plan, &node).await;
    // They subscribe and then never read again.
    let mut all = Vec::new();
    for _ in 0..20 {
        all.push(stalled(&node, json!({})).await);
    }
    let (before, sent) = (resident_mib(&node), load.sent);
    load.until("discarded").await;
    for _ in 0..60 {
        load.round().await;
    }
    let grown = resident_mib(&node).saturating_sub(before);
    // What was meant for them is gigabytes: what an allocator keeps of its own accord is little beside.
    let meant = (all.len() * (load.sent - sent) * POINT_BYTES / 1024 / 1024) as u64;
    assert!(
        grown < meant / 16,
        "{grown} MiB more than before, {meant} were meant for them"
    );

    // They never read: they are taken for dead.
    eventually("only the quick one is left", async || {
        let beat = tokio::time::timeout(Duration::from_millis(1), load.quick.event());
        let closed = matches!(beat.await, Ok(Event::Closed(_)));
        assert!(!closed, "the quick one was closed");
        (node.metric("streamsync_subscribers", "").await == 1.0).then_some(())
    })
    .await;
}

pub fn resident_mib(node: &StreamSync) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", node.pid())).expect("its status");
    let line = status.lines().find(|l| l.starts_with("VmRSS:")).expect("VmRSS");
    let kib = line
        .split_whitespace()
        .nth(1)
        .and_then(|kib| kib.parse::<u64>().ok());
    kib.expect("a number") / 1024
}

#[actix_web::test]
async fn a_stalled_subscriber_that_asked_to_be_conflated_gets_the_newest_and_a_count() {
    let plan = plan().await;
    let node = plan.start().await;
    let mut load = Load::on(&plan, &node).await;
    let come = async || stalled(&node, json!({"onOverflow": "CONFLATE"})).await;
    let (mut slow, joined) = stall(&mut load, "conflated", come).await;
    let sent = load.sent - joined;
    let (mut delivered, mut conflated, mut newest) = (0, 0, BTreeMap::new());
    while delivered + conflated < sent {
        let batch = slow.points_payload().await;
        let mut folded = 0;
        for point in batch["points"].as_array().expect("points") {
            delivered += 1;
            folded += point["folded"].as_u64().expect("a number");
            newest.insert(point["series"]["key"].to_string(), point["value"].as_f64());
        }
        assert_eq!(batch["conflated"], folded);
        conflated += folded as usize;
    }
    assert_eq!(delivered + conflated, sent);
    assert!(conflated > 0);
    let last = (load.sent - SERIES..load.sent).map(|n| Some(n as f64));
    assert_eq!(newest.into_values().collect::<Vec<_>>(), last.collect::<Vec<_>>());
    // Having caught up it gets every point again.
    load.round().await;
    assert_eq!(slow.collect(ROUND).await.len(), ROUND);
}

#[actix_web::test]
async fn beyond_the_bound_over_all_outboxes_who_holds_most_is_closed_with_its_cursor() {
    let settings = "[pipeline]\noutbox_kib = 262144\noutboxes_mib = 1";
    let plan = StreamSync::plan().await.partitions(4).settings(settings);
    let node = plan.start().await;
    let mut load = Load::on(&plan, &node).await;
    let come = async || stalled(&node, json!({})).await;
    // By itself it might have 256 MiB waiting.
    let (mut slow, _) = stall(&mut load, "discarded", come).await;
    let code = loop {
        match slow.event().await {
            Event::Next(payload) if payload["errors"].is_null() => {}
            Event::Next(payload) => break payload["errors"][0]["extensions"]["code"].clone(),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(code, "SLOW_CLIENT");
    assert_eq!(slow.event().await, Event::Closed(1013));
    assert!(slow.cursor.is_some());
    // The one that keeps up noticed nothing.
    load.round().await;
}

/// What `/metrics` says became of the points.
#[derive(Debug, Default)]
struct Account {
    matched: f64,
    sent: f64,
    conflated: f64,
    discarded: f64,
    pending: f64,
}

impl Account {
    /// All numbers are of one scrape.
    async fn of(node: &StreamSync) -> Self {
        let (_, text) = node.get("/metrics").await;
        let number = |name: &str| {
            let line = text.lines().find_map(|line| line.strip_prefix(name));
            line.and_then(|rest| rest.trim().parse().ok())
                .unwrap_or_else(|| panic!("no {name} in\n{text}"))
        };
        let outcome = |outcome: &str| {
            number(&format!(
                "streamsync_delivered_points_total{{outcome=\"{outcome}\"}}"
            ))
        };
        let account = Self {
            matched: number("streamsync_matched_points_total"),
            sent: outcome("sent"),
            conflated: outcome("conflated"),
            discarded: outcome("discarded"),
            pending: number("streamsync_pending_points"),
        };
        let Self {
            matched,
            sent,
            conflated,
            discarded,
            pending,
        } = account;
        assert_eq!(matched, sent + conflated + discarded + pending, "{account:?}");
        account
    }
}

#[actix_web::test]
async fn at_every_instant_each_matched_point_is_sent_conflated_discarded_or_pending() {
    let plan = plan().await;
    let node = plan.start().await;
    let mut load = Load::on(&plan, &node).await;
    let closed = stalled(&node, json!({})).await;
    let conflated = stalled(&node, json!({"onOverflow": "CONFLATE"})).await;
    let mut every = Subscriber::points(&node, json!({"every": "20ms", "fold": "MEAN"})).await;
    every.batch().await;
    let reads = actix_web::rt::spawn(async move { while every.event().await != Event::Complete {} });

    let done = Cell::new(false);
    let sending = async {
        load.until("discarded").await;
        for _ in 0..5 {
            load.round().await;
        }
        done.set(true);
    };
    let scraping = async {
        let (mut scrapes, mut waited, mut before) = (0, 0, Account::default());
        while !done.get() {
            let now = Account::of(&node).await;
            assert!(
                now.matched >= before.matched && now.sent >= before.sent,
                "{before:?} {now:?}"
            );
            assert!(now.conflated >= before.conflated, "{before:?} {now:?}");
            assert!(now.discarded >= before.discarded, "{before:?} {now:?}");
            waited += usize::from(now.pending > 0.0);
            scrapes += 1;
            before = now;
        }
        (scrapes, waited)
    };
    let ((), (scrapes, waited)) = futures_util::future::join(sending, scraping).await;
    assert!(
        scrapes >= 10 && waited > 0,
        "{scrapes} scrapes, {waited} with points waiting"
    );

    let sent = load.sent as f64;
    let account = Account::of(&node).await;
    // Three had every point matched, the fourth as long as it was there.
    assert!(
        account.matched >= 3.0 * sent && account.matched <= 4.0 * sent,
        "{account:?} of {sent}"
    );
    reads.abort();
    drop((load, closed, conflated));
    eventually("nobody is subscribed", async || {
        Account::of(&node).await;
        (node.metric("streamsync_subscribers", "").await == 0.0).then_some(())
    })
    .await;
    let end = Account::of(&node).await;
    assert_eq!((end.matched, end.pending), (account.matched, 0.0));
    assert!(
        end.sent > 0.0 && end.conflated > 0.0 && end.discarded > 0.0,
        "{end:?}"
    );
    node.stop().await;
}
