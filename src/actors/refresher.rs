//! Keeps the rollups up to date on its own thread as long as the program runs. It waits while Postgres is
//! unavailable.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::time::sleep;

use crate::data::Micros;
use crate::store::WriteError;
use crate::store::connect::DatabaseUrl;
use crate::store::rollups::{Refreshed, Refresher, RollupConfig};
use crate::telemetry::{Metrics, caught};

const RETRY_LONGEST: Duration = Duration::from_secs(60);
/// A pass is followed by a rest of so many times its length, for the writers.
const REST: u32 = 5;

/// Never ends by itself. A pass that is interrupted has changed nothing.
pub async fn run(database: &DatabaseUrl, config: RollupConfig, metrics: &Arc<Metrics>) {
    let mut failures = 0;
    loop {
        let passes = passes(database, config, metrics, &mut failures);
        let why = match caught(metrics, "rollups", passes).await {
            Some(Err(error)) => error.to_string(),
            None => "panicked".to_owned(),
        };
        let delay = RETRY_LONGEST.min(Duration::from_secs(1 << failures.min(6)));
        failures += 1;
        tracing::warn!(why, retry_in = ?delay, "the rollup refresh failed");
        sleep(delay).await;
    }
}

async fn passes(
    database: &DatabaseUrl,
    config: RollupConfig,
    metrics: &Arc<Metrics>,
    failures: &mut u32,
) -> Result<std::convert::Infallible, WriteError> {
    let mut refresher = Refresher::connect(database, config, Arc::clone(metrics)).await?;
    loop {
        let begun = Instant::now();
        let refreshed = refresher.pass(Micros::now()).await?;
        *failures = 0;
        sleep(rest(refreshed, begun.elapsed(), config.every)).await;
    }
}

/// A backlog is worked off at once while nobody writes, and with rests while somebody does.
fn rest(refreshed: Refreshed, took: Duration, every: Duration) -> Duration {
    match refreshed {
        Refreshed { pending: 0, .. } => every,
        Refreshed { is_quiet: true, .. } => Duration::ZERO,
        _ => took * REST,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_backlog_is_done_at_once_unless_somebody_writes() {
        let every = Duration::from_secs(10);
        let of = |pending, is_quiet| {
            let refreshed = Refreshed {
                buckets: 1,
                pending,
                is_quiet,
            };
            rest(refreshed, Duration::from_secs(1), every).as_secs()
        };
        assert_eq!((of(0, false), of(0, true)), (10, 10));
        assert_eq!((of(3, true), of(3, false)), (0, 5));
    }
}
