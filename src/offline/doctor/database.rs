//! What is in the database: tables, indexes, time partitions, room, and what waits for an operator.

use super::finding::Finding;
use super::remedies::Remedies;
use crate::config::Config;
use crate::data::{Day, Micros};
use crate::offline::words::{bytes, count, counted};
use crate::store::archive::{DayState, Standing};
use crate::store::checkup::{Ahead, COUNTED_MAX, Checkup, Connections, Indexes, Tables, Unanswered, Waiting};
use crate::store::level::Level;
use crate::terminal::shell::quoted;

const OF_TABLES: [&str; 4] = ["indexes", "partitions", "dead letters", "streams"];
const ARCHIVED: &str = "archive days";

/// What a node may open besides the connections of its workers.
const OF_A_NODE: i64 = 16;
const OF_A_WORKER: i64 = 8;
const DAY: i64 = 86_400_000_000;
const HOUR: std::time::Duration = std::time::Duration::from_secs(3_600);

pub async fn check(checkup: &Checkup, config: &Config, remedies: &Remedies, found: &mut Vec<Finding>) {
    put(found, "connections", checkup.connections().await, |it| {
        connections(it, config.http.workers, remedies)
    });
    put(found, "size", checkup.size().await, size);
    let state = checkup.tables().await;
    let are_there =
        matches!(&state, Ok(Tables::UpToDate)) || matches!(&state, Ok(Tables::Behind(n, _)) if *n > 0);
    put(found, "tables", state, |it| tables(&it, remedies));
    if !are_there {
        return skip_tables(config, "there are no tables to look at", found);
    }
    put(found, "indexes", checkup.indexes().await, |it| {
        indexes(&it, remedies)
    });
    let now = Micros::now();
    put(found, "partitions", checkup.ahead(now).await, |it| {
        partitions(&it, now)
    });
    match checkup.default_partitions().await {
        Ok(stray) => found.extend(stray.iter().map(|name| default_partition(name, remedies))),
        Err(error) => found.push(Finding::unanswered("partitions", &error)),
    }
    put(found, "dead letters", checkup.dead_letters().await, |it| {
        dead_letters(&it, remedies)
    });
    match checkup.pauses().await {
        Ok(pauses) => found.extend(streams(&pauses, remedies)),
        Err(error) => found.push(Finding::unanswered("streams", &error)),
    }
    if config.archive.url.is_some() {
        // When each day that is due has been seen, and had its hour.
        let late = config.archive.after + config.archive.every + HOUR;
        let days = checkup.days(now.minus(late)).await;
        put(found, ARCHIVED, days, |it| archived(&it, remedies));
    }
}

/// Everything here was left out.
pub fn skip(config: &Config, why: &str, found: &mut Vec<Finding>) {
    found.extend(Finding::skipped(&["connections", "size", "tables"], why));
    skip_tables(config, why, found);
}

fn skip_tables(config: &Config, why: &str, found: &mut Vec<Finding>) {
    found.extend(Finding::skipped(&OF_TABLES, why));
    if config.archive.url.is_some() {
        found.extend(Finding::skipped(&[ARCHIVED], why));
    }
}

pub fn put<T>(
    found: &mut Vec<Finding>,
    check: &'static str,
    answer: Result<T, Unanswered>,
    judge: impl FnOnce(T) -> Finding,
) {
    found.push(match answer {
        Ok(answer) => judge(answer),
        Err(error) => Finding::unanswered(check, &error),
    });
}

fn connections(it: Connections, workers: usize, remedies: &Remedies) -> Finding {
    let free = (it.most - it.used).max(0);
    let needed = OF_A_NODE + OF_A_WORKER * i64::try_from(workers).unwrap_or(i64::MAX / OF_A_WORKER);
    let seen = format!("{} of {} in use", it.used, it.most);
    let finding = match free < needed {
        false => Finding::ok("connections", seen),
        true => {
            let more = format!("alter system set max_connections = {}", it.most + 100);
            let remedy = format!("{}   # then restart Postgres", remedies.psql(&[more]));
            let seen = format!("{seen}; a node may open {needed}");
            Finding::warn("connections", seen, remedy)
        }
    };
    finding
        .with("connections", it.used)
        .with("connections_max", it.most)
}

fn size(size: i64) -> Finding {
    let shown = bytes(size.unsigned_abs());
    Finding::ok("size", format!("the database has {shown}")).with("database_bytes", size)
}

fn tables(it: &Tables, remedies: &Remedies) -> Finding {
    let migrate = || remedies.streamsync("migrate");
    match it {
        Tables::UpToDate => Finding::ok("tables", "up to date"),
        Tables::Behind(0, _) => Finding::warn("tables", "there are none yet", migrate()),
        Tables::Behind(_, missing) => {
            let seen = format!(
                "{} behind: {}",
                counted(missing.len(), "migration"),
                missing.join(", ")
            );
            Finding::warn("tables", seen, migrate())
        }
        Tables::TooNew(why) => Finding::fail(
            "tables",
            why,
            "run the newest streamsync that has used this database",
        ),
    }
}

