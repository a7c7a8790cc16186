//! Archives due days periodically, on one node at a time.

use std::sync::Arc;
use std::time::Duration;

use crate::data::{Day, Micros};
use crate::store::archive::{Standing, alone, days};
use crate::store::connect::DatabaseUrl;
use crate::telemetry::{Metrics, caught};

use super::{ArchiveError, Target, archive};

/// A starting node makes its tables first.
const AT_FIRST: Duration = Duration::from_secs(30);

#[derive(Clone, Debug)]
pub struct Schedule {
    pub database: DatabaseUrl,
    pub target: Target,
    /// A day is archived when its end is this long ago.
    pub after: Duration,
    pub every: Duration,
    pub metrics: Arc<Metrics>,
}

impl Schedule {
    /// Runs until it is dropped, which it may be at any moment.
    pub async fn run(self) {
        tokio::time::sleep(self.every.min(AT_FIRST)).await;
        loop {
            if let Some(Err(error)) = caught(&self.metrics, "archive", self.once()).await {
                self.failed(&error);
            }
            tokio::time::sleep(self.every).await;
        }
    }

    /// Archives every day that is due. One that fails does not keep the others from it.
    pub async fn once(&self) -> Result<(), ArchiveError> {
        let Some(mut client) = alone(&self.database, Duration::ZERO).await? else {
            return Ok(());
        };
        let end = Day::of(Micros::now().minus(self.after)).start();
        for state in days(&client, Micros::FIRST, end).await? {
            match state.standing {
                Standing::Due => match archive(&mut client, state.day, &self.target, |_| ()).await {
                    Ok(None) => {}
                    Ok(Some(copy)) => {
                        self.metrics.archived_days.inc();
                        tracing::info!(day = %copy.day, rows = copy.rows, url = copy.url, "archived a day");
                    }
                    // The session, and with it the lock, is gone.
                    Err(error) if client.is_closed() => return Err(error),
                    Err(error) => self.failed(&error),
                },
                Standing::Thinned => tracing::warn!(
                    day = %state.day,
                    "late points of a dropped day are not in the archive; restore the day to add them"
                ),
                Standing::Archived | Standing::Open => {}
            }
        }
        Ok(())
    }

    fn failed(&self, error: &ArchiveError) {
        self.metrics.archive_errors.inc();
        tracing::warn!(%error, "archiving failed; retrying later");
    }
}
