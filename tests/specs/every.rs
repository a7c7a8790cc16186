//! `every` and `fold`: what stands for the points of an interval is exactly what is documented,
//! live as well as from history, and says for how many it stands.
//!
//! Where an interval ends depends on the clock, so nothing here rests on it: whatever it brings, a
//! folded point stands for the next `folded + 1` points that another subscriber got one by one.

use std::collections::{BTreeMap, HashMap};

use serde_json::{Value, json};

use crate::live::after;
use crate::support::kafka::{Record, point};
use crate::support::live::{Event, Subscriber};
use crate::support::{StreamSync, seconds_ago};

const FOLDS: [&str; 4] = ["NEWEST", "MIN", "MAX", "MEAN"];

/// A time and a value.
type Point = (String, f64);

/// The points of each series, as they came one by one.
type BySeries = HashMap<String, Vec<Point>>;

fn parts(point: &Value) -> (String, Point) {
    let text = |name: &Value| name.as_str().expect("a text").to_owned();
    let value = point["value"].as_f64().expect("a number");
    (text(&point["series"]["key"]), (text(&point["ts"]), value))
}

/// What stands for these points: the definition.
fn stands_for(fold: &str, points: &[Point]) -> Point {
    // The last value of each time, in the order of times.
    let last: BTreeMap<_, _> = points.iter().cloned().collect();
    let newest = last.last_key_value().expect("a point");
    let newest = (newest.0.clone(), *newest.1);
    let by_value = |sign: f64| {
        let (ts, value) = last
            .iter()
            .max_by(|a, b| (sign * a.1).total_cmp(&(sign * b.1)).then(a.0.cmp(b.0)))
            .expect("a point");
        (ts.clone(), *value)
    };
    match fold {
        "NEWEST" => newest,
        "MIN" => by_value(-1.0),
        "MAX" => by_value(1.0),
        _ => (newest.0, last.values().sum::<f64>() / last.len() as f64),
    }
}

/// A subscriber with `every`, and how far it has come in each series.
struct Folded {
    fold: String,
    subscriber: Subscriber,
    /// No point may stand for points of several minutes.
    by_minutes: bool,
    told: HashMap<String, usize>,
    conflated: u64,
    corrected: bool,
}

impl Folded {
    async fn of(node: &StreamSync, variables: Value) -> Self {
        let fold = variables["fold"].as_str().expect("a fold").to_owned();
        let mut subscriber = Subscriber::points(node, variables).await;
        subscriber.batch().await;
        Self {
            fold,
            subscriber,
            by_minutes: false,
            told: HashMap::new(),
            conflated: 0,
            corrected: false,
        }
    }

    /// Reads batches until they have told of all these points.
    async fn tells(&mut self, all: &BySeries) {
        while all
            .iter()
            .any(|(key, points)| self.told.get(key).unwrap_or(&0) < &points.len())
        {
            let batch = self.subscriber.points_payload().await;
            let mut folded = 0;
            for point in batch["points"].as_array().expect("points") {
                let (key, told) = parts(point);
                let others = point["folded"].as_u64().expect("a number");
                let from = self.told.entry(key.clone()).or_insert(0);
                let to = *from + 1 + others as usize;
                let stretch = &all[&key][*from..to];
                let wanted = stands_for(&self.fold, stretch);
                // The last digit of a mean: serde_json reads numbers almost exactly.
                let same = told.0 == wanted.0 && (told.1 - wanted.1).abs() < 1e-9;
                assert!(same, "{told:?} is not the {} of {stretch:?}", self.fold);
                let mut times: Vec<_> = stretch.iter().map(|(ts, _)| ts).collect();
                times.sort_unstable();
                // A time up to its minutes is 16 characters.
                assert!(
                    !self.by_minutes || times[0][..16] == times[times.len() - 1][..16],
                    "{stretch:?}"
                );
                self.corrected |= times.windows(2).any(|pair| pair[0] == pair[1]);
                *from = to;
                folded += others;
            }
            assert_eq!(batch["conflated"], folded);
            self.conflated += folded;
        }
    }
}

