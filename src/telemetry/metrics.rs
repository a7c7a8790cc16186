//! Counters by outcome, in Prometheus' words and text format.
//!
//! One `Metrics` for each running system, shared by `Arc`; nothing is global, so tests can run
//! several systems in one process.

use std::sync::atomic::AtomicU64;

use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};

use super::delivered::Delivered;
use super::latency::EndToEnd;

type Labels = Vec<(&'static str, String)>;
type Counters = Family<Labels, Counter>;
type Gauges = Family<Labels, Gauge>;

/// What went through each stage since the node started, over all streams: what cannot be had from
/// counters by stream. Touched once a batch.
#[derive(Debug, Default)]
pub struct Flow {
    pub read: Counter,
    pub transformed: Counter,
    /// Points that won, those that replaced an older value included.
    pub stored: Counter,
    pub dead_letters: Counter,
}

#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    pub flow: Flow,
    /// Kafka records read, by stream.
    pub records: Counters,
    /// Points by stream and outcome: `stored`, `replaced` (a newer value won) or `lost` (an older one did not).
    pub points: Counters,
    /// Records that a rule left out, by stream and rule.
    pub skipped: Counters,
    /// Records that became dead letters, by stream and reason.
    pub dead_letters: Counters,
    /// Records not yet committed to Postgres, by topic and partition.
    pub lag: Gauges,
    /// From the moment the writer takes a batch to its commit, retries included.
    pub batch_seconds: Histogram,
    /// From a record's own timestamp to its commit.
    pub end_to_end: EndToEnd,
    /// Batches whose COPY met an existing row and went through the upsert.
    pub copy_fallbacks: Counter,
    /// Shares of a batch whose partition had another owner by then.
    pub dropped_shares: Counter,
    /// Times that Postgres had less than it had confirmed, by who noticed it: `pipeline` or `live`.
    pub went_back: Counters,
    /// Dead letters of which payload, key and headers were left out: the quota is used up.
    pub dead_letters_cut: Counter,
    /// Parts of the program that panicked and were begun anew, by part.
    pub panics: Counters,
    /// Bytes of the pipeline's budget in use.
    pub credits_held: Gauge,
    pub credits_total: Gauge,
    pub generation: Gauge,
    pub subscribers: Gauge,
    /// Points by what became of them at the subscribers.
    pub delivered: Delivered,
    /// Live connections, by transport.
    pub connections: Gauges,
    /// Points written as JSON for subscribers: once for each shape that somebody asked for.
    pub encoded: Counter,
    /// WebSocket connections closed by the server, by close code.
    pub closed: Counters,
    /// Statements of the subscribers who catch up, by kind: `horizon`, `series`, `page` or `history`.
    pub catch_up_reads: Counters,
    /// What was not let in, by reason: a bound on connections or on memory.
    pub refused: Counters,
    /// Connections of any kind.
    pub open_connections: Gauge,
    /// Connections that were ended because nothing went on, by reason: `idle` or `stalled`.
    pub cut: Counters,
    /// Ranges the hub read from Postgres because they did not reach it in memory.
    pub tail_reads: Counter,
    /// Live windows handed out, each counted once for all subscribers, and those read from Postgres.
    pub window_updates: Counter,
    pub window_reads: Counter,
    /// Reads and writes of the cache of latest values that fell back to Postgres.
    pub cache_errors: Counter,
    /// One pass over the invalidation log that had something to do.
    pub refresh_seconds: Histogram,
    /// Rows of rollups written, by level: `1m`, `1h` or `1d`.
    pub rollup_buckets: Counters,
    /// Rows of the invalidation log that wait to be taken in.
    pub invalidations: Gauge,
    /// How far behind the clock the rollups end, in seconds.
    pub rollup_edge_lag: Gauge,
    /// Days that this node put into the archive, and failures that are tried again.
    pub archived_days: Counter,
    pub archive_errors: Counter,
    /// What retention took from the tables: whole time partitions, and rows of those that stay.
    pub dropped_partitions: Counter,
    pub expired_rows: Counter,
    /// Runs of the maintenance that failed and are tried again.
    pub maintenance_errors: Counter,
    /// Wall clock of the last commit in milliseconds since the epoch; 0 before the first.
    pub last_commit_millis: AtomicU64,
}

