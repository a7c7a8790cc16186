//! TOML text to values; continues after a mistake, to report all of them.
//!
//! Each key is tried alone first: one that cannot be read is reported with its line and left out,
//! and what remains makes the value.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use toml::de::{DeTable, DeValue};
use toml::{Deserializer, Spanned};

use super::locations::{Locations, Mistake, line_of};
use super::words;

/// A document, taken apart section by section.
pub struct Document<'t, 'm> {
    text: &'t str,
    /// Where its settings are: empty, or `auth.`.
    path: String,
    table: Spanned<DeTable<'t>>,
    mistakes: &'m mut Vec<Mistake>,
}

impl<'t, 'm> Document<'t, 'm> {
    /// `None` when it is not TOML.
    pub fn parse(text: &'t str, mistakes: &'m mut Vec<Mistake>) -> Option<(Self, Locations)> {
        let (table, errors) = DeTable::parse_recoverable(text);
        for error in &errors {
            // Not the error's own text: that shows the line, and the line may hold a password.
            let line = error.span().map_or(1, |span| line_of(text, span.start));
            mistakes.push(Mistake::at(line, format!("not TOML: {}", error.message())));
        }
        let locations = Locations::of(text, table.get_ref());
        let document = Self {
            text,
            path: String::new(),
            table,
            mistakes,
        };
        errors.is_empty().then_some((document, locations))
    }

    /// What `[name]` holds.
    pub fn section<T: DeserializeOwned + Default>(&mut self, name: &str) -> T {
        let section = self.table.get_mut().remove(name);
        let path = self.at(name);
        section.map_or_else(T::default, |section| self.read(&path, section))
    }

    /// What is within `[name]`, to be taken apart as well; `None` where it is not set.
    pub fn within(&mut self, name: &str) -> Option<Document<'t, '_>> {
        let section = self.table.get_mut().remove(name)?;
        let (path, span) = (self.at(name), section.span());
        let DeValue::Table(table) = section.into_inner() else {
            self.no_table(&path, span.start);
            return None;
        };
        Some(Document {
            text: self.text,
            path: format!("{path}."),
            table: Spanned::new(span, table),
            mistakes: self.mistakes,
        })
    }

    /// What each `[name]` holds, whatever the names are.
    pub fn named<T: DeserializeOwned + Default>(mut self) -> BTreeMap<String, T> {
        let names = self.table.get_ref().keys().map(|name| name.get_ref().to_string());
        let names: Vec<String> = names.collect();
        let sections = names.into_iter().map(|name| {
            let section = self.section(&name);
            (name, section)
        });
        sections.collect()
    }

    /// What each `[[name]]` holds.
    pub fn sections<T: DeserializeOwned + Default>(&mut self, name: &str) -> Vec<T> {
        let Some(sections) = self.table.get_mut().remove(name) else {
            return Vec::new();
        };
        let start = sections.span().start;
        let name = self.at(name);
        let DeValue::Array(sections) = sections.into_inner() else {
            let why = format!("{name}: write [[{name}]] with two brackets");
            self.mistakes.push(Mistake::at(line_of(self.text, start), why));
            return Vec::new();
        };
        (1..)
            .zip(sections)
            .map(|(at, section)| self.read(&format!("{name} #{at}"), section))
            .collect()
    }

    /// What no section was taken for.
    pub fn rest<T: DeserializeOwned + Default>(mut self) -> T {
        let span = self.table.span();
        let rest = std::mem::take(self.table.get_mut());
        let path = self.path.trim_end_matches('.').to_owned();
        self.read(&path, Spanned::new(span, DeValue::Table(rest)))
    }

    fn at(&self, name: &str) -> String {
        format!("{}{name}", self.path)
    }

    fn no_table(&mut self, path: &str, at: usize) {
        let why = format!("{path}: must be a table, as [{path}]");
        self.mistakes.push(Mistake::at(line_of(self.text, at), why));
    }

    fn read<T: DeserializeOwned + Default>(&mut self, path: &str, value: Spanned<DeValue<'t>>) -> T {
        let span = value.span();
        let DeValue::Table(table) = value.into_inner() else {
            self.no_table(path, span.start);
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
