//! Takes a sample of this node every second, as long as it runs.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};

use crate::data::Micros;
use crate::telemetry::{Metrics, Samples, Status};

const SECOND: Duration = Duration::from_secs(1);

pub fn start(metrics: &Arc<Metrics>, status: &Arc<Status>) -> Arc<Samples> {
    let samples = Arc::new(Samples::new(Arc::clone(metrics), Arc::clone(status)));
    let taken = Arc::clone(&samples);
    actix::spawn(async move {
        let mut seconds = interval(SECOND);
        seconds.set_missed_tick_behavior(MissedTickBehavior::Skip);
        loop {
            seconds.tick().await;
            taken.tick(Micros::now());
        }
    });
    samples
}
