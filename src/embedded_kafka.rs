//! The address of the embedded broker of a running `serve` or `demo`, in a file of the data
//! directory for other commands.

use std::fs;
use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail};

use crate::sources::Broker;

const FILE: &str = "embedded-kafka";

/// Removes the file when the broker ends.
#[derive(Debug)]
pub struct Announcement(PathBuf);

/// Writes the address of an embedded broker down. That others cannot find it is no reason not to run.
pub fn announce(broker: &Broker, data_dir: &Path) -> Option<Announcement> {
    if !broker.is_embedded() {
        return None;
    }
    match write(data_dir, broker.bootstrap_servers()) {
        Ok(path) => Some(Announcement(path)),
        Err(error) => {
            tracing::warn!("cannot write the address file of the embedded broker: {error:#}");
            None
        }
    }
}

fn write(data_dir: &Path, address: &str) -> Result<PathBuf> {
    fs::create_dir_all(data_dir).with_context(|| format!("cannot create {}", data_dir.display()))?;
    let path = data_dir.join(FILE);
    // Under a name of its own first, so that no half of it is read, and no link is followed.
    let new = data_dir.join(format!("{FILE}.{}", std::process::id()));
    let _ = fs::remove_file(&new);
    let mut file = fs::File::create_new(&new).with_context(|| format!("cannot write {}", new.display()))?;
    file.write_all(address.as_bytes())?;
    fs::rename(&new, &path).with_context(|| format!("cannot write {}", path.display()))?;
    Ok(path)
}

impl Drop for Announcement {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// The address of the embedded broker that runs on this data directory.
pub fn find(data_dir: &Path) -> Result<String> {
    let path = data_dir.join(FILE);
    let what_to_do = || {
        format!(
            "no Kafka: no `streamsync demo` or `serve` with an embedded broker runs on the data directory {}; \
             start one, name its directory with --data-dir, or set KAFKA_BROKERS or --kafka-brokers",
            data_dir.display()
        )
    };
    let Ok(text) = fs::read_to_string(&path) else {
        bail!(what_to_do());
    };
    // What is left of one that was killed, or not ours: the broker listens on loopback only.
    let address: Option<SocketAddr> = text.trim().parse().ok();
    let alive = address
        .filter(|address| address.ip().is_loopback())
        .is_some_and(|address| TcpStream::connect_timeout(&address, Duration::from_secs(1)).is_ok());
    if !alive {
        bail!(what_to_do());
    }
    Ok(text.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn a_broker_is_found_while_it_runs_and_only_then() {
        let dir = tempfile::tempdir().unwrap();
        let data = dir.path().join("data");
        assert!(find(&data).unwrap_err().to_string().contains("KAFKA_BROKERS"));
        assert!(announce(&Broker::remote("127.0.0.1:1", BTreeMap::new()), &data).is_none());
        let broker = Broker::embedded().unwrap();
        let announced = announce(&broker, &data).unwrap();
        assert_eq!(find(&data).unwrap(), broker.bootstrap_servers());
        // It was killed.
        drop(broker);
        assert!(find(&data).is_err());
        drop(announced);
        assert!(!data.join(FILE).exists());
    }

    #[test]
    fn an_address_that_is_not_of_this_machine_is_not_believed() {
        let dir = tempfile::tempdir().unwrap();
        for text in ["192.0.2.1:9092", "example.org:9092", ""] {
            fs::write(dir.path().join(FILE), text).unwrap();
            assert!(find(dir.path()).is_err(), "{text}");
        }
    }
}
