//! Postgres: whether it answers and is what this program needs.

use std::time::Duration;

use super::database::{self, put};
use super::finding::Finding;
use super::remedies::Remedies;
use crate::config::Config;
use crate::offline::words::millis;
use crate::store::checkup::{Checkup, Position, Server};
use crate::store::connect::DatabaseUrl;
use crate::store::embedded::Embedded;
use crate::terminal::shell::quoted;

const CHECK: &str = "postgres";
/// In the order in which they are asked.
pub const CHECKS: [&str; 10] = [
    CHECK,
    "clock",
    "sessions",
    "connections",
    "size",
    "tables",
    "indexes",
    "partitions",
    "dead letters",
    "streams",
];

/// With a clock that is wrong by more, records and keys have wrong ages; in microseconds.
const SKEW: i64 = 1_000_000;
/// Each batch takes some round trips.
const FAR: Duration = Duration::from_millis(100);

struct Located {
    url: DatabaseUrl,
    /// In words, without a password.
    place: String,
    remedies: Remedies,
}

/// Returns how far each partition is stored.
pub async fn check(config: &Config, remedies: &Remedies, found: &mut Vec<Finding>) -> Option<Vec<Position>> {
    let located = match locate(config, remedies) {
        Ok(Some(located)) => located,
        Ok(None) => {
            let dir = config.data_dir.0.display();
            found.push(Finding::ok(CHECK, format!("private, in {dir}; not running")));
            skip(config, "the private Postgres is not running", found);
            return None;
        }
        Err(away) => {
            found.push(away);
            skip(config, "there is no Postgres to ask", found);
            return None;
        }
    };
    let checkup = match Checkup::begin(&located.url).await {
        Ok(checkup) => checkup,
        Err(error) => {
            let remedy = error.advice();
            let remedy = remedy.unwrap_or("start it, or correct postgres.url (DATABASE_URL)");
            found.push(Finding::fail(CHECK, error.to_string(), remedy));
            skip(config, "Postgres does not answer", found);
            return None;
        }
    };
    match checkup.server().await {
        Ok(server) => found.extend([seen(&server, &located.place), clock(&server)]),
        Err(error) => found.push(Finding::unanswered(CHECK, &error)),
    }
    put(found, "sessions", checkup.is_pooled().await, sessions);
    database::check(&checkup, config, &located.remedies, found).await;
    checkup.positions().await.ok()
}

/// `None`: it is private and does not run.
fn locate(config: &Config, remedies: &Remedies) -> Result<Option<Located>, Finding> {
    if let Some(url) = &config.postgres.url {
        let url = url.parse::<DatabaseUrl>().map_err(|error| {
            let remedy = "correct postgres.url (DATABASE_URL)";
            Finding::fail(CHECK, error.to_string(), remedy)
        })?;
        let place = url.to_string();
        let remedies = remedies.clone();
        return Ok(Some(Located { url, place, remedies }));
    }
    let dir = &config.data_dir.0;
    let refused = |error: String| {
        // What to do follows what is wrong.
        let (seen, remedy) = error
            .split_once(": ")
            .unwrap_or((error.as_str(), "look at the data directory"));
        Finding::fail(CHECK, seen, remedy)
    };
    let Some(url) = Embedded::running(dir).map_err(|error| refused(error.to_string()))? else {
        return Ok(None);
    };
    Ok(Some(Located {
        place: format!("private, in {}", dir.display()),
        remedies: remedies.on_database(quoted(&url).into_owned()),
        url: url
            .parse::<DatabaseUrl>()
            .map_err(|error| refused(error.to_string()))?,
    }))
}

fn skip(config: &Config, why: &str, found: &mut Vec<Finding>) {
    found.extend(Finding::skipped(&["clock", "sessions"], why));
    database::skip(config, why, found);
}

