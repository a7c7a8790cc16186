//! The outbox's promise: every matched point is counted once, and the bounds hold.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use prometheus_client::metrics::counter::Counter;
use proptest::prelude::*;

use super::queue::Queue;
use super::*;
use crate::data::stored::Range;
use crate::data::{Micros, Series, Stored, StoredPoint, StoredSeries};
use crate::live::{BatchField, Fold, Page, PointField, Selected, SeriesField, Shapes};

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
        selected: Selected::all(Page::new(Arc::new(stored))),
        ranges: Arc::new([Range {
            partition_id: 1,
            from,
            to: from + 1,
        }]),
        cursor: Arc::default(),
    }
}

#[derive(Clone, Debug)]
enum Step {
    Push(Vec<i32>),
    Take(bool),
    Policy(bool),
    End,
    Discard,
    GiveWay,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => prop::collection::vec(0..20i32, 1..12).prop_map(Step::Push),
        4 => any::<bool>().prop_map(Step::Take),
        1 => any::<bool>().prop_map(Step::Policy),
        1 => Just(Step::End),
        1 => Just(Step::Discard),
        1 => Just(Step::GiveWay),
    ]
}

proptest! {
    #[test]
    fn sent_and_conflated_and_discarded_and_pending_are_all_that_matched(
        steps in prop::collection::vec(step(), 1..80),
        limit in 200usize..4_000,
        every in any::<bool>(),
        fold in prop_oneof![Just(Fold::Newest), Just(Fold::Mean)],
    ) {
        let every = every.then_some(Duration::from_millis(5));
        let mut queue = Queue::new(Options { limit, overflow: Overflow::Close, every, fold });
        let (mut sent, mut conflated) = (0, 0);
        for (at, step) in (0..).zip(steps) {
            match step {
                Step::Push(series) => { queue.push(delivery(&series, at)); }
                Step::GiveWay => {
                    let left = queue.give_way();
                    prop_assert_eq!(left, queue.holding().own);
                }
                Step::Take(early) => if let Some(Ok(taken)) = queue.take(early) {
                    sent += taken.selected.len() as u64;
                    let folded = &taken.selected.folded;
                    prop_assert_eq!(folded.iter().sum::<u64>(), taken.selected.conflated);
                    prop_assert!(folded.is_empty() || folded.len() == taken.selected.len());
                    conflated += taken.selected.conflated;
                },
                Step::Policy(true) => { queue.go_live(Overflow::Conflate, Positions::new()); }
                Step::Policy(false) => { queue.go_live(Overflow::Close, Positions::new()); }
                Step::End => queue.end(End::Gap),
                Step::Discard => queue.discard(),
            }
            let counts = queue.counts();
            let all = counts.sent + counts.conflated + counts.discarded + counts.pending;
            prop_assert_eq!(counts.matched, all);
            prop_assert_eq!(counts.sent, sent);
            prop_assert!(conflated <= counts.conflated);
            let (own, shared) = queue.bytes();
            // Beside the newest batch; what is folded grows by doubling.
            prop_assert!(own <= 2 * limit + 2_000 && shared <= limit + 6_000, "{own} {shared}");
        }
    }
}

#[tokio::test]
async fn a_full_outbox_that_conflates_gives_the_newest_of_each_series_and_counts_the_rest() {
    let options = Options {
        limit: 2_000,
        ..Options::default()
    };
    let (sender, mut receiver) = outbox(options, &Delivered::default());
    assert!(receiver.go_live(Overflow::Conflate, Positions::new()));
    for at in 0..50 {
        sender.push(delivery(&[1, 2], at));
    }
    let got = receiver.next().await.unwrap();
    assert_eq!(got.selected.len(), 2);
    assert!(got.selected.points().all(|p| p.ts == Micros(49)));
    assert_eq!(got.selected.conflated, 98);
    assert_eq!(got.ranges[0].to, 50);
    sender.push(delivery(&[1], 50));
    assert_eq!(receiver.next().await.unwrap().selected.conflated, 0);
}

