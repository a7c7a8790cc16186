//! Everyone gets what its selector selects, whatever order series, batches and subscribers come in.

use proptest::prelude::*;

use self::world::{World, client_of, of_device, selector, selectors, series};
use super::*;
use crate::data::{MatchOp, Scoped};
use crate::live::{Options, Overflow, Receiver};

mod world;

#[derive(Clone, Debug)]
enum Step {
    Publish(Vec<SeriesId>),
    Subscribe(usize),
    Unsubscribe(prop::sample::Index),
    /// So long that silent series are forgotten.
    Wait,
    /// Ids may be of other series from now on.
    Forget,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => prop::collection::vec(0..300, 1..40).prop_map(|mut ids| {
            ids.sort_unstable();
            ids.dedup();
            Step::Publish(ids)
        }),
        4 => (0..selectors().len()).prop_map(Step::Subscribe),
        2 => any::<prop::sample::Index>().prop_map(Step::Unsubscribe),
        1 => Just(Step::Wait),
        1 => Just(Step::Forget),
    ]
}

proptest! {
    #[test]
    fn each_subscriber_is_given_exactly_what_its_selector_selects(
        steps in prop::collection::vec(step(), 1..60),
    ) {
        let mut world = World::new(Limits::default());
        let selectors = selectors();
        let mut listening: Vec<(SubscriberId, Receiver, Scoped, u64)> = Vec::new();
        for step in steps {
            match step {
                Step::Publish(ids) => {
                    for (_, _, selector, wanted) in &mut listening {
                        *wanted += ids.iter().filter(|id| selector.matches(&series(**id).series)).count() as u64;
                    }
                    world.publish(ids);
                }
                Step::Subscribe(nth) => {
                    let (id, receiver) = world.subscribe(0, &selectors[nth], Options::default()).unwrap();
                    listening.push((id, receiver, selectors[nth].clone(), 0));
                }
                Step::Unsubscribe(which) if !listening.is_empty() => {
                    let (id, ..) = listening.swap_remove(which.index(listening.len()));
                    world.index.unsubscribe(id);
                }
                Step::Unsubscribe(_) => {}
                Step::Forget => world.index.forget_series(),
                Step::Wait => {
                    world.now += 4_000;
                    world.index.sweep(world.now);
                }
            }
            for (_, receiver, _, wanted) in &listening {
                prop_assert_eq!(receiver.counts().matched, *wanted);
            }
        }
        for (id, ..) in listening {
            world.index.unsubscribe(id);
        }
        let index = world.index;
        prop_assert_eq!((index.pairs, index.groups.len(), index.filed.is_empty()), (0, 0, true));
        prop_assert!(index.everything.is_none());
    }
}

#[test]
fn a_new_selector_looks_only_at_series_that_have_what_it_demands() {
    let mut world = World::new(Limits::default());
    for from in (0..50_000).step_by(5_000) {
        world.publish(from..from + 5_000);
    }
    // Ready at once: it has one series to look at, and not 50,000.
    let opened = world.index.open(&of_device(7), None).unwrap();
    assert!(matches!(opened, Opened::Ready(_)));
    let costly = selector(Some("m1"), &[("device", MatchOp::Matches, "d.*7")]);
    assert!(matches!(
        world.index.open(&costly, None).unwrap(),
        Opened::Unjudged(_)
    ));
    // A batch passes between two slices.
    let (_, early) = world.subscribe(0, &of_device(8), Options::default()).unwrap();
    let mut slices = 0;
    while let Some(slice) = world.index.next_slice() {
        world.publish([8]);
        world.index.judged(&slice.judge());
        slices += 1;
    }
    assert!(slices > 5 && early.counts().matched == slices);
}

#[test]
fn expressions_that_would_hold_up_a_batch_send_their_subscribers_to_catch_up() {
    let mut world = World::new(Limits::default());
    world.index.judging_max = Duration::ZERO;
    let costly = selector(None, &[("site", MatchOp::Matches, "s[01]")]);
    let (_, mut slow) = world.subscribe(0, &costly, Options::default()).unwrap();
    let (_, exact) = world.subscribe(1, &of_device(3), Options::default()).unwrap();
    world.publish([3]);
    assert_eq!(exact.counts().matched, 1);
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    assert!(matches!(
        slow.poll_next(&mut cx),
        std::task::Poll::Ready(Err(End::Gap))
    ));
    // Who comes back is judged elsewhere, with the new series.
    let (_, again) = world.subscribe(0, &costly, Options::default()).unwrap();
    world.publish([3]);
    assert_eq!(again.counts().matched, 1);
}

