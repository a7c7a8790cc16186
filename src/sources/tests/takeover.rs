//! Partitions that go from one node to another.

use std::collections::BTreeMap;

use super::universe::{Universe, World};
use crate::sources::*;

#[test]
fn two_nodes_share_the_partitions_and_one_takes_over_from_the_other() {
    take_over(&Universe::new(4));
}

#[test]
fn a_cooperative_rebalance_takes_over_as_well() {
    let (universe, _embedded) = cooperative();
    take_over(&universe);
}

/// Two nodes share four partitions, and the cluster must live as long as they do.
fn cooperative() -> (Universe, Broker) {
    let mut universe = Universe::new(4);
    let address = universe.broker.bootstrap_servers().to_owned();
    let remote = Broker::remote(&address, BTreeMap::new());
    let embedded = std::mem::replace(&mut universe.broker, remote);
    (universe, embedded)
}

#[test]
fn no_record_is_lost_of_partitions_that_come_while_a_batch_is_open() {
    let (universe, _embedded) = cooperative();
    let first = universe.poller();
    universe.produce("machines", 0..400);
    universe.wait_stored(400);
    let second = universe.poller();
    let claims = |world: &World| -> i64 { world.rows.values().flatten().map(|row| row.owner_epoch).sum() };
    universe
        .world
        .wait("both read two", |world| claims(world) == 4 + 2);
    // With a batch under way both collect what comes.
    universe.world.with(|world| world.hold = true);
    universe.produce("machines", 400..800);
    universe
        .world
        .wait("a batch is under way", |world| !world.held.is_empty());
    universe.produce("machines", 800..1_200);
    first.close();
    universe
        .world
        .wait("the second reads all", |world| claims(world) == 4 + 4);
    universe.world.release();
    universe.wait_stored(1_200);
    second.close();
    universe.assert_whole(1_200);
}

fn take_over(universe: &Universe) {
    let first = universe.poller();
    universe.produce("machines", 0..400);
    universe.wait_stored(400);
    let second = universe.poller();
    universe.produce("machines", 400..800);
    universe.wait_stored(800);
    universe.world.wait("a second claim", |world| {
        world.rows.values().any(|rows| rows[0].owner_epoch > 1)
    });
    universe.produce("machines", 800..1_200);
    first.close();
    universe.produce("machines", 1_200..1_600);
    universe.wait_stored(1_600);
    second.close();
    universe.assert_whole(1_600);
}
