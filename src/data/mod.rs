//! Shared types: times, series, selectors, batches, positions and cursors.
//!
//! Nothing here does I/O and nothing here imports another part of StreamSync.

pub(crate) mod words;
pub mod audit;
pub mod time;
pub mod access;
pub mod day;
pub mod series;
pub mod expression;
pub mod pattern;
pub mod selection;
pub mod shares;
pub mod batch;
pub mod budget;
pub mod claim;
pub mod client;
pub mod problem;
pub mod reject;
pub mod schema;
pub mod stored;
pub mod cursor;
pub mod credits;
pub mod value;
mod shown;
pub mod headers;
mod loopback;
pub mod sum;
pub mod bucket;
pub mod aggregate;
pub mod grid;
pub mod columns;
pub mod installation;
pub mod meter;
pub mod seal;

pub use access::{Grant, Operation, Streams};
pub use aggregate::Aggregate;
pub use batch::{Assigned, Batch, Header, LeaderEpoch, LoneRecord, OffsetRange, Point, RawBatch, RawRecord};
pub use bucket::{Bucket, Step};
pub use budget::{Budget, Reserved};
pub use claim::{Claim, Claimed, TopicPartition};
pub use client::{ClientKey, Tally};
pub use columns::Columns;
pub use credits::{Credits, Held, Permit};
pub use cursor::{Cursor, Positions, SharedCursor};
pub use day::Day;
pub use grid::Grid;
pub use installation::Installation;
pub use loopback::is_loopback;
pub use meter::{Allowance, Meter, OverLimit};
pub use problem::{Code, Problem};
pub use reject::{Reason, Rejected};
pub use schema::SchemaId;
pub use seal::Seal;
pub use selection::{
    BadSelector, LabelMatcher, METRIC_NAME, MatchOp, Matched, Scope, Scoped, Selector, Usage, Viewer,
};
pub use series::Series;
pub use shares::{Class, Overloaded, Shares};
pub use stored::{PartitionId, SeriesId, Stored, StoredPoint, StoredSeries};
pub use sum::Sum;
pub use time::{Micros, Rfc3339, TimeUnit};
pub use value::{Decode, Decoder, Object, Open, Opened, RecordError, Value};
