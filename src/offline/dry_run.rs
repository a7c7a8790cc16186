//! `streamsync dry-run` and `streamsync tap`: records of Kafka and what becomes of them. Nothing is
//! stored and no offset moves.

use std::collections::BTreeMap;
use std::io::{Write, stdout};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::{Args, ValueEnum};
use tokio::task::spawn_blocking;

use super::outcome::became;
use super::{Place, running_kafka, stream_named};
use crate::config::Config;
use crate::data::{LoneRecord, Micros};
use crate::inspect::Inspector;
use crate::offline::words::counted;
use crate::sources::{Peek, PeekFrom, Start};
use crate::transform::Inspected;

/// For the next record of a topic whose end has not been reached.
const PATIENCE: Duration = Duration::from_secs(10);
const FOLLOW: Duration = Duration::from_millis(500);

#[derive(Args, Debug)]
pub struct DryRunArgs {
    /// The stream whose records to look at [default: the only one]
    #[arg(long)]
    stream: Option<String>,
    /// earliest, an offset of every partition, or a time [default: the last records]
    #[arg(long)]
    from: Option<String>,
    /// How many records at the most
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    limit: u32,
}

#[derive(Args, Debug)]
pub struct TapArgs {
    /// The stream whose records to follow [default: the only one]
    #[arg(long)]
    stream: Option<String>,
    /// What to show of each record
    #[arg(long, value_enum, default_value_t = Stage::Mapped)]
    stage: Stage,
    /// End after so many records [default: never]
    #[arg(long)]
    limit: Option<u64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Stage {
    /// The record as JSON, before its stream's program and mapping
    Decoded,
    /// What the program makes of it, each object on a line of its own
    Transformed,
    /// Its points, or why there are none
    Mapped,
}

/// A topic, and what becomes of its records.
struct Looking {
    name: Arc<str>,
    peek: Peek,
    inspector: Inspector,
    /// Records before it are left out: the embedded broker cannot look up times.
    since: Micros,
}

impl Looking {
    async fn at(config: Config, stream: Option<&str>, from: PeekFrom) -> Result<Self> {
        let registry = config.registry().map_err(anyhow::Error::msg)?;
        let (from, since) = match from {
            PeekFrom::Start(Start::At(time)) if config.kafka.brokers.is_none() => {
                (PeekFrom::Start(Start::Earliest), time)
            }
            from => (from, Micros::FIRST),
        };
        let (config, broker) = running_kafka(config).await?;
        let stream = stream_named(&config, stream)?;
        let plan = stream.plan(registry.as_ref()).map_err(anyhow::Error::msg)?;
        let (group, topic) = (config.kafka.group_id.clone(), stream.topic().to_owned());
        let peek = spawn_blocking(move || Peek::open(&broker, &group, &topic, from)).await??;
        Ok(Self {
            name: Arc::clone(&plan.name),
            peek,
            inspector: Inspector::new([plan], registry),
            since,
        })
    }

    async fn next(mut self, patience: Duration) -> Result<(Self, Option<LoneRecord>)> {
        let (this, record) = spawn_blocking(move || {
            let record = self.peek.next(patience);
            (self, record)
        })
        .await?;
        Ok((this, record?))
    }

