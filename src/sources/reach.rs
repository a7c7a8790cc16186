//! Why Kafka does not answer, with its address. It is found by opening a connection, because librdkafka
//! reports nothing until a request times out.

use std::net::{TcpStream, ToSocketAddrs};
use std::sync::Arc;
use std::time::Duration;

use super::broker::Broker;
use crate::telemetry::Status;
use crate::telemetry::status::Snapshot;

/// For each address; a broker that needs longer counts as unreachable.
const CONNECT_WITHIN: Duration = Duration::from_secs(1);

/// How many brokers are tried at once.
const TRIED: usize = 8;

const PORT: u16 = 9_092;

/// `None` when a connection can be opened to one of the brokers, or when there is nothing to reach.
pub async fn trouble(broker: &Broker) -> Option<String> {
    let broker = broker.clone();
    let asked = tokio::task::spawn_blocking(move || trouble_now(&broker));
    asked.await.unwrap_or_default()
}

/// Checks on a thread of its own, and writes a problem into the status unless Kafka has answered by then.
pub fn look_once(broker: &Broker, status: &Arc<Status>) {
    let (broker, status) = (broker.clone(), Arc::clone(status));
    tokio::task::spawn_blocking(move || {
        let is_well = |snapshot: &Snapshot| snapshot.needs.get("kafka") == Some(&None);
        if let Some(why) = trouble_now(&broker).filter(|_| !is_well(&status.snapshot())) {
            tracing::warn!("{why}");
            status.trouble("kafka", why);
        }
    });
}

/// Blocks for about a second.
fn trouble_now(broker: &Broker) -> Option<String> {
    let remote = Some(broker.bootstrap_servers()).filter(|_| !broker.is_embedded());
    remote.and_then(unreachable)
}

fn unreachable(brokers: &str) -> Option<String> {
    let addresses: Vec<&str> = brokers.split(',').map(str::trim).take(TRIED).collect();
    let whys: Vec<Option<String>> = std::thread::scope(|scope| {
        let tries: Vec<_> = addresses
            .iter()
            .map(|address| scope.spawn(|| connect(address).err()))
            .collect();
        let tries = tries.into_iter();
        tries.map(|one| one.join().unwrap_or_default()).collect()
    });
    if whys.contains(&None) {
        return None;
    }
    let mut whys: Vec<String> = whys.into_iter().flatten().collect();
    whys.dedup();
    Some(format!("{}: {}", cannot_reach(brokers), whys.join("; ")))
}

pub(super) fn cannot_reach(brokers: &str) -> String {
    format!("cannot reach Kafka at {brokers}")
}

fn connect(address: &str) -> Result<(), String> {
    let address = address.split_once("://").map_or(address, |(_, address)| address);
    let with_port = match address.rsplit_once(':') {
        Some((host, port)) if port.parse::<u16>().is_ok() && (!host.contains(':') || host.ends_with(']')) => {
            address.to_owned()
        }
        _ => format!("{address}:{PORT}"),
    };
    let found = with_port.to_socket_addrs().map_err(|error| error.to_string())?;
    let mut why = "the name has no address".to_owned();
    for address in found {
        match TcpStream::connect_timeout(&address, CONNECT_WITHIN) {
            Ok(_) => return Ok(()),
            Err(error) => why = error.to_string(),
        }
    }
    Err(why)
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn a_broker_that_takes_no_connection_is_named_with_the_reason() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        assert_eq!(unreachable(&address), None);
        assert_eq!(unreachable(&format!("127.0.0.1:1, PLAINTEXT://{address}")), None);
        drop(listener);
        let told = unreachable("127.0.0.1:1,[::1]:1").unwrap();
        assert!(
            told.starts_with("cannot reach Kafka at 127.0.0.1:1,[::1]:1: "),
            "{told}"
        );
        assert!(
            unreachable("no-such-host.invalid:9092")
                .unwrap()
                .contains("no-such-host.invalid:9092")
        );
    }
}
