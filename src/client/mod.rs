//! The terminal's side: `streamsync query`, `tail`, `export`, `health` and `produce` as functions.
//!
//! They talk to a running StreamSync from outside, as any other client would (`produce` to Kafka),
//! write to the given output, and use only the record decoding of the server.

pub mod export;
pub mod health;
mod http;
pub mod produce;
pub mod progress;
pub mod query;
pub mod screen;
pub mod table;
pub mod tail;
pub mod text;
pub mod times;
#[cfg(test)]
mod tests;

pub use export::{Export, export};
pub use health::{Readiness, health, readiness};
pub use produce::{Produce, Produced, Record, produce};
pub use query::{Format, query};
pub use screen::Screen;
pub use table::Look;
pub use tail::{Tail, tail};
