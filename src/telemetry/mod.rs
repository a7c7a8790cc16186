//! What the program says about itself: logs, metrics and the status that health and `pipeline` show.

pub mod delivered;
pub mod logs;
pub mod metrics;
pub mod status;

pub use delivered::{Counted, Counts, Delivered};
pub use metrics::Metrics;
pub use status::Status;
