//! What a configuration may have besides Kafka and Postgres: Redis, a schema registry, an archive, and a
//! server that runs.

use std::path::{Path, PathBuf};
use std::time::Instant;

use rustix::fs::{Access, access};

use super::finding::Finding;
use crate::archive::Target;
use crate::cache::checkup::{Checkup, checkup};
use crate::client::{Readiness, readiness};
use crate::config::Config;
use crate::offline::words::{bytes, millis};
use crate::terminal::shell::quoted;

/// Of its limit, in percent, from which on Redis is nearly full.
const NEARLY_FULL: u64 = 90;

pub async fn redis(config: &Config, found: &mut Vec<Finding>) {
    let Some(url) = &config.redis.url else {
        found.push(Finding::ok(
            "redis",
            "none; latest values are in the memory of each node",
        ));
        return;
    };
    found.push(match checkup(url).await {
        Ok(state) => redis_seen(&state),
        Err(why) => {
            let remedy = match why.contains("password") {
                true => "correct the password in redis.url (REDIS_URL)",
                false => "start it, or correct redis.url (REDIS_URL)",
            };
            Finding::fail("redis", why, remedy)
        }
    });
}

fn redis_seen(state: &Checkup) -> Finding {
    let trip = millis(state.round_trip);
    let finding = match &state.about {
        None => Finding::ok("redis", format!("round trip {trip}")),
        Some(about) => {
            let seen = format!("{}, round trip {trip}", about.version);
            let keeps = about.policy == "noeviction" || about.policy.starts_with("volatile");
            let is_full = about.used_bytes >= about.max_bytes / 100 * NEARLY_FULL;
            if keeps && about.max_bytes > 0 && is_full {
                let (used, max) = (bytes(about.used_bytes), bytes(about.max_bytes));
                let seen = format!("{seen}; {used} of {max}, and {} refuses more", about.policy);
                let remedy = "redis-cli config set maxmemory-policy allkeys-lru";
                Finding::warn("redis", seen, remedy)
            } else {
                Finding::ok("redis", seen)
            }
        }
    };
    finding.with("round_trip_ms", state.round_trip.as_secs_f64() * 1e3)
}

pub async fn registry(config: &Config, found: &mut Vec<Finding>) {
    let registry = match config.registry() {
        Ok(Some(registry)) => registry,
        Ok(None) => return,
        Err(mistake) => {
            let remedy = "correct [schema_registry]";
            found.push(Finding::fail("registry", mistake, remedy));
            return;
        }
    };
    let begun = Instant::now();
    found.push(match registry.answers().await {
        Ok(()) => Finding::ok("registry", format!("answers in {}", millis(begun.elapsed()))),
        Err(why) => {
            let remedy = "start it, or correct url, username or password of [schema_registry]";
            Finding::fail("registry", why, remedy)
        }
    });
}

pub async fn archive(config: &Config, found: &mut Vec<Finding>) {
    let Some(url) = &config.archive.url else {
        return;
    };
    let remedy = "correct url, endpoint or region of [archive], or AWS_ACCESS_KEY_ID and its secret";
    found.push(match Target::open(url, &config.archive.s3()) {
        Err(error) => Finding::fail("archive", error.to_string(), remedy),
        Ok(target) => match target.folder() {
            Some(folder) => writable(&folder),
            None => match target.answers().await {
                Ok(()) => Finding::ok("archive", format!("{} answers", target.url)),
                Err(error) => Finding::fail("archive", error.to_string(), remedy),
            },
        },
    });
}

/// A folder that is not there yet is made in the nearest one that is.
fn writable(folder: &Path) -> Finding {
    let there = nearest(folder);
    let shown = there.display();
    match access(&there, Access::WRITE_OK | Access::EXEC_OK) {
        Ok(()) => Finding::ok("archive", format!("{} can be written", folder.display())),
        Err(error) => {
            let me = rustix::process::geteuid().as_raw();
            let remedy = format!("chown {me} {}", quoted(&shown.to_string()));
            Finding::fail("archive", format!("{shown} cannot be written: {error}"), remedy)
        }
    }
}