impl Default for Metrics {
    fn default() -> Self {
        let mut registry = Registry::with_prefix("streamsync");
        let batch_seconds = Histogram::new(exponential_buckets(0.001, 2.0, 14));
        let metrics = Self {
            records: Counters::default(),
            points: Counters::default(),
            skipped: Counters::default(),
            dead_letters: Counters::default(),
            lag: Gauges::default(),
            batch_seconds,
            flow: Flow::default(),
            end_to_end: EndToEnd::default(),
            copy_fallbacks: Counter::default(),
            dropped_shares: Counter::default(),
            went_back: Counters::default(),
            dead_letters_cut: Counter::default(),
            panics: Counters::default(),
            credits_held: Gauge::default(),
            credits_total: Gauge::default(),
            generation: Gauge::default(),
            subscribers: Gauge::default(),
            delivered: Delivered::default(),
            connections: Gauges::default(),
            encoded: Counter::default(),
            closed: Counters::default(),
            catch_up_reads: Counters::default(),
            refused: Counters::default(),
            open_connections: Gauge::default(),
            cut: Counters::default(),
            tail_reads: Counter::default(),
            window_updates: Counter::default(),
            window_reads: Counter::default(),
            cache_errors: Counter::default(),
            refresh_seconds: Histogram::new(exponential_buckets(0.001, 2.0, 14)),
            rollup_buckets: Counters::default(),
            invalidations: Gauge::default(),
            rollup_edge_lag: Gauge::default(),
            archived_days: Counter::default(),
            archive_errors: Counter::default(),
            dropped_partitions: Counter::default(),
            expired_rows: Counter::default(),
            maintenance_errors: Counter::default(),
            last_commit_millis: AtomicU64::new(0),
            registry: Registry::default(),
        };
        let r = &mut registry;
        r.register("records", "Kafka records read", metrics.records.clone());
        r.register("points", "Points by outcome", metrics.points.clone());
        r.register("skipped", "Records left out by a rule", metrics.skipped.clone());
        r.register(
            "dead_letters",
            "Records that became dead letters",
            metrics.dead_letters.clone(),
        );
        r.register(
            "consumer_lag_records",
            "Records not yet committed to Postgres",
            metrics.lag.clone(),
        );
        r.register_with_unit(
            "rollup_refresh",
            "Time of a pass over the invalidation log",
            Unit::Seconds,
            metrics.refresh_seconds.clone(),
        );
        r.register(
            "rollup_buckets",
            "Rows of rollups written",
            metrics.rollup_buckets.clone(),
        );
        r.register(
            "rollup_invalidations",
            "Rows of the invalidation log that wait",
            metrics.invalidations.clone(),
        );
        r.register_with_unit(
            "rollup_edge_lag",
            "How far behind the clock the rollups end",
            Unit::Seconds,
            metrics.rollup_edge_lag.clone(),
        );
        r.register_with_unit(
            "batch",
            "Time from the writer taking a batch to its commit",
            Unit::Seconds,
            metrics.batch_seconds.clone(),
        );
        r.register_collector(Box::new(metrics.end_to_end.clone()));
        r.register(
            "copy_fallbacks",
            "Batches that went through the upsert",
            metrics.copy_fallbacks.clone(),
        );
        r.register(
            "dropped_shares",
            "Shares dropped by compare-and-set",
            metrics.dropped_shares.clone(),
        );
        r.register(
            "postgres_went_back",
            "Times that Postgres had less than it had confirmed",
            metrics.went_back.clone(),
        );
        r.register(
            "dead_letter_payloads_left_out",
            "Dead letters without payload, key and headers: the quota is used up",
            metrics.dead_letters_cut.clone(),
        );
        r.register(
            "panics",
            "Parts of the program that panicked and were begun anew",
            metrics.panics.clone(),
        );
        r.register_with_unit(
            "credits_held",
            "Budget in use",
            Unit::Bytes,
            metrics.credits_held.clone(),
        );
        r.register_with_unit(
            "credits_total",
            "Budget",
            Unit::Bytes,
            metrics.credits_total.clone(),
        );
        r.register(
            "generation",
            "Generation of the pipeline",
            metrics.generation.clone(),
        );
        r.register("subscribers", "Live subscriptions", metrics.subscribers.clone());
        r.register_collector(Box::new(metrics.delivered.clone()));
        r.register("connections", "Live connections", metrics.connections.clone());
        r.register(
            "encoded_points",
            "Points written as JSON for subscribers, once for each shape",
            metrics.encoded.clone(),
        );
        r.register(
            "closed_connections",
            "Connections closed by the server",
            metrics.closed.clone(),
        );
        r.register(
            "catch_up_reads",
            "Statements shared by the subscribers who catch up",
            metrics.catch_up_reads.clone(),
        );
        r.register(
            "refused_connections",
            "Connections and requests beyond a bound, not let in",
            metrics.refused.clone(),
        );
        r.register(
            "open_connections",
            "Connections of any kind",
            metrics.open_connections.clone(),
        );
        r.register(
            "cut_connections",
            "Connections ended because nothing went on",
            metrics.cut.clone(),
        );
        r.register(
            "tail_reads",
            "Ranges the hub read from Postgres",
            metrics.tail_reads.clone(),
        );
        r.register(
            "window_updates",
            "Live windows handed out, once for all subscribers",
            metrics.window_updates.clone(),
        );
        r.register(
            "window_reads",
            "Live windows read from Postgres",
            metrics.window_reads.clone(),
        );
        r.register(
            "cache_errors",
            "Cache failures answered by Postgres",
            metrics.cache_errors.clone(),
        );
        r.register(
            "archived_days",
            "Days put into the archive",
            metrics.archived_days.clone(),
        );
        r.register(
            "archive_errors",
            "Failures of archiving, to be tried again",
            metrics.archive_errors.clone(),
        );
        r.register(
            "dropped_partitions",
            "Time partitions dropped by retention",
            metrics.dropped_partitions.clone(),
        );
        r.register(
            "expired_rows",
            "Rows deleted by retention from partitions that stay",
            metrics.expired_rows.clone(),
        );
        r.register(
            "maintenance_errors",
            "Failed runs of the maintenance, to be tried again",
            metrics.maintenance_errors.clone(),
        );
        Self { registry, ..metrics }
    }
}

impl Metrics {
    /// The text that `/metrics` serves (OpenMetrics 1.0, readable by Prometheus).
    pub fn text(&self) -> String {
        let mut out = String::new();
        // Writing into a String cannot fail.
        let _ = encode(&mut out, &self.registry);
        out
    }

    pub fn add(&self, counters: &Counters, labels: &[(&'static str, &str)], n: u64) {
        if n > 0 {
            counters.get_or_create(&owned(labels)).inc_by(n);
        }
    }

    pub fn set_lag(&self, topic: &str, partition: i32, records: i64) {
        self.lag
            .get_or_create(&owned(&[("topic", topic), ("partition", &partition.to_string())]))
            .set(records);
    }

    pub fn forget_lag(&self, topic: &str, partition: i32) {
        self.lag
            .remove(&owned(&[("topic", topic), ("partition", &partition.to_string())]));
    }
}

/// The sum over all label sets is not offered by the client library, so callers that need one
/// (the `pipeline` query) ask for a single label set.
pub fn owned(labels: &[(&'static str, &str)]) -> Labels {
    labels
        .iter()
        .map(|(name, value)| (*name, (*value).to_owned()))
        .collect()
}
