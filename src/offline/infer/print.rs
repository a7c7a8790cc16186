//! A guess as a `[[stream]]`, with what each setting rests on.

use std::fmt::{self, Display, Formatter, Write};

use super::guessed::{Guess, Line};
use super::sample::{Sample, Transform, compression_name, format_name};
use crate::decode::{Compression, Format};
use crate::offline::words::counted;
use crate::transform::{
    Envelope, Label, LabelSource, Number, TimeField, TimeSource, ValueField, ValueSource,
};

/// A `[[stream.test]]` of one of the records.
#[derive(Debug)]
pub struct Test {
    pub name: String,
    /// As base64 where it is no text.
    pub input: Result<String, String>,
    pub key: Option<String>,
    pub headers: Vec<(String, String)>,
    pub time: Option<String>,
    pub points: Vec<String>,
}

/// What a stream is called, and where its records were found.
#[derive(Debug)]
pub struct Named {
    pub name: String,
    pub topic: Option<String>,
    pub source: String,
    /// Where a record is larger than the default allows.
    pub max_record_bytes: Option<usize>,
}

pub fn stream(named: &Named, sample: &Sample, guess: &Guess, tests: &[Test]) -> Result<String, fmt::Error> {
    let mut out = String::new();
    let records = counted(sample.records.len(), "record");
    comment(
        &mut out,
        &format!(
            "A guess from {records} of {}. Behind each setting stands what it",
            named.source
        ),
    )?;
    comment(
        &mut out,
        "rests on: in how many objects a field is, and what it holds.",
    )?;
    writeln!(out, "[[stream]]\nname = {}", text(&named.name))?;
    if let Some(topic) = &named.topic {
        writeln!(out, "topic = {}", text(topic))?;
    }
    let told = sample.told.join("; ");
    setting(&mut out, "format", text(format_name(sample.format)), &told)?;
    if sample.compression != Compression::Auto {
        writeln!(
            out,
            "compression = {}",
            text(compression_name(sample.compression))
        )?;
    }
    if let Some(bytes) = named.max_record_bytes {
        setting(
            &mut out,
            "max_record_bytes",
            bytes,
            "the largest record has more than 1 MiB, the default",
        )?;
    }
    if let Some(Transform { file, .. }) = &sample.transform {
        writeln!(out, "transform = {{ file = {} }}", text(&file.to_string_lossy()))?;
    }
    if let Some(Line { item, why }) = &guess.envelope {
        setting(&mut out, "envelope", text(envelope(*item)), why)?;
    }
    if let Some(Line { item, why }) = &guess.each {
        setting(&mut out, "each", text(item), why)?;
    }
    if let Some(Line { item, why }) = &guess.time {
        setting(&mut out, "time", time(item), why)?;
    }
    if guess.values.is_empty() {
        comment(
            &mut out,
            names_all(sample.format, guess.envelope.as_ref().map(|line| line.item)),
        )?;
    } else if guess.metric.is_none() && !named.name.chars().all(|c| c.is_alphanumeric() || c == '_') {
        let prefix = named.name.replace(|c: char| !c.is_alphanumeric(), "_");
        setting(
            &mut out,
            "metric_prefix",
            text(&prefix),
            "metrics without dots and hyphens are easier to ask for",
        )?;
    }
    if let Some(Line { item, why }) = &guess.metric {
        setting(
            &mut out,
            "metric",
            format!("{{ field = {} }}", text(&item.field)),
            why,
        )?;
    }
    list(
        &mut out,
        "labels",
        guess.labels.iter().map(|line| (label(&line.item), &*line.why)),
    )?;
    list(
        &mut out,
        "values",
        guess.values.iter().map(|line| (value(&line.item), &*line.why)),
    )?;
    if !guess.left_out.is_empty() {
        comment(&mut out, "Left out:")?;
    }
    for (field, why) in &guess.left_out {
        comment(&mut out, &format!("  {field}: {why}"))?;
    }
    csv(&mut out, sample)?;
    tests.iter().try_for_each(|of_record| test(&mut out, of_record))?;
    Ok(out)
}