#[tokio::test]
async fn a_full_outbox_that_closes_ends_at_once_and_counts_what_it_dropped() {
    let options = Options {
        limit: 2_000,
        ..Options::default()
    };
    let (sender, mut receiver) = outbox(options, &Delivered::default());
    for at in 0..50 {
        sender.push(delivery(&[1, 2], at));
    }
    assert_eq!(receiver.next().await.unwrap_err(), End::Overflow);
    let counts = receiver.counts();
    assert_eq!(counts.discarded, counts.matched);
}

#[tokio::test]
async fn a_batch_larger_than_the_outbox_reaches_a_subscriber_that_keeps_up() {
    for every in [None, Some(Duration::from_millis(1))] {
        let options = Options {
            limit: 2_000,
            every,
            ..Options::default()
        };
        let (sender, mut receiver) = outbox(options, &Delivered::default());
        receiver.go_live(Overflow::Close, Positions::new());
        let all: Vec<i32> = (0..300).collect();
        for at in 0..10 {
            let whole = delivery(&all, at);
            for part in 0..3u32 {
                let points = (part * 100..(part + 1) * 100).collect();
                let selected = Selected::new(Arc::clone(&whole.selected.page), points);
                sender.push(Delivery {
                    selected,
                    ..whole.clone()
                });
            }
            let mut taken = 0;
            while taken < 300 {
                taken += receiver.next().await.unwrap().selected.len();
            }
        }
        sender.push(delivery(&all, 10));
        sender.push(delivery(&all, 11));
        assert_eq!(receiver.next().await.unwrap_err(), End::Overflow);
    }
}

#[tokio::test]
async fn pending_points_come_before_the_end() {
    let (sender, mut receiver) = outbox(Options::default(), &Delivered::default());
    sender.push(delivery(&[1], 0));
    sender.end(End::GoingAway);
    assert!(receiver.next().await.is_ok());
    assert_eq!(receiver.next().await.unwrap_err(), End::GoingAway);
}

#[tokio::test]
async fn who_comes_from_a_node_that_was_ahead_gets_only_what_it_has_not_seen() {
    for every in [None, Some(Duration::from_millis(10))] {
        let options = Options {
            every,
            ..Options::default()
        };
        let (sender, mut receiver) = outbox(options, &Delivered::default());
        for at in 0..4 {
            sender.push(delivery(&[1], at));
        }
        assert!(receiver.go_live(Overflow::Close, Positions::from([(1, 6)])));
        for at in 4..8 {
            sender.push(delivery(&[1], at));
        }
        let mut times = Vec::new();
        let mut conflated = 0;
        while times.len() as u64 + conflated < 2 {
            let got = receiver.next().await.unwrap();
            times.extend(got.selected.points().map(|point| point.ts.0));
            conflated += got.selected.conflated;
        }
        assert_eq!(times.last(), Some(&7));
        assert!(times.iter().all(|ts| *ts >= 6));
        let counts = receiver.counts();
        assert_eq!((counts.matched, counts.sent + counts.conflated), (8, 8));
    }
}

/// Counts how often it is woken.
#[derive(Default)]
struct Alarm(AtomicUsize);

