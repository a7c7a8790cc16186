//! A mapping that could only produce dead letters, or points that overwrite each other, is a
//! mistake.
//!
//! Names must follow the rules that the transform applies to records.

use std::collections::HashMap;

use jiff::Timestamp;
use jiff::fmt::strtime::{self, BrokenDownTime};
use jiff::tz::TimeZone;

use crate::data::METRIC_NAME;
use crate::transform::{LabelSource, Limits, Mapping, Part, TimeField};

pub(super) fn check(stream: &str, mapping: &Mapping, limits: &Limits, say: &mut impl FnMut(String)) {
    let prefix = &mapping.metric_prefix;
    // That of the name is told of the name.
    let names = prefix.is_empty() || limits.check_name("prefix", &format!("{prefix}_")).is_ok();
    let has_blanks = prefix.contains(char::is_whitespace);
    if (!names || has_blanks) && *prefix != stream {
        say(format!(
            "metric_prefix: '{prefix}' cannot start a metric name: it must be without blanks, control characters \
             and {{}}\"=,"
        ));
    }
    check_time(&mapping.time, say);
    if mapping.each.as_ref().is_some_and(String::is_empty) {
        say("each: the path is empty".to_owned());
    }
    if mapping
        .metric
        .as_ref()
        .is_some_and(|metric| metric.field.is_empty())
    {
        say("metric: the field name is empty".to_owned());
    }
    if let Some(dedupe) = &mapping.dedupe {
        let is_empty = |part: &Part| part.0.reads().is_some_and(str::is_empty);
        if dedupe.by.is_empty() || dedupe.by.iter().any(is_empty) {
            say("dedupe: by names what tells records apart, such as by = [\"device\", \"seq\"]".to_owned());
        }
        if dedupe.within.is_zero() {
            say("dedupe: within must be longer than zero".to_owned());
        }
    }
    let mut metrics: HashMap<String, &str> = HashMap::new();
    for value in &mapping.values {
        let field = value.reads();
        if field.is_empty() {
            say("values: a field name is empty".to_owned());
            continue;
        }
        let Some(metric) = mapping.metric(value) else {
            continue;
        };
        if limits.check_name("metric", &metric).is_err() && names {
            say(format!(
                "values: '{field}' would become the metric '{metric}', which must be at most {} bytes and without \
                 control characters and {{}}\"=,",
                limits.name_bytes
            ));
        }
        match metrics.insert(metric.clone(), field) {
            Some(same) if same == field => say(format!("values: '{field}' is named twice")),
            Some(other) => say(format!(
                "values: '{other}' and '{field}' would both become the metric '{metric}'"
            )),
            None => {}
        }
    }
    for (at, label) in mapping.labels.iter().enumerate() {
        if label.reads().is_some_and(str::is_empty) {
            say("labels: a field name is empty".to_owned());
            continue;
        }
        if matches!(label.from, LabelSource::All(_)) {
            continue;
        }
        let name = &label.name;
        if let Err(error) = limits.check_name("label", name) {
            say(format!("labels: {}", error.detail));
        }
        if name == METRIC_NAME {
            say(format!(
                "labels: '{name}' stands for the metric's name in selectors"
            ));
        }
        if mapping.labels[..at].iter().any(|other| other.name == *name) {
            say(format!("labels: '{name}' is named twice"));
        }
        let Some(field) = label.reads() else { continue };
        if mapping.values.iter().any(|value| value.reads() == field) {
            say(format!("labels: '{field}' is also one of the values"));
        }
        if field == mapping.time.field && mapping.time.from.is_none() {
            say(format!("labels: '{field}' is also the time"));
        }
    }
    if let Err(error) = limits.check_label_count(mapping.labels.len()) {
        say(format!("labels: {}", error.detail));
    }
}

fn check_time(time: &TimeField, say: &mut impl FnMut(String)) {
    if time.field.is_empty() {
        say("time: the field name is empty".to_owned());
    }
    if time.from.is_some()
        && *time
            != (TimeField {
                from: time.from,
                ..TimeField::default()
            })
    {
        say("time: with from = \"kafka\" no field is read, so leave the other settings out".to_owned());
    }
    let Some(format) = &time.format else { return };
    // What the format makes of a time must be read by it again.
    let sample = Timestamp::UNIX_EPOCH.to_zoned_datetime(TimeZone::UTC);
    let written = strtime::format(format, &sample);
    if !written.is_ok_and(|text| BrokenDownTime::parse(format, &text).is_ok()) {
        say(format!(
            "time: '{format}' is no format as of strptime, such as \"%Y-%m-%d %H:%M:%S\""
        ));
        return;
    }
    if time.zone.is_none() && !format.contains("%z") && !format.contains("%:z") && !format.contains("%s") {
        say("time: the format has no offset (%z), so add a zone, such as zone = \"UTC\"".to_owned());
    }
}
