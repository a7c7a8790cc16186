//! What is on this machine: the configuration, disks and the limit of open files.

use std::path::{Path, PathBuf};

use rustix::fs::statvfs;

use super::finding::Finding;
use super::others::nearest;
use super::remedies::Remedies;
use crate::archive::Target;
use crate::cache;
use crate::config::{Config, Mistakes, Overrides};
use crate::http::connections::open_files;
use crate::offline::words::{bytes, count, counted};
use crate::sources::properties;
use crate::store::connect::DatabaseUrl;
use crate::terminal::shell;

const GIB: u64 = 1 << 30;

/// The configuration as far as it can be read, with what is wrong with it.
pub fn configuration(overrides: &Overrides) -> (Config, Finding) {
    const CHECK: &str = "configuration";
    let read = Config::load(overrides);
    let mistakes = match read {
        Ok(config) => {
            let seen = match config.streams.len() {
                0 => "valid, without a [[stream]]: for `streamsync demo` only".to_owned(),
                n => format!("valid, {}, {}", counted(n, "stream"), who(&config)),
            };
            return (config, Finding::ok(CHECK, seen));
        }
        Err(mistakes) => mistakes,
    };
    let config = Config::of_running(overrides).unwrap_or_default();
    let remedies = Remedies::new(shell::program(), &config, overrides);
    let finding = Finding::fail(CHECK, first(&mistakes), remedies.streamsync("check"));
    (config, finding)
}

fn who(config: &Config) -> String {
    match &config.auth {
        Some(auth) => counted(auth.roles.len(), "role"),
        None => "everybody may do everything".to_owned(),
    }
}

fn first(Mistakes(mistakes): &Mistakes) -> String {
    match mistakes.as_slice() {
        [] => String::new(),
        [only] => only.clone(),
        [first, others @ ..] => format!("{first} (and {} more)", others.len()),
    }
}

/// Of the file systems that this configuration fills.
pub fn disks(config: &Config) -> Vec<Finding> {
    let mut folders = Vec::new();
    if config.postgres.url.is_none() {
        folders.push(config.data_dir.0.clone());
    }
    let archive = config.archive.url.as_ref();
    let archive = archive.and_then(|url| Target::open(url, &config.archive.s3()).ok()?.folder());
    folders.extend(archive);
    folders.iter().filter_map(|folder| disk(folder)).collect()
}

fn disk(folder: &Path) -> Option<Finding> {
    let there: PathBuf = nearest(folder);
    let room = statvfs(&there).ok()?;
    let (free, all) = (room.f_bavail * room.f_frsize, room.f_blocks * room.f_frsize);
    Some(free_of(free, all, &folder.display().to_string()))
}

/// Little is less than a tenth and less than 20 GiB; next to nothing is a hundredth of that.
fn free_of(free: u64, all: u64, folder: &str) -> Finding {
    let seen = format!("{} of {} free for {folder}", bytes(free), bytes(all));
    let little = (all / 10).min(20 * GIB);
    let remedy = "set retention for [[stream]]s (docs/storage.md), or make room";
    let finding = if free < little / 100 {
        Finding::fail("disk", seen, remedy)
    } else if free < little {
        Finding::warn("disk", seen, remedy)
    } else {
        Finding::ok("disk", seen)
    };
    finding.with("free_bytes", free)
}

pub fn open_files(config: &Config) -> Finding {
    let http = &config.http;
    let needed = open_files::needed(http.connections, http.workers);
    files_of(open_files::raise(), needed)
}

fn files_of(limit: usize, needed: usize) -> Finding {
    let shown = match limit {
        usize::MAX => "no limit".to_owned(),
        limit => format!("up to {}", count(limit)),
    };
    let seen = format!("{shown} in this shell; {} are needed", count(needed));
    let finding = match limit < needed {
        false => Finding::ok("open files", seen),
        true => {
            let remedy = format!("ulimit -n {needed}   # or LimitNOFILE={needed} in the unit");
            Finding::warn("open files", format!("{seen}: fewer connections"), remedy)
        }
    };
    finding.with("open_files", limit)
}