fn names_all(format: Format, envelope: Option<Envelope>) -> &'static str {
    match (format, envelope) {
        (_, Some(Envelope::Otlp)) => "Records name all they have, as Prometheus does it.",
        (Format::LineProtocol, _) | (_, Some(_)) => {
            "Records name all they have: each number of the fields is a point, the tags are its labels."
        }
        _ => "Records name all they have: metric, labels, ts and value.",
    }
}

fn csv(out: &mut String, sample: &Sample) -> fmt::Result {
    let csv = &sample.csv;
    let has_settings = csv.delimiter != ',' || !csv.null.is_empty() || csv.columns.is_some();
    if sample.format != Format::Csv {
        return Ok(());
    }
    if !has_settings {
        return comment(
            out,
            "Where records are rows without names: [stream.csv] with columns = [\"…\"].",
        );
    }
    writeln!(out, "\n[stream.csv]")?;
    if csv.delimiter != ',' {
        writeln!(out, "delimiter = {}", text(&csv.delimiter.to_string()))?;
    }
    if !csv.null.is_empty() {
        let null: Vec<String> = csv.null.iter().map(|null| text(null)).collect();
        setting(
            out,
            "null",
            format!("[{}]", null.join(", ")),
            "in columns that otherwise are numbers",
        )?;
    }
    if let Some(columns) = &csv.columns {
        let columns: Vec<String> = columns.iter().map(|name| text(name)).collect();
        setting(
            out,
            "columns",
            format!("[{}]", columns.join(", ")),
            "give them names",
        )?;
    }
    Ok(())
}

fn test(out: &mut String, test: &Test) -> fmt::Result {
    writeln!(out, "\n[[stream.test]]\nname = {}", text(&test.name))?;
    if let Some(time) = &test.time {
        writeln!(out, "time = {}", text(time))?;
    }
    if let Some(key) = &test.key {
        writeln!(out, "key = {}", text(key))?;
    }
    if !test.headers.is_empty() {
        let pair = |(name, value): &(String, String)| format!("{} = {}", text(name), text(value));
        let headers: Vec<String> = test.headers.iter().map(pair).collect();
        writeln!(out, "headers = {{ {} }}", headers.join(", "))?;
    }
    match &test.input {
        Ok(input) => writeln!(out, "input = {}", literal(input))?,
        Err(base64) => writeln!(out, "input_base64 = {}", text(base64))?,
    }
    writeln!(out, "points = [")?;
    test.points
        .iter()
        .try_for_each(|point| writeln!(out, "  {},", literal(point)))?;
    writeln!(out, "]")
}

const fn envelope(envelope: Envelope) -> &'static str {
    match envelope {
        Envelope::Debezium => "debezium",
        Envelope::CloudEvents => "cloudevents",
        Envelope::Telegraf => "telegraf",
        Envelope::Otlp => "otlp",
    }
}

fn time(time: &TimeField) -> String {
    if time.from.is_some() {
        return "{ from = \"kafka\" }".to_owned();
    }
    let mut parts = vec![format!("field = {}", text(&time.field))];
    if let Some(unit) = time.unit {
        let unit = match unit {
            crate::data::TimeUnit::S => "s",
            crate::data::TimeUnit::Ms => "ms",
            crate::data::TimeUnit::Us => "us",
            crate::data::TimeUnit::Ns => "ns",
        };
        parts.push(format!("unit = {}", text(unit)));
    }
    if let Some(format) = &time.format {
        parts.push(format!("format = {}", text(format)));
    }
    if let Some(zone) = &time.zone {
        parts.push(format!("zone = {}", text(&zone.to_string())));
    }
    if time.on_missing == Some(TimeSource::Kafka) {
        parts.push("on_missing = \"kafka\"".to_owned());
    }
    format!("{{ {} }}", parts.join(", "))
}

