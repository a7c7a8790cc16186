//! What a server holds for connections that have one subscription and nothing to do.

use std::time::Duration;

use anyhow::Result;
use serde_json::json;
use tokio::time::sleep;

use crate::Target;
use crate::clients::Clients;
use crate::measure::{Cpu, resident};

/// Longer than the heartbeats and pings of every server.
const SETTLE: Duration = Duration::from_secs(18);

pub async fn run(target: Target) -> Result<()> {
    // The first ones bring what is there only once.
    let few = Clients::open(target.dialect, target.server, 20, 0).await?;
    sleep(Duration::from_secs(1)).await;
    let before = resident(target.pid)?;
    let many = Clients::open(target.dialect, target.server, target.clients, 0).await?;
    let opened = resident(target.pid)?;
    let cpu = Cpu::of(target.pid)?;
    sleep(SETTLE).await;
    let used = Cpu::of(target.pid)?.since(&cpu);
    many.ready().await?;
    let (_, lost) = many.take();
    let settled = resident(target.pid)?;
    let each = |kib: u64| kib.saturating_sub(before) as f64 / target.clients as f64;
    let report = json!({
        "clients": target.clients, "lost": lost, "before": before,
        "opened": each(opened), "settled": each(settled),
        "cpu": (used.user + used.system) / used.seconds,
    });
    println!("{report}");
    drop(few);
    Ok(())
}
