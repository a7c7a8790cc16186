//! The outbox's promise: every matched point is counted once, and the bounds hold.

use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;

use super::queue::Queue;
use super::*;
use crate::data::{Micros, Series, Stored, StoredPoint, StoredSeries};
use crate::live::Page;

fn delivery(series: &[i32], from: i64) -> Delivery {
    let points = (0..)
        .zip(series)
        .map(|(at, _)| StoredPoint {
            series: at,
            ts: Micros(from),
            value: 1.0,
            partition_id: 1,
            offset: from,
        })
        .collect();
    let series = series.iter().map(|id| StoredSeries {
        id: *id,
        series: Arc::new(Series::new("m", [("id", id.to_string())])),
    });
    let stored = Stored {
        ranges: Vec::new(),
        series: series.collect(),
        points,
    };
    Delivery {
        pick: Pick::all(Page::new(Arc::new(stored))),
        ranges: Arc::new([Range {
            partition_id: 1,
            from,
            to: from + 1,
        }]),
        mark: Arc::default(),
        conflated: 0,
        folded: None,
    }
}

#[derive(Clone, Debug)]
enum Step {
    Push(Vec<i32>),
    Take(bool),
    Policy(bool),
    End,
    Discard,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => prop::collection::vec(0..20i32, 1..12).prop_map(Step::Push),
        4 => any::<bool>().prop_map(Step::Take),
        1 => any::<bool>().prop_map(Step::Policy),
        1 => Just(Step::End),
        1 => Just(Step::Discard),
    ]
}

proptest! {
    #[test]
    fn sent_and_conflated_and_discarded_and_pending_are_all_that_matched(
        steps in prop::collection::vec(step(), 1..80),
        limit in 200usize..4_000,
        every in any::<bool>(),
    ) {
        let every = every.then_some(Duration::from_millis(5));
        let mut queue = Queue::new(Options { limit, overflow: Overflow::Close, every });
        let (mut sent, mut conflated) = (0, 0);
        for (at, step) in (0..).zip(steps) {
            match step {
                Step::Push(series) => queue.push(delivery(&series, at)),
                Step::Take(early) => if let Some(Ok(taken)) = queue.take(early) {
                    sent += taken.pick.len() as u64;
                    conflated += taken.conflated;
                },
                Step::Policy(true) => { queue.go_live(Overflow::Conflate); }
                Step::Policy(false) => { queue.go_live(Overflow::Close); }
                Step::End => queue.end(End::Gap),
                Step::Discard => queue.discard(),
            }
            let counts = queue.counts();
            let all = counts.sent + counts.conflated + counts.discarded + counts.pending;
            prop_assert_eq!(counts.matched, all);
            prop_assert_eq!(counts.sent, sent);
            prop_assert!(conflated <= counts.conflated);
            let (own, shared) = queue.bytes();
            prop_assert!(own <= limit && shared <= limit);
        }
    }
}

#[tokio::test]
async fn a_full_outbox_that_conflates_gives_the_newest_of_each_series_and_counts_the_rest() {
    let options = Options {
        limit: 600,
        ..Options::default()
    };
    let (sender, mut receiver) = outbox(options, Delivered::default());
    assert!(receiver.go_live(Overflow::Conflate));
    for at in 0..50 {
        sender.push(delivery(&[1, 2], at));
    }
    let got = receiver.next().await.unwrap();
    assert_eq!(got.pick.len(), 2);
    assert!(got.pick.points().all(|p| p.ts == Micros(49)));
    assert_eq!(got.conflated, 98);
    assert_eq!(got.ranges[0].to, 50);
    sender.push(delivery(&[1], 50));
    assert_eq!(receiver.next().await.unwrap().conflated, 0);
}

#[tokio::test]
async fn a_full_outbox_that_closes_ends_at_once_and_counts_what_it_dropped() {
    let options = Options {
        limit: 600,
        ..Options::default()
    };
    let (sender, mut receiver) = outbox(options, Delivered::default());
    for at in 0..50 {
        sender.push(delivery(&[1, 2], at));
    }
    assert_eq!(receiver.next().await.unwrap_err(), End::Overflow);
    let counts = receiver.counts();
    assert_eq!(counts.discarded, counts.matched);
}

#[tokio::test]
async fn pending_points_come_before_the_end() {
    let (sender, mut receiver) = outbox(Options::default(), Delivered::default());
    sender.push(delivery(&[1], 0));
    sender.end(End::GoingAway);
    assert!(receiver.next().await.is_ok());
    assert_eq!(receiver.next().await.unwrap_err(), End::GoingAway);
}
