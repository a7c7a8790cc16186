//! A GraphQL answer as a table: the first list of objects, with nested fields as `a.b`, and one row
//! per point if the entries have lists of points.

use std::collections::HashMap;
use std::io::Write;

use jiff::tz::TimeZone;
use serde_json::{Number, Value};

use super::screen::{Screen, Style};
use super::text::{short, shortened};
use super::times;
use crate::data::Micros;

/// Longer texts are cut, so that they do not spoil the table. Keys of series are not, since they may
/// differ at their ends.
const CELL_MAX: usize = 60;
/// No column of texts is made narrower than this.
const TEXT_MIN: usize = 12;
const BETWEEN: usize = 2;

/// Where a table is shown, and its times.
#[derive(Clone, Debug)]
pub struct Look {
    pub screen: Screen,
    pub zone: TimeZone,
}

/// Returns false and prints nothing if the answer has no list of objects.
pub(super) fn print(data: &Value, look: &Look, out: &mut impl Write) -> std::io::Result<bool> {
    let Some(entries) = first_list(data) else {
        return Ok(false);
    };
    if entries.is_empty() {
        writeln!(out, "nothing matches")?;
        return Ok(true);
    }
    let mut table = Table::default();
    for entry in entries {
        table.add(entry);
    }
    let mut columns = table.columns(&look.zone);
    if let Some(width) = look.screen.width {
        fit(&mut columns, width);
    }
    let line = |cells: Vec<String>| cells.join(&" ".repeat(BETWEEN)).trim_end().to_owned();
    let names = line(columns.iter().map(|column| column.pad(&column.name)).collect());
    writeln!(out, "{}", look.screen.paint(Style::Heading, &names))?;
    let rule = line(columns.iter().map(|column| "-".repeat(column.width)).collect());
    writeln!(out, "{}", look.screen.paint(Style::Quiet, &rule))?;
    for row in 0..table.rows.len() {
        let cells = columns.iter().map(|column| column.pad(&column.cells[row]));
        writeln!(out, "{}", line(cells.collect()))?;
    }
    Ok(true)
}

/// Takes from the widest column of texts until all fit. Numbers and times keep their width.
fn fit(columns: &mut [Column], width: usize) {
    let all = |columns: &[Column]| {
        let between = BETWEEN * columns.len().saturating_sub(1);
        columns.iter().map(|column| column.width).sum::<usize>() + between
    };
    while all(columns) > width {
        let texts = columns.iter_mut().filter(|column| column.holds == Holds::Texts);
        match texts.max_by_key(|column| column.width) {
            Some(widest) if widest.width > TEXT_MIN => widest.width -= 1,
            _ => return,
        }
    }
}

/// Breadth first, so that `{ latest: [..] }` wins over a list inside its entries.
fn first_list(data: &Value) -> Option<&[Value]> {
    let mut level = vec![data];
    while !level.is_empty() {
        let list = level.iter().find_map(|value| {
            let entries = value.as_array()?;
            (entries.is_empty() || entries.iter().any(Value::is_object)).then_some(entries)
        });
        if let Some(entries) = list {
            return Some(entries);
        }
        let objects = level.iter().filter_map(|value| value.as_object());
        level = objects.flat_map(|object| object.values()).collect();
    }
    None
}

#[derive(Default)]
struct Table {
    /// The columns in the order they were met.
    names: Vec<String>,
    places: HashMap<String, usize>,
    rows: Vec<HashMap<usize, Value>>,
}

/// All cells as they are printed.
struct Column {
    name: String,
    cells: Vec<String>,
    width: usize,
    holds: Holds,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Holds {
    Numbers,
    Times,
    Texts,
}

impl Table {
    fn add(&mut self, entry: &Value) {
        let mut row = HashMap::new();
        let mut points = &[][..];
        self.fill(&mut row, "", entry, &mut points);
        if points.is_empty() {
            self.rows.push(row);
            return;
        }
        for point in points {
            let mut row = row.clone();
            // The time first, then its values.
            self.fill(&mut row, "ts", &point["ts"], &mut &[][..]);
            self.fill(&mut row, "", point, &mut &[][..]);
            self.rows.push(row);
        }
    }