/// Servers beyond this machine that anyone on the way could pretend to be; nothing if there are none.
pub fn identities(config: &Config) -> Option<Finding> {
    let postgres = config.postgres.url.as_deref();
    let postgres = postgres.and_then(|url| url.parse::<DatabaseUrl>().ok());
    let kafka = config.kafka.brokers.as_deref();
    let unverified = [
        (
            "Kafka",
            kafka.is_some_and(|brokers| properties::is_unverified(brokers, &config.kafka.properties)),
            "\"security.protocol\" = \"SSL\" or \"SASL_SSL\" in [kafka.properties]",
        ),
        (
            "Postgres",
            postgres.is_some_and(|url| url.is_unverified()),
            "sslmode=verify-full in postgres.url",
        ),
        (
            "Redis",
            config.redis.url.as_deref().is_some_and(cache::is_unverified),
            "rediss:// in redis.url",
        ),
        (
            "the schema registry",
            config.schema_registry.is_unverified(),
            "https:// in schema_registry.url",
        ),
    ];
    let unverified: Vec<_> = unverified.iter().filter(|(_, is, _)| *is).collect();
    let (_, _, remedy) = unverified.first()?;
    let who: Vec<_> = unverified.iter().map(|(who, ..)| *who).collect();
    let seen = format!(
        "not verified: {}; anyone on the way can change data",
        who.join(", ")
    );
    Some(Finding::warn("identity", seen, *remedy))
}

#[cfg(test)]
mod tests {
    use super::super::finding::Level;
    use super::*;

    #[test]
    fn little_room_is_a_warning_and_none_a_failure() {
        let level = |free, all| free_of(free, all, ".streamsync").level;
        assert_eq!(level(500 * GIB, 1_000 * GIB), Level::Ok);
        assert_eq!(level(30 * GIB, 1_000 * GIB), Level::Ok);
        assert_eq!(level(5 * GIB, 100 * GIB), Level::Warn);
        assert_eq!(level(GIB / 100, 100 * GIB), Level::Fail);
        let seen = free_of(5 * GIB, 100 * GIB, ".streamsync").seen;
        assert_eq!(seen, "5.00 GiB of 100.00 GiB free for .streamsync");
    }

    #[test]
    fn too_few_open_files_are_told_with_the_number_that_is_needed() {
        assert_eq!(files_of(1 << 20, 20_288).level, Level::Ok);
        assert_eq!(files_of(usize::MAX, 20_288).level, Level::Ok);
        let few = files_of(1_024, 20_288);
        assert_eq!(
            (few.level, &*few.seen),
            (
                Level::Warn,
                "up to 1,024 in this shell; 20,288 are needed: fewer connections"
            )
        );
        assert!(few.remedy.unwrap().starts_with("ulimit -n 20288 "));
    }

    #[test]
    fn servers_beyond_this_machine_are_to_prove_who_they_are() {
        let mut config = Config::default();
        config.kafka.brokers = Some("127.0.0.1:9092".to_owned());
        config.postgres.url = Some("postgres://u@localhost/db".to_owned());
        assert_eq!(identities(&config), None);
        config.postgres.url = Some("postgres://u:hidden@db.example/db".to_owned());
        config.redis.url = Some("redis://:hidden@cache.example".to_owned());
        let told = identities(&config).unwrap();
        assert!(
            told.seen.starts_with("not verified: Postgres, Redis;"),
            "{told:?}"
        );
        assert!(!format!("{told:?}").contains("hidden"), "{told:?}");
    }

    #[test]
    fn mistakes_of_the_configuration_are_counted() {
        let of = |mistakes: &[&str]| first(&Mistakes(mistakes.iter().map(|&it| it.to_owned()).collect()));
        assert_eq!(of(&["http.listen: is wrong"]), "http.listen: is wrong");
        assert_eq!(of(&["a: b", "c: d", "e: f"]), "a: b (and 2 more)");
    }
}