fn seen(server: &Server, place: &str) -> Finding {
    let (version, trip) = (&server.version, millis(server.round_trip));
    // Debian's version goes on with the package's.
    let version = version.split(' ').next().unwrap_or(version);
    let seen = format!("{version}, round trip {trip}, {place}");
    let finding = if server.is_too_old {
        Finding::fail(CHECK, seen, "install PostgreSQL 15 or newer")
    } else if server.is_read_only {
        let seen = format!("{seen}: it takes no writes");
        let remedy =
            "name the primary in postgres.url; a list of hosts needs target_session_attrs=read-write";
        Finding::fail(CHECK, seen, remedy)
    } else if server.round_trip > FAR {
        Finding::warn(
            CHECK,
            seen,
            "run streamsync nearer to it: each batch takes some round trips",
        )
    } else {
        Finding::ok(CHECK, seen)
    };
    finding.with("round_trip_ms", server.round_trip.as_secs_f64() * 1e3)
}

fn clock(server: &Server) -> Finding {
    let trip = i64::try_from(server.round_trip.as_micros()).unwrap_or(i64::MAX);
    let (ahead, seconds) = (server.ahead, server.ahead as f64 / 1e6);
    let finding = if ahead.abs() > SKEW.saturating_add(trip) {
        let which = if ahead > 0 { "ahead of" } else { "behind" };
        let seen = format!("Postgres' is {:.1} s {which} that of this machine", seconds.abs());
        Finding::warn(
            "clock",
            seen,
            "timedatectl set-ntp true   # where the time is wrong",
        )
    } else {
        Finding::ok("clock", "that of Postgres and of this machine agree")
    };
    finding.with("postgres_ahead_seconds", seconds)
}

fn sessions(is_pooled: bool) -> Finding {
    if !is_pooled {
        return Finding::ok("sessions", "last from one transaction to the next");
    }
    let seen = "change between transactions: a pooler in transaction mode is in between, and locks and \
                notifications need sessions that last";
    let remedy = "connect to Postgres itself, or set pool_mode = session for this database";
    Finding::fail("sessions", seen, remedy)
}

#[cfg(test)]
mod tests {
    use super::super::finding::Level;
    use super::*;

    fn server() -> Server {
        Server {
            version: "16.4 (Debian 16.4-1)".to_owned(),
            is_too_old: false,
            is_read_only: false,
            round_trip: Duration::from_micros(420),
            ahead: 1_000,
        }
    }

    #[test]
    fn a_server_is_told_by_version_place_and_distance() {
        let finding = seen(&server(), "postgres://ann@db:5432/metrics");
        assert_eq!(
            (finding.level, &*finding.seen),
            (
                Level::Ok,
                "16.4, round trip 0.4 ms, postgres://ann@db:5432/metrics"
            )
        );
        for (worse, level) in [
            (
                Server {
                    is_too_old: true,
                    ..server()
                },
                Level::Fail,
            ),
            (
                Server {
                    is_read_only: true,
                    ..server()
                },
                Level::Fail,
            ),
            (
                Server {
                    round_trip: FAR * 2,
                    ..server()
                },
                Level::Warn,
            ),
        ] {
            let finding = seen(&worse, "db");
            assert_eq!(finding.level, level, "{finding:?}");
            assert!(finding.remedy.is_some(), "{finding:?}");
        }
    }

    #[test]
    fn a_clock_is_wrong_when_the_round_trip_does_not_explain_it() {
        let at = |ahead, round_trip| {
            clock(&Server {
                ahead,
                round_trip,
                ..server()
            })
        };
        let short = Duration::from_millis(1);
        assert_eq!(at(900_000, short).level, Level::Ok);
        assert_eq!(at(-2_000_000, Duration::from_secs(3)).level, Level::Ok);
        let behind = at(-2_000_000, short);
        assert_eq!(
            (behind.level, &*behind.seen),
            (Level::Warn, "Postgres' is 2.0 s behind that of this machine")
        );
        assert_eq!(behind.values["postgres_ahead_seconds"], -2.0);
    }

    #[test]
    fn a_pooler_in_transaction_mode_is_a_failure() {
        assert_eq!(sessions(false).level, Level::Ok);
        assert_eq!(sessions(true).level, Level::Fail);
    }
}
