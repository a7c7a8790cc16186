//! The system's limit of open files; every connection is one.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Files, and connections to Postgres, Kafka and Redis; each worker has a pool of its own.
const OWN: usize = 256;
const OWN_PER_WORKER: usize = 16;

/// Raises the limit as far as allowed, since the usual soft limit is 1,024. Returns the new limit.
pub fn raise() -> usize {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        ..limit
    };
    if let Err(error) = setrlimit(Resource::Nofile, raised) {
        tracing::debug!(%error, "cannot raise the limit of open files");
    }
    let limit = getrlimit(Resource::Nofile).current;
    limit
        .and_then(|limit| usize::try_from(limit).ok())
        .unwrap_or(usize::MAX)
}

/// How many the wanted connections need with everything else.
pub const fn needed(wanted: usize, workers: usize) -> usize {
    wanted + OWN + OWN_PER_WORKER * workers
}

/// How many of the wanted connections leave enough files for everything else.
pub fn connections(open_files: usize, wanted: usize, workers: usize) -> usize {
    let own = (OWN + OWN_PER_WORKER * workers).min(open_files / 2);
    let left = open_files - own;
    if left < wanted {
        tracing::info!(
            open_files,
            connections = left,
            "the limit of open files allows fewer connections than configured"
        );
    }
    left.min(wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_program_needs_itself_is_kept_from_clients() {
        assert_eq!(connections(usize::MAX, 20_000, 2), 20_000);
        assert_eq!(connections(20_000, 20_000, 2), 19_712);
        assert_eq!(connections(needed(20_000, 2), 20_000, 2), 20_000);
        assert_eq!(connections(1_024, 20_000, 4), 704);
        assert_eq!(connections(256, 20_000, 4), 128);
        assert_eq!(connections(1_024, 100, 4), 100);
    }
}