impl Wake for Alarm {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[tokio::test]
async fn only_a_receiver_that_waits_is_woken_and_an_early_one_only_for_what_is_due() {
    let alarm = Arc::new(Alarm::default());
    let waker = Waker::from(Arc::clone(&alarm));
    let mut cx = Context::from_waker(&waker);
    let woken = || alarm.0.load(Ordering::Relaxed);

    let (sender, mut receiver) = outbox(Options::default(), &Delivered::default());
    assert!(receiver.poll_next(&mut cx).is_pending());
    sender.push(delivery(&[1], 0));
    sender.push(delivery(&[1], 1));
    assert_eq!(woken(), 1);
    assert!(receiver.poll_next(&mut cx).is_ready());
    sender.push(delivery(&[1], 2));
    assert_eq!(woken(), 1);

    let every = Some(Duration::from_secs(3_600));
    let options = Options {
        every,
        ..Options::default()
    };
    let (sender, mut receiver) = outbox(options, &Delivered::default());
    receiver.go_live(Overflow::Close, Positions::new());
    sender.push(delivery(&[1], 0));
    assert!(receiver.poll_next(&mut cx).is_ready());
    assert!(receiver.poll_next(&mut cx).is_pending());
    sender.push(delivery(&[1], 1));
    assert_eq!(woken(), 1);
    sender.end(End::GoingAway);
    assert_eq!(woken(), 2);
    assert!(matches!(receiver.poll_next(&mut cx), Poll::Ready(Ok(_))));
    assert!(matches!(
        receiver.poll_next(&mut cx),
        Poll::Ready(Err(End::GoingAway))
    ));
}

#[test]
fn the_sums_hold_at_every_instant_whoever_comes_and_goes() {
    let delivered = Delivered::default();
    let options = Options {
        limit: 3_000,
        ..Options::default()
    };
    let done = AtomicBool::new(false);
    std::thread::scope(|threads| {
        let running: Vec<_> = (0..3)
            .map(|nth| {
                let delivered = &delivered;
                threads.spawn(move || {
                    for round in 0..200 {
                        let (sender, mut receiver) = outbox(options, delivered);
                        let overflow = if nth == 0 {
                            Overflow::Close
                        } else {
                            Overflow::Conflate
                        };
                        receiver.go_live(overflow, Positions::new());
                        for at in 0..20 {
                            sender.push(delivery(&[1, 2, 3], at));
                            if round % 3 == 0 {
                                let mut cx = Context::from_waker(Waker::noop());
                                let _ = receiver.poll_next(&mut cx);
                            }
                        }
                    }
                })
            })
            .collect();
        let scraper = threads.spawn(|| {
            let mut before = Counts::default();
            while !done.load(Ordering::Relaxed) {
                let now = delivered.counts();
                assert_eq!(
                    now.matched,
                    now.sent + now.conflated + now.discarded + now.pending
                );
                assert!(now.matched >= before.matched && now.sent >= before.sent);
                assert!(now.conflated >= before.conflated && now.discarded >= before.discarded);
                before = now;
            }
        });
        for thread in running {
            thread.join().unwrap();
        }
        done.store(true, Ordering::Relaxed);
        scraper.join().unwrap();
    });
    let all = delivered.counts();
    assert!(all.sent > 0 && all.conflated > 0 && all.discarded > 0);
    assert_eq!(
        (all.sent + all.conflated + all.discarded, 0),
        (all.matched, all.pending)
    );
}

#[tokio::test]
async fn texts_that_a_lagging_subscriber_would_keep_alive_are_bounded_as_well() {
    let options = Options {
        limit: 20_000,
        ..Options::default()
    };
    let shapes = Shapes::new(Counter::default());
    let key = vec![("key".to_owned(), SeriesField::Key)];
    let wide = (0..500).map(|n| (format!("s{n}"), PointField::Series(key.clone())));
    let points = vec![("points".to_owned(), BatchField::Points(wide.collect()))];
    let shape = shapes.shape("", points, "");
    let (sender, mut receiver) = outbox(options, &Delivered::default());
    let mut selections = Vec::new();
    for at in 0..20 {
        let delivery = delivery(&[1], at);
        selections.push(Arc::downgrade(&delivery.selected));
        sender.push(delivery.clone());
        // Somebody quick has it written.
        assert!(shape.write("c", false, &delivery.selected).len() > 5_000);
    }
    let alive = selections
        .iter()
        .filter(|selected| selected.strong_count() > 0)
        .count();
    assert!(alive < 5, "{alive} texts are kept");
    for at in 0..20 {
        let got = receiver.next().await.unwrap();
        assert_eq!(
            got.selected.points().next().map(|point| point.ts),
            Some(Micros(at))
        );
    }
}

#[test]
fn an_outbox_is_as_full_as_its_bytes_and_full_while_it_conflates_what_overflowed() {
    let limit = 4_096;
    let mut queue = Queue::new(Options {
        limit,
        overflow: Overflow::Conflate,
        ..Options::default()
    });
    queue.go_live(Overflow::Conflate, Positions::new());
    assert_eq!(queue.fill(), 0.0);
    queue.push(delivery(&[1, 2, 3], 0));
    let (own, shared) = queue.bytes();
    assert_eq!(queue.fill(), own.max(shared) as f64 / limit as f64);
    for from in 1..100 {
        queue.push(delivery(&[1, 2, 3], from));
    }
    assert_eq!(queue.fill(), 1.0);
    while queue.take(false).is_some() {}
    assert_eq!(queue.fill(), 0.0);
}
