//! The writer's connection to Postgres: opened when needed, dropped after an error. The writer keeps the
//! batch while it reconnects.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::time::timeout;

use crate::actors::doubt::Doubt;
use crate::data::Batch;
use crate::store::connect::DatabaseUrl;
use crate::store::{self, Held, WriteError, WriterConfig, Written};
use crate::telemetry::{Metrics, Status};

const RETRY_FIRST: Duration = Duration::from_millis(100);
const RETRY_LONGEST: Duration = Duration::from_secs(5);
const CHECK_PATIENCE: Duration = Duration::from_secs(10);

/// The connection and what is needed to make another.
#[derive(Debug)]
pub struct Session {
    pub database: DatabaseUrl,
    pub config: WriterConfig,
    pub store: Option<store::Writer>,
    pub doubt: Arc<Doubt>,
}

/// Why this generation stores nothing more.
#[derive(Debug)]
pub(super) struct Ended {
    pub why: String,
    pub fatal: bool,
}

impl Session {
    /// Moves the connection into a handler's future; it comes back with the outcome.
    pub(super) fn take(&mut self) -> Self {
        Self {
            database: self.database.clone(),
            config: self.config.clone(),
            store: self.store.take(),
            doubt: Arc::clone(&self.doubt),
        }
    }

    /// Stores the batch, however long Postgres is unavailable.
    pub(super) async fn store(
        &mut self,
        mut batch: Batch,
        metrics: &Arc<Metrics>,
        status: &Status,
    ) -> Result<Written, Ended> {
        let mut wait = RETRY_FIRST;
        loop {
            self.config.pace.step();
            let written = match self.connected(metrics).await {
                Ok(store) => store.write(batch).await,
                Err(error) => Err((batch, error)),
            };
            let error = match written {
                Ok(written) => {
                    status.well("postgres");
                    self.doubt.settled();
                    return Ok(written);
                }
                Err((returned, error)) => {
                    batch = returned;
                    error
                }
            };
            if let Some(ended) = self.ended(&error, metrics) {
                return Err(ended);
            }
            let why = error.to_string();
            tracing::warn!(%why, retry_in = ?wait, "cannot write the batch to postgres; retrying");
            status.trouble("postgres", why);
            self.store = None;
            tokio::time::sleep(wait).await;
            wait = RETRY_LONGEST.min(wait * 2);
        }
    }

    /// Why the generation must end after this error; `None`: the writer tries again.
    fn ended(&self, error: &WriteError, metrics: &Metrics) -> Option<Ended> {
        let fatal = match error {
            WriteError::Retry(_) | WriteError::TooSlow(_) => return None,
            WriteError::Unknown(_) if !self.doubt.is_over(Instant::now()) => return None,
            WriteError::Unknown(_) | WriteError::Poisoned(_) | WriteError::Fatal(_) => true,
            WriteError::WentBack(why) => {
                metrics.add(&metrics.went_back, &[("noticed_by", "pipeline")], 1);
                tracing::error!(
                    why,
                    "postgres lost confirmed commits; reading the records again from Kafka"
                );
                false
            }
        };
        let why = error.to_string();
        Some(Ended { why, fatal })
    }

    async fn connected(&mut self, metrics: &Arc<Metrics>) -> Result<&mut store::Writer, WriteError> {
        match &mut self.store {
            Some(store) => Ok(store),
            none => {
                let config = self.config.clone();
                let store = store::Writer::connect(&self.database, config, Arc::clone(metrics)).await?;
                Ok(none.insert(store))
            }
        }
    }

    /// Those of the partitions that have another owner. Other errors are left to the next batch.
    pub(super) async fn check(&mut self, held: &[Held], metrics: &Arc<Metrics>) -> Result<Vec<Held>, Ended> {
        let check = async { self.connected(metrics).await?.check(held).await };
        match timeout(CHECK_PATIENCE, check).await {
            Ok(Ok(lost)) => Ok(lost),
            Ok(Err(error @ WriteError::WentBack(_))) => match self.ended(&error, metrics) {
                Some(ended) => Err(ended),
                None => Ok(Vec::new()),
            },
            Ok(Err(_)) | Err(_) => {
                self.store = None;
                Ok(Vec::new())
            }
        }
    }
}
