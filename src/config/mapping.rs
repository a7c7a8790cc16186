//! A mapping that could only produce dead letters, or points that overwrite each other, is a
//! mistake.
//!
//! Names must follow the rules that the transform applies to records.

use std::collections::HashMap;

use crate::data::METRIC_NAME;
use crate::transform::StreamPlan;

pub(super) fn check(plan: &StreamPlan, say: &mut impl FnMut(String)) {
    let mapping = &plan.mapping;
    let prefix = &mapping.metric_prefix;
    // That of the name is told of the name.
    let names = plan.limits.check_name("prefix", &format!("{prefix}_")).is_ok();
    let has_blanks = prefix.contains(char::is_whitespace);
    if (!names || has_blanks) && **prefix != *plan.name {
        say(format!(
            "metric_prefix: '{prefix}' cannot start a metric name: it must be without blanks, control characters \
             and {{}}\"=,"
        ));
    }
    if mapping.time.field.is_empty() {
        say("time: the field name is empty".to_owned());
    }
    let mut metrics: HashMap<String, &str> = HashMap::new();
    for field in &mapping.values {
        if field.is_empty() {
            say("values: a field name is empty".to_owned());
            continue;
        }
        let metric = mapping.metric(field);
        if plan.limits.check_name("metric", &metric).is_err() && names {
            say(format!(
                "values: '{field}' would become the metric '{metric}', which must be at most {} bytes and without \
                 control characters and {{}}\"=,",
                plan.limits.name_bytes
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
    for (at, field) in mapping.labels.iter().enumerate() {
        if field.is_empty() {
            say("labels: a field name is empty".to_owned());
        } else if let Err(error) = plan.limits.check_name("label", field) {
            say(format!("labels: {}", error.detail));
        }
        if field == METRIC_NAME {
            say(format!(
                "labels: '{field}' stands for the metric's name in selectors"
            ));
        }
        if mapping.labels[..at].contains(field) {
            say(format!("labels: '{field}' is named twice"));
        }
        if mapping.values.contains(field) {
            say(format!("labels: '{field}' is also one of the values"));
        }
        if *field == mapping.time.field {
            say(format!("labels: '{field}' is also the time"));
        }
    }
    if let Err(error) = plan.limits.check_label_count(mapping.labels.len()) {
        say(format!("labels: {}", error.detail));
    }
}
