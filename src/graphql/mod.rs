//! The GraphQL schema over the store, the cache, the producer and the hub.
//!
//! It uses neither diesel nor actix, whose preludes clash with async-graphql's.

pub mod scalars;
pub mod errors;
pub mod selector;
pub mod limits;
pub mod listed;
pub mod guard;
pub mod services;
pub mod types;
mod connection;
pub mod query;
pub mod catalogue;
pub mod dead_letters;
pub mod records;
pub mod audit;
pub mod recording;
mod publish;
mod redrive;
pub mod mutation;
pub mod payload;
mod shape;
mod direct;
pub mod subscription;
pub mod access;
mod aggregates;
pub mod pipeline_subscription;
mod schema;
#[cfg(test)]
pub(crate) mod tests;

pub use guard::Checked;
pub use payload::{Next, Operations, Payload, Then};
pub use schema::{Api, sdl};