/// Sends, and adds what the subscriber that gets each point got of it.
async fn send(
    plan: &crate::support::streamsync::Plan,
    records: &[Record],
    each: &mut Subscriber,
    all: &mut BySeries,
) {
    plan.send(records).await;
    let mut left = records.len();
    while left > 0 {
        let batch = each.points_payload().await;
        for point in batch["points"].as_array().expect("points") {
            assert_eq!(point["folded"], 0);
            let (key, point) = parts(point);
            all.entry(key).or_default().push(point);
            left -= 1;
        }
    }
}

#[actix_web::test]
async fn each_fold_is_exactly_what_it_says_and_says_for_how_many_points_it_stands() {
    let plan = StreamSync::plan().await.partitions(3);
    let node = plan.start().await;
    let mut each = Subscriber::points(&node, json!({})).await;
    each.batch().await;
    let mut folded = Vec::new();
    for fold in FOLDS {
        folded.push(Folded::of(&node, json!({"every": "300ms", "fold": fold})).await);
    }
    let base = seconds_ago(10_000);
    let mut all = BySeries::new();
    for round in 0..10 {
        // Up and down, so that none of the four is the same as another.
        let record = |n: usize| point(&format!("m{}", n % 3), after(base, n / 3), (n * 7 % 31) as f64);
        let records: Vec<_> = (round * 60..(round + 1) * 60).map(record).collect();
        send(&plan, &records, &mut each, &mut all).await;
    }
    for one in &mut folded {
        one.tells(&all).await;
        assert!(one.conflated > 0, "nothing was folded to {}", one.fold);
    }
}

#[actix_web::test]
async fn a_value_that_was_corrected_within_its_interval_counts_no_more() {
    let plan = StreamSync::plan().await;
    let node = plan.start().await;
    let mut each = Subscriber::points(&node, json!({})).await;
    each.batch().await;
    let mut folded = Vec::new();
    for fold in FOLDS {
        folded.push(Folded::of(&node, json!({"every": "1s", "fold": fold})).await);
    }
    let base = seconds_ago(10_000);
    let mut all = BySeries::new();
    // Each correction is a commit of its own, or only the last value would have been stored.
    for round in 0..100 {
        for value in [-1_000.0, 1_000.0, 3.0, 5.0] {
            let records = [
                point("m", after(base, round), value),
                point("m", after(base, 1_000 + round), value),
            ];
            send(&plan, &records, &mut each, &mut all).await;
        }
        for one in &mut folded {
            one.tells(&all).await;
        }
        if folded.iter().all(|one| one.corrected) {
            return;
        }
    }
    panic!("no correction came within an interval");
}

#[actix_web::test]
async fn history_on_the_way_to_live_is_folded_by_its_own_times() {
    let plan = StreamSync::plan().await;
    let node = plan.start().await;
    let mut first = Subscriber::points(&node, json!({})).await;
    first.batch().await;
    let start = first.cursor.clone();
    // 240 s from a round minute on: four stretches of a minute.
    let base = seconds_ago(10_000);
    let base = streamsync::data::Micros(base.0 / 60_000_000 * 60_000_000);
    let mut all = BySeries::new();
    let records: Vec<_> = (0..240)
        .map(|n| point("m", after(base, n), (n * 7 % 31) as f64))
        .collect();
    send(&plan, &records, &mut first, &mut all).await;
    for fold in FOLDS {
        for (name, from) in [("after", json!(start)), ("backfill", json!("3h"))] {
            let mut one = Folded::of(&node, json!({"every": "1m", "fold": fold, name: from})).await;
            one.by_minutes = true;
            one.tells(&all).await;
            assert!(one.conflated > 0, "nothing was folded to {fold} {name}");
        }
    }
}

#[actix_web::test]
async fn an_interval_that_is_too_short_or_too_long_is_refused() {
    let node = StreamSync::plan().await.start().await;
    for every in ["9ms", "1h 1ms"] {
        let mut subscriber = Subscriber::points(&node, json!({"every": every})).await;
        assert_eq!(subscriber.refusal().await.0, "BAD_USER_INPUT", "{every}");
    }
    for every in ["10ms", "1h"] {
        let mut subscriber = Subscriber::points(&node, json!({"every": every})).await;
        assert!(matches!(subscriber.event().await, Event::Next(_)));
    }
}
