//! Logs, metrics, and the status that health checks and `pipeline` show.

pub mod delivered;
pub mod latency;
pub mod logs;
pub mod metrics;
pub mod panics;
pub mod status;
pub mod samples;

pub use delivered::{Counted, Counts, Delivered};
pub use latency::Latency;
pub use metrics::Metrics;
pub use panics::caught;
pub use samples::{Sample, Samples};
pub use status::Status;