    async fn inspect(&mut self, record: LoneRecord) -> Result<Inspected> {
        let inspected = self.inspector.inspect(&self.name, record).await;
        inspected.map_err(anyhow::Error::msg)
    }
}

pub async fn dry_run(config: Config, args: &DryRunArgs) -> Result<()> {
    let from = match &args.from {
        None => PeekFrom::Last(args.limit.into()),
        Some(text) => from(text)?,
    };
    let mut looking = Looking::at(config, args.stream.as_deref(), from).await?;
    let mut records = Vec::new();
    // The last records of all partitions may be more than are wanted.
    let enough = |records: &Vec<LoneRecord>| args.from.is_some() && records.len() >= args.limit as usize;
    while !enough(&records) && !looking.peek.is_at_end() {
        let (this, record) = looking.next(PATIENCE).await?;
        looking = this;
        match record {
            Some(record) if record.timestamp < looking.since => {}
            Some(record) => records.push(record),
            None if looking.peek.is_at_end() => {}
            None => bail!("no record came from Kafka for {} s", PATIENCE.as_secs()),
        }
    }
    records.sort_by_key(|record| (record.timestamp, record.partition, record.offset));
    let surplus = records.len().saturating_sub(args.limit as usize);
    if args.from.is_none() {
        records.drain(..surplus);
    }

    let mut summary = Summary::default();
    let mut out = stdout().lock();
    for record in records {
        let place = format!("{}/{} {}", record.partition, record.offset, record.timestamp);
        let inspected = looking.inspect(record).await?;
        writeln!(out, "{place}")?;
        if let Some(decoded) = &inspected.decoded {
            writeln!(out, "  {decoded}")?;
        }
        for object in inspected.transformed.iter().flat_map(|objects| objects.lines()) {
            writeln!(out, "  => {object}")?;
        }
        for line in outcome(&inspected) {
            writeln!(out, "  -> {line}")?;
        }
        summary.add(&inspected);
    }
    writeln!(out, "{}", summary.text())?;
    Ok(())
}

pub async fn tap(config: Config, args: &TapArgs) -> Result<()> {
    let from = PeekFrom::Start(Start::Latest);
    let mut looking = Looking::at(config, args.stream.as_deref(), from).await?;
    let mut left = args.limit.unwrap_or(u64::MAX);
    while left > 0 {
        let (this, record) = looking.next(FOLLOW).await?;
        looking = this;
        let Some(record) = record else { continue };
        left -= 1;
        let inspected = looking.inspect(record).await?;
        let mut out = stdout().lock();
        let shown = match args.stage {
            Stage::Decoded => &inspected.decoded,
            Stage::Transformed => &inspected.transformed,
            Stage::Mapped => &None,
        };
        match shown {
            Some(shown) => writeln!(out, "{shown}")?,
            None => outcome(&inspected)
                .into_iter()
                .try_for_each(|line| writeln!(out, "{line}"))?,
        }
    }
    Ok(())
}

fn from(text: &str) -> Result<PeekFrom> {
    if text == "earliest" {
        return Ok(PeekFrom::Start(Start::Earliest));
    }
    Ok(
        match Place::parse(text).context("--from is earliest, an offset or a time")? {
            Place::Offset(offset) => PeekFrom::Offset(offset),
            Place::Time(time) => PeekFrom::Start(Start::At(time)),
        },
    )
}

fn outcome(inspected: &Inspected) -> Vec<String> {
    let skipped = inspected.skipped.map(|rule| format!("skipped: {rule}"));
    became(inspected).into_iter().chain(skipped).collect()
}

#[derive(Default)]
struct Summary {
    records: usize,
    points: usize,
    skipped: BTreeMap<&'static str, usize>,
    dead: BTreeMap<&'static str, usize>,
}

impl Summary {
    fn add(&mut self, inspected: &Inspected) {
        self.records += 1;
        self.points += inspected.points.len();
        if let Some(rule) = inspected.skipped {
            *self.skipped.entry(rule).or_default() += 1;
        }
        if let Some(dead) = &inspected.rejected {
            *self.dead.entry(dead.reason.code()).or_default() += 1;
        }
    }

    fn text(&self) -> String {
        let listed = |what: &str, counts: &BTreeMap<&str, usize>| {
            let parts = counts.iter().map(|(name, n)| format!("{n} {name}"));
            match counts.is_empty() {
                true => String::new(),
                false => format!("; {what}: {}", parts.collect::<Vec<_>>().join(", ")),
            }
        };
        format!(
            "{}, {}{}{}",
            counted(self.records, "record"),
            counted(self.points, "point"),
            listed("skipped", &self.skipped),
            listed("dead letters", &self.dead)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reading_begins_at_the_beginning_an_offset_or_a_time() {
        assert_eq!(from("earliest").unwrap(), PeekFrom::Start(Start::Earliest));
        assert_eq!(from("7").unwrap(), PeekFrom::Offset(7));
        for text in ["2026-11-28", "2026-11-28T17:44", "2026-11-28T17:44:05Z"] {
            let time = crate::client::times::parse_utc(text).unwrap();
            assert_eq!(from(text).unwrap(), PeekFrom::Start(Start::At(time)));
        }
        for bad in ["", "-1", "yesterday", "1.13.2026"] {
            assert!(from(bad).is_err(), "{bad}");
        }
    }
}
