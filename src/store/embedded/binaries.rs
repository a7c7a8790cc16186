//! Where `initdb` and `postgres` are: `PG_BIN_DIR`, else `PATH`, else the usual places, newest first.

use std::cmp::Reverse;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use super::error::{EmbeddedError, OLDEST_MAJOR};
use super::owner::Owner;

/// Parents of `<major>/bin` (or of `postgresql@<major>/bin`).
const USUAL_PLACES: [&str; 5] = [
    "/usr/lib/postgresql",
    "/usr/local/lib/postgresql",
    "/opt/homebrew/opt",
    "/usr/local/opt",
    "/usr",
];

#[derive(Clone, Debug)]
pub(super) struct Binaries {
    pub postgres: PathBuf,
    pub initdb: PathBuf,
    pub major: u32,
}

impl Binaries {
    /// `written_by` is the major version of the cluster in `data`, if there is one: its files can
    /// be read by that version alone.
    pub fn find(written_by: Option<u32>, data: &Path, owner: &Owner) -> Result<Self, EmbeddedError> {
        let chosen = std::env::var_os("PG_BIN_DIR").map(PathBuf::from);
        let dirs = match &chosen {
            Some(dir) => vec![dir.clone()],
            None => on_path().chain(usual()).collect(),
        };
        let mut unreachable = None;
        let mut found = Vec::new();
        for dir in dirs {
            match Self::in_dir(&dir, owner) {
                Ok(Some(binaries)) => found.push(binaries),
                Ok(None) => {}
                Err(error) => unreachable = Some(error),
            }
        }
        if found.is_empty() {
            return Err(match (unreachable, chosen) {
                (Some(error), _) => error,
                (None, Some(dir)) => EmbeddedError::NotInBinDir(dir),
                (None, None) => EmbeddedError::NotFound,
            });
        }
        let Some(wanted) = written_by else {
            // A stable sort: what stands first on the PATH wins among equals.
            found.sort_by_key(|binaries| Reverse(binaries.major));
            return found.into_iter().next().ok_or(EmbeddedError::NotFound);
        };
        found
            .into_iter()
            .find(|binaries| binaries.major == wanted)
            .ok_or_else(|| EmbeddedError::OtherMajor {
                data: data.to_owned(),
                wanted,
            })
    }

    /// Follows symlinks: Postgres finds its libraries by where its binary really lies.
    fn in_dir(dir: &Path, owner: &Owner) -> Result<Option<Self>, EmbeddedError> {
        let Ok(postgres) = dir.join("postgres").canonicalize() else {
            return Ok(None);
        };
        let initdb = postgres.with_file_name("initdb");
        if !initdb.is_file() {
            return Ok(None);
        }
        let output = owner
            .command(&postgres)
            .arg("-V")
            .current_dir("/")
            .stdin(Stdio::null())
            .output()
            .map_err(|_| EmbeddedError::Unreachable(postgres.clone()))?;
        let major = major(&String::from_utf8_lossy(&output.stdout));
        Ok(major.filter(|m| *m >= OLDEST_MAJOR).map(|major| Self {
            postgres,
            initdb,
            major,
        }))
    }
}

fn on_path() -> impl Iterator<Item = PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).collect::<Vec<_>>().into_iter()
}

fn usual() -> impl Iterator<Item = PathBuf> {
    USUAL_PLACES.iter().flat_map(|place| {
        let inside = std::fs::read_dir(place).into_iter().flatten().flatten();
        inside
            .filter(|entry| {
                let name = entry.file_name();
                let name = name.to_string_lossy();
                name.starts_with(|c: char| c.is_ascii_digit())
                    || name.starts_with("postgresql")
                    || name.starts_with("pgsql")
            })
            .map(|entry| entry.path().join("bin"))
    })
}

/// `postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)` -> 15; `18beta1` -> 18.
fn major(version: &str) -> Option<u32> {
    let number = version.split_once("(PostgreSQL) ")?.1;
    let end = number.find(|c: char| !c.is_ascii_digit()).unwrap_or(number.len());
    number[..end].parse().ok()
}

#[cfg(test)]
mod tests {
    use super::major;

    #[test]
    fn the_major_version_is_read_from_what_postgres_says() {
        assert_eq!(
            major("postgres (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)\n"),
            Some(15)
        );
        assert_eq!(major("postgres (PostgreSQL) 18beta1\n"), Some(18));
        assert_eq!(major("postgres (PostgreSQL) 17"), Some(17));
        assert_eq!(major("something else"), None);
    }
}
