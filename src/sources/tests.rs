//! The poll thread against the real protocol of the in-process cluster.

mod lost;
mod universe;

use std::ffi::OsStr;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use universe::{Universe, number};

use super::*;
use crate::data::headers;
use crate::data::{Credits, Header, Micros};

#[test]
fn every_record_arrives_once_and_in_order_with_all_it_carries() {
    let universe = Universe::new(4);
    let places = universe.produce("machines", 0..5_000);
    let poller = universe.poller();
    universe.wait_stored(5_000);
    universe.assert_whole(5_000);
    universe.world.with(|world| {
        for (sent, place) in (0_i64..).zip(&places) {
            let key = ("machines".to_owned(), place.partition, place.offset);
            let stored = &world.stored[&key];
            assert_eq!(number(stored), sent);
            let key = format!("key-{}", sent % 17);
            assert_eq!(stored.key.as_deref(), Some(key.as_bytes()));
            let time = Micros::from_millis(1_700_000_000_000 + sent);
            assert_eq!(stored.timestamp, time);
            assert_eq!(stored.headers.len(), 1);
            assert_eq!(stored.headers[0].name, headers::STREAM);
        }
    });
    poller.committed(universe.world.with(|world| world.ranges.clone()));
    universe.world.wait("all lag gone", |_| {
        let text = universe.metrics.text();
        let gone = |line: &&str| line.contains("lag_records{") && line.ends_with("} 0");
        text.lines().filter(gone).count() == 4
    });
    let shown = universe.status.snapshot().partitions;
    assert!(shown.values().all(|p| p.next_offset == p.end_offset));
    poller.close();
    assert!(universe.status.snapshot().partitions.is_empty());
}

#[test]
fn a_restart_goes_on_at_the_ledgers_offsets() {
    let universe = Universe::new(2);
    universe.produce("machines", 0..100);
    universe.read(100);
    universe.produce("machines", 100..200);
    universe.read(200);
    universe.assert_whole(200);
    universe.world.with(|world| {
        for partition in 0..2 {
            let row = world.row("machines", partition);
            assert_eq!((row.epoch, row.owner_epoch), (1, 2));
        }
    });
}

#[test]
fn a_redrive_topic_is_read_from_its_beginning_and_marked() {
    let mut universe = Universe::new(1);
    let redrive: Arc<str> = "streamsync.redrive.machines".into();
    universe.topic(&redrive, 1);
    universe.streams[0].redrive_topic = Some(Arc::clone(&redrive));
    universe.streams[0].start = Start::Latest;
    universe.produce("machines", 0..3);
    universe.produce(&redrive, 3..5);
    let poller = universe.poller();
    universe.wait_stored(2);
    universe.produce("machines", 5..6);
    universe.wait_stored(3);
    poller.close();
    universe.world.with(|world| {
        let seen = world.stored.values().map(|s| (number(s), s.redrive));
        assert_eq!(seen.collect::<Vec<_>>(), [(5, false), (3, true), (4, true)]);
    });
}

#[test]
fn without_credits_the_partitions_pause_and_nothing_is_lost() {
    let mut universe = Universe::new(2);
    universe.credits = Credits::new(8_000);
    universe.config.batch_records = 10;
    universe.world.with(|world| world.hold = true);
    let poller = universe.poller();
    universe.produce("machines", 0..500);
    universe
        .world
        .wait("the budget in use", |world| world.held.len() > 1);
    // Longer than the poll thread waits before it pauses.
    let patience = Duration::from_millis(1_500);
    assert!(!universe.credits.wait_idle(patience));
    universe.world.release();
    universe.wait_stored(500);
    poller.close();
    universe.assert_whole(500);
}

