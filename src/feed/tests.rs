//! Feeds over a real hub and a real Postgres: every point once, whatever way it comes.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;

use self::world::{World, next, read};
use super::*;
use crate::data::{Cursor, Positions, SharedCursor};

mod many;
mod random;
mod world;

#[actix_web::test]
async fn batches_that_come_late_or_never_are_read_from_postgres_once_and_in_order() {
    let world = World::start().await;
    let mut feed = world.open(Start::Now).await.unwrap();
    assert!(next(&mut feed).await.unwrap().selected.is_empty());
    let first = world.commit(0, 3).await;
    world.hub.publish(Arc::clone(&first));
    // Never published; the tick or the hole behind it brings it.
    world.commit(3, 5).await;
    let third = world.commit(5, 9).await;
    world.hub.publish(Arc::clone(&third));
    world.hub.publish(first);
    world.hub.publish(third);
    world.commit(9, 10).await;
    let (offsets, _) = read(&mut feed, 10).await;
    assert_eq!(offsets, (0..10).collect::<Vec<_>>());
}

#[actix_web::test]
async fn what_another_node_says_far_beyond_what_is_stored_moves_nothing() {
    let world = World::start().await;
    let mut feed = world.open(Start::Now).await.unwrap();
    let first = world.commit(0, 3).await;
    world.hub.hear(Arc::clone(&first));
    let (mut seen, _) = read(&mut feed, 3).await;
    for far in [2_000_000, 1 << 40, i64::MAX] {
        let mut claim = (*first).clone();
        claim.ranges[0].to = far;
        claim.points.clear();
        world.hub.hear(Arc::new(claim));
    }
    // Of a partition that nobody knows.
    let mut unknown = (*first).clone();
    unknown.ranges[0].partition_id = i32::MAX;
    world.hub.hear(Arc::new(unknown));
    world.hub.hear(world.commit(3, 6).await);
    // What is old comes again.
    world.hub.hear(first);
    world.hub.publish(world.commit(6, 8).await);
    let (more, cursor) = read(&mut feed, 5).await;
    seen.extend(more);
    assert_eq!(seen, (0..8).collect::<Vec<_>>());
    assert!(cursor.positions.values().all(|at| *at == 8), "{cursor:?}");
}

#[actix_web::test]
async fn a_feed_resumes_where_its_cursor_stands_and_goes_on_live() {
    let world = World::start().await;
    world.commit(0, 2_500).await;
    let mut feed = world.open(Start::After(Cursor::default())).await.unwrap();
    let (mut seen, mut cursor) = read(&mut feed, 1).await;
    for round in 0..20 {
        let from = 2_500 + round * 10;
        let stored = world.commit(from, from + 10).await;
        if round % 2 == 0 {
            world.hub.publish(stored);
        }
        feed = world.open(Start::After(cursor)).await.unwrap();
        let (offsets, after) = read(&mut feed, 1).await;
        seen.extend(offsets);
        cursor = after;
    }
    feed = world.open(Start::After(cursor)).await.unwrap();
    let stored = world.commit(2_700, 2_710).await;
    world.hub.publish(stored);
    seen.extend(read(&mut feed, 2_710 - seen.len()).await.0);
    assert_eq!(seen, (0..2_710).collect::<Vec<_>>());
}

#[actix_web::test]
async fn a_backfill_is_followed_by_what_was_committed_meanwhile() {
    let world = World::start().await;
    world.commit(0, 1_200).await;
    let span = Start::Backfill(Duration::from_secs(100 * 365 * 86_400));
    let mut feed = world.open(span).await.unwrap();
    let (mut seen, cursor) = read(&mut feed, 1).await;
    assert!(cursor.backfill.is_some());
    world.commit(1_200, 1_300).await;
    feed = world.open(Start::After(cursor)).await.unwrap();
    seen.extend(read(&mut feed, 1_300 - seen.len()).await.0);
    assert_eq!(seen, (0..1_300).collect::<Vec<_>>());
}

#[actix_web::test]
async fn the_end_of_a_backfill_is_told_also_when_nothing_follows() {
    let world = World::start().await;
    world.commit(0, 10).await;
    let span = Start::Backfill(Duration::from_secs(100 * 365 * 86_400));
    let mut feed = world.open(span).await.unwrap();
    let mut told = Vec::new();
    while told.last().is_none_or(|(is_backfill, _)| *is_backfill) {
        let batch = next(&mut feed).await.unwrap();
        told.push((batch.is_backfill(), batch.selected.points().count()));
    }
    assert_eq!(told, [(true, 0), (true, 10), (false, 0)]);
}

#[actix_web::test]
async fn lost_offsets_end_a_live_feed_with_the_cursor_to_go_on_from() {
    let world = World::start().await;
    let mut feed = world.open(Start::Now).await.unwrap();
    next(&mut feed).await.unwrap();
    world.db.lose(1, 0, 50).await;
    let error = next(&mut feed).await.unwrap_err();
    let earliest = Cursor::at(Positions::from([(1, 50)]));
    let gap = FeedError::ResumeGap {
        earliest: earliest.encode(),
    };
    assert_eq!(error, gap);
    assert!(world.open(Start::After(earliest)).await.is_ok());
}