fn label(label: &Label) -> String {
    match &label.from {
        LabelSource::Field(field) if *field == label.name => text(field),
        LabelSource::Field(field) => format!("{{ field = {}, as = {} }}", text(field), text(&label.name)),
        LabelSource::All(object) => format!("{{ all = {} }}", text(object)),
        LabelSource::Key => format!("{{ key = true, as = {} }}", text(&label.name)),
        LabelSource::Header(header) => format!("{{ header = {}, as = {} }}", text(header), text(&label.name)),
        LabelSource::Partition => format!("{{ partition = true, as = {} }}", text(&label.name)),
        LabelSource::Constant(value) => format!("{{ value = {}, as = {} }}", text(value), text(&label.name)),
    }
}

fn value(value: &ValueField) -> String {
    let (source, field) = match &value.from {
        ValueSource::Field(field) => ("field", field),
        ValueSource::All(object) => ("all", object),
    };
    let mut parts = vec![format!("{source} = {}", text(field))];
    match value.number {
        Number::Exact => {}
        Number::Text => parts.push("number = \"text\"".to_owned()),
        Number::Round => parts.push("number = \"round\"".to_owned()),
    }
    if !value.map.is_empty() {
        let pair = |(word, number): (&String, &f64)| format!("{} = {number}", text(word));
        let pairs: Vec<String> = value.map.iter().map(pair).collect();
        parts.push(format!("map = {{ {} }}", pairs.join(", ")));
    }
    if let Some(name) = &value.name {
        parts.push(format!("as = {}", text(name)));
    }
    match (&*parts, &value.from) {
        ([_], ValueSource::Field(field)) => text(field),
        _ => format!("{{ {} }}", parts.join(", ")),
    }
}

fn list<'l>(out: &mut String, name: &str, lines: impl Iterator<Item = (String, &'l str)>) -> fmt::Result {
    let mut lines = lines.peekable();
    if lines.peek().is_none() {
        return Ok(());
    }
    writeln!(out, "{name} = [")?;
    for (item, why) in lines {
        writeln!(out, "  {item}, # {}", in_comment(why))?;
    }
    writeln!(out, "]")
}

fn setting(out: &mut String, name: &str, value: impl Display, why: &str) -> fmt::Result {
    match why {
        "" => writeln!(out, "{name} = {value}"),
        _ => writeln!(out, "{name} = {value} # {}", in_comment(why)),
    }
}

fn comment(out: &mut String, line: &str) -> fmt::Result {
    writeln!(out, "# {}", in_comment(line))
}

/// What a sample holds ends no comment, and moves no cursor.
fn in_comment(line: &str) -> impl Display {
    struct Plain<'l>(&'l str);
    impl Display for Plain<'_> {
        fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
            let plain = |c: char| if c.is_control() { '\u{fffd}' } else { c };
            self.0.chars().try_for_each(|c| f.write_char(plain(c)))
        }
    }
    Plain(line)
}

/// As a text of TOML on one line.
fn text(text: &str) -> String {
    let mut quoted = "\"".to_owned();
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            '\n' => quoted.push_str("\\n"),
            '\r' => quoted.push_str("\\r"),
            '\t' => quoted.push_str("\\t"),
            c if c.is_control() => {
                let _ = write!(quoted, "\\u{:04x}", u32::from(c));
            }
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}

/// As it is, where TOML can have it so.
fn literal(plain: &str) -> String {
    let is_plain = |c: char| !c.is_control() || c == '\t';
    let lines = || plain.split('\n').all(|line| line.chars().all(is_plain));
    match (
        plain.contains('\''),
        plain.contains("'''") || plain.ends_with('\''),
    ) {
        (false, _) if plain.chars().all(is_plain) => format!("'{plain}'"),
        // A line end behind the opening quotes is none of the text.
        (_, false) if lines() => format!("'''\n{plain}'''"),
        _ => text(plain),
    }
}
