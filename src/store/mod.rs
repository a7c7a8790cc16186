//! Postgres: points, dead letters and offsets.
//!
//! The writer and its ledger speak tokio-postgres (COPY, pipelined statements); reads and
//! migrations go through diesel-async. The two never meet in one file.

pub mod connect;
pub mod embedded;
pub mod installation;
pub mod error;
pub mod migrate;
pub mod read;
pub mod schema;
pub mod tail;
pub mod ledger;
pub mod pauses;
pub mod write;
pub mod access;
pub mod admin;
pub mod rollups;
pub mod maintain;
pub mod archive;
pub mod checkup;
pub mod retention;
pub mod reloads;
pub mod level;
pub mod lookup;

mod catalogue;
mod copy;
mod dead_letters;
mod locks;
mod micros;
mod pace;
mod part;
mod partitions;
mod prepared;
mod rows;
mod selection;
mod timestamp;
mod upsert;

#[cfg(test)]
pub mod testing;

pub use connect::{DatabaseUrl, connect};
pub use error::{ConnectError, WriteError};
pub use locks::PATIENCE;
pub use pace::Pace;
pub use write::{DeadLetterQuota, DeadRecord, Held, Writer, WriterConfig, Written};
