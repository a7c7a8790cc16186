//! The metrics, in Prometheus' text format.
//!
//! One `Metrics` for each running system, shared by `Arc`; nothing is global, so tests can run
//! several systems in one process.

use std::sync::atomic::{AtomicU64, Ordering};

use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};

use super::delivered::Delivered;
use super::latency::EndToEnd;
use crate::data::selection;

type Labels = Vec<(&'static str, String)>;
type Counters = Family<Labels, Counter>;
type Gauges = Family<Labels, Gauge>;

/// What went through each stage since the node started, over all streams. Updated once per batch.
#[derive(Debug, Default)]
pub struct Flow {
    pub read: Counter,
    pub transformed: Counter,
    /// Points that won, those that replaced an older value included.
    pub stored: Counter,
    pub dead_letters: Counter,
}

/// Declares each metric once: `field: type, name in unit, help`, in the order of the text.
macro_rules! metrics {
    ($($(#[$doc:meta])* $field:ident: $kind:ty, $name:literal $(in $unit:ident)?, $help:literal $(= $new:expr)?;)*) => {
        #[derive(Debug)]
        pub struct Metrics {
            registry: Registry,
            pub flow: Flow,
            /// From a record's own timestamp to its commit.
            pub end_to_end: EndToEnd,
            /// Points by what became of them at the subscribers.
            pub delivered: Delivered,
            /// Wall clock of the last commit in milliseconds since the epoch; 0 before the first.
            pub last_commit_millis: AtomicU64,
            $(#[doc = $help] #[doc = ""] $(#[$doc])* pub $field: $kind,)*
        }

        impl Default for Metrics {
            fn default() -> Self {
                let mut registry = Registry::with_prefix("streamsync");
                $(
                    let $field: $kind = metrics!(@new $($new)?);
                    metrics!(@register registry, $name, $help, $field.clone() $(, $unit)?);
                )*
                let (end_to_end, delivered) = (EndToEnd::default(), Delivered::default());
                registry.register_collector(Box::new(end_to_end.clone()));
                registry.register_collector(Box::new(delivered.clone()));
                Self {
                    registry,
                    flow: Flow::default(),
                    end_to_end,
                    delivered,
                    last_commit_millis: AtomicU64::new(0),
                    $($field,)*
                }
            }
        }
    };
    (@new) => { Default::default() };
    (@new $new:expr) => { $new };
    (@register $registry:ident, $name:literal, $help:literal, $metric:expr) => {
        $registry.register($name, $help, $metric)
    };
    (@register $registry:ident, $name:literal, $help:literal, $metric:expr, $unit:ident) => {
        $registry.register_with_unit($name, $help, Unit::$unit, $metric)
    };
}

metrics! {
    /// By stream.
    records: Counters, "records", "Kafka records read";
    /// By stream and outcome: `stored`, `replaced` (a newer value won) or `lost` (an older one did not).
    points: Counters, "points", "Points by outcome";
    /// By stream, path and outcome: `stored` or `refused`.
    written_points: Counters, "written_points", "Points written over HTTP by outcome";
    /// By stream and path.
    failed_writes: Counters, "failed_writes", "Requests that write points and may succeed later";
    /// By stream and rule.
    skipped: Counters, "skipped", "Records left out by a rule";
    /// By stream and rule; also of records that have other points.
    left_out: Counters, "left_out", "Points, or objects of a record as a whole, left out by a rule";
    /// By stream.
    forgotten: Counters, "forgotten_keys", "Keys of dedupe and rate forgotten early, for lack of room";
    /// By stream and reason.
    dead_letters: Counters, "dead_letters", "Records that became dead letters";
    /// By topic and partition.
    lag: Gauges, "consumer_lag_records", "Records not yet committed to Postgres";
    /// Passes that found nothing do not count.
    refresh_seconds: Histogram, "rollup_refresh" in Seconds, "Time of a pass over the invalidation log" = timing();
    /// By level: `1m`, `1h` or `1d`.
    rollup_buckets: Counters, "rollup_buckets", "Rows of rollups written";
    invalidations: Gauge, "rollup_invalidations", "Rows of the invalidation log that wait";
    rollup_edge_lag: Gauge, "rollup_edge_lag" in Seconds, "How far behind the clock the rollups end";
    /// Retries included.
    batch_seconds: Histogram, "batch" in Seconds, "Time from the writer taking a batch to its commit" = timing();
    copy_fallbacks: Counter, "copy_fallbacks", "Batches that went through the upsert";
    /// Another node owned the partition by then.
    dropped_shares: Counter, "dropped_shares", "Shares dropped by compare-and-set";
    /// By who noticed: `pipeline` or `live`.
    went_back: Counters, "postgres_went_back", "Times that Postgres had less than it had confirmed";
    dead_letters_cut: Counter, "dead_letter_payloads_left_out", "Dead letters without payload, key and headers: the quota is used up";
    /// By part of the program.
    panics: Counters, "panics", "Parts of the program that panicked and were begun anew";
    credits_held: Gauge, "credits_held" in Bytes, "Budget in use";
    credits_total: Gauge, "credits_total" in Bytes, "Budget";
    generation: Gauge, "generation", "Generation of the pipeline";
    subscribers: Gauge, "subscribers", "Live subscriptions";
    /// By transport.
    connections: Gauges, "connections", "Live connections";
    encoded: Counter, "encoded_points", "Points written as JSON for subscribers, once for each shape";
    /// WebSockets, by close code.
    closed: Counters, "closed_connections", "Connections closed by the server";
    /// By kind: `horizon`, `series`, `page` or `history`.
    catch_up_reads: Counters, "catch_up_reads", "Statements shared by the subscribers who catch up";
    /// By reason.
    refused: Counters, "refused_connections", "Connections and requests beyond a bound, not let in";
    /// By limit: those of a principal, and what all share (`reads`, `catch_up`, `selectors`, `expressions`,
    /// `window_lengths`, `published_series`).
    over_limits: Counters, "over_limits", "Requests and operations refused by a limit";
    /// By reason: `missing`, `invalid`, `expired`, `too_many` or `unavailable`.
    auth_failures: Counters, "auth_failures", "Requests and connections that were not let in";
    open_connections: Gauge, "open_connections", "Connections of any kind";
    /// By reason: `idle` or `stalled`.
    cut: Counters, "cut_connections", "Connections ended because nothing went on";
    /// Because they did not reach it in memory.
    tail_reads: Counter, "tail_reads", "Ranges the hub read from Postgres";
    window_updates: Counter, "window_updates", "Live windows handed out, once for all subscribers";
    window_reads: Counter, "window_reads", "Live windows read from Postgres";
    cache_errors: Counter, "cache_errors", "Cache failures answered by Postgres";
    archived_days: Counter, "archived_days", "Days put into the archive";
    archive_errors: Counter, "archive_errors", "Failures of archiving, to be tried again";
    dropped_partitions: Counter, "dropped_partitions", "Time partitions dropped by retention";
    expired_rows: Counter, "expired_rows", "Rows deleted by retention from partitions that stay";
    audit_lost: Counter, "audit_lost", "Audit events that are in the log alone, because too many waited for Postgres or it refused them";
    maintenance_errors: Counter, "maintenance_errors", "Failed runs of the maintenance, to be tried again";
}

/// Buckets of 1 ms, 2 ms, 4 ms … 8 s.
fn timing() -> Histogram {
    Histogram::new(exponential_buckets(0.001, 2.0, 14))
}

impl Metrics {
    /// The text that `/metrics` serves (OpenMetrics 1.0, readable by Prometheus).
    pub fn text(&self) -> String {
        self.count_expressions();
        let mut out = String::new();
        // Writing into a String cannot fail.
        let _ = encode(&mut out, &self.registry);
        out
    }

    /// All selectors of the process share one bound.
    fn count_expressions(&self) {
        let refused = selection::REFUSED.load(Ordering::Relaxed);
        if refused > 0 {
            let counter = self
                .over_limits
                .get_or_create(&owned(&[("limit", "expressions")]));
            counter.inc_by(refused.saturating_sub(counter.get()));
        }
    }

    pub fn add(&self, counters: &Counters, labels: &[(&'static str, &str)], n: u64) {
        if n > 0 {
            counters.get_or_create(&owned(labels)).inc_by(n);
        }
    }

    pub fn over_limit(&self, limit: &str) {
        self.add(&self.over_limits, &[("limit", limit)], 1);
    }

    pub fn set_lag(&self, topic: &str, partition: i32, records: i64) {
        self.lag.get_or_create(&place(topic, partition)).set(records);
    }

    pub fn forget_lag(&self, topic: &str, partition: i32) {
        self.lag.remove(&place(topic, partition));
    }
}

fn place(topic: &str, partition: i32) -> Labels {
    owned(&[("topic", topic), ("partition", &partition.to_string())])
}

pub fn owned(labels: &[(&'static str, &str)]) -> Labels {
    let labels = labels.iter();
    labels.map(|(name, value)| (*name, (*value).to_owned())).collect()
}
