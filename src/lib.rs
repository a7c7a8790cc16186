//! StreamSync: Kafka time-series into Postgres, served as GraphQL history and live subscriptions.
//!
//! The modules stand in the order the data takes; each imports only floors below its own
//! (`tests/specs/architecture.rs` keeps it so). Start reading at `actors::messages` and `app`.

// Floor 0: the words everybody uses.
pub mod data;
pub mod telemetry;

// Floor 1: what is done, without actix and without HTTP.
pub mod sources;
pub mod decode;
pub mod transform;
pub mod store;
pub mod cache;
pub mod live;
pub mod formats;

// Floor 2: who runs when, one subscriber's stream, what a question about the past comes to, and what
// is archived.
pub mod actors;
pub mod feed;
pub mod history;
pub mod archive;
pub mod inspect;
pub mod write;
// Who may use the server.
pub mod access;

// Floor 3: what a client may ask.
pub mod graphql;

// Floor 4: how it is asked.
pub mod http;

// Floor 5: build it, start it, stop it; the terminal.
pub mod config;
pub mod client;
pub mod app;
pub mod embedded_kafka;
pub mod demo;
pub mod offline;
pub mod terminal;
pub mod cli;
