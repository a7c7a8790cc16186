//! `archive` and `restore`: whole days to the archive and back, without a running server.

use std::io::IsTerminal;
use std::time::Duration;

use super::Store;
use anyhow::{Context, Result, bail};
use clap::Args;
use indicatif::ProgressBar;

use crate::archive::{self, Target};
use crate::client::progress;
use crate::client::times::parse_utc;
use crate::config::Config;
use crate::data::{Day, Micros};
use crate::offline::words::counted;
use crate::store::PATIENCE;
use crate::store::archive::{Archived, Standing, alone, archives, days};
use crate::store::connect::connect;

#[derive(Args, Debug)]
pub struct ArchiveArgs {
    /// From the day of this time on (2026-11-01, or RFC 3339), also younger ones than `after`
    #[arg(long, value_parser = parse_utc)]
    from: Option<Micros>,
    /// Up to this time
    #[arg(long, value_parser = parse_utc)]
    to: Option<Micros>,
    /// Say only which days would be archived
    #[arg(long)]
    dry_run: bool,
    /// Say only what the archive holds
    #[arg(long, conflicts_with = "dry_run")]
    list: bool,
}

#[derive(Args, Debug)]
pub struct RestoreArgs {
    /// From the day of this time on (2026-11-01, or RFC 3339)
    #[arg(long, value_parser = parse_utc)]
    from: Micros,
    /// Up to this time
    #[arg(long, value_parser = parse_utc)]
    to: Micros,
    /// For how long retention leaves these days alone
    #[arg(long, default_value = "7d", value_parser = humantime::parse_duration)]
    keep: Duration,
}

pub async fn archive(config: &Config, args: &ArchiveArgs) -> Result<()> {
    let is_range = args.from.is_some() || args.to.is_some();
    let from = args.from.map_or(Micros::FIRST, |from| Day::of(from).start());
    let end = match args.to {
        Some(to) => Day::not_before(to).start(),
        None if is_range || args.list => Micros::LAST,
        None => Day::of(Micros::now().minus(config.archive.after)).start(),
    };
    if args.list {
        let store = Store::of(config)?;
        let client = connect(&store.url).await?;
        for copy in archives(&client, from, end).await? {
            println!("{} {}", line(&copy), copy.url);
        }
        return Ok(());
    }
    let url = config
        .archive
        .url
        .as_deref()
        .context("no archive: set url in the [archive] section of streamsync.toml")?;
    let target = Target::open(url, &config.archive.s3())?;
    let store = Store::of(config)?;
    let mut client = alone(&store.url, PATIENCE)
        .await?
        .context("a node is writing to the archive at the moment; try again later")?;
    for state in days(&client, from, end).await? {
        match state.standing {
            Standing::Due if args.dry_run => println!("{} would be archived", state.day),
            Standing::Due => {
                let bar = bar(state.day, None);
                let copy =
                    archive::archive(&mut client, state.day, &target, |rows| bar.inc(rows as u64)).await;
                bar.finish_and_clear();
                if let Some(copy) = copy.with_context(|| format!("cannot archive {}", state.day))? {
                    println!("{}", line(&copy));
                }
            }
            Standing::Thinned => println!(
                "{} has late points that are not in the archive, and other points only there: restore it first",
                state.day
            ),
            Standing::Open if is_range => {
                println!(
                    "{} is not over, or has changes that are not taken in yet",
                    state.day
                );
            }
            Standing::Archived if is_range => println!("{} is in the archive as it is", state.day),
            Standing::Open | Standing::Archived => {}
        }
    }
    Ok(())
}

pub async fn restore(config: &Config, args: &RestoreArgs) -> Result<()> {
    let (from, to) = (Day::of(args.from).start(), Day::not_before(args.to).start());
    let store = Store::of(config)?;
    let copies = archives(&connect(&store.url).await?, from, to).await?;
    if copies.is_empty() {
        bail!("the archive holds nothing of {} to {}", args.from, args.to);
    }
    for copy in copies {
        let bar = bar(copy.day, Some(copy.rows));
        let came = |rows| bar.inc(rows as u64);
        let restored = archive::restore(&store.url, &copy, &config.archive.s3(), args.keep, came).await;
        bar.finish_and_clear();
        let missing = restored.with_context(|| format!("cannot restore {}", copy.day))?;
        println!(
            "{} {}, {missing} of them restored, kept for {}",
            copy.day,
            counted(copy.rows as usize, "row"),
            humantime::format_duration(args.keep)
        );
    }
    Ok(())
}

fn line(copy: &Archived) -> String {
    format!(
        "{} v{} {} {} {}",
        copy.day,
        copy.version,
        counted(copy.rows as usize, "row"),
        counted(copy.bytes as usize, "byte"),
        copy.checksum
    )
}

/// Nothing when standard error is no terminal.
fn bar(day: Day, rows: Option<u64>) -> ProgressBar {
    let template = match rows {
        Some(_) => "{msg} {wide_bar} {percent:>3} %  {human_pos} rows  {eta} left",
        None => "{spinner} {msg} {human_pos} rows  {per_sec}",
    };
    let wanted = std::io::stderr().is_terminal();
    progress::bar(wanted, rows, template).with_message(day.to_string())
}