    fn fill<'v>(
        &mut self,
        row: &mut HashMap<usize, Value>,
        name: &str,
        value: &'v Value,
        points: &mut &'v [Value],
    ) {
        if let Value::Object(fields) = value {
            for (field, value) in fields {
                // A Relay edge is no information for a reader.
                let full = match (name, field.as_str()) {
                    ("", "node") => String::new(),
                    ("", field) => field.to_owned(),
                    (name, field) => format!("{name}.{field}"),
                };
                self.fill(row, &full, value, points);
            }
            return;
        }
        if let Some(list) = value.as_array().filter(|list| are_points(list))
            && points.is_empty()
        {
            *points = list;
            return;
        }
        let next = self.names.len();
        let at = *self.places.entry(name.to_owned()).or_insert(next);
        if at == next {
            self.names.push(name.to_owned());
        }
        row.insert(at, value.clone());
    }

    fn columns(&self, zone: &TimeZone) -> Vec<Column> {
        let column = |(at, name): (usize, &String)| {
            let value = |row: &HashMap<usize, Value>| row.get(&at).cloned().unwrap_or_default();
            Column::new(name, self.rows.iter().map(value).collect(), zone)
        };
        self.names.iter().enumerate().map(column).collect()
    }
}

/// Objects with a time: entries of a history, windows, samples.
fn are_points(list: &[Value]) -> bool {
    !list.is_empty() && list.iter().all(|one| one.get("ts").is_some())
}

impl Column {
    fn new(name: &str, values: Vec<Value>, zone: &TimeZone) -> Self {
        let filled: Vec<&Value> = values.iter().filter(|value| !value.is_null()).collect();
        let times: Vec<Micros> = filled.iter().filter_map(|value| time(value)).collect();
        let holds = match filled.len() {
            0 => Holds::Texts,
            all if times.len() == all => Holds::Times,
            _ if filled.iter().all(|value| value.is_number()) => Holds::Numbers,
            _ => Holds::Texts,
        };
        let digits = times::digits(times);
        let is_key = name == "key" || name.ends_with(".key");
        let cell = |value: &Value| match time(value).filter(|_| holds == Holds::Times) {
            Some(time) => times::shown(time, digits, zone),
            None => text(value, is_key),
        };
        let mut cells: Vec<String> = values.iter().map(cell).collect();
        if holds == Holds::Numbers {
            align_points(&mut cells);
        }
        let longest = cells.iter().map(String::as_str).chain([name]);
        Self {
            width: longest.map(|cell| cell.chars().count()).max().unwrap_or(0),
            name: name.to_owned(),
            cells,
            holds,
        }
    }

    fn pad(&self, cell: &str) -> String {
        let width = self.width;
        match self.holds {
            Holds::Numbers => format!("{cell:>width$}"),
            Holds::Times | Holds::Texts => format!("{:width$}", shortened(cell, width)),
        }
    }
}

/// The decimal points stand below each other.
fn align_points(cells: &mut [String]) {
    let behind = |cell: &String| cell.find(['.', 'e']).map_or(0, |at| cell.len() - at);
    let most = cells.iter().map(behind).max().unwrap_or(0);
    for cell in cells.iter_mut().filter(|cell| !cell.is_empty()) {
        cell.push_str(&" ".repeat(most - behind(cell)));
    }
}

/// As the API writes times.
fn time(value: &Value) -> Option<Micros> {
    let text = value.as_str()?;
    Micros::from_rfc3339(text).filter(|time| time.to_string() == text)
}

fn text(value: &Value, is_key: bool) -> String {
    let text = match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Number(number) => self::number(number),
        Value::Array(numbers) if numbers.iter().all(|one| one.is_number() || one.is_null()) => {
            let shown = |one: &Value| one.as_number().map_or_else(|| "-".to_owned(), number);
            numbers.iter().map(shown).collect::<Vec<_>>().join(" ")
        }
        other => other.to_string(),
    };
    let text = text.replace(char::is_control, " ");
    match is_key {
        true => text,
        false => shortened(&text, CELL_MAX),
    }
}

fn number(number: &Number) -> String {
    match number.as_f64().filter(|_| number.is_f64()) {
        Some(number) => short(number),
        None => number.to_string(),
    }
}

#[cfg(test)]
mod tests;
