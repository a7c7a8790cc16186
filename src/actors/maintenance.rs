//! Runs the maintenance of the tables and reports the result.

use std::iter::successors;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;

use crate::cache::LatestCache;
use crate::data::Micros;
use crate::store::maintain;
use crate::store::retention::{Dropped, Keep};
use crate::store::{DatabaseUrl, WriteError};
use crate::telemetry::status::{Maintained, MaintenanceRun};
use crate::telemetry::{Metrics, Status, caught};

pub const MAINTAIN_EVERY: Duration = Duration::from_secs(600);
/// How soon and how often a run tries again while another node runs it (or ended a moment ago, and
/// Postgres does not know yet), and what others were using. Each pause is twice the one before.
const AGAIN_AFTER: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
const ATTEMPTS: usize = 10;

#[derive(Debug)]
pub struct Maintenance {
    job: Mutex<maintain::Maintenance>,
    /// Told when points are gone.
    latest: LatestCache,
    metrics: Arc<Metrics>,
    status: Arc<Status>,
}

impl Maintenance {
    pub fn new(
        database: DatabaseUrl,
        keep: Keep,
        latest: LatestCache,
        metrics: Arc<Metrics>,
        status: Arc<Status>,
    ) -> Self {
        Self {
            latest,
            job: Mutex::new(maintain::Maintenance::new(database, keep)),
            metrics,
            status,
        }
    }

    /// Does nothing while another run goes on.
    pub async fn run(&self) {
        let Ok(mut job) = self.job.try_lock() else {
            return;
        };
        let mut dropped = Dropped::default();
        for pause in pauses() {
            let outcome = self.attempt(&mut job, &mut dropped).await;
            if outcome != Maintained::Elsewhere && !job.is_left_in_use() {
                return;
            }
            tokio::time::sleep(pause).await;
        }
    }

    async fn attempt(&self, job: &mut maintain::Maintenance, dropped: &mut Dropped) -> Maintained {
        let at = Micros::now();
        let ran = caught(&self.metrics, "maintenance", job.run(at)).await;
        let outcome = match ran.unwrap_or_else(|| Err(WriteError::Retry("panicked".to_owned()))) {
            Ok(Some(now)) => {
                if job.has_swept() {
                    self.latest.invalidate();
                }
                self.metrics.dropped_partitions.inc_by(now.partitions);
                self.metrics.expired_rows.inc_by(now.rows);
                dropped.partitions += now.partitions;
                dropped.rows += now.rows;
                Maintained::Done {
                    partitions: dropped.partitions,
                    rows: dropped.rows,
                }
            }
            Ok(None) => Maintained::Elsewhere,
            Err(error) => {
                tracing::warn!(%error, "maintenance failed; retrying later");
                self.metrics.maintenance_errors.inc();
                Maintained::Failed(error.to_string())
            }
        };
        let run = MaintenanceRun {
            at,
            outcome: outcome.clone(),
        };
        self.status.update(|snapshot| snapshot.maintenance = Some(run));
        outcome
    }
}

fn pauses() -> impl Iterator<Item = Duration> {
    let doubled = |pause: &Duration| Some(LONGEST_PAUSE.min(*pause * 2));
    successors(Some(AGAIN_AFTER), doubled).take(ATTEMPTS)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cache::Latest;
    use crate::data::Matched;
    use crate::store::testing::Database;
    use crate::store::testing::batches::{Input, Node, second};
    use std::collections::BTreeMap;

    const DAY: Duration = Duration::from_secs(86_400);

    fn keep<const N: usize>(streams: [(String, [Option<Duration>; 4]); N]) -> Keep {
        Keep {
            dead_letters: DAY,
            commits: DAY,
            streams: BTreeMap::from(streams),
            rollups: false,
            archive: false,
        }
    }

    #[tokio::test]
    async fn a_node_that_finds_another_at_it_looks_again_soon_and_ever_less_often() {
        let db = Database::create().await;
        let other = db.maintaining().await;
        let status = Arc::<Status>::default();
        let (url, latest) = (db.url.clone(), LatestCache::local(10));
        let maintenance = Maintenance::new(url, keep([]), latest, Arc::default(), Arc::clone(&status));
        let outcome = || {
            status
                .snapshot()
                .maintenance
                .as_ref()
                .map(|run| run.outcome.clone())
        };
        let ends = async {
            while outcome() != Some(Maintained::Elsewhere) {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            drop(other);
        };
        let waited = Duration::from_secs(30);
        let run = tokio::time::timeout(waited, maintenance.run());
        tokio::join!(run, ends).0.expect("it looked again");
        let (partitions, rows) = (0, 0);
        assert_eq!(outcome(), Some(Maintained::Done { partitions, rows }));
        assert!(pauses().is_sorted() && pauses().sum::<Duration>() < MAINTAIN_EVERY);
    }

    #[tokio::test]
    async fn a_latest_point_that_retention_dropped_is_not_shown_from_the_cache() {
        let mut node = Node::start().await;
        let a = node.own(0).await;
        node.write(Input::empty().range(&a, 0, 1).record(0, 1, &[("x", 1, 1.0)]))
            .await;
        let latest = LatestCache::local(10);
        let lookup = latest.lookup(&Matched::of_ids([1])).await;
        let point = Latest {
            series: 1,
            ts: second(1),
            value: 1.0,
            partition_id: 1,
            offset: 0,
        };
        latest.put_back(&lookup.epoch, vec![point]);
        assert_eq!(latest.lookup(&Matched::of_ids([1])).await.found, [point]);

        let keep = keep([("machines".to_owned(), [Some(DAY), None, None, None])]);
        let (url, metrics, status) = (node.db.url.clone(), Arc::default(), Arc::<Status>::default());
        let maintenance = Maintenance::new(url, keep, latest.clone(), metrics, Arc::clone(&status));
        maintenance.run().await;
        let run = status.snapshot().maintenance.expect("it ran");
        assert!(
            matches!(run.outcome, Maintained::Done { partitions: 1, .. }),
            "{run:?}"
        );
        assert_eq!(latest.lookup(&Matched::of_ids([1])).await.missing, [1]);
    }
}
