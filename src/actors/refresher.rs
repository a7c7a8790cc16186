//! Keeps the rollups up to date for as long as the program runs, whatever becomes of the pipeline.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::task::JoinHandle;
use tokio::time::sleep;

use crate::data::Micros;
use crate::store::connect::DatabaseUrl;
use crate::store::rollups::{Pass, Refresher, RollupConfig};
use crate::telemetry::{Metrics, Status};

const RETRY_FIRST: Duration = Duration::from_secs(1);
const RETRY_LONGEST: Duration = Duration::from_secs(60);
/// While more is waiting, a pass is followed by a rest of so many times its length, so that the
/// writer keeps most of Postgres; what waits is read from the points meanwhile.
const REST: u32 = 5;

/// Ends the work when dropped; a pass that is cut off is made again by whoever comes next.
#[derive(Debug)]
pub struct RefresherHandle(JoinHandle<()>);

impl Drop for RefresherHandle {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Runs on the current actix system.
pub fn start(
    database: DatabaseUrl,
    config: RollupConfig,
    metrics: Arc<Metrics>,
    status: Arc<Status>,
) -> RefresherHandle {
    RefresherHandle(actix::spawn(async move {
        let mut wait = RETRY_FIRST;
        loop {
            // Until the migrations have run there is nothing to do and nothing to say.
            if !status.is_awaited("postgres") {
                let why = run(&database, config, &metrics, &mut wait).await;
                tracing::warn!(%why, retry_in = ?wait, "rollups were not made; queries read points meanwhile");
            }
            sleep(wait).await;
            wait = RETRY_LONGEST.min(wait * 2);
        }
    }))
}

/// Pass after pass, until one fails.
async fn run(
    database: &DatabaseUrl,
    config: RollupConfig,
    metrics: &Metrics,
    wait: &mut Duration,
) -> crate::store::WriteError {
    let mut refresher = match Refresher::connect(database, config).await {
        Ok(refresher) => refresher,
        Err(error) => return error,
    };
    loop {
        let began = Instant::now();
        let pass = match refresher.pass(Micros::now()).await {
            Ok(pass) => pass,
            Err(error) => return error,
        };
        *wait = RETRY_FIRST;
        let took = began.elapsed();
        let rest = match pass {
            Some(pass) => {
                count(metrics, pass, took);
                if pass.behind { took * REST } else { config.every }
            }
            None => config.every,
        };
        sleep(rest.min(config.every.max(took * REST))).await;
    }
}

fn count(metrics: &Metrics, pass: Pass, took: Duration) {
    for (level, written) in ["1m", "1h", "1d"].into_iter().zip(pass.written) {
        metrics
            .rollups
            .get_or_create(&vec![("level", level.to_owned())])
            .inc_by(written);
    }
    metrics.rollup_seconds.observe(took.as_secs_f64());
    metrics.rollup_edge.set(pass.edge.0.div_euclid(1_000_000));
}
