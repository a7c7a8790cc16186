//! Whatever was written, by whom and when it was refreshed: rollups equal a full recomputation.

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};

use super::*;

type Sample = (&'static str, i64, f64);

#[derive(Clone, Debug)]
enum Action {
    /// By one of two nodes; the record's own time decides between them.
    Write {
        node: usize,
        recorded: i64,
        points: Vec<Sample>,
    },
    /// A dead letter that was sent again.
    Redrive(Vec<Sample>),
    /// So many seconds later.
    Refresh { after: i64, short: bool },
}

fn samples() -> impl Strategy<Value = Vec<Sample>> {
    let site = prop_oneof![Just("x"), Just("y"), Just("z")];
    // Dense around two places, so that points meet, and thin over some days.
    let at = prop_oneof![4 => -90i64..200, 2 => DAY - 60..DAY + 60, 1 => -2 * DAY..3 * DAY];
    let value = prop_oneof![
        12 => -100.0..100.0f64,
        4 => prop_oneof![Just(0.0), Just(1.0), Just(1.0), Just(1e9)],
        1 => prop_oneof![Just(1e300), Just(-1e200), Just(5e-324)],
    ];
    proptest::collection::vec((site, at, value), 1..25)
}

fn action() -> impl Strategy<Value = Action> {
    prop_oneof![
        4 => (0..2usize, 0..9i64, samples()).prop_map(|(node, recorded, points)| Action::Write { node, recorded, points }),
        1 => samples().prop_map(Action::Redrive),
        3 => (prop_oneof![0..130i64, 0..30_000i64], any::<bool>())
            .prop_map(|(after, short)| Action::Refresh { after, short }),
    ]
}

async fn play(actions: Vec<Action>) {
    let mut node = Node::start().await;
    let mut another = node.another_writer().await;
    let own = [node.own(0).await, node.own(1).await];
    let redrive = node.own_redrive().await;
    let mut refreshers = [
        refresher(&node, Duration::ZERO).await,
        refresher(&node, Duration::from_secs(9)).await,
    ];
    let (mut next, mut now) = ([0; 3], -DAY);
    for action in actions {
        match action {
            Action::Write {
                node: 0,
                recorded,
                points,
            } => {
                let input = Input::empty().range(&own[0], next[0], next[0] + 1);
                node.write(input.record(next[0], recorded, &points)).await;
                next[0] += 1;
            }
            Action::Write { recorded, points, .. } => {
                let input = Input::empty().range(&own[1], next[1], next[1] + 1);
                let batch = input.record(next[1], recorded, &points).batch();
                another.write(batch).await.unwrap();
                next[1] += 1;
            }
            Action::Redrive(points) => {
                let input = Input::empty().range(&redrive, next[2], next[2] + 1);
                let input = input.record(next[2], 0, &points).redriven(next[2], 1);
                node.write(input).await;
                next[2] += 1;
            }
            Action::Refresh { after, short } => {
                now += after;
                let refresher = &mut refreshers[usize::from(!short)];
                refresher.pass(second(now)).await.unwrap();
            }
        }
        holds(&node).await;
    }
    refresh(&mut refreshers[0], now + 4 * DAY).await;
    holds(&node).await;
    let (edge, dirty) = edge_and_dirty(&node).await;
    assert!(edge >= second(now + 4 * DAY).0 - 60_000_000);
    let early = dirty.iter().filter(|(_, from, _)| *from < edge);
    assert_eq!(early.count(), 0);
}

#[tokio::test]
async fn after_any_history_the_rollups_equal_a_full_recomputation() {
    let mut runner = TestRunner::new(Config::with_cases(24));
    let runtime = tokio::runtime::Handle::current();
    let actions = proptest::collection::vec(action(), 1..24);
    let check = tokio::task::spawn_blocking(move || {
        runner.run(&actions, |actions| {
            runtime.block_on(play(actions));
            Ok(())
        })
    });
    check.await.unwrap().unwrap();
}