#[test]
fn a_drain_hands_over_the_last_batch_and_reads_no_more() {
    let universe = Universe::new(2);
    universe.produce("machines", 0..50);
    universe.world.with(|world| world.hold = true);
    let poller = universe.poller();
    universe.world.wait("a batch", |world| !world.held.is_empty());
    universe.produce("machines", 50..100);
    universe.runtime.block_on(poller.drain());
    universe.produce("machines", 100..150);
    universe.runtime.block_on(poller.drain());
    universe.world.release();
    let before = universe.world.with(|world| world.stored.len());
    assert!(before <= 100);
    poller.close();
    assert_eq!(universe.world.with(|world| world.stored.len()), before);
    universe.read(150);
    universe.assert_whole(150);
}

#[test]
fn a_paused_stream_leaves_the_others_running() {
    let mut universe = Universe::new(1);
    universe.second_stream();
    universe.produce("machines", 0..10);
    let poller = universe.poller();
    universe.wait_stored(10);
    universe.pause();
    poller.pause_streams();
    // Idle, the thread looks at its requests between two records at the latest.
    universe.produce("other", 10..11);
    universe.wait_stored(11);
    universe.produce("other", 11..12);
    universe.wait_stored(12);
    universe.produce("machines", 12..22);
    universe.produce("other", 22..32);
    universe.wait_stored(22);
    poller.close();
    universe.world.with(|world| {
        let other = |(topic, ..): &&(String, i32, i64)| topic == "other";
        assert_eq!(world.stored.keys().filter(other).count(), 12);
    });
    universe.resume();
    universe.read(32);
    universe.assert_whole(32);
}

#[test]
fn a_paused_stream_goes_on_where_it_was_without_a_new_generation() {
    let mut universe = Universe::new(2);
    universe.second_stream();
    let mut numbers = 0..;
    let mut send = |topic: &str, count: i64| {
        let from = numbers.next().unwrap();
        numbers = from + count..;
        universe.produce(topic, from..from + count);
        from + count
    };
    let mut all = send("machines", 100);
    let poller = universe.poller();
    universe.wait_stored(100);
    for _ in 0..3 {
        universe.pause();
        poller.pause_streams();
        // The thread looks at its requests between two records at the latest.
        for _ in 0..2 {
            all = send("other", 1);
            universe.wait_stored(all as usize);
        }
        send("machines", 100);
        all = send("other", 10);
        universe.wait_stored(all as usize - 100);
        let waiting = universe.world.with(|world| world.stored.len());
        assert_eq!(waiting as i64, all - 100);
        universe.resume();
        universe.wait_stored(all as usize);
    }
    poller.close();
    universe.assert_whole(all);
}

#[test]
fn a_stream_that_is_paused_from_the_start_is_read_when_it_goes_on() {
    let universe = Universe::new(2);
    universe.pause();
    universe.produce("machines", 0..100);
    let poller = universe.poller();
    universe.world.wait("both are claimed", |world| {
        let owned = world.rows.values().flatten().filter(|row| row.owner_epoch == 1);
        owned.count() == 2
    });
    assert_eq!(universe.world.with(|world| world.stored.len()), 0);
    universe.resume();
    universe.wait_stored(100);
    poller.close();
    universe.assert_whole(100);
}

#[test]
fn two_nodes_share_the_partitions_and_one_takes_over_from_the_other() {
    take_over(&Universe::new(4));
}

