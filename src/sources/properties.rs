//! Checks whether librdkafka accepts the properties of a configuration, before any client starts.
//!
//! It asks librdkafka itself: first for each property, then for the clients of this program, without a
//! broker to connect to. The messages never include the value of a secret.

use std::collections::BTreeMap;
use std::net::Ipv6Addr;
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::client::Client;
use rdkafka::error::KafkaError;
use rdkafka::types::{RDKafkaConfRes, RDKafkaType};

use super::broker::{Broker, Quiet, property_mistake};
use super::{PollConfig, poller, producer};
use crate::data::is_loopback;

/// librdkafka's two names for the list of brokers.
const BROKERS: [&str; 2] = ["bootstrap.servers", "metadata.broker.list"];

const FILES: [&str; 5] = [
    "ssl.ca.location",
    "ssl.certificate.location",
    "ssl.key.location",
    "ssl.crl.location",
    "ssl.keystore.location",
];

/// The properties that cannot be used, each with the reason. Without a name: their combination.
pub fn refused(
    properties: &BTreeMap<String, String>,
    session_timeout: Duration,
) -> Vec<(Option<String>, String)> {
    let alone = |(name, value): (&String, &String)| Some((Some(name.clone()), refused_alone(name, value)?));
    let mut refused: Vec<_> = properties.iter().filter_map(alone).collect();
    if !refused.is_empty() || properties.is_empty() {
        return refused;
    }
    let broker = Broker::remote("", properties.clone());
    let poll = PollConfig {
        session_timeout,
        ..PollConfig::default()
    };
    let roles = [
        (
            RDKafkaType::RD_KAFKA_CONSUMER,
            poller::consumer_config(&broker, &poll),
        ),
        (
            RDKafkaType::RD_KAFKA_PRODUCER,
            producer::config(&broker, Duration::from_secs(30)),
        ),
    ];
    for (role, config) in roles {
        let Err(error) = create(role, config) else {
            continue;
        };
        let why = match error {
            KafkaError::ClientConfig(_, why, _, _) | KafkaError::ClientCreation(why) => why,
            other => other.to_string(),
        };
        let why = (None, without_secrets(why, properties));
        if !refused.contains(&why) {
            refused.push(why);
        }
    }
    refused
}

/// What is wrong with a list of brokers.
pub fn bad_address(brokers: &str) -> Option<String> {
    let good = |broker: &str| {
        let address = broker.split_once("://").map_or(broker, |(_, address)| address);
        let (host, port) = match address.rsplit_once(':') {
            Some(_) if address.parse::<Ipv6Addr>().is_ok() => (address, None),
            Some((host, port)) => (host, Some(port)),
            None => (address, None),
        };
        let is_ip = host.starts_with('[') && host.ends_with(']') || host.parse::<Ipv6Addr>().is_ok();
        let bad = |c: char| c.is_whitespace() || "/@;".contains(c) || (c == ':' && !is_ip);
        let is_host = !host.is_empty() && !host.contains(bad);
        is_host && port.is_none_or(|port| port.parse::<u16>().is_ok_and(|port| port > 0))
    };
    let bad = brokers.split(',').map(str::trim).find(|broker| !good(broker))?;
    if bad.contains('@') {
        // What stands before it may be a password.
        return Some(
            "an address of a broker has no login in it; write that into [kafka.properties]".to_owned(),
        );
    }
    Some(format!(
        "'{bad}' is no address of a broker; write host:port, several with commas between them"
    ))
}

/// Whether a broker is beyond this machine and nothing proves that it is the one that was meant.
pub fn is_unverified(brokers: &str, properties: &BTreeMap<String, String>) -> bool {
    let is_local = |broker: &str| {
        let address = broker.split_once("://").map_or(broker, |(_, address)| address);
        let host = match address.rsplit_once(':') {
            Some((host, port)) if port.parse::<u16>().is_ok() => host,
            _ => address,
        };
        is_loopback(host)
    };
    let is = |name: &str, wanted: &[&str]| {
        let value = properties.get(name);
        value.is_some_and(|value| wanted.iter().any(|wanted| value.eq_ignore_ascii_case(wanted)))
    };
    let is_tls = is("security.protocol", &["ssl", "sasl_ssl"]);
    let is_unchecked = is("enable.ssl.certificate.verification", &["false"])
        || is("ssl.endpoint.identification.algorithm", &["none"]);
    brokers.split(',').any(|broker| !is_local(broker.trim())) && (!is_tls || is_unchecked)
}

fn refused_alone(name: &str, value: &str) -> Option<String> {
    if let Some(why) = property_mistake(name, value) {
        return Some(why);
    }
    if FILES.contains(&name)
        && value != "probe"
        && let Err(error) = std::fs::metadata(value)
    {
        return Some(format!("cannot read {value}: {error}"));
    }
    let mut config = ClientConfig::new();
    config.set(name, value);
    match config.create_native_config() {
        Ok(_) => None,
        Err(KafkaError::ClientConfig(RDKafkaConfRes::RD_KAFKA_CONF_UNKNOWN, ..)) => {
            Some("librdkafka knows no property of this name".to_owned())
        }
        Err(KafkaError::ClientConfig(_, why, _, _)) if why.contains(value) && !is_secret(name) => Some(why),
        Err(KafkaError::ClientConfig(_, why, _, _)) if !is_secret(name) => {
            Some(format!("{why}: found '{value}'"))
        }
        Err(_) => Some("librdkafka does not take this value".to_owned()),
    }
}

