//! Retention beside readers, the writer, a refresher and other nodes.

use std::sync::Arc;
use std::time::Instant;

use super::*;
use crate::store::locks;
use crate::store::maintain::Maintenance;
use crate::store::rollups::{Refresher, RollupConfig};
use crate::store::testing::batches::{Input, Node};

const ONE_DAY: Ages = [Some(DAY), None, None, None];

#[tokio::test]
async fn a_long_reader_is_not_waited_for_and_holds_nobody_up() {
    let mut world = World::keeping(&[("a", ONE_DAY)]).await;
    for n in 0..3 {
        world.add("a", Level::Raw, n).await;
    }
    world.db.run("begin; select count(*) from points").await;
    let began = Instant::now();
    assert_eq!(world.run(9).await, dropped(0, 0));
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
    // What is to go is no longer promised, and what is there is still read.
    assert_eq!(world.horizons().await, ["a raw 8"]);
    assert_eq!(world.rows(Level::Raw).await.len(), 3);
    world.db.run("commit").await;
    assert_eq!(world.run(9).await, dropped(3, 0));
}

#[tokio::test]
async fn nothing_is_given_up_while_rollups_are_refreshed_or_a_day_is_restored() {
    let mut world = World::keeping(&[("a", ONE_DAY)]).await;
    world.add("a", Level::Raw, 0).await;
    let lock = format!("begin; select pg_advisory_xact_lock({})", locks::ROLLUPS);
    world.db.run(&lock).await;
    let waits = tokio::time::timeout(Duration::from_millis(300), world.run(9)).await;
    assert!(waits.is_err());
    assert_eq!(world.horizons().await, Vec::<String>::new());
    world
        .db
        .run("insert into restored values ('2026-01-01', '2027-01-01Z'); commit")
        .await;
    // Its client still waits in the middle of a statement.
    world.client = connect(&world.db.url).await.unwrap();
    assert_eq!(world.run(9).await, dropped(0, 0));
}

#[tokio::test]
async fn of_several_nodes_one_drops_and_the_others_find_nothing_left() {
    let world = World::keeping(&[("a", ONE_DAY)]).await;
    for n in 0..5 {
        world.add("a", Level::Raw, n).await;
    }
    let node = || Maintenance::new(world.db.url.clone(), world.keep.clone());
    let (mut one, mut two, mut three) = (node(), node(), node());
    let runs = tokio::join!(one.run(day(9)), two.run(day(9)), three.run(day(9)));
    let all = [runs.0, runs.1, runs.2].map(|run| run.unwrap().unwrap_or_default().partitions);
    assert_eq!(all.iter().sum::<u64>(), 5, "{all:?}");
    // Those of the present that the same run made stay.
    assert_eq!(world.partitions(Level::Raw).await, 3);
}

#[tokio::test]
async fn the_writer_goes_on_where_its_partition_was_dropped() {
    let mut node = Node::start().await;
    let a = node.own(0).await;
    let write = Input::empty().range(&a, 0, 1).record(0, 0, &[("x", 0, 1.0)]);
    node.write(write).await;
    let (config, metrics) = (RollupConfig::default(), Arc::clone(&node.metrics));
    let mut rollups = Refresher::connect(&node.db.url, config, metrics).await.unwrap();
    let mut world = World::keeping(&[("machines", ONE_DAY)]).await;
    world.client = connect(&node.db.url).await.unwrap();
    assert_eq!(world.run(9).await, dropped(0, 0), "rollups do not hold it yet");
    rollups.pass(day(10)).await.unwrap();
    assert_eq!(world.run(9).await, dropped(1, 0));
    for offset in 1..3 {
        let again = Input::empty().range(&a, offset, offset + 1).record(
            offset,
            offset,
            &[("x", 60 * offset, 2.0), ("x", 9 * 86_400 + offset, 3.0)],
        );
        node.write(again).await;
    }
    let stored = ["x 60 2 1 1", "x 120 2 1 2", "x 777601 3 1 1", "x 777602 3 1 2"];
    assert_eq!(node.points().await, stored);
    assert_eq!(
        node.db.rows("select * from dead_letters").await,
        Vec::<String>::new()
    );
    rollups.pass(day(11)).await.unwrap();
    assert_eq!(world.run(10).await, dropped(1, 0));
    assert_eq!(node.points().await, stored[2..]);
}