/// Writes rest on unique indexes; without another one, questions are slow.
fn indexes(it: &Indexes, remedies: &Remedies) -> Finding {
    if !it.missing.is_empty() {
        let names: Vec<_> = it.missing.iter().map(|(name, _)| *name).collect();
        let seen = format!("missing: {}", names.join(", "));
        let make = |(_, definition): &(&str, &str)| {
            // Of a partitioned table with its partitions, which cannot be made meanwhile.
            let whole = definition.replace(" ON ONLY ", " ON ");
            match whole == *definition {
                true => definition.replace(" INDEX ", " INDEX CONCURRENTLY "),
                false => whole,
            }
        };
        let remedy = remedies.psql(&it.missing.iter().map(make).collect::<Vec<_>>());
        let is_unique = it
            .missing
            .iter()
            .any(|(_, made)| made.starts_with("CREATE UNIQUE"));
        return match is_unique {
            true => Finding::fail("indexes", seen, remedy),
            false => Finding::warn("indexes", seen, remedy),
        };
    }
    if !it.invalid.is_empty() {
        let seen = format!("not usable: {}", it.invalid.join(", "));
        let again = |name: &String| format!("reindex index concurrently {name}");
        let remedy = remedies.psql(&it.invalid.iter().map(again).collect::<Vec<_>>());
        return Finding::warn("indexes", seen, remedy);
    }
    Finding::ok("indexes", "all there and usable")
}

fn partitions(levels: &[Ahead], now: Micros) -> Finding {
    if levels.iter().all(|level| level.partitions == 0) {
        return Finding::ok("partitions", "none yet; a running node makes them ahead");
    }
    let soon = Micros(now.0.saturating_add(DAY));
    let late: Vec<_> = levels
        .iter()
        .filter(|level| level.until < Some(soon))
        .map(|level| level.level.table())
        .collect();
    if !late.is_empty() {
        let seen = format!("none ahead of {}: no node has made them", late.join(", "));
        return Finding::warn(
            "partitions",
            seen,
            "streamsync serve makes them; its log says what hinders it",
        );
    }
    let until = |of: &dyn Fn(Level) -> bool| {
        let ends = levels
            .iter()
            .filter(|level| of(level.level))
            .filter_map(|level| level.until);
        ends.min().map(|end| Day::of(end).to_string()).unwrap_or_default()
    };
    let (points, rollups) = (until(&|it| it == Level::Raw), until(&|it| it != Level::Raw));
    Finding::ok(
        "partitions",
        format!("ahead to {points}, of rollups to {rollups}"),
    )
}

fn default_partition(name: &str, remedies: &Remedies) -> Finding {
    let table = name.split_once('.').map_or(name, |(_, table)| table);
    let seen = format!("the default partition {table} holds rows: others cannot be made for their times");
    let look = format!("select min(ts), max(ts) from {name}");
    Finding::warn("partitions", seen, remedies.psql(&[look]))
}

fn dead_letters(waiting: &[Waiting], remedies: &Remedies) -> Finding {
    let total: i64 = waiting.iter().map(|it| it.count).sum();
    let finding = match waiting.first() {
        None => Finding::ok("dead letters", "none waiting"),
        Some(most) => {
            let or_more = if total >= COUNTED_MAX { " or more" } else { "" };
            let seen = format!(
                "{}{or_more} waiting, most in {}: {}",
                count(usize::try_from(total).unwrap_or(0)),
                most.stream,
                most.reason
            );
            let ask = "query '{ deadLetterReasons { stream topic reason count } }'";
            Finding::warn("dead letters", seen, remedies.of_server(ask))
        }
    };
    finding.with("dead_letters", total)
}

fn streams(pauses: &[(String, String)], remedies: &Remedies) -> Vec<Finding> {
    if pauses.is_empty() {
        return vec![Finding::ok("streams", "none is paused")];
    }
    let paused = |(stream, why): &(String, String)| {
        let resume = remedies.of_server(&format!("resume --stream {}", quoted(stream)));
        Finding::fail("streams", format!("{stream} is paused: {why}"), resume)
    };
    pauses.iter().map(paused).collect()
}

fn archived(days: &[DayState], remedies: &Remedies) -> Finding {
    let of = |standing| days.iter().filter(move |day| day.standing == standing);
    if let Some(first) = of(Standing::Due).next() {
        let seen = format!(
            "{} not archived though due, the first is {}",
            counted(of(Standing::Due).count(), "day"),
            first.day
        );
        return Finding::warn(ARCHIVED, seen, remedies.streamsync("archive"));
    }
    if let Some(first) = of(Standing::Thinned).next() {
        let (day, next) = (first.day, Day::of(first.day.end()));
        let seen = format!("late points of {day} are not archived, and others only there");
        let restore = remedies.streamsync(&format!("restore --from {day} --to {next}"));
        return Finding::warn(ARCHIVED, seen, restore);
    }
    Finding::ok(ARCHIVED, "every day that is due is archived")
}

#[cfg(test)]
mod tests;
