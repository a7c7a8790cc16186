//! The load generator of `make bench-live`: it writes to Kafka, holds the clients' sockets and
//! measures, the same way for every server. `benches/live.mjs` runs it; results are lines of JSON.
//!
//! It shares a core with Kafka and Postgres, so it does little for each message: it looks for the
//! points in the bytes and reads the time that the first one's value carries.

mod bound;
mod clients;
mod dialect;
mod idle;
mod measure;
mod producer;
mod steps;
mod wire;

use std::net::SocketAddr;
use std::path::PathBuf;

use anyhow::Result;
use clap::Parser;

use crate::dialect::Dialect;

#[derive(Debug, Parser)]
enum Command {
    /// Subscribes clients, writes points at several rates and says what arrived when.
    Load(Load),
    /// Opens connections with one subscription each and says what the server holds for them.
    Idle(Target),
    /// The bound: writes a captured tick to all sockets that connect, as fast as it is asked to.
    Bound { listen: SocketAddr, capture: PathBuf },
}

#[derive(Debug, clap::Args)]
struct Target {
    #[arg(long, value_enum)]
    dialect: Dialect,
    #[arg(long)]
    server: SocketAddr,
    /// The server's process, whose CPU and memory are looked at.
    #[arg(long)]
    pid: u32,
    #[arg(long, default_value_t = 500)]
    clients: usize,
    /// Not for the bound.
    #[arg(long, default_value = "")]
    brokers: String,
    #[arg(long, default_value = "")]
    topic: String,
    /// API keys, with which the clients sign in by turns; without any they say nothing.
    #[arg(long, value_delimiter = ',')]
    keys: Vec<String>,
}

#[derive(Debug, clap::Args)]
struct Load {
    #[command(flatten)]
    target: Target,
    /// Points per second into Kafka, each measured in turn; each point goes to every client.
    #[arg(long, value_delimiter = ',')]
    rates: Vec<u32>,
    /// Doubles the rate from here until the server cannot follow, then closes in on the limit.
    #[arg(long)]
    search: Option<u32>,
    /// The p99 in milliseconds that a rate must keep.
    #[arg(long, default_value_t = 100)]
    keep: u64,
    /// Seconds of one measurement.
    #[arg(long, default_value_t = 4.0)]
    seconds: f64,
    /// How many of the clients stop reading after the rates were measured, which then are
    /// measured again; only the others count, in both.
    #[arg(long, default_value_t = 0)]
    stall: usize,
    /// Where to put the frames of one tick at the highest rate that was kept.
    #[arg(long)]
    capture: Option<PathBuf>,
}

fn main() -> Result<()> {
    // Cargo adds its own flag to benches.
    let args = std::env::args().filter(|arg| arg != "--bench");
    wire::raise_file_limit();
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let local = tokio::task::LocalSet::new();
    local.block_on(&runtime, async {
        match Command::parse_from(args) {
            Command::Load(load) => steps::run(load).await,
            Command::Idle(target) => idle::run(target).await,
            Command::Bound { listen, capture } => bound::run(listen, &capture).await,
        }
    })
}
