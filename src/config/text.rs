//! TOML text to [`Config`], going on after a mistake so that all of them are found.
//!
//! Each key is tried alone first: one that cannot be read is reported with its path and left out,
//! and what remains makes the configuration.

use serde::de::DeserializeOwned;
use toml::{Table, Value};

use super::Config;

/// What must not be repeated even where it is wrong.
const SECRETS: [(&str, &str); 3] = [("kafka", "properties"), ("postgres", "url"), ("redis", "url")];

pub fn parse(text: &str, mistakes: &mut Vec<String>) -> Config {
    let mut table: Table = match text.parse() {
        Ok(table) => table,
        Err(error) => {
            // Not the error's own text: that shows the line, and the line may hold a password.
            let before = error
                .span()
                .and_then(|span| text.get(..span.start))
                .unwrap_or_default();
            let line = before.matches('\n').count() + 1;
            mistakes.push(format!("line {line} is not TOML: {}", error.message()));
            return Config::default();
        }
    };
    let mut config = Config::default();
    let mut section = |name: &str| table.remove(name);
    config.kafka = read_section("kafka", section("kafka"), mistakes);
    config.postgres = read_section("postgres", section("postgres"), mistakes);
    config.redis = read_section("redis", section("redis"), mistakes);
    config.http = read_section("http", section("http"), mistakes);
    config.pipeline = read_section("pipeline", section("pipeline"), mistakes);
    config.rollups = read_section("rollups", section("rollups"), mistakes);
    config.archive = read_section("archive", section("archive"), mistakes);
    config.streams = match section("stream") {
        None => Vec::new(),
        Some(Value::Array(streams)) => (1..)
            .zip(streams)
            .map(|(at, stream)| read_section(&format!("stream #{at}"), Some(stream), mistakes))
            .collect(),
        Some(_) => {
            mistakes.push("stream: write [[stream]] with two brackets".to_owned());
            Vec::new()
        }
    };
    let rest: Config = read_section("", Some(Value::Table(table)), mistakes);
    Config {
        data_dir: rest.data_dir,
        log: rest.log,
        ..config
    }
}

fn read_section<T: DeserializeOwned + Default>(
    path: &str,
    value: Option<Value>,
    mistakes: &mut Vec<String>,
) -> T {
    let table = match value {
        None => return T::default(),
        Some(Value::Table(table)) => table,
        Some(_) => {
            mistakes.push(format!("{path}: must be a table"));
            return T::default();
        }
    };
    let mut good = Table::new();
    for (key, value) in table {
        let alone = Table::from_iter([(key.clone(), value.clone())]);
        match T::deserialize(alone) {
            Ok(_) => {
                good.insert(key, value);
            }
            Err(error) => {
                let dot = if path.is_empty() { "" } else { "." };
                let why = match SECRETS.contains(&(path, key.as_str())) {
                    true => "must be texts".to_owned(),
                    false => error.to_string().lines().next().unwrap_or_default().to_owned(),
                };
                mistakes.push(format!("{path}{dot}{key}: {why}"));
            }
        }
    }
    T::deserialize(good).unwrap_or_else(|error| {
        mistakes.push(format!("{path}: {error}"));
        T::default()
    })
}
