//! A GraphQL answer as a table: the first list of objects, with nested fields as `a.b`, and one row
//! per point if the entries have lists of points.

use std::collections::HashMap;
use std::io::Write;

use serde_json::Value;

/// Longer texts are cut, so that they do not spoil the table. Keys of series are not, since they may
/// differ at their ends.
const CELL_MAX: usize = 60;

/// Digits of a number with a fraction.
const DIGITS: i32 = 6;

/// Returns false and prints nothing if the answer has no list of objects.
pub(super) fn print(data: &Value, out: &mut impl Write) -> std::io::Result<bool> {
    let Some(entries) = first_list(data) else {
        return Ok(false);
    };
    let mut table = Table::default();
    for entry in entries {
        table.add(entry);
    }
    let columns = table.columns();
    let mut line = |cells: Vec<String>| writeln!(out, "{}", cells.join("  ").trim_end());
    line(columns.iter().map(|column| column.pad(&column.name)).collect())?;
    line(columns.iter().map(|column| "-".repeat(column.width)).collect())?;
    for row in 0..table.rows.len() {
        line(
            columns
                .iter()
                .map(|column| column.pad(&column.cells[row]))
                .collect(),
        )?;
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
    is_numbers: bool,
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

    fn columns(&self) -> Vec<Column> {
        let column = |(at, name): (usize, &String)| {
            let values: Vec<_> = self.rows.iter().map(|row| row.get(&at)).collect();
            let filled = || values.iter().flatten().filter(|value| !value.is_null());
            let is_numbers = filled().next().is_some() && filled().all(|value| value.is_number());
            let is_key = name == "key" || name.ends_with(".key");
            let cells = values
                .iter()
                .map(|value| text(value.unwrap_or(&Value::Null), is_key))
                .collect();
            Column::new(name.clone(), cells, is_numbers)
        };
        self.names.iter().enumerate().map(column).collect()
    }
}

/// Objects with a time: entries of a history, windows, samples.
fn are_points(list: &[Value]) -> bool {
    !list.is_empty() && list.iter().all(|one| one.get("ts").is_some())
}

impl Column {
    /// The decimal points of numbers are aligned.
    fn new(name: String, mut cells: Vec<String>, is_numbers: bool) -> Self {
        if is_numbers {
            let behind = |cell: &String| cell.find(['.', 'e']).map_or(0, |at| cell.len() - at);
            let most = cells.iter().map(behind).max().unwrap_or(0);
            for cell in cells.iter_mut().filter(|cell| !cell.is_empty()) {
                let missing = most - behind(cell);
                cell.push_str(&" ".repeat(missing));
            }
        }
        let longest = cells.iter().chain([&name]).map(|cell| cell.chars().count()).max();
        Self {
            width: longest.unwrap_or(0),
            name,
            cells,
            is_numbers,
        }
    }

    fn pad(&self, cell: &str) -> String {
        let width = self.width;
        match self.is_numbers {
            true => format!("{cell:>width$}"),
            false => format!("{cell:width$}"),
        }
    }
}

fn text(value: &Value, is_key: bool) -> String {
    let text = match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Number(number) => match number.as_f64().filter(|_| number.is_f64()) {
            Some(number) => short(number),
            None => number.to_string(),
        },
        other => other.to_string(),
    };
    let text = text.replace(char::is_control, " ");
    if is_key || text.chars().count() <= CELL_MAX {
        return text;
    }
    text.chars().take(CELL_MAX - 1).chain(['…']).collect()
}

/// Six digits, but all digits before the point; an exponent for very small and large numbers.
fn short(number: f64) -> String {
    let size = number.abs();
    if size != 0.0 && !(1e-4..1e15).contains(&size) {
        let text = format!("{number:.*e}", DIGITS as usize - 1);
        return match text.split_once('e') {
            Some((digits, exponent)) => format!("{}e{exponent}", without_zeros(digits)),
            None => text,
        };
    }
    // 0.00123 has two zeros after the point, so `before` is -2.
    let before = if size == 0.0 {
        1
    } else {
        size.log10().floor() as i32 + 1
    };
    let behind = (DIGITS - before).clamp(0, 15) as usize;
    without_zeros(&format!("{number:.behind$}")).to_owned()
}

fn without_zeros(digits: &str) -> &str {
    match digits.contains('.') {
        true => digits.trim_end_matches('0').trim_end_matches('.'),
        false => digits,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn printed(data: Value) -> String {
        let mut out = Vec::new();
        assert!(print(&data, &mut out).unwrap());
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_history_has_one_row_for_each_series_and_time() {
        let long = format!("m{{a=\"{}\"}}", "x".repeat(60));
        let points = |values: [Value; 2]| {
            let [first, second] = values;
            json!([{ "ts": "2026-11-28T00:00:00Z", "value": first }, { "ts": "2026-11-28T00:00:10Z", "value": second }])
        };
        let answer = json!({ "history": [
            { "series": { "key": "m{}" }, "points": points([json!(1.771_999_999_999_999_8), json!(70.0)]) },
            { "series": { "key": long }, "points": points([json!(-120.25), Value::Null]) },
        ] });
        let blank = " ".repeat(long.len());
        let expected = [
            format!("series.key{}  ts                      value", &blank[10..]),
            format!("{}  --------------------  --------", "-".repeat(long.len())),
            format!("m{{}}{}  2026-11-28T00:00:00Z     1.772", &blank[3..]),
            format!("m{{}}{}  2026-11-28T00:00:10Z    70", &blank[3..]),
            format!("{long}  2026-11-28T00:00:00Z  -120.25"),
            format!("{long}  2026-11-28T00:00:10Z"),
        ];
        let printed = printed(answer);
        let lines: Vec<_> = printed.lines().collect();
        assert_eq!(lines[2..], expected[2..], "{printed}");
        assert!(
            lines[0].starts_with("series.key") && lines[0].ends_with("value"),
            "{printed}"
        );
    }

    #[test]
    fn lists_without_times_stay_in_their_row() {
        let labels = json!([{ "name": "a", "value": "1" }]);
        let printed = printed(json!({ "series": { "nodes": [{ "key": "m{}", "labels": labels }] } }));
        assert_eq!(printed.lines().count(), 3, "{printed}");
        assert!(printed.contains(r#"[{"name":"a","value":"1"}]"#), "{printed}");
    }

    #[test]
    fn numbers_are_short_and_keep_what_stands_before_the_point() {
        for (number, expected) in [
            (0.0, "0"),
            (1.0, "1"),
            (1.771_999_999_999_999_8, "1.772"),
            (-0.001_234_567_8, "-0.00123457"),
            (123_456_789.25, "123456789"),
            (999_999.96, "1000000"),
            (1e15, "1e15"),
            (1.234_567_89e300, "1.23457e300"),
            (1e-300, "1e-300"),
        ] {
            assert_eq!(short(number), expected, "{number}");
        }
    }
}
