//! Runs the maintenance of the tables and tells how it went.

use std::sync::Arc;

use tokio::sync::Mutex;

use crate::data::Micros;
use crate::store::DatabaseUrl;
use crate::store::maintain::{self, Keep};
use crate::telemetry::status::{Maintained, MaintenanceRun};
use crate::telemetry::{Metrics, Status};

#[derive(Debug)]
pub struct Maintenance {
    job: Mutex<maintain::Maintenance>,
    metrics: Arc<Metrics>,
    status: Arc<Status>,
}

impl Maintenance {
    pub fn new(database: DatabaseUrl, keep: Keep, metrics: Arc<Metrics>, status: Arc<Status>) -> Self {
        Self {
            job: Mutex::new(maintain::Maintenance::new(database, keep)),
            metrics,
            status,
        }
    }

    /// Does nothing while the run before it still goes on.
    pub async fn run(&self) {
        let Ok(mut job) = self.job.try_lock() else {
            return;
        };
        let at = Micros::now();
        let outcome = match job.run(at).await {
            Ok(Some(dropped)) => {
                self.metrics.dropped_partitions.inc_by(dropped.partitions);
                self.metrics.expired_rows.inc_by(dropped.rows);
                Maintained::Done {
                    partitions: dropped.partitions,
                    rows: dropped.rows,
                }
            }
            Ok(None) => Maintained::Elsewhere,
            Err(error) => {
                tracing::warn!(%error, "maintenance failed and is tried again later");
                self.metrics.maintenance_errors.inc();
                Maintained::Failed(error.to_string())
            }
        };
        self.status
            .update(|snapshot| snapshot.maintenance = Some(MaintenanceRun { at, outcome }));
    }
}
