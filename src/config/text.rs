//! TOML text to values; continues after a mistake, to report all of them.
//!
//! Each key is tried alone first: one that cannot be read is reported with its line and left out,
//! and what remains makes the value.

use std::collections::BTreeMap;
use std::ops::Range;

use serde::de::DeserializeOwned;
use toml::de::{DeArray, DeTable, DeValue};
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
            let is_good = |value: &Spanned<DeValue<'t>>| {
                let alone = DeTable::from_iter([(key.clone(), value.clone())]);
                T::deserialize(Deserializer::from(Spanned::new(span.clone(), alone))).map(drop)
            };
            match is_good(&value) {
                Ok(()) => {
                    good.insert(key, value);
                }
                Err(error) => {
                    let dot = if path.is_empty() { "" } else { "." };
                    let path = format!("{path}{dot}{}", key.get_ref());
                    let told = error.span().filter(|told| *told != value.span());
                    let at = told.or_else(|| bad_element(&value, is_good)).or(error.span());
                    self.refuse(&path, key.span().start, at, &error);
                }
            }
        }
        T::deserialize(Deserializer::from(Spanned::new(span, good))).unwrap_or_else(|error| {
            self.refuse(path, 0, error.span(), &error);
            T::default()
        })
    }

    fn refuse(&mut self, path: &str, key: usize, at: Option<Range<usize>>, error: &toml::de::Error) {
        let span = at.filter(|span| !span.is_empty());
        let found = span.clone().and_then(|span| self.text.get(span));
        // The head of a section says nothing.
        let found = found.filter(|found| !found.starts_with("[["));
        let why = words::plain(path, error.message(), found);
        let line = line_of(self.text, span.map_or(key, |span| span.start));
        self.mistakes.push(Mistake::of(line, path, &why));
    }
}

/// Where the first element of a list is that is a mistake by itself: what a type says of an element has the
/// place of the whole list.
fn bad_element<'t, E>(
    value: &Spanned<DeValue<'t>>,
    is_good: impl Fn(&Spanned<DeValue<'t>>) -> Result<(), E>,
) -> Option<Range<usize>> {
    let DeValue::Array(elements) = value.get_ref() else {
        return None;
    };
    let is_bad = |element: &&Spanned<DeValue<'t>>| {
        let alone = DeArray::from_iter([(*element).clone()]);
        is_good(&Spanned::new(element.span(), DeValue::Array(alone))).is_err()
    };
    elements.iter().find(is_bad).map(Spanned::span)
}
