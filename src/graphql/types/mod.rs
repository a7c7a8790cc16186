//! What answers look like, one file for each part of the schema.

mod series;
mod history;
mod letters;
mod pipeline;
mod receipts;
mod storage;

pub use history::{Across, Aggregate, Fill, SeriesHistory};
pub use letters::DeadLetter;
pub use pipeline::PipelineStatus;
pub use receipts::{LabelInput, PointInput, PublishReceipt, PublishedOffset, RedriveReceipt, SkippedLetter};
pub use series::{LatestPoint, Metric, Point, Series};
