//! Points that clients write: read from a request, held to the limits of a stream, and sent through Kafka
//! like everything else.
//!
//! A body is read by one of `line_protocol`, `points`, `remote_write` and `otlp`, each line or sample by
//! itself. `records` makes records of Kafka, one for each series; `publisher` sends them.

pub mod line_protocol;
mod new_series;
pub mod otlp;
pub mod points;
mod publisher;
mod records;
mod refusals;
pub mod remote_write;
mod writers;

pub use new_series::{NewSeries, NotAdmitted};
pub use publisher::{KafkaPublisher, NotPublished, Publisher, Record, Records, StreamTarget};
pub use records::{headers, payload, records};
pub use refusals::{Refusal, Refusals};
pub use writers::{Became, Writer, Writers};