fn create(role: RDKafkaType, mut config: ClientConfig) -> Result<(), KafkaError> {
    for name in BROKERS {
        config.remove(name);
    }
    let native = config.create_native_config()?;
    Client::new(&config, native, role, Quiet).map(drop)
}

fn is_secret(name: &str) -> bool {
    [
        "password",
        "secret",
        "pem",
        "oauthbearer",
        "jaas",
        "username",
        "kinit",
    ]
    .iter()
    .any(|part| name.contains(part))
}

fn without_secrets(why: String, properties: &BTreeMap<String, String>) -> String {
    let secrets = properties
        .iter()
        .filter(|(name, value)| is_secret(name) && value.len() > 3);
    secrets.fold(why, |why, (_, secret)| why.replace(secret, "…"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(properties: &[(&str, &str)]) -> Vec<(Option<String>, String)> {
        let owned = properties
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        refused(&owned.collect(), Duration::from_secs(45))
    }

    #[test]
    fn a_broker_beyond_this_machine_that_is_not_verified_is_told_from_others() {
        let properties = |pairs: &[(&str, &str)]| {
            let pairs = pairs
                .iter()
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
            pairs.collect::<BTreeMap<_, _>>()
        };
        let (plain, tls) = (properties(&[]), ("security.protocol", "SASL_SSL"));
        assert!(!is_unverified("localhost:9092, [::1]:9092,127.0.0.1", &plain));
        assert!(is_unverified("localhost:9092,kafka:9092", &plain));
        assert!(!is_unverified("kafka:9092", &properties(&[tls])));
        for off in [
            ("enable.ssl.certificate.verification", "false"),
            ("ssl.endpoint.identification.algorithm", "none"),
        ] {
            assert!(is_unverified("kafka:9092", &properties(&[tls, off])), "{off:?}");
        }
    }

    #[test]
    fn what_librdkafka_takes_is_fine() {
        assert_eq!(told(&[]), []);
        let login = [
            ("security.protocol", "SASL_SSL"),
            ("sasl.mechanism", "SCRAM-SHA-512"),
            ("sasl.username", "me"),
            ("sasl.password", "hush"),
            ("client.rack", "a"),
        ];
        assert_eq!(told(&login), []);
    }

    #[test]
    fn every_property_that_it_does_not_take_is_named_without_a_secret() {
        let all = told(&[
            ("compression.type", "banana"),
            ("sasl.pasword", "hush-hush"),
            ("sasl.mechanism", "PLAIN"),
            ("security.protocol", "TLS"),
            ("socket.timeout.ms", "soon"),
            ("ssl.ca.location", "/nowhere/ca.pem"),
            ("bootstrap.servers", "k:9092"),
        ]);
        let names: Vec<_> = all.iter().filter_map(|(name, _)| name.as_deref()).collect();
        assert_eq!(
            names,
            [
                "bootstrap.servers",
                "compression.type",
                "sasl.pasword",
                "security.protocol",
                "socket.timeout.ms",
                "ssl.ca.location"
            ]
        );
        let said = format!("{all:?}");
        for part in [
            "banana",
            "TLS",
            "no property of this name",
            "/nowhere/ca.pem",
            "kafka.brokers",
        ] {
            assert!(said.contains(part), "{part} is not in {said}");
        }
        assert!(!said.contains("hush"), "{said}");
    }

    #[test]
    fn a_login_of_which_a_part_is_missing_is_refused() {
        for (mechanism, more) in [
            ("PLAIN", None),
            ("SCRAM-SHA-256", None),
            ("PLAIN", Some("sasl.username")),
        ] {
            let mut login = vec![
                ("security.protocol", "SASL_PLAINTEXT"),
                ("sasl.mechanism", mechanism),
            ];
            login.extend(more.map(|name| (name, "me")));
            let all = told(&login);
            assert!(!all.is_empty(), "{login:?}");
            assert!(
                all.iter().all(|(_, why)| why.contains("sasl.password")),
                "{all:?}"
            );
        }
    }

    #[test]
    fn an_address_of_a_broker_has_a_host_and_perhaps_a_port() {
        for good in [
            "k",
            "k:9092",
            "k1:9092, k2:9093",
            "[::1]:9092",
            "::1",
            "SSL://k:9093",
        ] {
            assert_eq!(bad_address(good), None, "{good}");
        }
        for bad in [
            "",
            "k:",
            ":9092",
            "k:99999",
            "k:0",
            "k:port",
            "k 1:9092",
            "k:9092,",
            "k1:9092;k2:9092",
            "a:b:9092",
            "http://k:1/x",
        ] {
            assert!(bad_address(bad).is_some(), "{bad}");
        }
    }
}
