//! Offsets that Kafka does not have, and topics that are no longer the same.

use rdkafka::producer::{FutureProducer, FutureRecord};

use super::universe::{Row, Universe, World, number};
use crate::data::LeaderEpoch;
use crate::sources::*;

#[test]
fn a_topic_created_anew_begins_an_epoch_at_its_first_offset() {
    let universe = Universe::new(1);
    universe.produce("machines", 0..5);
    universe.world.with(|world| {
        let before = Row {
            partition_id: 1,
            epoch: 1,
            topic_id: "of another life".into(),
            next_offset: 3,
            owner_epoch: 9,
            leader_epoch: None,
        };
        world.rows.insert(("machines".into(), 0), vec![before]);
    });
    universe.read(5);
    universe.assert_whole(5);
    universe.world.with(|world| {
        let row = world.row("machines", 0);
        assert_eq!((row.epoch, row.next_offset, row.owner_epoch), (2, 5, 1));
        assert_ne!(row.topic_id, "of another life");
    });
}

#[test]
fn each_start_of_the_embedded_broker_has_topics_of_its_own() {
    let id = || {
        let universe = Universe::new(1);
        let poller = universe.poller();
        universe.world.wait("a claim", |world| !world.rows.is_empty());
        poller.close();
        universe
            .world
            .with(|world| world.row("machines", 0).topic_id.clone())
    };
    assert_ne!(id(), id());
}

#[test]
fn a_lost_offset_stops_its_partition_while_the_others_run() {
    let universe = stored_then_moved(1_000_000);
    let poller = universe.poller();
    universe.produce("machines", 100..200);
    universe.world.wait("the other partition", |world| {
        let of_other = |(_, partition, _): &&(String, i32, i64)| *partition == 1;
        world.stored.keys().filter(of_other).count() > 60
    });
    let trouble = || {
        let shown = universe.status.snapshot().partitions;
        shown[&("machines".to_owned(), 0)].trouble.clone()
    };
    assert!(trouble().unwrap().starts_with("OFFSET_LOST"));
    poller.close();
    universe.world.with(|world| {
        assert_eq!(world.row("machines", 0).next_offset, 1_000_000);
        assert!(world.gaps.is_empty() && world.failures.is_empty());
    });
}

#[test]
fn beyond_the_end_a_jump_begins_an_epoch_at_the_end() {
    let mut universe = stored_then_moved(1_000_000);
    universe.streams[0].on_offset_lost = OnOffsetLost::Jump;
    let poller = universe.poller();
    universe.world.wait("a new epoch", |world| {
        world.rows[&("machines".to_owned(), 0)].len() == 2
    });
    universe.produce("machines", 100..200);
    universe.wait_stored(200);
    poller.close();
    universe.assert_whole(200);
}

#[test]
fn below_the_beginning_a_jump_writes_a_gap() {
    let mut universe = Universe::new(1);
    universe.streams[0].on_offset_lost = OnOffsetLost::Jump;
    universe.produce("machines", 0..5);
    universe.read(5);
    // Not by our own producer, which would wait: the cluster drops what is older than 5 MiB.
    let payload = vec![b'7'; 900_000];
    let reckless: FutureProducer = universe.broker.client(&[], &[]).create().unwrap();
    universe.runtime.block_on(async {
        for _ in 0..8 {
            let record = FutureRecord::<(), _>::to("machines").payload(&payload);
            reckless.send(record, None).await.unwrap();
        }
    });
    let poller = universe.poller();
    universe.world.wait("the last record", |world| {
        world.stored.contains_key(&("machines".into(), 0, 12))
    });
    poller.close();
    universe.world.with(|world| {
        let low = world.gaps[0].2;
        assert!(low > 5, "something was dropped");
        assert_eq!(world.gaps, [(1, 5, low)]);
        assert_eq!(world.row("machines", 0).next_offset, 13);
        assert_eq!(world.stored.len() as i64, 5 + 13 - low);
        assert_eq!(world.failures, []);
    });
}

/// Partition 0 has 10 records of leader epoch 0 and 50 of the next; `read` of epoch 0 were read.
fn read_beyond_what_is_left(read: i64) -> Universe {
    let universe = Universe::new(1);
    universe.produce("machines", 0..10);
    let led = universe
        .broker
        .mock(|mock| mock.partition_leader("machines", 0, Some(1)));
    led.unwrap().unwrap();
    universe.produce("machines", 10..60);
    universe.world.with(|world| {
        let topic_id = "to be known".to_owned();
        let before = Row {
            partition_id: 1,
            epoch: 1,
            topic_id,
            next_offset: read,
            owner_epoch: 1,
            leader_epoch: Some(LeaderEpoch {
                epoch: 0,
                offset: read,
            }),
        };
        world.rows.insert(("machines".into(), 0), vec![before]);
        world.any_topic_id = true;
    });
    universe
}

