//! The labels of a point.

use std::borrow::Cow;

use super::errors::{missing_field, wrong_type};
use super::nested::Nested;
use super::numbers::label_text;
use super::origin::Origin;
use super::settings::{Label, LabelSource, OnMissing};
use crate::data::{Object, Reason, RecordError, Value};
use crate::transform::limits::{Limits, shorten};

/// An object of labels may have so many fields for each label that a point may have: the others are empty or
/// no scalars.
const FIELDS_FOR_A_LABEL: usize = 8;

/// Sorted by name, each name once.
pub type Labels<'a> = Vec<(Cow<'a, str>, Cow<'a, str>)>;

pub(super) fn of<'a>(
    wanted: &'a [Label],
    nested: &Nested<'a, 'a>,
    origin: Origin<'a>,
    on_missing: OnMissing,
    limits: &Limits,
) -> Result<Labels<'a>, RecordError> {
    let mut labels = Labels::with_capacity(wanted.len());
    for label in wanted {
        if let LabelSource::All(field) = &label.from {
            if let Some(value) = nested.get(field) {
                all(&mut labels, &label.name, field, value, limits)?;
            }
            continue;
        }
        match (text_of(label, nested, origin)?, on_missing, label.reads()) {
            (Some(text), _, _) => push(&mut labels, Cow::Borrowed(&*label.name), text, limits)?,
            (None, OnMissing::DeadLetter, Some(field)) => return Err(missing_field(field)),
            (None, OnMissing::DeadLetter, None) => return Err(missing_field(&label.name)),
            (None, OnMissing::Skip, _) => {}
        }
    }
    sorted(labels, limits)
}

/// What a label that is one field or the like reads; `None` where it is not there.
pub(super) fn text_of<'a>(
    label: &'a Label,
    nested: &Nested<'a, 'a>,
    origin: Origin<'a>,
) -> Result<Option<Cow<'a, str>>, RecordError> {
    match &label.from {
        LabelSource::Field(field) | LabelSource::All(field) => {
            let found = nested.get(field);
            found.map(|value| label_text(field, value)).transpose()
        }
        LabelSource::Key => origin.key.map(|key| text("the record's key", key)).transpose(),
        LabelSource::Header(name) => origin.header(name).map(|value| text(name, value)).transpose(),
        LabelSource::Partition => Ok(Some(origin.partition.to_string().into())),
        LabelSource::Constant(value) => Ok(Some(value.as_str().into())),
    }
}

/// The labels of an object that brings its own: an object of scalars, or none.
pub(super) fn own<'a>(object: &'a Object<'_>, limits: &Limits) -> Result<Labels<'a>, RecordError> {
    let fields = match object.get("labels") {
        None => return Ok(Labels::new()),
        Some(Value::Object(fields)) => &fields.0,
        Some(other) => return Err(wrong_type("labels", "an object", other)),
    };
    limits.check_label_count(fields.len())?;
    let mut labels = Labels::with_capacity(fields.len());
    // From the back, since of a repeated name the last value counts.
    for (name, value) in fields.iter().rev().filter(|(_, v)| *v != Value::Null) {
        push(&mut labels, Cow::Borrowed(name), label_text(name, value)?, limits)?;
    }
    sorted(labels, limits)
}

/// The labels of a series that comes by itself.
pub fn of_series<'a>(
    all: impl ExactSizeIterator<Item = (&'a str, &'a str)>,
    limits: &Limits,
) -> Result<Labels<'a>, RecordError> {
    limits.check_label_count(all.len())?;
    let mut labels = Labels::with_capacity(all.len());
    for (name, value) in all {
        push(&mut labels, Cow::Borrowed(name), Cow::Borrowed(value), limits)?;
    }
    labels.sort_by(|(a, _), (b, _)| a.cmp(b));
    match labels.windows(2).find(|pair| pair[0].0 == pair[1].0) {
        Some(pair) => {
            let detail = format!("label '{}' occurs twice", shorten(&pair[0].0));
            Err(RecordError::new(Reason::InvalidName, detail))
        }
        None => Ok(labels),
    }
}

/// Every scalar of the object; what is nested in it is no label.
fn all<'a>(
    labels: &mut Labels<'a>,
    prefix: &'a str,
    field: &str,
    value: &'a Value<'_>,
    limits: &Limits,
) -> Result<(), RecordError> {
    let Value::Object(object) = value else {
        return Err(wrong_type(field, "an object", value));
    };
    if object.0.len() > limits.labels * FIELDS_FOR_A_LABEL {
        let detail = format!(
            "'{}' has {} fields, of which at most {} become labels",
            shorten(field),
            object.0.len(),
            limits.labels
        );
        return Err(RecordError::new(Reason::TooManyLabels, detail));
    }
    let nested = |value: &Value<'_>| matches!(value, Value::Null | Value::List(_) | Value::Object(_));
    for (name, value) in object.0.iter().rev().filter(|(_, value)| !nested(value)) {
        let text = label_text(name, value)?;
        let name = match prefix.is_empty() {
            true => Cow::Borrowed(&**name),
            false => Cow::Owned(format!("{prefix}{name}")),
        };
        push(labels, name, text, limits)?;
    }
    Ok(())
}

fn text<'a>(what: &str, bytes: &'a [u8]) -> Result<Cow<'a, str>, RecordError> {
    std::str::from_utf8(bytes).map(Cow::Borrowed).map_err(|_| {
        RecordError::new(
            Reason::WrongType,
            format!("'{what}' must be a text, found bytes that are not UTF-8"),
        )
    })
}

/// An empty value means "no such label", as in Prometheus.
pub(super) fn push<'a>(
    labels: &mut Labels<'a>,
    name: Cow<'a, str>,
    value: Cow<'a, str>,
    limits: &Limits,
) -> Result<(), RecordError> {
    limits.check_label(&name, &value)?;
    if !value.is_empty() {
        labels.push((name, value));
    }
    Ok(())
}

/// Of a repeated name the first counts.
pub(super) fn sorted<'a>(mut labels: Labels<'a>, limits: &Limits) -> Result<Labels<'a>, RecordError> {
    labels.sort_by(|(a, _), (b, _)| a.cmp(b));
    labels.dedup_by(|(a, _), (b, _)| a == b);
    limits.check_label_count(labels.len())?;
    Ok(labels)
}
