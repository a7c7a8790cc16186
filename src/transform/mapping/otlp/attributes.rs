//! Attributes become labels, and names those that Prometheus allows.

use std::borrow::Cow;

use super::fields::{borrowed, field, object};
use crate::data::{Object, RecordError, Value};
use crate::transform::mapping::numbers::label_text;

/// By the names of labels. Of keys that become the same label the values are joined by `;`, in the order
/// of the keys. Arrays and maps are left out.
pub(super) fn attributes<'p>(keys: &'p [Value<'_>]) -> Result<Object<'p>, RecordError> {
    let mut found = Vec::with_capacity(keys.len());
    for item in keys {
        if let Some((key, value)) = key_value(item)? {
            found.push((label_name(key), key, value));
        }
    }
    found.sort_by(|(a, key, _), (b, other, _)| (a, key).cmp(&(b, other)));
    let mut labels: Vec<(Cow<'p, str>, Value<'p>)> = Vec::with_capacity(found.len());
    for (name, key, value) in found {
        match labels.last_mut() {
            Some((last, joined)) if *last == name => {
                let mut both = match std::mem::replace(joined, Value::Null) {
                    Value::Text(text) => text.into_owned(),
                    other => label_text(key, &other)?.into_owned(),
                };
                both.push(';');
                both.push_str(&label_text(key, &value)?);
                *joined = Value::Text(both.into());
            }
            _ => labels.push((name, value)),
        }
    }
    Ok(Object(labels))
}

/// The labels that Prometheus gives to what it watches.
pub(super) fn target<'p>(keys: &'p [Value<'_>]) -> Result<Object<'p>, RecordError> {
    let (mut namespace, mut service, mut instance) = (None, None, None);
    for item in keys {
        match key_value(item)? {
            Some(("service.namespace", value)) => namespace = Some(value),
            Some(("service.name", value)) => service = Some(value),
            Some(("service.instance.id", value)) => instance = Some(value),
            _ => {}
        }
    }
    let job = match (namespace, service) {
        (Some(namespace), Some(service)) => {
            let both = [
                label_text("service.namespace", &namespace)?,
                label_text("service.name", &service)?,
            ];
            Some(Value::Text(both.join("/").into()))
        }
        (_, service) => service,
    };
    let labels = [("job", job), ("instance", instance)];
    let labels = labels
        .into_iter()
        .filter_map(|(name, value)| Some((name.into(), value?)));
    Ok(Object(labels.collect()))
}

/// Nothing of an attribute without a key or without a scalar.
fn key_value<'p>(item: &'p Value<'_>) -> Result<Option<(&'p str, Value<'p>)>, RecordError> {
    let item = object("attributes", item)?;
    let (Some(Value::Text(key)), Some(value)) = (field(item, "key"), field(item, "value")) else {
        return Ok(None);
    };
    let value = object("value", value)?;
    let scalar = ["stringValue", "intValue", "doubleValue", "boolValue"]
        .into_iter()
        .find_map(|kind| field(value, kind));
    let scalar = scalar.filter(|_| !key.is_empty()).map(borrowed);
    Ok(scalar.map(|value| (&**key, value)))
}

/// A label of Prometheus begins with no digit.
fn label_name(key: &str) -> Cow<'_, str> {
    allowed(key, "key_", false)
}

pub(super) fn metric_name(name: &str) -> Cow<'_, str> {
    allowed(name, "_", true)
}

/// One `_` for all characters in a row that are not allowed.
fn allowed<'n>(name: &'n str, before_digit: &str, colon: bool) -> Cow<'n, str> {
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || c == '_' || (colon && c == ':');
    let digit = name.starts_with(|c: char| c.is_ascii_digit());
    if !digit && name.chars().all(is_allowed) {
        return Cow::Borrowed(name);
    }
    let mut out = String::with_capacity(name.len() + before_digit.len());
    if digit {
        out.push_str(before_digit);
    }
    let mut in_row = false;
    for c in name.chars() {
        match is_allowed(c) {
            true => out.push(c),
            false if !in_row => out.push('_'),
            false => {}
        }
        in_row = !is_allowed(c);
    }
    Cow::Owned(out)
}
