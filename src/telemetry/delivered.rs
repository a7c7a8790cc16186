//! The points of live subscriptions by outcome: the sums in `/metrics`.
//!
//! Each subscription counts under its own lock, so delivery touches nothing shared. A scrape adds up
//! the running and the ended ones. The counts of each always satisfy matched = sent + conflated +
//! discarded + pending, so the sums do too.

use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;

use parking_lot::Mutex;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;

/// Points by outcome so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    pub matched: u64,
    /// Handed to the subscriber's connection, which takes points only when its socket has room.
    pub sent: u64,
    /// Represented by a point that was sent or is pending.
    pub conflated: u64,
    /// Pending when the subscription ended.
    pub discarded: u64,
    pub pending: u64,
}

/// A subscription. Its counts are consistent and never decrease, except for `pending`.
pub trait Counted: fmt::Debug + Send + Sync {
    fn counts(&self) -> Counts;

    /// How full the outbox is, 0 to 1.
    fn fill(&self) -> f64;
}

#[derive(Clone, Debug, Default)]
pub struct Delivered(Arc<Mutex<Sums>>);

#[derive(Debug, Default)]
struct Sums {
    running: HashMap<u64, Arc<dyn Counted>>,
    gone: Counts,
    next_id: u64,
}

/// The registration of a running subscription. Dropped when its counts are final.
#[derive(Debug)]
pub struct Registration {
    delivered: Delivered,
    id: u64,
}

impl Delivered {
    pub fn join(&self, subscription: Arc<dyn Counted>) -> Registration {
        let mut sums = self.0.lock();
        let id = sums.next_id;
        sums.next_id += 1;
        sums.running.insert(id, subscription);
        let delivered = self.clone();
        Registration { delivered, id }
    }

    /// Over all subscriptions, past and present.
    pub fn counts(&self) -> Counts {
        let sums = self.0.lock();
        let running = sums.running.values().map(|one| one.counts());
        running.fold(sums.gone, Counts::plus)
    }

    /// How full the fullest outbox is, 0 to 1.
    pub fn fullest(&self) -> f64 {
        let sums = self.0.lock();
        sums.running.values().map(|one| one.fill()).fold(0.0, f64::max)
    }
}

impl Drop for Registration {
    fn drop(&mut self) {
        let mut sums = self.delivered.0.lock();
        if let Some(one) = sums.running.remove(&self.id) {
            sums.gone = sums.gone.plus(one.counts());
        }
    }
}

impl Counts {
    fn plus(self, other: Self) -> Self {
        Self {
            matched: self.matched + other.matched,
            sent: self.sent + other.sent,
            conflated: self.conflated + other.conflated,
            discarded: self.discarded + other.discarded,
            pending: self.pending + other.pending,
        }
    }
}

impl Collector for Delivered {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let counts = self.counts();
        let help = "Points that live subscriptions asked for; sent + conflated + discarded + pending";
        let matched = encoder.encode_descriptor("matched_points", help, None, MetricType::Counter)?;
        ConstCounter::new(counts.matched).encode(matched)?;

        let help = "Points at the subscribers by outcome";
        let mut by_outcome =
            encoder.encode_descriptor("delivered_points", help, None, MetricType::Counter)?;
        for (outcome, points) in [
            ("sent", counts.sent),
            ("conflated", counts.conflated),
            ("discarded", counts.discarded),
        ] {
            let labels = [("outcome", outcome)];
            ConstCounter::new(points).encode(by_outcome.encode_family(&labels)?)?;
        }

        let help = "Points that wait for their subscribers";
        let pending = encoder.encode_descriptor("pending_points", help, None, MetricType::Gauge)?;
        ConstGauge::new(counts.pending).encode(pending)
    }
}
