//! The measurements of one server: at given rates, or the search for the highest rate it can keep.

use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::json;
use tokio::time::sleep;

use crate::clients::Clients;
use crate::dialect::Dialect;
use crate::measure::Cpu;
use crate::producer::{self, Producer};
use crate::{Load, bound};

/// Before each measurement, at its rate.
const SETTLE: Duration = Duration::from_millis(1500);
/// Points per second to begin with.
const WARM: u32 = 20;
/// A rate counts as kept when this share of it arrived.
const ARRIVED: f64 = 0.97;
/// The search ends when the highest kept and the lowest missed rate are this close.
const CLOSE_ENOUGH: f64 = 1.15;
/// The bound's rates are given as ticks of what was captured.
const RATE_MAX: u32 = 1 << 20;

pub async fn run(load: Load) -> Result<()> {
    let target = &load.target;
    let source = match target.dialect {
        Dialect::Bound => Source::Bound(bound_points(&load)?),
        _ => Source::Kafka(Producer::start(&target.brokers, &target.topic)?),
    };
    let clients = Clients::open(target, target.clients, load.stall).await?;
    let run = Run {
        load: &load,
        source,
        clients,
    };
    // The first points of all are slow, and measurements before this one may have left some behind.
    if let Source::Kafka(producer) = &run.source {
        producer.rate(WARM);
        sleep(SETTLE).await;
    }
    run.recover().await?;
    for &rate in &load.rates {
        run.step(rate, "rate").await?;
    }
    if load.stall > 0 {
        run.clients.stall(true);
        for &rate in &load.rates {
            // Until their buffers are full the stalled ones are like the others.
            run.source.rate(&load, rate).await?;
            sleep(SETTLE).await;
            run.step(rate, "stalled").await?;
        }
    }
    if let Some(from) = load.search {
        run.search(run.source.at_least(from)).await?;
    }
    match run.source {
        Source::Kafka(producer) => producer.stop(),
        Source::Bound(_) => Ok(()),
    }
}

enum Source {
    Kafka(Producer),
    /// Points in the captured tick.
    Bound(u64),
}

impl Source {
    /// The bound begins with as many ticks as were captured: fewer tell nothing.
    fn at_least(&self, rate: u32) -> u32 {
        match self {
            Self::Kafka(_) => rate,
            Self::Bound(points) => {
                rate.max(u32::try_from(*points).unwrap_or(rate) * producer::TICKS_PER_SECOND)
            }
        }
    }

    async fn rate(&self, load: &Load, rate: u32) -> Result<()> {
        match self {
            Self::Kafka(producer) => producer.rate(rate),
            Self::Bound(points) => bound::ask(load.target.server, *points, rate).await?,
        }
        Ok(())
    }
}

struct Run<'a> {
    load: &'a Load,
    source: Source,
    clients: Clients,
}

impl Run<'_> {
    /// Doubles the rate until it is missed, then halves the distance.
    async fn search(&self, from: u32) -> Result<()> {
        let (mut kept, mut missed) = (0, None);
        let mut rate = from;
        while rate <= RATE_MAX {
            self.clients.start_capture();
            if self.keeps(rate).await? {
                kept = rate;
                if let (Some(path), Source::Kafka(_)) = (&self.load.capture, &self.source) {
                    self.clients.save_capture(path)?;
                }
            } else {
                missed = Some(rate);
                if !self.recover().await? {
                    return Ok(());
                }
            }
            rate = match missed {
                None => rate * 2,
                Some(_) if kept == 0 && rate <= 10 => return Ok(()),
                Some(missed) if kept == 0 => missed / 2,
                Some(missed) => ((f64::from(kept) * f64::from(missed)).sqrt()) as u32,
            };
            // Whole points in a tick.
            rate = (rate / 10 * 10).max(10);
            if missed.is_some_and(|missed| {
                kept > 0 && (f64::from(missed) / f64::from(kept) < CLOSE_ENOUGH || rate <= kept)
            }) {
                break;
            }
        }
        Ok(())
    }

    /// One miss may be somebody else's doing.
    async fn keeps(&self, rate: u32) -> Result<bool> {
        Ok(self.step(rate, "search").await?
            || (self.recover().await? && self.step(rate, "search again").await?))
    }

    /// After a rate that was too high: waits until everything has arrived and everybody is back.
    async fn recover(&self) -> Result<bool> {
        self.source.rate(self.load, 0).await?;
        let quiet = self.clients.quiet().await;
        self.clients.ready().await?;
        Ok(quiet)
    }

    async fn step(&self, rate: u32, what: &str) -> Result<bool> {
        self.source.rate(self.load, rate).await?;
        sleep(SETTLE).await;
        self.clients.take();
        let before = Cpu::of(self.load.target.pid)?;
        sleep(Duration::from_secs_f64(self.load.seconds)).await;
        let used = Cpu::of(self.load.target.pid)?.since(&before);
        let (tally, lost) = self.clients.take();
        let offered = f64::from(rate) * self.clients.counted() as f64;
        let delivered = tally.points as f64 / used.seconds;
        let (p50, p99) = (tally.quantile(0.5), tally.quantile(0.99));
        let kept = lost == 0 && delivered >= offered * ARRIVED && p99 <= self.load.keep as f64;
        let each = |seconds: f64| seconds / tally.points.max(1) as f64 * 1e6;
        let report = json!({
            "what": what, "rate": rate, "offered": offered, "delivered": delivered, "kept": kept,
            "p50": p50, "p99": p99, "lost": lost,
            "messages": tally.messages as f64 / used.seconds, "bytes": tally.bytes as f64 / used.seconds,
            "user": each(used.user), "system": each(used.system), "busy": used.busy,
        });
        println!("{report}");
        Ok(kept)
    }
}

fn bound_points(load: &Load) -> Result<u64> {
    let path = load.capture.as_ref().context("the bound needs a capture")?;
    let frames = std::fs::read(path)?;
    Ok(memchr::memmem::find_iter(&frames, b"\"value\":").count() as u64)
}
