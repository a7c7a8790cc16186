//! A GraphQL answer as a table: the first list of objects found, nested fields as `a.b`.

use std::collections::HashMap;
use std::io::Write;

use serde_json::Value;

/// Cells are cut here, so that one long text does not spoil the table.
const CELL_MAX: usize = 60;

/// False, and nothing printed, when the answer holds no list of objects.
pub(super) fn print(data: &Value, out: &mut impl Write) -> std::io::Result<bool> {
    let Some(entries) = first_list(data) else {
        return Ok(false);
    };
    let mut columns = Columns::default();
    let rows: Vec<_> = entries.iter().map(|entry| columns.row(entry)).collect();
    let header = columns.names.clone();
    let cell = |row: &HashMap<usize, String>, at: usize| row.get(&at).cloned().unwrap_or_default();
    let widths: Vec<_> = (0..header.len())
        .map(|at| {
            let cells = rows.iter().map(|row| cell(row, at).chars().count());
            cells.chain([header[at].chars().count()]).max().unwrap_or(0)
        })
        .collect();
    let mut line = |cells: Vec<String>| {
        let padded: Vec<_> = cells
            .iter()
            .zip(&widths)
            .map(|(cell, width)| format!("{cell:width$}"))
            .collect();
        writeln!(out, "{}", padded.join("  ").trim_end())
    };
    line(header.clone())?;
    line(widths.iter().map(|width| "-".repeat(*width)).collect())?;
    for row in &rows {
        line((0..header.len()).map(|at| cell(row, at)).collect())?;
    }
    Ok(true)
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

/// The columns in the order they were met.
#[derive(Default)]
struct Columns {
    names: Vec<String>,
    places: HashMap<String, usize>,
}

impl Columns {
    fn row(&mut self, entry: &Value) -> HashMap<usize, String> {
        let mut row = HashMap::new();
        self.fill(&mut row, "", entry);
        row
    }

    fn fill(&mut self, row: &mut HashMap<usize, String>, name: &str, value: &Value) {
        if let Value::Object(fields) = value {
            for (field, value) in fields {
                // The shape of a Relay edge says nothing to a reader.
                let full = match (name, field.as_str()) {
                    ("", "node") => String::new(),
                    ("", field) => field.to_owned(),
                    (name, field) => format!("{name}.{field}"),
                };
                self.fill(row, &full, value);
            }
            return;
        }
        let next = self.names.len();
        let at = *self.places.entry(name.to_owned()).or_insert(next);
        if at == next {
            self.names.push(name.to_owned());
        }
        row.insert(at, text(value));
    }
}

fn text(value: &Value) -> String {
    let text = match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let text = text.replace(char::is_control, " ");
    if text.chars().count() <= CELL_MAX {
        return text;
    }
    text.chars().take(CELL_MAX - 1).chain(['…']).collect()
}
