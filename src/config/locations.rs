//! The location of each setting, so that a mistake can name the line, the key and the value.

use std::collections::BTreeMap;
use std::ops::Range;

use toml::de::{DeTable, DeValue};

use super::words::{is_secret, shorten};

/// Sections of which there may be several, `[[stream]]`; they are numbered from 1.
const LISTS: [&str; 2] = ["stream", "auth.issuer"];

/// What is wrong with a setting, in the order of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mistake {
    /// In the file; `None` where the setting comes from elsewhere.
    line: Option<usize>,
    /// The setting, as the code has it.
    path: String,
    said: String,
}

/// The settings of a file by their paths, such as `http.workers` or `stream #2.labels`.
#[derive(Debug, Default)]
pub struct Locations {
    settings: BTreeMap<String, Location>,
    /// The names of the streams, in order.
    streams: Vec<Option<String>>,
}

#[derive(Debug)]
enum Location {
    Line {
        line: usize,
        value: Option<String>,
    },
    /// A flag and a variable that win over the file.
    Outside(&'static str),
}

impl Mistake {
    pub fn at(line: usize, said: String) -> Self {
        Self {
            line: Some(line),
            path: String::new(),
            said,
        }
    }

    pub fn of(line: usize, path: &str, why: &str) -> Self {
        Self {
            line: Some(line),
            path: path.to_owned(),
            said: format!("{path}: {why}"),
        }
    }

    /// All of them in the order of the file, one for each setting: what cannot be read need not be
    /// checked as well.
    pub fn in_order(read: Vec<Self>, checked: impl IntoIterator<Item = Self>) -> Vec<String> {
        let is_read = |mistake: &Self| {
            let same = |other: &Self| !other.path.is_empty() && other.path == mistake.path;
            read.iter().any(same)
        };
        let checked: Vec<_> = checked.into_iter().filter(|mistake| !is_read(mistake)).collect();
        let mut all: Vec<_> = read.into_iter().chain(checked).collect();
        all.sort_by_key(|mistake| mistake.line.unwrap_or(usize::MAX));
        let said = |mistake: Self| match mistake.line {
            Some(line) => format!("line {line}: {}", mistake.said),
            None => mistake.said,
        };
        all.into_iter().map(said).collect()
    }
}

/// The value is in the sentence already.
fn is_told(why: &str, value: &str) -> bool {
    let plain = value.trim_matches('"');
    why.contains(&format!("'{plain}'")) || (plain.len() > 6 && why.contains(plain))
}

impl Locations {
    pub fn of(text: &str, document: &DeTable<'_>) -> Self {
        let mut locations = Self::default();
        locations.add_table(text, "", document);
        locations
    }

    /// The setting is not that of the file.
    pub fn outside(&mut self, path: &str, by: &'static str) {
        self.settings.insert(path.to_owned(), Location::Outside(by));
    }

    /// A `path: why` with the line and the value that stand at the path.
    pub fn locate(&self, mistake: &str) -> Mistake {
        let (path, why) = mistake.split_once(": ").unwrap_or(("", mistake));
        let shown = self.shown(path);
        let mut said = match shown.is_empty() {
            true => why.to_owned(),
            false => format!("{shown}: {why}"),
        };
        let mut line = None;
        match self.nearest(path) {
            Some((_, Location::Outside(by))) => said = format!("{said} (by {by})"),
            Some((at, Location::Line { line: found, value })) => {
                line = Some(*found);
                if let (true, Some(value)) = (at == path, value)
                    && !is_told(why, value)
                {
                    said = format!("{said}, found {value}");
                }
            }
            None => {}
        }
        Mistake {
            line,
            path: path.to_owned(),
            said,
        }
    }

    /// The setting or, where it is not set, the table around it.
    fn nearest<'p>(&self, path: &'p str) -> Option<(&'p str, &Location)> {
        let mut path = path;
        loop {
            if let Some(location) = self.settings.get(path) {
                return Some((path, location));
            }
            path = path.rsplit_once('.')?.0;
        }
    }

    /// A stream by its name, where it has one.
    fn shown(&self, path: &str) -> String {
        let number = path.strip_prefix("stream #").map(|rest| rest.split('.').next());
        let at = number.flatten().and_then(|n| n.parse::<usize>().ok());
        let name = at.and_then(|at| self.streams.get(at.checked_sub(1)?)?.as_deref());
        let Some((name, at)) = name.zip(at) else {
            return path.to_owned();
        };
        let of = format!("stream '{}'", shorten(name));
        match path.strip_prefix(&format!("stream #{at}.")) {
            Some(key) => format!("{of}: {key}"),
            None => of,
        }
    }

    fn add_table(&mut self, text: &str, path: &str, table: &DeTable<'_>) {
        for (key, value) in table {
            let dot = if path.is_empty() { "" } else { "." };
            let path = format!("{path}{dot}{}", key.get_ref());
            if let (DeValue::Array(sections), true) = (value.get_ref(), LISTS.contains(&&*path)) {
                for (at, section) in (1..).zip(sections) {
                    let table = match section.get_ref() {
                        DeValue::Table(table) => Some(table),
                        _ => None,
                    };
                    if path == "stream" {
                        self.streams.push(table.and_then(name));
                    }
                    let path = format!("{path} #{at}");
                    self.add(text, &path, section.span(), 0..0);
                    if let Some(table) = table {
                        self.add_table(text, &path, table);
                    }
                }
                continue;
            }
            if let DeValue::Table(table) = value.get_ref() {
                self.add(text, &path, key.span(), 0..0);
                self.add_table(text, &path, table);
            } else {
                self.add(text, &path, key.span(), value.span());
                self.add_tables(text, &path, value.get_ref());
            }
        }
    }

    /// The tables of a list within a section, such as `stream #1.lookup #2`.
    fn add_tables(&mut self, text: &str, path: &str, value: &DeValue<'_>) {
        let DeValue::Array(elements) = value else { return };
        for (at, element) in (1..).zip(elements) {
            if matches!(element.get_ref(), DeValue::Table(_)) {
                self.add(text, &format!("{path} #{at}"), element.span(), 0..0);
            }
        }
    }

    fn add(&mut self, text: &str, path: &str, key: Range<usize>, value: Range<usize>) {
        let shown = |value: &&str| !value.is_empty() && !value.contains('\n') && !is_secret(path);
        let value = text.get(value).filter(shown);
        let location = Location::Line {
            line: line_of(text, key.start),
            value: value.map(shorten),
        };
        self.settings.insert(path.to_owned(), location);
    }
}

fn name(table: &DeTable<'_>) -> Option<String> {
    match table.get("name")?.get_ref() {
        DeValue::String(name) => Some(name.to_string()).filter(|name| !name.is_empty()),
        _ => None,
    }
}

pub(super) fn line_of(text: &str, at: usize) -> usize {
    text.get(..at).unwrap_or_default().matches('\n').count() + 1
}
