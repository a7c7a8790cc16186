//! What a client may ask: the schema over the store, the cache, the producer and the hub.
//!
//! Knows neither diesel nor actix; their preludes clash with async-graphql's.

pub mod scalars;
pub mod errors;
pub mod selector;