#[test]
fn a_log_that_was_cut_and_has_grown_again_stops_its_partition() {
    let universe = read_beyond_what_is_left(30);
    let poller = universe.poller();
    let trouble = || {
        let shown = universe.status.snapshot().partitions;
        shown
            .get(&("machines".to_owned(), 0))
            .and_then(|p| p.trouble.clone())
    };
    universe
        .world
        .wait("the loss is noticed", |_| trouble().is_some());
    let trouble = trouble().unwrap();
    assert!(trouble.starts_with("OFFSET_LOST: offset 30 is next"), "{trouble}");
    assert!(trouble.contains("all from 10 on"), "{trouble}");
    poller.close();
    universe.world.with(|world| {
        assert_eq!(world.stored.len(), 0);
        assert_eq!(world.row("machines", 0).next_offset, 30);
        assert!(world.gaps.is_empty() && world.failures.is_empty());
    });
}

#[test]
fn a_jump_reads_a_log_that_was_cut_anew_from_the_cut() {
    // It has grown beyond what was read, and not as far.
    for read in [30, 100] {
        jump_to_the_cut(read);
    }
}

fn jump_to_the_cut(read: i64) {
    let mut universe = read_beyond_what_is_left(read);
    universe.streams[0].on_offset_lost = OnOffsetLost::Jump;
    let poller = universe.poller();
    universe
        .world
        .wait("the generation ends", |world| !world.failures.is_empty());
    poller.close();
    universe.world.with(|world| {
        let (why, fatal) = world.failures.pop().unwrap();
        assert!(why.contains("from offset 10") && !fatal, "{why}");
        assert_eq!(world.gaps, [(1, 10, read)]);
        assert_eq!(world.row("machines", 0).epoch, 2);
    });
    universe.read(50);
    universe.world.with(|world| {
        let stored: Vec<i64> = world.stored.values().map(number).collect();
        assert_eq!(stored, (10..60).collect::<Vec<_>>());
    });
}

#[test]
fn a_log_that_goes_on_under_another_leader_is_read_on() {
    let universe = Universe::new(2);
    universe.produce("machines", 0..100);
    universe.read(100);
    for partition in 0..2 {
        let led = universe
            .broker
            .mock(|mock| mock.partition_leader("machines", partition, Some(1)));
        led.unwrap().unwrap();
    }
    universe.produce("machines", 100..200);
    universe.read(200);
    universe.assert_whole(200);
    universe.world.with(|world| {
        let known = world.row("machines", 1).clone();
        let epoch = known.leader_epoch.unwrap();
        assert_eq!((epoch.epoch, epoch.offset), (1, known.next_offset));
    });
}

#[test]
fn a_partition_that_a_topic_gets_later_begins_at_its_beginning() {
    let mut universe = Universe::new(2);
    universe.streams[0].start = Start::Latest;
    universe.produce("machines", 0..100);
    let of_first = |(_, partition, _): &&(String, i32, i64)| *partition == 0;
    universe.world.with(|world| {
        let before = Row {
            partition_id: 1,
            epoch: 1,
            topic_id: String::new(),
            next_offset: 0,
            owner_epoch: 1,
            leader_epoch: None,
        };
        world.rows.insert(("machines".into(), 0), vec![before]);
        world.any_topic_id = true;
    });
    universe.read(100);
    universe.world.with(|world| {
        let first = world.stored.keys().filter(of_first).count();
        assert!(first > 0 && first < 100);
    });
}

#[test]
fn where_a_topic_begins_is_set_once_for_all_its_partitions() {
    let mut universe = Universe::new(2);
    universe.streams[0].start = Start::Latest;
    universe.produce("machines", 0..50);
    let poller = universe.poller();
    universe.world.wait("both are claimed", |world| {
        world.rows.values().flatten().all(|row| row.owner_epoch == 1) && world.rows.len() == 2
    });
    poller.close();
    universe.world.with(|world| {
        let next = |world: &mut World, partition| world.row("machines", partition).next_offset;
        assert_eq!(next(world, 0) + next(world, 1), 50);
        // As if its first owner had died before it claimed the second.
        world.row("machines", 1).owner_epoch = 0;
    });
    universe.produce("machines", 50..100);
    universe.read(50);
    universe.world.with(|world| {
        assert!(world.stored.values().map(number).all(|n| n >= 50));
    });
}

/// 100 records stored, then partition 0's next offset moved.
fn stored_then_moved(next_offset: i64) -> Universe {
    let universe = Universe::new(2);
    universe.produce("machines", 0..100);
    universe.read(100);
    universe.world.with(|world| {
        assert!(world.stored.values().map(number).all(|n| n < 100));
        world.row("machines", 0).next_offset = next_offset;
    });
    universe
}
