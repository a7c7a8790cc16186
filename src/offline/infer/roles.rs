//! What a field is to the points of an object: a value, a label, or nothing.

use std::collections::{BTreeMap, HashSet};

use super::fields::{DISTINCT_MAX, Field, Fields};
use super::guessed::{Line, all_in};
use super::names;
use super::shells;
use crate::data::METRIC_NAME;
use crate::offline::words::count;
use crate::transform::{Envelope, Label, LabelSource, Limits, Number, ValueField, ValueSource};

/// Objects from which on it means something that a text is another one in each.
const MANY: usize = 20;
const NULLS: [&str; 14] = [
    "NA", "N/A", "n/a", "na", "null", "NULL", "Null", "None", "none", "-", "--", "?", "nan", "NaN",
];

#[derive(Debug)]
pub enum Role {
    Value(ValueField, String),
    Label,
    /// Why it is neither.
    Out(String),
    /// What is in it counts.
    Nothing,
}

/// An object of which every field is a value, or a label.
#[derive(Debug)]
pub enum Whole {
    Values(Line<ValueField>, usize),
    Labels(Line<Label>),
}

pub fn role(field: &Field, fields: &Fields, envelope: Option<Envelope>, is_each: bool) -> Role {
    let out = |why: &str| Role::Out(why.to_owned());
    if let Some(envelope) = envelope
        && field.is_outer
        && (!is_each || shells::is_around(envelope, &field.path))
    {
        return match shells::is_label_around(envelope, &field.path, field.distinct()) {
            true => Role::Label,
            false => Role::Nothing,
        };
    }
    let mostly = |n: usize| n * 10 >= field.seen * 9;
    if field.seen == 0 {
        return match field.hidden {
            0 => out("always null"),
            _ => out("its path leads to another field of that name, or has a name with a dot"),
        };
    }
    if field.objects > 0 {
        return Role::Nothing;
    }
    if field.lists > 0 {
        return out("an array");
    }
    if field.bytes > 0 {
        return out("bytes");
    }
    if field.nuls > 0 {
        return out("texts with a NUL character");
    }
    if is_another_time(field) {
        return Role::Out(format!("a further time, such as {}", quoted(field)));
    }
    if names::is_of_one_record(&field.path) {
        return Role::Out(format!("names one record, such as {}", quoted(field)));
    }
    if let Some(states) = states(field) {
        let mut value = ValueField::field(&*field.path);
        let words: Vec<&str> = states.iter().map(|(word, _)| word.as_str()).collect();
        let why = format!("{}: only {}", seen(field, fields.objects), words.join(" and "));
        value.map = BTreeMap::from(states);
        return match field.is_outer {
            true => Role::Label,
            false => Role::Value(value, why),
        };
    }
    let is_name = field.padded > 0 || (names::is_id(&field.path) && field.floats + field.float_texts == 0);
    if mostly(field.numeric() + field.padded) && (field.bools > 0 || !is_name) && field.padded == 0 {
        if field.is_outer {
            return out("a number around the objects, which would be repeated for each of them");
        }
        return Role::Value(number(field), numbers(field, fields.objects));
    }
    is_label(field)
}

fn is_label(field: &Field) -> Role {
    let out = |why: String| Role::Out(why);
    if field.longest > Limits::default().label_value_bytes {
        return out(format!("a text of up to {} bytes", count(field.longest)));
    }
    if names::is_prose(&field.path) {
        return out(format!("a text to read, such as {}", quoted(field)));
    }
    let is_unique = field.seen >= MANY && field.distinct() * 2 > field.seen;
    let names_thing = names::is_id(&field.path) && names::words(&field.path).len() > 1;
    if is_unique && !names_thing {
        return out(format!(
            "{} different values in {} objects: as a label it would give nearly each a series",
            distinct(field),
            count(field.seen)
        ));
    }
    match field.texts + field.integers + field.bigs + field.bools > 0 {
        true => Role::Label,
        false => out(format!("neither numbers nor texts, such as {}", quoted(field))),
    }
}

