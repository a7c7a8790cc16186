//! Who is served by the next page, without a Postgres: pages are as long as the test says.

use std::collections::BTreeMap;

use proptest::prelude::*;
use tokio::sync::oneshot;

use super::*;
use crate::data::{ClientKey, Series, Stored};

type Answer = oneshot::Receiver<Result<Arc<CatchUpPage>, FeedError>>;

fn range(from: i64, to: i64) -> Range {
    Range {
        partition_id: 1,
        from,
        to,
    }
}

fn question(missing: Range, series: &[SeriesId]) -> (Question, Answer) {
    let name = |id: &SeriesId| (*id, Arc::new(Series::new("m", [("id", id.to_string())])));
    let names: Names = series.iter().map(name).collect();
    let (reply, answer) = oneshot::channel();
    let question = Question {
        key: missing,
        names: Some(Arc::new(names)),
        client: ClientKey::UNKNOWN,
        reply,
    };
    (question, answer)
}

/// A full page of `plan`, as far as `length` reaches.
fn page(plan: Plan, length: i64) -> Arc<CatchUpPage> {
    let Range { from, to, .. } = plan.range;
    Arc::new(CatchUpPage {
        page: Page::new(Arc::new(Stored::default())),
        range: range(from, to.min(from + length)),
        horizon: Arc::default(),
        only: plan.only,
        read: Instant::now(),
    })
}

#[tokio::test]
async fn those_who_wait_nearby_share_a_page_and_the_series_of_all() {
    let mut waiting = Waiting::default();
    let (first, mut a) = question(range(50, 200), &[1]);
    let (before, mut b) = question(range(40, 100), &[2]);
    let (far, mut c) = question(range(REACH * 3, REACH * 4), &[3]);
    for question in [first, before, far] {
        waiting.add(question);
    }
    let plan = waiting.plan().unwrap();
    assert_eq!(plan.range, range(40, 200));
    assert_eq!(plan.only, Only::These(HashSet::from([1, 2])));
    waiting.settle(&page(plan, 100));
    assert!(a.try_recv().is_ok() && b.try_recv().is_ok());
    assert!(c.try_recv().is_err(), "the third waits for its own");
    // Whoever comes a little later finds the page; for another series it is read anew.
    let (late, mut d) = question(range(90, 100), &[1, 2]);
    let (other, mut e) = question(range(90, 100), &[9]);
    waiting.add(late);
    waiting.add(other);
    assert!(d.try_recv().is_ok());
    assert!(e.try_recv().is_err());
}

#[tokio::test]
async fn a_read_that_fails_fails_those_it_was_for_and_who_left_is_not_read_for() {
    let mut waiting = Waiting::default();
    let (gone, answer) = question(range(0, 10), &[1]);
    waiting.add(gone);
    drop(answer);
    assert_eq!(waiting.plan(), None);
    let (one, mut a) = question(range(0, 10), &[1]);
    let (two, mut b) = question(range(REACH * 2, REACH * 3), &[1]);
    waiting.add(one);
    waiting.add(two);
    assert_eq!(waiting.plan().unwrap().range, range(0, 10));
    waiting.fail(&FeedError::PostgresAway, false);
    assert_eq!(a.try_recv().unwrap().unwrap_err(), FeedError::PostgresAway);
    assert!(b.try_recv().is_err(), "another read may well succeed");
    waiting.fail(&FeedError::PostgresAway, true);
    assert_eq!(b.try_recv().unwrap().unwrap_err(), FeedError::PostgresAway);
}

proptest! {
    /// Riders with positions, aims and series of their own, over pages of any length: everyone
    /// reaches its aim by pages that continue each other, and nobody is passed over twice.
    #[test]
    fn everyone_arrives_and_whoever_waits_longest_is_served_by_the_second_page(
        riders in prop::collection::vec((0i64..5_000, 1i64..3_000, 0i32..5), 1..40),
        lengths in prop::collection::vec(1i64..2_000, 1..10),
    ) {
        tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
            let mut waiting = Waiting::default();
            let mut lengths = lengths.into_iter().cycle();
            let mut at: BTreeMap<usize, (i64, Answer)> = BTreeMap::new();
            let ask = |waiting: &mut Waiting, rider: usize, from: i64| {
                let (start, length, series) = riders[rider];
                let (question, answer) = question(range(from, start + length), &[series]);
                waiting.add(question);
                (from, answer)
            };
            for (rider, (start, ..)) in riders.iter().enumerate() {
                at.insert(rider, ask(&mut waiting, rider, *start));
            }
            while !at.is_empty() {
                if let Some(plan) = waiting.plan() {
                    let head = waiting.riders.front().unwrap().question.key;
                    waiting.settle(&page(plan, lengths.next().unwrap()));
                    let still = waiting.riders.front().map(|rider| rider.question.key);
                    if still == Some(head) {
                        let again = waiting.plan().unwrap();
                        prop_assert_eq!(again.range.from, head.from);
                        waiting.settle(&page(again, 1));
                    }
                }
                let answered: Vec<_> = at
                    .iter_mut()
                    .filter_map(|(rider, (from, answer))| {
                        Some((*rider, *from, answer.try_recv().ok()?.unwrap()))
                    })
                    .collect();
                for (rider, from, page) in answered {
                    let (start, length, series) = riders[rider];
                    prop_assert!((page.range.from..page.range.to).contains(&from));
                    let has = |only: &Only| !matches!(only, Only::These(ids) if !ids.contains(&series));
                    prop_assert!(has(&page.only));
                    at.remove(&rider);
                    if page.range.to < start + length {
                        let asked = ask(&mut waiting, rider, page.range.to);
                        at.insert(rider, asked);
                    }
                }
            }
            Ok(())
        })?;
    }
}
