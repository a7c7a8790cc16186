//! TOML text to [`Config`], going on after a mistake so that all of them are found.
//!
//! Each key is tried alone first: one that cannot be read is reported with its line and left out,
//! and what remains makes the configuration.

use serde::de::DeserializeOwned;
use toml::de::{DeTable, DeValue};
use toml::{Deserializer, Spanned};

use super::Config;
use super::places::{Mistake, Places};
use super::words;

type Section<'t> = Option<Spanned<DeValue<'t>>>;

pub fn parse(text: &str, mistakes: &mut Vec<Mistake>) -> (Config, Places) {
    let (mut document, errors) = DeTable::parse_recoverable(text);
    for error in &errors {
        // Not the error's own text: that shows the line, and the line may hold a password.
        let line = error.span().map_or(1, |span| line_of(text, span.start));
        mistakes.push(Mistake::at(line, format!("not TOML: {}", error.message())));
    }
    if !errors.is_empty() {
        return (Config::default(), Places::default());
    }
    let places = Places::of(text, document.get_ref());
    let table = document.get_mut();
    let mut config = Config::default();
    let mut section = |name: &str| table.remove(name);
    let mut reader = SectionReader { text, mistakes };
    config.kafka = reader.read("kafka", section("kafka"));
    config.postgres = reader.read("postgres", section("postgres"));
    config.redis = reader.read("redis", section("redis"));
    config.http = reader.read("http", section("http"));
    config.pipeline = reader.read("pipeline", section("pipeline"));
    config.rollups = reader.read("rollups", section("rollups"));
    config.archive = reader.read("archive", section("archive"));
    config.streams = match section("stream").map(|stream| (stream.span(), stream.into_inner())) {
        None => Vec::new(),
        Some((_, DeValue::Array(streams))) => (1..)
            .zip(streams)
            .map(|(at, stream)| reader.read(&format!("stream #{at}"), Some(stream)))
            .collect(),
        Some((span, _)) => {
            let line = line_of(text, span.start);
            let why = "stream: write [[stream]] with two brackets".to_owned();
            reader.mistakes.push(Mistake::at(line, why));
            Vec::new()
        }
    };
    let span = document.span();
    let rest = Spanned::new(span, DeValue::Table(document.into_inner()));
    let rest: Config = reader.read("", Some(rest));
    let config = Config {
        data_dir: rest.data_dir,
        log: rest.log,
        ..config
    };
    (config, places)
}

struct SectionReader<'t, 'm> {
    text: &'t str,
    mistakes: &'m mut Vec<Mistake>,
}

impl<'t> SectionReader<'t, '_> {
    fn read<T: DeserializeOwned + Default>(&mut self, path: &str, value: Section<'t>) -> T {
        let Some(value) = value else {
            return T::default();
        };
        let span = value.span();
        let DeValue::Table(table) = value.into_inner() else {
            let line = line_of(self.text, span.start);
            self.mistakes
                .push(Mistake::at(line, format!("{path}: must be a table, as [{path}]")));
            return T::default();
        };
        let mut good = DeTable::new();
        for (key, value) in table {
            let alone = DeTable::from_iter([(key.clone(), value.clone())]);
            match T::deserialize(Deserializer::from(Spanned::new(span.clone(), alone))) {
                Ok(_) => {
                    good.insert(key, value);
                }
                Err(error) => {
                    let dot = if path.is_empty() { "" } else { "." };
                    let path = format!("{path}{dot}{}", key.get_ref());
                    self.refuse(&path, key.span().start, &error);
                }
            }
        }
        T::deserialize(Deserializer::from(Spanned::new(span, good))).unwrap_or_else(|error| {
            self.refuse(path, 0, &error);
            T::default()
        })
    }

    fn refuse(&mut self, path: &str, key: usize, error: &toml::de::Error) {
        let span = error.span().filter(|span| !span.is_empty());
        let found = span.clone().and_then(|span| self.text.get(span));
        let why = words::plain(path, error.message(), found);
        let line = line_of(self.text, span.map_or(key, |span| span.start));
        self.mistakes.push(Mistake::of(line, path, &why));
    }
}

pub(super) fn line_of(text: &str, at: usize) -> usize {
    text.get(..at).unwrap_or_default().matches('\n').count() + 1
}