fn is_another_time(field: &Field) -> bool {
    let Some(time) = field.times.best() else {
        return false;
    };
    let is_text = field.texts > 0 && time.as_time.unit.is_none();
    (is_text && field.padded == 0) || names::time(&field.path) > 0
}

fn states(field: &Field) -> Option<[(String, f64); 2]> {
    let texts: Vec<&str> = field.few.iter().map(String::as_str).collect();
    let is_all = field.texts == field.seen && field.distinct() == 2 && field.bools == 0;
    names::states(&texts).filter(|_| is_all)
}

fn number(field: &Field) -> ValueField {
    let is_text = field.integer_texts + field.float_texts > 0 && !field.is_untyped;
    ValueField {
        number: match (field.bigs, is_text) {
            (0, false) => Number::Exact,
            (0, true) => Number::Text,
            _ => Number::Round,
        },
        ..ValueField::field(&*field.path)
    }
}

/// Objects that are taken as a whole, so that fields which come later are taken too.
pub fn whole_objects(fields: &Fields, envelope: Option<Envelope>) -> Vec<Whole> {
    let mut found = Vec::new();
    let objects = fields
        .fields
        .iter()
        .filter(|field| field.objects > 0 && field.objects == field.seen);
    for object in objects.filter(|object| !object.is_outer || envelope.is_none()) {
        let is_in = |field: &&Field| {
            let rest = field.path.strip_prefix(&*object.path);
            rest.is_some_and(|rest| rest.starts_with('.'))
        };
        let inner: Vec<&Field> = fields.fields.iter().filter(is_in).collect();
        let is_flat =
            |field: &&Field| field.objects + field.lists + field.bytes + field.hidden + field.nuls == 0;
        if inner.is_empty() || !inner.iter().all(is_flat) {
            continue;
        }
        let names: Vec<&str> = inner.iter().map(|field| last_name(object, field)).collect();
        let why = format!("{} fields, such as {}", inner.len(), shown(&names));
        if names::holds_labels(&object.path) && inner.iter().all(|field| may_be_in_labels(field)) {
            let label = Label {
                from: LabelSource::All(object.path.clone()),
                name: String::new(),
            };
            found.push(Whole::Labels(Line::new(label, why)));
        } else if names::holds_values(&object.path)
            && !object.is_outer
            && inner.iter().all(|field| may_be_in_values(field))
        {
            let points = inner.iter().map(|field| field.numeric()).sum();
            found.push(Whole::Values(Line::new(all_in(&object.path), why), points));
        }
    }
    // One object of labels and one of values: names in two of a kind might be the same.
    let mut kinds = HashSet::new();
    found.retain(|whole| kinds.insert(matches!(whole, Whole::Labels(_))));
    found
}

/// The objects that are taken as a whole.
pub fn all_of(values: &[Line<ValueField>], labels: &[Line<Label>]) -> Vec<String> {
    let values = values.iter().filter_map(|line| match &line.item.from {
        ValueSource::All(object) => Some(object.clone()),
        ValueSource::Field(_) => None,
    });
    let labels = labels.iter().filter_map(|line| match &line.item.from {
        LabelSource::All(object) => Some(object.clone()),
        _ => None,
    });
    values.chain(labels).collect()
}

fn last_name<'f>(object: &Field, field: &'f Field) -> &'f str {
    field.path.get(object.path.len() + 1..).unwrap_or_default()
}

fn shown(names: &[&str]) -> String {
    let some: Vec<&str> = names.iter().copied().take(5).collect();
    some.join(", ")
}

fn may_be_in_labels(field: &Field) -> bool {
    matches!(is_label(field), Role::Label) && field.floats == 0 && is_plain(field)
}

/// Numbers, or texts that are left out.
fn may_be_in_values(field: &Field) -> bool {
    let is_number = field.numeric() == field.seen && field.bigs == 0 && !names::is_id(&field.path);
    let is_text = field.texts == field.seen && !field.is_untyped;
    is_plain(field)
        && field.not_finite == 0
        && (is_number && field.texts == 0 || is_text && field.numeric() == 0)
}

