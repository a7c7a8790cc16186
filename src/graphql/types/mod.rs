//! The types of answers, one file for each part of the schema.

mod access;
mod series;
mod history;
mod audit;
mod dead_letters;
mod pipeline;
mod receipts;
mod records;
mod samples;
mod settings;
mod stages;
mod storage;
mod writers;

pub use access::{ApiKey, Me, NewApiKey};
pub use audit::AuditEvent;
pub use dead_letters::{DeadLetter, DeadLetterCount};
pub use history::{Across, Aggregate, Fill, SeriesHistory};
pub use pipeline::PipelineStatus;
pub use receipts::{
    LabelInput, PointInput, PublishReceipt, PublishedOffset, RedriveReceipt, ReloadReceipt, ResumeReceipt,
    SkippedLetter,
};
pub use records::StreamRecord;
pub use series::{LabelName, LabelValue, LatestPoint, Metric, Point, Series};
pub use settings::{RetentionSetting, StreamSettings};

use super::scalars::Long;

fn long(n: u64) -> Long {
    Long(i64::try_from(n).unwrap_or(i64::MAX))
}
