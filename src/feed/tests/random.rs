//! Anything in any order: commits over several partitions, batches that reach the hub late, twice or
//! never, offsets that Kafka has lost, viewers who go away and come back. Against the list of all
//! points: no gap, no duplicate, and a loss is told where it is.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use proptest::prelude::*;

use super::world::{World, next};
use crate::data::{Cursor, Stored};
use crate::feed::*;

const PARTITIONS: i32 = 3;
const SERIES: i64 = 4;
/// So little that many who come back find in memory what they miss, and many do not.
const REMEMBERED: usize = 30_000;

#[derive(Clone, Debug)]
enum Step {
    /// So many points of a partition; the hub may hear of them at once, or has to find them.
    Commit(i32, i64, bool),
    /// One of the batches so far reaches the hub, perhaps again.
    Publish(prop::sample::Index),
    /// So many offsets are lost.
    Lose(i32, i64),
    Join(Option<i64>),
    Leave(prop::sample::Index),
    Read(prop::sample::Index),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (1..=PARTITIONS, 1i64..300, any::<bool>()).prop_map(|(id, n, told)| Step::Commit(id, n, told)),
        2 => any::<prop::sample::Index>().prop_map(Step::Publish),
        1 => (1..=PARTITIONS, 1i64..50).prop_map(|(id, n)| Step::Lose(id, n)),
        2 => prop::option::of(0..SERIES).prop_map(Step::Join),
        3 => any::<prop::sample::Index>().prop_map(Step::Leave),
        8 => any::<prop::sample::Index>().prop_map(Step::Read),
    ]
}

/// Where each partition ends, and what of it was lost.
#[derive(Default)]
struct Log {
    ends: BTreeMap<i32, i64>,
    lost: Vec<(i32, Range<i64>)>,
}

struct Viewer {
    series: Option<i64>,
    /// `None` while it is away.
    feed: Option<Feed>,
    from: Cursor,
    cursor: Cursor,
    seen: BTreeMap<i32, Vec<i64>>,
}

impl Viewer {
    async fn join(world: &World, series: Option<i64>) -> Self {
        let mut feed = world.open_series(series, Start::Now).await.unwrap();
        let from = Cursor::clone(&next(&mut feed).await.unwrap().cursor);
        Self {
            series,
            feed: Some(feed),
            cursor: from.clone(),
            from,
            seen: BTreeMap::new(),
        }
    }

    /// All that is committed and it has to have seen.
    fn expects(&self, log: &Log) -> BTreeMap<i32, Vec<i64>> {
        let of = |(id, upto): (&i32, &i64)| {
            let from = self.from.positions.get(id).copied().unwrap_or(0);
            let wanted = |offset: &i64| self.series.is_none_or(|series| offset % SERIES == series);
            let is_there = |offset: &i64| {
                !log.lost
                    .iter()
                    .any(|(of, lost)| of == id && lost.contains(offset))
            };
            let offsets: Vec<i64> = (from..*upto).filter(wanted).filter(is_there).collect();
            (!offsets.is_empty()).then_some((*id, offsets))
        };
        log.ends.iter().filter_map(of).collect()
    }

    /// One more batch, if there is anything to come, or the news of a loss.
    async fn read(&mut self, world: &World, log: &Log) -> bool {
        let missing = self.seen != self.expects(log);
        if missing {
            // What it did not hear of, it finds at the latest now.
            world.hub.catch_up();
            match self.next(world).await {
                Ok(batch) => {
                    for point in batch.selected.points() {
                        self.seen
                            .entry(point.partition_id)
                            .or_default()
                            .push(point.offset);
                    }
                    self.cursor = Cursor::clone(&batch.cursor);
                }
                Err(error) => {
                    self.feed = None;
                    let FeedError::ResumeGap { earliest } = error else {
                        panic!("{error:?}");
                    };
                    self.cursor = Cursor::decode(&earliest).unwrap();
                }
            }
        }
        missing
    }

    async fn next(&mut self, world: &World) -> Result<Batch, FeedError> {
        if self.feed.is_none() {
            let start = Start::After(self.cursor.clone());
            self.feed = Some(world.open_series(self.series, start).await?);
        }
        next(self.feed.as_mut().unwrap()).await
    }
}

async fn play(steps: Vec<Step>) {
    let world = World::remembering(REMEMBERED, PARTITIONS, SERIES).await;
    let mut log = Log::default();
    let mut batches: Vec<Arc<Stored>> = Vec::new();
    let mut viewers = vec![Viewer::join(&world, None).await];
    for step in steps {
        match step {
            Step::Commit(partition, points, told) => {
                let at = log.ends.entry(partition).or_default();
                let stored = world.commit_in(partition, *at, *at + points).await;
                *at += points;
                batches.push(Arc::clone(&stored));
                if told {
                    world.hub.publish(stored);
                }
            }
            Step::Lose(partition, offsets) => {
                let at = log.ends.entry(partition).or_default();
                world.db.lose(partition, *at, *at + offsets).await;
                log.lost.push((partition, *at..*at + offsets));
                *at += offsets;
            }
            Step::Publish(_) if batches.is_empty() => {}
            Step::Publish(which) => world.hub.publish(Arc::clone(which.get(&batches))),
            Step::Join(series) => viewers.push(Viewer::join(&world, series).await),
            Step::Leave(which) => which.get_mut(&mut viewers).feed = None,
            Step::Read(which) => {
                which.get_mut(&mut viewers).read(&world, &log).await;
            }
        }
    }
    for viewer in &mut viewers {
        while viewer.read(&world, &log).await {}
        assert_eq!(viewer.seen, viewer.expects(&log));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(8))]

    #[test]
    fn every_viewer_sees_every_point_of_its_own_once(steps in prop::collection::vec(step(), 1..80)) {
        actix_web::rt::System::new().block_on(play(steps));
    }
}
