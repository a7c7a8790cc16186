//! StreamSync's specifications, in sentences. One binary: linking is what costs.

#![allow(
    clippy::expect_used,
    reason = "clippy knows the tests of a module, not the helpers of a test binary"
)]

mod support;

mod access;
mod aggregates;
mod architecture;
mod api_keys;
mod archive;
mod audit;
mod bad_input;
mod cache;
mod commands;
mod connections;
mod crashes;
#[cfg(feature = "dashboard")]
mod dashboard;
mod demo;
mod doctor;
mod documents;
mod enforcement;
mod every;
mod export;
mod front_door;
mod history;
mod infer;
mod ingest;
mod kafka_log;
mod limits;
mod let_out;
mod live;
mod live_bounds;
mod looking;
mod maintenance;
mod metrics;
mod nodes;
mod outages;
#[cfg(not(feature = "dashboard"))]
mod plain_home;
mod pausing;
mod pipeline;
mod plain_websocket;
mod postgres;
#[cfg(feature = "vrl")]
mod programs;
mod prometheus;
mod prometheus_peer;
mod protocol;
mod protocol_multipart;
mod protocol_sse;
mod query;
mod redrive;
mod reload;
mod resume;
mod retention;
mod rollups;
mod schema;
mod schemas;
mod search;
mod sharing;
mod shutdown;
mod sign_in;
mod slow;
mod tls;
mod viewer_matrix;
mod went_back;
mod writing;
