//! What a server holds for connections that have one subscription and nothing to do.

use std::time::Duration;

use anyhow::Result;
use serde_json::json;
use tokio::time::sleep;

use crate::Target;
use crate::clients::Clients;
use crate::measure::{Cpu, resident};
use crate::producer::Producer;

/// Longer than the heartbeats and pings of every server.
const SETTLE: Duration = Duration::from_secs(18);
/// For everybody to get some messages, and for the server to let go of them.
const USE: Duration = Duration::from_secs(2);
const REST: Duration = Duration::from_secs(5);

pub async fn run(target: Target) -> Result<()> {
    // The first ones bring what is there only once.
    let _few = Clients::open(&target, 20, 0).await?;
    let producer = Producer::start(&target.brokers, &target.topic)?;
    producer.rate(100);
    sleep(USE).await;
    producer.rate(0);
    sleep(REST).await;
    let before = resident(target.pid)?;
    let many = Clients::open(&target, target.clients, 0).await?;
    let opened = resident(target.pid)?;
    let cpu = Cpu::of(target.pid)?;
    sleep(SETTLE).await;
    let used = Cpu::of(target.pid)?.since(&cpu);
    let settled = resident(target.pid)?;
    producer.rate(100);
    sleep(USE).await;
    producer.rate(0);
    sleep(REST).await;
    let after_use = resident(target.pid)?;
    many.ready().await?;
    let (tally, lost) = many.take();
    let each = |kib: u64| kib.saturating_sub(before) as f64 / target.clients as f64;
    let report = json!({
        "clients": target.clients, "lost": lost, "before": before,
        "opened": each(opened), "settled": each(settled), "afterUse": each(after_use),
        "messages": tally.messages, "cpu": (used.user + used.system) / used.seconds,
    });
    println!("{report}");
    producer.stop()
}
