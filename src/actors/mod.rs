//! The actors: four thin ones over plain code, and the supervisor of their generation.
//!
//! ```text
//! Consumer ── Transform ─► Transformer ── Write ─► Writer ── Publish ─► Hub
//!    ▲                                               │
//!    └────────────────── Feedback ───────────────────┘        Failed ─► Supervisor
//! ```

pub mod messages;
pub mod consumer;
mod ledger;
pub mod transformer;
pub mod writer;
pub mod doubt;
mod failing;
mod fenced;
pub mod pausing;
mod maintenance;
mod refresher;
pub mod sampler;
pub mod lookups;
pub mod hub;
pub mod aggregates;
pub mod generation;
pub mod supervisor;