/// Whether its last name may be that of a label.
fn is_plain(field: &Field) -> bool {
    let name = field.path.rsplit('.').next().unwrap_or_default();
    Limits::default().check_label(name, "").is_ok() && name != METRIC_NAME
}

/// Texts that stand for a missing value in columns that otherwise are numbers.
pub fn nulls(fields: &Fields) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for field in &fields.fields {
        let odd = field.texts - field.numeric().min(field.texts);
        let all_known = field.odd.iter().all(|odd| NULLS.contains(&odd.as_str()));
        if field.is_untyped && odd > 0 && field.numeric() > 0 && field.padded == 0 && all_known {
            found.extend(field.odd.iter().cloned());
        }
    }
    found.sort();
    found.dedup();
    found
}

fn quoted(field: &Field) -> String {
    format!("\"{}\"", field.example())
}

fn distinct(field: &Field) -> String {
    match field.distinct() {
        DISTINCT_MAX.. => format!("at least {}", count(DISTINCT_MAX)),
        n => count(n),
    }
}

/// In how many objects it is.
fn seen(field: &Field, objects: usize) -> String {
    match field.seen == objects {
        true => format!("all {}", count(objects)),
        false => format!("{} of {}", count(field.seen), count(objects)),
    }
}

/// On what a label rests.
pub fn texts(field: &Field, objects: usize) -> String {
    let (seen, example) = (seen(field, objects), quoted(field));
    match field.distinct() {
        1 => format!("{seen}, always {example}"),
        _ => format!("{seen}, {} different, such as {example}", distinct(field)),
    }
}

/// On what a value or a time rests.
pub fn numbers(field: &Field, objects: usize) -> String {
    let mut why = format!("{}, such as {}", seen(field, objects), field.example());
    let odd = field.seen - field.numeric().min(field.seen) - field.not_finite;
    if field.numeric() > 0 && odd > 0 {
        let example = field.odd.first().map_or("", String::as_str);
        why = format!(
            "{why}; {} are no numbers, such as \"{example}\", which makes dead letters",
            count(odd)
        );
    }
    if field.not_finite > 0 {
        why = format!(
            "{why}; {} are NaN or infinite, which makes dead letters",
            count(field.not_finite)
        );
    }
    if field.bigs > 0 {
        why = format!("{why}; {} are beyond 2^53", count(field.bigs));
    }
    why
}

/// The names that metrics and labels have already.
#[derive(Debug, Default)]
pub struct Names {
    values: HashSet<String>,
    labels: HashSet<String>,
}

impl Names {
    /// With another name where its own could not be one.
    pub fn value(&mut self, mut value: ValueField) -> Result<ValueField, String> {
        let own = value.reads().replace('.', "_");
        let name = plain(&own);
        if name != own {
            value.name = Some(name.clone());
        }
        match self.values.insert(name) {
            true => Ok(value),
            false => Err("its metric would have the name of another".to_owned()),
        }
    }

    pub fn label(&mut self, field: &Field) -> Result<Label, String> {
        if self.labels.len() >= Limits::default().labels {
            return Err(format!("more than {} labels", Limits::default().labels));
        }
        let parts: Vec<&str> = field.path.split('.').collect();
        let last = match &*parts {
            [.., thing, "id" | "name" | "key" | "code"] => plain(thing),
            [.., last] => plain(last),
            [] => String::new(),
        };
        let names = [last, plain(&field.path)];
        let free = names
            .into_iter()
            .find(|name| name != METRIC_NAME && !self.labels.contains(name));
        let name = free.ok_or("its name is that of another label, or of the metric in selectors")?;
        self.labels.insert(name.clone());
        Ok(Label {
            name,
            ..Label::field(&*field.path)
        })
    }
}

/// Letters, digits and underscores.
fn plain(name: &str) -> String {
    let name: String = name
        .chars()
        .map(|c| if c.is_alphanumeric() || c == '_' { c } else { '_' })
        .collect();
    match name.trim_matches('_') {
        "" => "field".to_owned(),
        _ => name,
    }
}
