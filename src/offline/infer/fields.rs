//! What each field of a sample holds, counted over the objects that would have points.

use std::collections::hash_map::{DefaultHasher, Entry};
use std::collections::{HashMap, HashSet};
use std::hash::{Hash, Hasher};

use super::sample::Sample;
use super::times::Times;
use crate::data::{Object, Value};
use crate::transform::{Mapping, Nested, label_text, parse_number};

const FIELDS_MAX: usize = 500;
const DEPTH_MAX: usize = 8;
const ARRAYS_MAX: usize = 8;
/// Different values that are counted; of more it is only known that there are more.
pub const DISTINCT_MAX: usize = 1_000;
const FEW: usize = 8;
const SHOWN_MAX: usize = 40;
/// Integers beyond this lose digits as a 64-bit float.
const EXACT_INTEGER_MAX: u64 = 1 << 53;

#[derive(Debug, Default)]
pub struct Fields {
    /// All objects of the sample that were looked at.
    pub objects: usize,
    pub fields: Vec<Field>,
    /// The paths of arrays of objects.
    pub arrays: Vec<String>,
    /// There are more fields than are looked at.
    pub is_cut: bool,
    at: HashMap<String, usize>,
}

/// How often a field held what.
#[derive(Debug, Default)]
pub struct Field {
    pub path: String,
    /// Only around the objects, never in them.
    pub is_outer: bool,
    /// Values that are not null.
    pub seen: usize,
    pub nulls: usize,
    /// Cannot be reached by its path.
    pub hidden: usize,
    /// Integers, those beyond 2^53 and numbers with a fraction.
    pub integers: usize,
    pub bigs: usize,
    pub floats: usize,
    pub not_finite: usize,
    pub bools: usize,
    pub texts: usize,
    /// Of the texts those that are integers, other numbers, and none for sure: `007`.
    pub integer_texts: usize,
    pub float_texts: usize,
    pub padded: usize,
    /// Of a format without types.
    pub is_untyped: bool,
    pub bytes: usize,
    pub lists: usize,
    pub objects: usize,
    /// Bytes of the longest text.
    pub longest: usize,
    /// Texts that could not be the name of a metric.
    pub unnameable: usize,
    /// Texts with a NUL character, which no label may hold.
    pub nuls: usize,
    /// Some of the different values, and of the texts that are no numbers.
    pub few: Vec<String>,
    pub odd: Vec<String>,
    pub times: Times,
    distinct: HashSet<u64>,
}

impl Field {
    pub fn distinct(&self) -> usize {
        self.distinct.len()
    }

    /// Numbers and booleans, also in texts.
    pub fn numeric(&self) -> usize {
        self.integers + self.bigs + self.floats + self.bools + self.integer_texts + self.float_texts
    }

    pub fn example(&self) -> &str {
        self.few.first().map_or("", String::as_str)
    }

    fn add(&mut self, value: &Value<'_>) {
        if matches!(value, Value::Null) {
            self.nulls += 1;
            return;
        }
        self.seen += 1;
        match value {
            Value::Null => {}
            Value::Bool(_) => self.bools += 1,
            Value::Int(n) if n.unsigned_abs() > EXACT_INTEGER_MAX => self.bigs += 1,
            Value::Int(_) => self.integers += 1,
            Value::BigInt(_) => self.bigs += 1,
            Value::Float(n) if !n.is_finite() => self.not_finite += 1,
            Value::Float(_) => self.floats += 1,
            Value::Text(text) => self.add_text(text),
            Value::Untyped(text) => {
                self.is_untyped = true;
                self.add_text(text);
            }
            Value::Bytes(_) => self.bytes += 1,
            Value::Time(_) => {}
            Value::List(_) => self.lists += 1,
            Value::Object(_) => self.objects += 1,
        }
        if let Ok(text) = label_text("", value) {
            self.distinguish(&text);
        }
        self.times.add(value);
    }

    fn add_text(&mut self, text: &str) {
        self.texts += 1;
        self.longest = self.longest.max(text.len());
        self.nuls += usize::from(text.contains('\0'));
        let bad = |c: char| c.is_control() || matches!(c, '{' | '}' | '"' | '=' | ',');
        self.unnameable += usize::from(text.is_empty() || text.len() > 200 || text.contains(bad));
        let digits = text.trim_start_matches('-').as_bytes();
        let is_padded = matches!(digits, [b'0', b'0'..=b'9', ..]);
        match parse_number(text) {
            Some(_) if is_padded => self.padded += 1,
            Some(Value::Int(n)) if n.unsigned_abs() > EXACT_INTEGER_MAX => self.bigs += 1,
            Some(Value::Int(_)) => self.integer_texts += 1,
            Some(Value::BigInt(_)) => self.bigs += 1,
            Some(Value::Float(n)) if n.is_finite() => self.float_texts += 1,
            _ if self.is_untyped
                && matches!(text, "true" | "false" | "True" | "False" | "TRUE" | "FALSE") =>
            {
                self.bools += 1;
            }
            _ => {
                if self.odd.len() < FEW && !self.odd.iter().any(|odd| odd == text) {
                    self.odd.push(shortened(text));
                }
            }
        }
    }