#[test]
fn a_cooperative_rebalance_takes_over_as_well() {
    let mut universe = Universe::new(4);
    let address = universe.broker.bootstrap_servers().to_owned();
    let remote = Broker::remote(&address, std::collections::BTreeMap::new());
    let embedded = std::mem::replace(&mut universe.broker, remote);
    take_over(&universe);
    drop(embedded);
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

#[test]
fn a_ledger_that_fails_ends_the_generation_and_nothing_is_read() {
    let universe = Universe::new(2);
    universe.produce("machines", 0..10);
    let away = LedgerError::Retry("postgres is away".into());
    universe.world.with(|world| world.broken = Some(away));
    let poller = universe.poller();
    universe
        .world
        .wait("a failure", |world| !world.failures.is_empty());
    universe.runtime.block_on(poller.drain());
    poller.close();
    universe.world.with(|world| {
        let failure = ("ledger: postgres is away".to_owned(), false);
        assert_eq!(std::mem::take(&mut world.failures), [failure]);
        assert!(world.stored.is_empty());
        world.broken = None;
    });
    universe.read(10);
    universe.assert_whole(10);
}

#[test]
fn kafka_may_go_away_and_come_back() {
    let universe = Universe::new(2);
    universe.produce("machines", 0..10);
    let poller = universe.poller();
    universe.wait_stored(10);
    let kafka = || universe.status.snapshot().needs["kafka"].clone();
    let down = universe.broker.mock(|mock| mock.broker_down(-1));
    down.unwrap().unwrap();
    universe.world.wait("kafka is missed", |_| kafka().is_some());
    let up = universe.broker.mock(|mock| mock.broker_up(-1));
    up.unwrap().unwrap();
    universe.world.wait("kafka is back", |_| kafka().is_none());
    universe.produce("machines", 10..20);
    universe.wait_stored(20);
    poller.close();
    universe.assert_whole(20);
}

#[test]
fn our_producers_wait_while_ingest_lags_on_the_embedded_broker() {
    let universe = Universe::new(1);
    let producer = Producer::new(&universe.broker, Duration::from_secs(2)).unwrap();
    let payload = vec![b'x'; 500_000];
    let record = Outgoing {
        topic: "machines",
        key: None,
        payload: Some(&payload),
        headers: &[],
        timestamp: None,
    };
    universe.runtime.block_on(async {
        for _ in 0..4 {
            producer.send(record).await.unwrap();
        }
        let refused = producer.send(record).await.unwrap_err();
        assert!(matches!(refused, ProduceError::Lagging(_)), "{refused}");
    });
    let poller = universe.poller();
    universe.wait_stored(4);
    poller.committed(universe.world.with(|world| world.ranges.clone()));
    universe.runtime.block_on(producer.send(record)).unwrap();
    universe.wait_stored(5);
    poller.close();
}

#[test]
fn kcat_writes_to_and_reads_from_the_embedded_broker() {
    let universe = Universe::new(1);
    let broker = universe.broker.bootstrap_servers().to_owned();
    // The second header's name is not UTF-8: any producer may send one.
    let kcat = Command::new("kcat")
        .args(["-b", &broker, "-P", "-t", "machines", "-K:"])
        .args(["-H", "plain=1", "-H"])
        .arg(OsStr::from_bytes(b"\xff=2"))
        .stdin(Stdio::piped())
        .spawn();
    let mut kcat = match kcat {
        Ok(kcat) => kcat,
        Err(error) => return eprintln!("skipped, kcat does not run here: {error}"),
    };
    kcat.stdin.take().unwrap().write_all(b"a:0\nb:1\n").unwrap();
    assert!(kcat.wait().unwrap().success());
    universe.read(2);
    universe.assert_whole(2);
    universe.world.with(|world| {
        let headers = &world.stored.values().next().unwrap().headers;
        let expected = [("plain", b"1"), ("\u{fffd}", b"2")].map(|(name, value)| Header {
            name: name.to_owned(),
            value: value.to_vec(),
        });
        assert_eq!(*headers, expected);
    });
    let read = Command::new("kcat")
        .args(["-b", &broker, "-C", "-t", "machines", "-e", "-q"])
        .args(["-f", "%k=%s;"])
        .output()
        .unwrap();
    assert_eq!(read.stdout, b"a=0;b=1;");
}

#[test]
fn a_refused_property_is_named_without_its_value() {
    let properties = [("ssl.key.password.typo".to_owned(), "hunter2".to_owned())];
    let broker = Broker::remote("127.0.0.1:1", properties.into());
    let refused = Producer::new(&broker, Duration::from_secs(1)).unwrap_err();
    assert!(refused.to_string().contains("ssl.key.password.typo"));
    assert!(!format!("{refused} {broker:?}").contains("hunter2"));
}
