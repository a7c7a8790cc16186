//! `streamsync doctor`: whether everything that a configuration names is there and well, on one screen.
//!
//! All checks run side by side, each with a time bound, so that a server that is away is a failure and
//! never a wait. Nothing is changed anywhere, and nothing that is printed holds a password.

use std::time::Duration;

use anyhow::{Result, bail};
use clap::Args;
use futures_util::join;
use tokio::time::timeout;

use crate::client::Screen;
use crate::config::{Config, Overrides};
use crate::terminal::shell;
use finding::Finding;
use remedies::Remedies;
use report::Counts;

mod database;
mod finding;
mod kafka;
mod machine;
mod others;
mod postgres;
mod remedies;
mod report;

/// For each server with all that is asked of it.
const WITHIN: Duration = Duration::from_secs(4);

#[derive(Args, Debug)]
pub struct DoctorArgs {
    /// Print JSON, for scripts
    #[arg(long)]
    json: bool,
    /// Exit with 1 also if there are only warnings
    #[arg(long)]
    strict: bool,
}

/// # Errors
/// Something failed, or with `--strict` there is a warning.
pub fn run(overrides: &Overrides, args: &DoctorArgs) -> Result<()> {
    let (config, first) = machine::configuration(overrides);
    let remedies = Remedies::new(shell::program(), &config, overrides);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()?;
    let mut findings = vec![first];
    findings.extend(runtime.block_on(checks(&config, &remedies)));
    // What was given up may still wait for an answer, and nobody waits for that.
    runtime.shutdown_background();

    if args.json {
        println!("{:#}", report::json(&findings));
    } else {
        println!("streamsync {}\n", env!("CARGO_PKG_VERSION"));
        let screen = Screen::of(&std::io::stdout());
        println!("{}", report::text(&findings, screen.colours));
    }
    let counts = Counts::of(&findings);
    if counts.failures > 0 || (args.strict && counts.warnings > 0) {
        bail!("{}", counts.in_words());
    }
    if !args.json {
        println!("{}", counts.in_words());
    }
    Ok(())
}

async fn checks(config: &Config, remedies: &Remedies) -> Vec<Finding> {
    let (server, kafka, postgres, redis, registry, archive) = join!(
        within(&["server"], async |found: &mut Vec<Finding>| others::server(
            config, found
        )
        .await),
        within(&kafka::CHECKS, async |found: &mut Vec<Finding>| {
            kafka::check(config, found).await
        }),
        within(&postgres::CHECKS, async |found: &mut Vec<Finding>| {
            postgres::check(config, remedies, found).await
        }),
        within(&["redis"], async |found: &mut Vec<Finding>| others::redis(
            config, found
        )
        .await),
        within(&["registry"], async |found: &mut Vec<Finding>| {
            others::registry(config, found).await
        }),
        within(&["archive"], async |found: &mut Vec<Finding>| {
            others::archive(config, found).await
        }),
    );
    let lag = match &kafka.1 {
        Some(Some(Ok(places))) => {
            let stored = postgres.1.as_ref().and_then(Option::as_deref);
            Some(kafka::lag(config, places, stored, remedies))
        }
        Some(Some(Err(error))) => Some(Finding::unanswered("lag", error)),
        _ => None,
    };
    let mut findings = [server.0, kafka.0].concat();
    findings.extend(lag);
    findings.extend([postgres.0, redis.0, registry.0, archive.0].concat());
    findings.extend(machine::disks(config));
    findings.push(machine::open_files(config));
    findings.extend(machine::identities(config));
    findings
}

/// What was found in time of these checks, and what else came of it. The first says that time was up.
async fn within<T>(
    checks: &[&'static str],
    ask: impl AsyncFnOnce(&mut Vec<Finding>) -> T,
) -> (Vec<Finding>, Option<T>) {
    let mut found = Vec::new();
    let asked = timeout(WITHIN, ask(&mut found)).await;
    if asked.is_err() {
        let seen = format!("no answer within {} s", WITHIN.as_secs());
        let remedy = "see whether a firewall or a name is in the way from this machine";
        let mut left = checks.to_vec();
        left.retain(|check| found.iter().all(|finding: &Finding| finding.check != *check));
        found.push(Finding::fail(checks[0], &*seen, remedy));
        left.retain(|check| *check != checks[0]);
        found.extend(Finding::skipped(&left, &seen));
    }
    (found, asked.ok())
}
