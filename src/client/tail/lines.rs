//! The lines of a tail: one for each point, by time within a batch and within a backfill.

use std::io::{self, Write};

use jiff::tz::TimeZone;
use serde_json::{Number, Value};

use crate::client::screen::{Screen, Style};
use crate::client::text::{short, shortened};
use crate::client::times;
use crate::data::Micros;
use crate::offline::words::counted;

/// Points of a backfill that are put in order at once.
const BACKFILL_MAX: usize = 100_000;
/// Of the value in a terminal, and of time and value in a file.
const VALUE: usize = 10;
const WHOLE: (usize, usize) = (27, 12);
/// Of the key, however narrow the terminal.
const KEY_MIN: usize = 12;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum LineFormat {
    #[default]
    Text,
    // One object for each point.
    Json,
}

pub(super) struct Lines {
    format: LineFormat,
    screen: Screen,
    /// What has come and is not printed.
    points: Vec<Value>,
    conflated: u64,
}

impl Lines {
    pub fn new(format: LineFormat, screen: Screen) -> Self {
        Self {
            format,
            screen,
            points: Vec::new(),
            conflated: 0,
        }
    }

    /// Prints all that has come, unless more of a backfill follows. Says whether it did.
    pub fn take(&mut self, batch: &mut Value, out: &mut impl Write) -> io::Result<bool> {
        if let Value::Array(points) = batch["points"].take() {
            self.points.extend(points);
        }
        self.conflated += batch["conflated"].as_u64().unwrap_or(0);
        if batch["backfill"] == true && self.points.len() < BACKFILL_MAX {
            return Ok(false);
        }
        let mut points = std::mem::take(&mut self.points);
        // Texts of one form: they are in the order of their times.
        points.sort_by(|a, b| a["ts"].as_str().cmp(&b["ts"].as_str()));
        for point in &points {
            match self.format {
                LineFormat::Json => writeln!(out, "{point}")?,
                LineFormat::Text => writeln!(out, "{}", line(point, self.screen))?,
            }
        }
        let left_out = std::mem::take(&mut self.conflated);
        if left_out > 0 && self.format == LineFormat::Text {
            let note = format!("# {} left out", counted(left_out as usize, "older point"));
            writeln!(out, "{}", self.screen.paint(Style::Warning, &note))?;
        }
        out.flush()?;
        Ok(true)
    }
}

fn line(point: &Value, screen: Screen) -> String {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let (ts, key) = (text(&point["ts"]), text(&point["series"]["key"]));
    let Some(width) = screen.width else {
        let (of_time, of_value) = WHOLE;
        return format!("{ts:<of_time$}  {:>of_value$}  {key}", point["value"].to_string());
    };
    let ts = Micros::from_rfc3339(&ts).map_or(ts, |time| times::shown(time, 3, &TimeZone::UTC));
    let value = point["value"].as_number().and_then(Number::as_f64);
    let value = value.map(short).unwrap_or_default();
    let value = format!("{value:>VALUE$}");
    let left = width.saturating_sub(ts.len() + value.len() + 4).max(KEY_MIN);
    let key = shortened(&key, left);
    format!("{}  {value}  {key}", screen.paint(Style::Quiet, &ts))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn point(ts: &str, value: f64) -> Value {
        let key = "ec2_network_in_bytes{instance=\"a2eb1cd9\",region=\"us-east-1\"}";
        let ts = format!("2026-11-28T00:00:{ts}Z");
        json!({ "ts": ts, "value": value, "series": { "key": key } })
    }

    fn printed(lines: &mut Lines, backfill: bool, points: &[(&str, f64)]) -> Option<String> {
        let points: Vec<_> = points.iter().map(|(ts, value)| point(ts, *value)).collect();
        let mut out = Vec::new();
        let mut batch = json!({ "backfill": backfill, "conflated": 1, "points": points });
        let is_printed = lines.take(&mut batch, &mut out).unwrap();
        is_printed.then(|| String::from_utf8(out).unwrap())
    }

    #[test]
    fn a_backfill_is_printed_by_time_when_all_of_it_has_come() {
        let mut lines = Lines::new(LineFormat::Text, Screen::default());
        assert_eq!(
            printed(&mut lines, true, &[("01.000000", 1.0), ("03.000000", 3.0)]),
            None
        );
        assert_eq!(printed(&mut lines, true, &[("02.000000", 2.0)]), None);
        let text = printed(&mut lines, false, &[("04.000000", 4.0)]).unwrap();
        let words: Vec<_> = text
            .lines()
            .map(|line| line.split_whitespace().nth(1).unwrap())
            .collect();
        assert_eq!(words, ["1.0", "2.0", "3.0", "4.0", "3"]);
        assert!(text.ends_with("# 3 older points left out\n"), "{text}");
        let next = printed(&mut lines, false, &[("09.000000", 9.0), ("08.000000", 8.0)]).unwrap();
        assert!(next.find("8.0").unwrap() < next.find("9.0").unwrap(), "{next}");
        assert!(next.ends_with("# 1 older point left out\n"), "{next}");
    }

    #[test]
    fn a_line_fits_the_terminal_and_is_whole_in_a_file() {
        let exact = point("05.123456", 1.771_999_999_999_999_8);
        assert_eq!(
            line(&exact, Screen::default()),
            "2026-11-28T00:00:05.123456Z  1.7719999999999998  \
             ec2_network_in_bytes{instance=\"a2eb1cd9\",region=\"us-east-1\"}"
        );
        let mut screen = Screen {
            width: Some(80),
            ..Screen::default()
        };
        let expected = "2026-11-28T00:00:05.123Z       1.772  ec2_network_in_bytes{…,region=\"us-east-1\"}";
        let shown = line(&exact, screen);
        assert_eq!((shown.as_str(), shown.chars().count()), (expected, 80));
        screen.colours = true;
        let painted = line(&exact, screen);
        assert!(
            painted.starts_with("\x1b[2m2026-11-28T00:00:05.123Z\x1b[0m  "),
            "{painted}"
        );
    }
}
