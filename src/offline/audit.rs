//! `streamsync audit`: who did what, from the database.

use std::io::Write;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use clap::Args;
use serde_json::{Value, json};

use super::Store;
use crate::config::Config;
use crate::data::Micros;
use crate::data::audit::Action;
use crate::store::read::{AuditFilter, AuditRow, ReadLimits, Reader};

const PAGE: usize = 500;
/// Rows of the table on the screen are no wider.
const WIDTH: usize = 80;

#[derive(Args, Debug)]
pub struct AuditArgs {
    /// How far back
    #[arg(long, default_value = "24h", value_parser = humantime::parse_duration)]
    last: Duration,
    /// Only what this actor did, such as `key:x7`
    #[arg(long)]
    actor: Option<String>,
    /// Only this action, such as publish, key.create or denied
    #[arg(long)]
    action: Option<String>,
    /// One JSON object on each line, with all there is
    #[arg(long)]
    json: bool,
}

/// Prints events, the oldest first.
pub async fn audit(config: &Config, args: &AuditArgs) -> Result<()> {
    if let Some(action) = &args.action
        && Action::parse(action).is_none()
    {
        bail!(
            "--action {action}: it is one of {}",
            Action::ALL.map(Action::as_str).join(", ")
        );
    }
    let store = Store::of(config)?;
    let reader = Reader::new(store.url.clone(), ReadLimits::default())?;
    let filter = AuditFilter {
        actor: args.actor.clone(),
        action: args.action.clone(),
        from: Some(Micros::now().minus(args.last)),
    };
    let mut rows = Vec::new();
    let mut after = None;
    loop {
        let page = reader.audit(&filter, after, PAGE).await;
        let page = page.context("cannot read the audit")?;
        after = page.rows.last().map(|row| row.id);
        rows.extend(page.rows);
        if !page.more {
            break;
        }
    }
    rows.reverse();
    let mut out = std::io::stdout().lock();
    // Whoever reads may have seen enough, as `head` does.
    let _ = match args.json {
        true => rows.iter().try_for_each(|row| writeln!(out, "{}", as_json(row))),
        false => table(&rows, &mut out),
    };
    if rows.is_empty() && !args.json {
        eprintln!("nothing in the last {}", humantime::format_duration(args.last));
    }
    Ok(())
}

fn as_json(row: &AuditRow) -> Value {
    json!({
        "id": row.id, "at": row.at.to_string(), "actor": row.actor, "role": row.role,
        "address": row.address, "action": row.action, "target": row.target,
        "outcome": row.outcome, "detail": row.detail,
    })
}

fn table(rows: &[AuditRow], out: &mut impl Write) -> std::io::Result<()> {
    let widths = [19, 20, 13];
    let left = WIDTH - widths.iter().sum::<usize>() - 2 * widths.len();
    let line = |cells: [&str; 3], target: &str| {
        let mut text = String::new();
        for (cell, width) in cells.into_iter().zip(widths) {
            text.push_str(&fitted(cell, width));
            text.push_str("  ");
        }
        text.push_str(fitted(target, left).trim_end());
        text
    };
    writeln!(out, "{}", line(["AT (UTC)", "ACTOR", "ACTION"], "TARGET"))?;
    for row in rows {
        let at = row.at.to_string().replace('T', " ");
        let target = match row.outcome.as_str() {
            "done" => row.target.clone(),
            _ if row.action == Action::Denied.as_str() => row.target.clone(),
            other => format!("{other}: {}", row.target),
        };
        let at = at.get(..19).unwrap_or(&at);
        writeln!(out, "{}", line([at, &row.actor, &row.action], &target))?;
    }
    Ok(())
}

/// Filled up or cut to a number of characters. What clients wrote moves no cursor.
fn fitted(text: &str, width: usize) -> String {
    let plain = |c: char| if c.is_control() { '\u{fffd}' } else { c };
    let mut fitted: String = text.chars().take(width).map(plain).collect();
    let is_cut = text.chars().count() > width;
    if is_cut {
        fitted.pop();
        fitted.push('…');
    }
    format!("{fitted:width$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_line_of_the_table_is_wider_than_a_terminal() {
        let row = AuditRow {
            id: 1,
            at: Micros::from_rfc3339("2026-01-02T03:04:05.678Z").unwrap(),
            actor: "key:0123456789abcdef0123456789".to_owned(),
            role: "berlin".to_owned(),
            address: None,
            action: "series.delete".to_owned(),
            target: "machines\u{1b}[2J{site=\"berlin\"} and much more".to_owned(),
            outcome: "refused".to_owned(),
            detail: json!({}),
        };
        let mut out = Vec::new();
        table(&[row], &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert!(text.lines().all(|line| line.chars().count() <= WIDTH), "{text}");
        assert!(
            text.contains("2026-01-02 03:04:05  key:0123456789abcde…  series.delete  refused: mac"),
            "{text}"
        );
        assert!(!text.contains('\u{1b}'));
    }
}
