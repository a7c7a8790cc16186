//! The field that names the metric of the one value beside it.

use super::fields::Field;
use super::guessed::Line;
use super::names;
use crate::transform::{MetricField, ValueField, ValueSource};

/// Of the fields that would be labels.
pub fn of(labels: &[&Field], values: &[Line<ValueField>]) -> Option<Line<MetricField>> {
    let [Line { item: value, .. }] = values else {
        return None;
    };
    let ValueSource::Field(value) = &value.from else {
        return None;
    };
    let mut best: Option<(u8, &Field)> = None;
    for field in labels.iter().filter(|field| may_name(field)) {
        let rank = names::metric(&field.path);
        // `name` and the like are of a metric only beside a field that does not say of what it is.
        let is_named = rank == 2 || (rank == 1 && names::is_plain_value(value));
        if is_named && best.is_none_or(|(most, _)| rank > most) {
            best = Some((rank, field));
        }
    }
    let (_, field) = best?;
    let metric = MetricField {
        field: field.path.clone(),
        prefix: String::new(),
    };
    let why = format!("beside a single value; such as \"{}\"", field.few.join("\", \""));
    Some(Line::new(metric, why))
}

/// Whether its texts may be names, and of few metrics.
fn may_name(field: &Field) -> bool {
    field.texts == field.seen
        && field.unnameable == 0
        && field.nulls == 0
        && (field.seen < 20 || field.distinct() * 2 <= field.seen)
}