#[actix_web::test]
async fn a_drain_gives_the_last_cursor_before_the_end() {
    let world = World::start().await;
    let mut feed = world.open(Start::Now).await.unwrap();
    next(&mut feed).await.unwrap();
    let hub = world.hub.clone();
    let drain = actix_web::rt::spawn(async move { hub.drain(Duration::ZERO).await });
    assert!(next(&mut feed).await.unwrap().selected.is_empty());
    assert_eq!(next(&mut feed).await.unwrap_err(), FeedError::GOING_AWAY);
    assert!(feed.next().await.is_none());
    drop(feed);
    tokio::time::timeout(Duration::from_secs(5), drain)
        .await
        .unwrap()
        .unwrap();
    let refused = world.open(Start::Now).await.err().unwrap();
    assert_eq!(refused, FeedError::GOING_AWAY);
}

#[actix_web::test]
async fn whoever_comes_back_soon_is_served_from_memory() {
    let world = World::of(3, 4).await;
    let mut feed = world.open_series(None, Start::Now).await.unwrap();
    let start = next(&mut feed).await.unwrap().cursor;
    let (mut seen, mut cursor) = (0, start);
    for round in 0..50 {
        for partition in 1..4 {
            let stored = world.commit_in(partition, round * 4, round * 4 + 4).await;
            world.hub.publish(stored);
        }
        // Every other time it is away while they come.
        if round % 2 == 0 {
            seen += read(&mut feed, 12).await.0.len();
            continue;
        }
        world.published(3 * 4 * (round + 1)).await;
        let start = Start::After(Cursor::clone(&cursor));
        feed = world.open_series(None, start).await.unwrap();
        let (offsets, after) = read(&mut feed, 24).await;
        cursor = SharedCursor::new(after);
        seen += offsets.len() - 12;
    }
    assert_eq!(seen, 50 * 12);
    assert_eq!(world.reads(), 0, "nothing of it came from postgres");
}

#[actix_web::test]
async fn a_feed_from_a_node_that_was_ahead_follows_the_hub_where_it_is_given_nothing() {
    let world = World::of(2, 2).await;
    let from = |second| Start::After(Cursor::at(Positions::from([(1, 0), (2, second)])));
    let mut ahead = world.open(from(5)).await.unwrap();
    let mut far_ahead = world.open(from(100)).await.unwrap();
    for feed in [&mut ahead, &mut far_ahead] {
        next(feed).await.unwrap();
    }
    // All that either selects of it lies before its cursor.
    let unseen = world.commit_in(2, 0, 6).await;
    world.hub.publish(unseen);
    world.published(6).await;
    for round in 0..2 {
        let stored = world.commit_in(1, round * 2, round * 2 + 2).await;
        world.hub.publish(stored);
        for (feed, second) in [(&mut ahead, 6), (&mut far_ahead, 100)] {
            let batch = next(feed).await.unwrap();
            assert_eq!(batch.selected.len(), 1);
            assert_eq!(
                batch.cursor.positions,
                Positions::from([(1, round * 2 + 2), (2, second)])
            );
        }
    }
}

#[actix_web::test]
async fn a_page_that_was_read_for_others_says_nothing_of_partitions_that_began_later() {
    let mut world = World::of(2, 1).await;
    world.commit_in(1, 0, 100).await;
    world.commit_in(2, 0, 100).await;
    world.restart();
    world.published(200).await;
    let first = Cursor::at(Positions::from([(1, 0), (2, 0)]));
    let mut feed = world.open(Start::After(first)).await.unwrap();
    assert_eq!(read(&mut feed, 200).await.0.len(), 200);
    let pages = world.reads_of("page");
    world
        .db
        .run(
            "insert into ingest_offsets (stream, topic, partition, epoch, topic_id, next_offset) \
             values ('s', 't', 7, 1, 'x', 0)",
        )
        .await;
    world.commit_in(3, 0, 10).await;
    world.published(210).await;
    let second = Cursor::at(Positions::from([(1, 50), (2, 100), (3, 10)]));
    let mut feed = world.open(Start::After(second)).await.unwrap();
    assert_eq!(read(&mut feed, 50).await.0, (50..100).collect::<Vec<_>>());
    assert_eq!(world.reads_of("page"), pages, "the pages were still there");
}

#[actix_web::test]
async fn what_comes_before_lost_offsets_is_told_before_the_loss() {
    let world = World::start().await;
    world.commit(0, 10).await;
    world
        .db
        .run(
            "begin; insert into gaps (partition_id, from_offset, to_offset) values (1, 10, 50), (1, 60, 70); \
             update ingest_offsets set next_offset = 50; commit",
        )
        .await;
    world.commit(50, 60).await;
    world.db.run("update ingest_offsets set next_offset = 70").await;
    world.commit(70, 80).await;
    world.published(80).await;
    let mut start = Cursor::default();
    for (from, to, gap_ends) in [(0, 10, 50), (50, 60, 70)] {
        let mut feed = world.open(Start::After(start)).await.unwrap();
        let (offsets, _) = read(&mut feed, 10).await;
        assert_eq!(offsets, (from..to).collect::<Vec<_>>());
        let error = next(&mut feed).await.unwrap_err();
        start = Cursor::at(Positions::from([(1, gap_ends)]));
        let gap = FeedError::ResumeGap {
            earliest: start.encode(),
        };
        assert_eq!(error, gap);
    }
    let mut feed = world.open(Start::After(start)).await.unwrap();
    assert_eq!(read(&mut feed, 10).await.0, (70..80).collect::<Vec<_>>());
}

#[actix_web::test]
async fn a_live_feed_is_small() {
    let live = size_of::<Feed>() + size_of::<super::request::Asked>();
    assert!(live <= 512, "{live} bytes");
}