/// The path itself or the nearest above it that exists.
pub fn nearest(path: &Path) -> PathBuf {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let there = path.ancestors().find(|path| path.exists());
    there.map_or_else(|| PathBuf::from("/"), Path::to_owned)
}

pub async fn server(config: &Config, found: &mut Vec<Finding>) {
    let http = &config.http;
    let (address, is_secured) = match http.operations_listen {
        Some(address) => (address, false),
        None => (http.listen, http.tls.is_some()),
    };
    found.push(match readiness(address, is_secured).await {
        Ok(None) => Finding::ok("server", format!("none runs on {address}")),
        Ok(Some(readiness)) => server_seen(&readiness, &address.to_string()),
        Err(error) => {
            let remedy = "stop what listens there, or choose another --listen";
            Finding::fail("server", format!("{error:#}"), remedy)
        }
    });
}

fn server_seen(readiness: &Readiness, address: &str) -> Finding {
    if readiness.ready {
        return Finding::ok("server", format!("runs on {address} and is ready"));
    }
    let missing = match readiness.missing.is_empty() {
        true => "it is not told what is missing".to_owned(),
        false => readiness.missing.join("; "),
    };
    let seen = format!("runs on {address} and is not ready: {missing}");
    Finding::fail("server", seen, "its log says more, and so does what follows here")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::finding::Level;
    use super::*;
    use crate::cache::checkup::About;

    #[test]
    fn a_redis_that_is_nearly_full_and_evicts_nothing_is_a_warning() {
        let seen = |max_bytes, policy: &str| {
            redis_seen(&Checkup {
                round_trip: Duration::from_micros(240),
                about: Some(About {
                    version: "7.0.15".to_owned(),
                    used_bytes: 95_000,
                    max_bytes,
                    policy: policy.to_owned(),
                }),
            })
        };
        let well = seen(0, "noeviction");
        assert_eq!(
            (well.level, &*well.seen),
            (Level::Ok, "7.0.15, round trip 0.2 ms")
        );
        assert_eq!(seen(1_000_000, "noeviction").level, Level::Ok);
        assert_eq!(seen(100_000, "allkeys-lru").level, Level::Ok);
        assert_eq!(seen(100_000, "volatile-lru").level, Level::Warn);
        let full = seen(100_000, "noeviction");
        assert!(
            full.seen
                .ends_with("92.77 KiB of 97.66 KiB, and noeviction refuses more"),
            "{full:?}"
        );
    }

    #[test]
    fn a_folder_that_is_not_there_is_judged_by_the_one_that_it_will_be_in() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("a/b");
        assert_eq!(nearest(&folder), dir.path());
        assert_eq!(writable(&folder).level, Level::Ok);
        // Even root cannot make a folder in a file.
        let file = dir.path().join("file");
        std::fs::write(&file, "").unwrap();
        let nowhere = writable(&file.join("archive"));
        assert_eq!(nowhere.level, Level::Fail);
        assert!(
            nowhere.remedy.unwrap().ends_with(&file.display().to_string()),
            "it names the file"
        );
    }

    #[test]
    fn a_server_that_is_not_ready_fails_with_what_is_missing() {
        let seen = |ready, missing: &[&str]| {
            let missing = missing.iter().map(|&what| what.to_owned()).collect();
            server_seen(&Readiness { ready, missing }, "127.0.0.1:8080")
        };
        assert_eq!(seen(true, &[]).level, Level::Ok);
        let away = seen(false, &["kafka: cannot reach it", "pipeline: not running"]);
        assert_eq!(
            (away.level, &*away.seen),
            (
                Level::Fail,
                "runs on 127.0.0.1:8080 and is not ready: kafka: cannot reach it; pipeline: not running"
            )
        );
        assert!(seen(false, &[]).seen.ends_with("not told what is missing"));
    }
}