#[test]
fn a_group_that_could_not_be_judged_is_given_back_and_may_begin_again() {
    let mut world = World::new(Limits::default());
    world.publish(0..200);
    let costly = selector(None, &[("site", MatchOp::Matches, "s[01]")]);
    let client = Some(client_of(0));
    let Ok(Opened::Unjudged(group)) = world.index.open(&costly, client) else {
        panic!("judged at once");
    };
    assert_eq!(world.index.next_slice().unwrap().group(), group);
    assert_eq!(world.index.refuse(group), (group, Err(Full::All)));
    world.index.abandon(group, client);
    let (_, again) = world.subscribe(0, &costly, Options::default()).unwrap();
    world.publish([0]);
    assert_eq!(again.counts().matched, 1);
}

#[test]
fn a_client_has_so_many_selectors_and_all_together_have_so_many() {
    let mut limits = Limits {
        selectors: 8,
        ..Limits::default()
    };
    limits.by_client = Some(ByClient {
        selectors: 5,
        expressions: 4_096,
    });
    let mut world = World::new(limits);
    let mut held = Vec::new();
    for id in 0..5 {
        held.push(world.subscribe(0, &of_device(id), Options::default()).unwrap());
    }
    let open =
        |world: &mut World, client, selector: &Scoped| world.subscribe(client, selector, Options::default());
    assert_eq!(
        open(&mut world, 0, &of_device(9)).unwrap_err(),
        Full::Selectors(5)
    );
    assert!(
        open(&mut world, 0, &of_device(1)).is_ok(),
        "one that it has already"
    );
    for id in 10..13 {
        held.push(open(&mut world, 1, &of_device(id)).unwrap());
    }
    assert_eq!(open(&mut world, 2, &of_device(20)).unwrap_err(), Full::All);
    for (id, _) in held.drain(..) {
        world.index.unsubscribe(id);
    }
    let refused = (0..5).find_map(|n| {
        let site = format!("s[0{n}]|\\pL+x{n}");
        open(
            &mut world,
            3,
            &selector(None, &[("site", MatchOp::Matches, &site)]),
        )
        .err()
    });
    assert!(matches!(refused, Some(Full::Expressions(_))), "{refused:?}");
}

#[test]
fn pairs_of_series_and_selectors_are_bounded_also_when_series_come_later() {
    let limits = Limits {
        pairs: 100,
        ..Limits::default()
    };
    let mut world = World::new(limits);
    let not = |id: SeriesId| selector(None, &[("device", MatchOp::NotEqual, &format!("d{id}"))]);
    let (_, one) = world.subscribe(0, &of_device(1), Options::default()).unwrap();
    let _others: Vec<_> = (0..4)
        .map(|n| {
            world
                .subscribe(n, &not(900 + n as i32), Options::default())
                .unwrap()
        })
        .collect();
    world.publish(0..90);
    assert!(world.index.pairs <= 100, "{}", world.index.pairs);
    assert_eq!(one.counts().matched, 1);
    world.publish([1]);
    assert_eq!(one.counts().matched, 2);
    let refused = (0..4).find_map(|n| world.subscribe(n, &not(800 + n as i32), Options::default()).err());
    assert!(refused.is_some());
    assert!(world.index.pairs <= 100);
}

#[test]
fn beyond_the_bound_over_all_outboxes_the_client_that_holds_most_gives_way() {
    let limits = Limits {
        outboxes: 2 << 20,
        ..Limits::default()
    };
    let mut world = World::new(limits);
    let options = |conflates: bool| Options {
        overflow: if conflates {
            Overflow::Conflate
        } else {
            Overflow::Close
        },
        ..Options::default()
    };
    // One client with many that stall, one with a single one, and one that reads.
    let greedy: Vec<_> = (0..40)
        .map(|n| {
            let selector = selector(None, &[("device", MatchOp::NotEqual, &format!("x{n}"))]);
            world.subscribe(0, &selector, options(n % 2 == 0)).unwrap()
        })
        .collect();
    let (_, small) = world.subscribe(1, &of_device(5), options(false)).unwrap();
    let (_, mut quick) = world.subscribe(2, &selector(None, &[]), options(false)).unwrap();
    let mut cx = std::task::Context::from_waker(std::task::Waker::noop());
    let mut read = 0;
    for _ in 0..400 {
        world.publish(0..100);
        while let std::task::Poll::Ready(Ok(delivery)) = quick.poll_next(&mut cx) {
            read += delivery.selected.len();
        }
    }
    assert_eq!(read, 40_000);
    assert_eq!(small.counts().pending, 400, "it holds little");
    let counts: Vec<_> = greedy.iter().map(|(_, receiver)| receiver.counts()).collect();
    assert!(counts.iter().any(|c| c.conflated > 0) && counts.iter().any(|c| c.discarded > 0));
    for c in &counts {
        assert_eq!(c.matched, c.sent + c.conflated + c.discarded + c.pending);
    }
    let members = world
        .index
        .groups
        .values()
        .flat_map(|group| group.outboxes.values());
    let own: usize = members.map(|member| member.outbox.holding().own).sum();
    assert!(own <= 2 << 20, "{own} bytes");
}
