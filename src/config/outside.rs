//! What flags and variables say, laid over the file.

use std::collections::BTreeMap;

use super::locations::Locations;
use super::secrets::{S3_KEYS, with_password};
use super::{Config, DataDir, Overrides};
use crate::archive::S3Keys;

impl Config {
    pub(super) fn override_with(
        &mut self,
        over: &Overrides,
        locations: &mut Locations,
        mistakes: &mut Vec<String>,
    ) {
        let secrets = over.secrets.read(mistakes);
        let mut text = |setting: &mut Option<String>, over: &Option<String>, variable, path, by| {
            // An empty variable says nothing. A flag wins over the file of its variable.
            let given = over.as_ref().filter(|text| !text.is_empty());
            if let Some(given) = given.or_else(|| secrets.get(variable)) {
                *setting = Some(given.clone());
                locations.outside(path, by);
            }
        };
        text(
            &mut self.kafka.brokers,
            &over.kafka_brokers,
            "KAFKA_BROKERS",
            "kafka.brokers",
            "--kafka-brokers or KAFKA_BROKERS",
        );
        text(
            &mut self.postgres.url,
            &over.database_url,
            "DATABASE_URL",
            "postgres.url",
            "--database-url, DATABASE_URL or DATABASE_URL_FILE",
        );
        text(
            &mut self.redis.url,
            &over.redis_url,
            "REDIS_URL",
            "redis.url",
            "--redis-url, REDIS_URL or REDIS_URL_FILE",
        );
        text(
            &mut self.schema_registry.url,
            &over.schema_registry_url,
            "SCHEMA_REGISTRY_URL",
            "schema_registry.url",
            "--schema-registry-url, SCHEMA_REGISTRY_URL or SCHEMA_REGISTRY_URL_FILE",
        );
        self.take_secrets(secrets, mistakes);
        if let Some(listen) = over.listen {
            self.http.listen = listen;
            locations.outside("http.listen", "--listen or STREAMSYNC_LISTEN");
        }
        if let Some(dir) = &over.data_dir {
            self.data_dir = DataDir(dir.clone());
        }
        if override_list(&mut self.http.allowed_hosts, &over.allowed_hosts) {
            locations.outside("http.allowed_hosts", "--allowed-host or STREAMSYNC_ALLOWED_HOSTS");
        }
        if override_list(&mut self.http.allowed_origins, &over.allowed_origins) {
            locations.outside(
                "http.allowed_origins",
                "--allowed-origin or STREAMSYNC_ALLOWED_ORIGINS",
            );
        }
        self.http.allow_anonymous |= over.allow_anonymous;
    }

    /// Those that no flag can give.
    fn take_secrets(&mut self, mut secrets: BTreeMap<&'static str, String>, mistakes: &mut Vec<String>) {
        for (url, path, variable) in [
            (&mut self.postgres.url, "postgres.url", "DATABASE_PASSWORD"),
            (&mut self.redis.url, "redis.url", "REDIS_PASSWORD"),
        ] {
            if let (Some(text), Some(password)) = (url.as_deref(), secrets.get(variable)) {
                match with_password(text, password) {
                    Some(text) => *url = Some(text),
                    None => mistakes.push(format!(
                        "{path}: must be a URL to take the password of {variable}"
                    )),
                }
            }
        }
        if let Some(password) = secrets.remove("SCHEMA_REGISTRY_PASSWORD") {
            self.schema_registry.password = Some(password);
        }
        if let Some(password) = secrets.remove("KAFKA_SASL_PASSWORD") {
            self.kafka.properties.insert("sasl.password".to_owned(), password);
        }
        let keys = S3_KEYS
            .into_iter()
            .filter_map(|name| Some((name, secrets.remove(name)?)));
        self.archive.keys = S3Keys(keys.collect());
    }
}

/// An empty variable, as compose files pass it, says nothing.
fn override_list(list: &mut Vec<String>, over: &[String]) -> bool {
    let given: Vec<String> = over.iter().filter(|text| !text.is_empty()).cloned().collect();
    let any = !given.is_empty();
    if any {
        *list = given;
    }
    any
}
