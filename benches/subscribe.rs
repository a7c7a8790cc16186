//! `cargo bench --bench subscribe`: what a new selector costs the thread that delivers, among 100,000
//! series. Asked: less than 1 ms where it names a metric or an equal label, and never long enough to
//! hold up a batch.

#![allow(clippy::expect_used, reason = "a benchmark that fails says why")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use streamsync::data::stored::Range;
use streamsync::data::{
    LabelMatcher, MatchOp, Micros, Scoped, Selector, Series, SeriesId, Stored, StoredPoint, StoredSeries,
    Viewer,
};
use streamsync::live::index::{Index, Limits, Opened};
use streamsync::live::{Page, Sequence};

const SERIES: SeriesId = 100_000;
const ROUNDS: i32 = 200;
const MOST: Duration = Duration::from_millis(1);

fn main() {
    let mut index = Index::new(Limits::default());
    publish(&mut index);
    println!("a new selector among {SERIES} series, what it holds up the hub at once (ms):");
    // A value that nobody has makes each selector a new one.
    let equal = |name: &str, value: String| matcher(name, MatchOp::Equal, value);
    let other = |n: i32| matcher("device", MatchOp::NotEqual, format!("x{n}"));
    let kinds: [(&str, &dyn Fn(i32) -> Scoped); 5] = [
        ("a label of one series", &|n| {
            select(None, vec![equal("device", n.to_string())])
        }),
        ("a metric of 1,000 series", &|n| {
            select(Some(format!("metric_{}", n % 100)), vec![other(n)])
        }),
        ("a label of 10,000 series", &|n| {
            select(None, vec![equal("site", (n % 10).to_string()), other(n)])
        }),
        ("a metric and an expression", &|n| {
            let expression = matcher("device", MatchOp::Matches, format!(".*{n}"));
            select(Some("metric_7".to_owned()), vec![expression])
        }),
        ("nothing but an expression (not asked)", &|n| {
            select(None, vec![matcher("device", MatchOp::Matches, format!(".*{n}"))])
        }),
    ];
    let mut slow = Vec::new();
    for (kind, question) in kinds {
        let mut held: Vec<Duration> = Vec::new();
        for n in 0..ROUNDS {
            let question = question(n);
            held.push(subscribe(&mut index, &question));
        }
        held.sort_unstable();
        let at = |share: f64| held[((held.len() - 1) as f64 * share) as usize].as_secs_f64() * 1e3;
        println!(
            "  {kind:<40} p50 {:.3}  p99 {:.3}  max {:.3}",
            at(0.5),
            at(0.99),
            at(1.0)
        );
        if !kind.ends_with("(not asked)") && held[held.len() / 2] >= MOST {
            slow.push(kind);
        }
    }
    assert!(slow.is_empty(), "1 ms or more: {slow:?}");
}

/// The longest that it keeps the thread of the hub, which takes batches between two slices.
fn subscribe(index: &mut Index, question: &Scoped) -> Duration {
    let begun = Instant::now();
    let opened = index.open(question, None).expect("room for one more");
    let mut longest = begun.elapsed();
    loop {
        let begun = Instant::now();
        let Some(slice) = index.next_slice() else {
            break;
        };
        longest = longest.max(begun.elapsed());
        // On another thread.
        let slice = slice.judge();
        let begun = Instant::now();
        index.judged(&slice);
        longest = longest.max(begun.elapsed());
    }
    let (Opened::Ready(group) | Opened::Unjudged(group)) = opened;
    index.abandon(group, None);
    longest
}

/// One point of each series.
fn publish(index: &mut Index) {
    let mut sequence = Sequence::default();
    let series = (0..SERIES).map(|id| {
        let labels = [("site", id % 10), ("host", id / 10), ("device", id)];
        let labels = labels.map(|(name, value)| (name, value.to_string()));
        StoredSeries {
            id,
            series: Arc::new(Series::new(format!("metric_{}", id % 100), labels)),
        }
    });
    let stored = Stored {
        ranges: vec![Range {
            partition_id: 1,
            from: 0,
            to: 1,
        }],
        points: vec![StoredPoint {
            series: 0,
            ts: Micros(0),
            value: 0.0,
            partition_id: 1,
            offset: 0,
        }],
        series: series.collect(),
    };
    let accepted = sequence.accept(&stored.ranges);
    index.deliver(&Page::new(Arc::new(stored)), &accepted, 0);
}

fn matcher(name: &str, op: MatchOp, value: String) -> LabelMatcher {
    LabelMatcher::new(name.to_owned(), op, value).expect("a usable expression")
}

fn select(metric: Option<String>, labels: Vec<LabelMatcher>) -> Scoped {
    Viewer::everyone().select(Selector::new(metric, labels))
}
