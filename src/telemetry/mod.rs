//! What the program says about itself: logs, metrics and the status that health and `pipeline` show.

pub mod logs;
pub mod metrics;
pub mod status;

pub use metrics::Metrics;
pub use status::Status;