    fn distinguish(&mut self, text: &str) {
        if self.distinct.len() >= DISTINCT_MAX {
            return;
        }
        let mut hasher = DefaultHasher::new();
        text.hash(&mut hasher);
        if self.distinct.insert(hasher.finish()) && self.few.len() < FEW {
            self.few.push(shortened(text));
        }
    }
}

pub fn shortened(text: &str) -> String {
    let mut short: String = text.chars().take(SHOWN_MAX).collect();
    if short.len() < text.len() {
        short.push('…');
    }
    short
}

/// Looks at every object that the envelope and `each` of the mapping find.
pub fn survey(sample: &Sample, mapping: &Mapping) -> Fields {
    let mut fields = Fields::default();
    sample.decoded(&mut |object, origin, decoder| {
        // What cannot be opened counts among the dead letters in the end.
        let _ = mapping.objects(object, origin, decoder, &mut |nested| fields.add(nested));
    });
    fields
}

impl Fields {
    pub fn get(&self, path: &str) -> Option<&Field> {
        self.at.get(path).map(|at| &self.fields[*at])
    }

    fn add(&mut self, nested: &Nested<'_, '_>) {
        self.objects += 1;
        self.add_object(nested, nested.object, "", false, 0);
        self.find_arrays(nested.object, "", 0);
        let mut around = nested.outer;
        while let Some(outer) = around {
            self.add_object(nested, outer.object, "", true, 0);
            around = outer.outer;
        }
    }

    fn add_object(
        &mut self,
        nested: &Nested<'_, '_>,
        object: &Object<'_>,
        within: &str,
        is_outer: bool,
        depth: usize,
    ) {
        for (name, value) in &object.0 {
            // An object is in one of those around it.
            let is_path =
                |around: &Object<'_>| matches!(value, Value::Object(inner) if std::ptr::eq(inner, around));
            if is_outer && (is_path(nested.object) || nested.outer.is_some_and(|outer| is_path(outer.object)))
            {
                continue;
            }
            let path = joined(within, name);
            let is_found = nested.get(&path).is_some_and(|found| std::ptr::eq(found, value));
            let is_null = *value == Value::Null && nested.get(&path).is_none();
            if let Some(field) = self.field(&path, is_outer) {
                match is_found || is_null {
                    true => field.add(value),
                    false => field.hidden += 1,
                }
            }
            if let Value::Object(inner) = value
                && depth < DEPTH_MAX
            {
                self.add_object(nested, inner, &path, is_outer, depth + 1);
            }
        }
    }

    fn field(&mut self, path: &str, is_outer: bool) -> Option<&mut Field> {
        let next = self.fields.len();
        let at = match self.at.entry(path.to_owned()) {
            Entry::Occupied(at) => *at.get(),
            Entry::Vacant(_) if next >= FIELDS_MAX => {
                self.is_cut = true;
                return None;
            }
            Entry::Vacant(vacant) => {
                self.fields.push(Field {
                    path: path.to_owned(),
                    is_outer,
                    ..Field::default()
                });
                *vacant.insert(next)
            }
        };
        let field = &mut self.fields[at];
        field.is_outer &= is_outer;
        Some(field)
    }

    fn find_arrays(&mut self, object: &Object<'_>, within: &str, depth: usize) {
        for (name, value) in &object.0 {
            let path = joined(within, name);
            match value {
                Value::Object(inner) if depth < DEPTH_MAX => self.find_arrays(inner, &path, depth + 1),
                Value::List(items) if depth < DEPTH_MAX => {
                    for item in items {
                        let Value::Object(inner) = item else { break };
                        if !self.arrays.contains(&path) && self.arrays.len() < ARRAYS_MAX {
                            self.arrays.push(path.clone());
                        }
                        self.find_arrays(inner, &path, depth + 1);
                    }
                }
                _ => {}
            }
        }
    }
}

fn joined(within: &str, name: &str) -> String {
    match within {
        "" => name.to_owned(),
        _ => format!("{within}.{name}"),
    }
}
