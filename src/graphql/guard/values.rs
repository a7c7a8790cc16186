//! Coerces the values of variables as the specification says (6.1.2, 3.10): it adds defaults for
//! what was left out, or refuses the value.

use async_graphql::parser::types::{BaseType, Type};
use async_graphql::{Name, Value};

use super::types::{Inputs, Kind, Types};

/// What is wrong with a value, and where in it.
#[derive(Debug, PartialEq, Eq)]
pub struct Wrong {
    pub path: String,
    pub why: String,
}

/// Recurses as deep as the type nests, which the brackets of a document bound.
///
/// # Errors
/// The value does not fit the type.
pub fn coerce(types: &Types, of: &Type, value: Value) -> Result<Value, Wrong> {
    if value == Value::Null {
        return match of.nullable {
            true => Ok(Value::Null),
            false => Err(wrong(format!("is null, and {of} is not nullable"))),
        };
    }
    match (&of.base, value) {
        (BaseType::List(item), Value::List(values)) => {
            let values = values.into_iter().enumerate();
            let items = values.map(|(at, value)| {
                coerce(types, item, value).map_err(|wrong| wrong.within(&format!("[{at}]")))
            });
            Ok(Value::List(items.collect::<Result<_, _>>()?))
        }
        // A single item is coerced to a list of one.
        (BaseType::List(item), value) => Ok(Value::List(vec![coerce(types, item, value)?])),
        (BaseType::Named(name), value) => named(types, name, value),
    }
}

fn named(types: &Types, name: &Name, value: Value) -> Result<Value, Wrong> {
    match (types.kind(name), value) {
        (Some(Kind::Scalar), value) => scalar(name, value),
        (Some(Kind::Enum(values)), Value::Enum(value)) if values.contains(value.as_str()) => {
            Ok(Value::Enum(value))
        }
        (Some(Kind::Enum(values)), Value::String(value)) if values.contains(&value) => {
            Ok(Value::Enum(Name::new(value)))
        }
        (Some(Kind::Enum(_)), Value::Enum(_) | Value::String(_)) => {
            Err(wrong(format!("is no value of the enumeration {name}")))
        }
        (Some(Kind::Input(inputs)), Value::Object(given)) => {
            let mut given = given;
            let mut members = async_graphql::indexmap::IndexMap::with_capacity(given.len());
            for (field, value) in given.drain(..) {
                let Some(input) = inputs.get(field.as_str()) else {
                    return Err(wrong(format!("has no field '{}' in {name}", cut(&field))));
                };
                let value =
                    coerce(types, &input.of, value).map_err(|wrong| wrong.within(&format!(".{field}")))?;
                members.insert(field, value);
            }
            complete(types, name, inputs, &mut members)?;
            Ok(Value::Object(members))
        }
        _ => Err(wrong(format!("is no {name}"))),
    }
}

fn complete(
    types: &Types,
    name: &Name,
    inputs: &Inputs,
    members: &mut async_graphql::indexmap::IndexMap<Name, Value>,
) -> Result<(), Wrong> {
    for (field, input) in inputs {
        if members.contains_key(field.as_str()) {
            continue;
        }
        match &input.default {
            Some(default) => {
                let default = coerce(types, &input.of, default.clone())?;
                members.insert(Name::new(field), default);
            }
            None if !input.of.nullable => {
                return Err(wrong(format!("lacks the field '{field}' of {name}")));
            }
            None => {}
        }
    }
    Ok(())
}

/// Bytes of memory that a copy takes.
pub fn weight(value: &Value) -> usize {
    size(value, size_of::<Value>(), 32)
}

/// The bytes of its texts, and so many more for each value and for the name of each member.
pub fn size(value: &Value, each: usize, member: usize) -> usize {
    let mut values = vec![value];
    let mut bytes = 0;
    while let Some(value) = values.pop() {
        bytes += each;
        match value {
            Value::String(text) => bytes += text.len(),
            Value::List(items) => values.extend(items),
            Value::Object(members) => {
                values.extend(members.values());
                bytes += members.keys().map(|name| name.len() + member).sum::<usize>();
            }
            _ => {}
        }
    }
    bytes
}

/// Custom scalars are checked where they are used.
fn scalar(name: &str, value: Value) -> Result<Value, Wrong> {
    let fits = match (name, &value) {
        ("Int", Value::Number(number)) => {
            let whole = number.as_i64().or_else(|| whole(number.as_f64()?));
            return match whole.and_then(|whole| i32::try_from(whole).ok()) {
                Some(whole) => Ok(Value::from(whole)),
                None => Err(wrong("is no whole number of 32 bits")),
            };
        }
        ("ID", Value::Number(number)) if number.is_i64() || number.is_u64() => {
            return Ok(Value::String(number.to_string()));
        }
        ("Float", Value::Number(_)) => true,
        ("String" | "ID", Value::String(_)) => true,
        ("Boolean", Value::Boolean(_)) => true,
        ("Int" | "Float" | "String" | "ID" | "Boolean", _) => false,
        _ => true,
    };
    match fits {
        true => Ok(value),
        false => Err(wrong(format!("is no {name}"))),
    }
}

fn whole(number: f64) -> Option<i64> {
    let small = number.abs() <= f64::from(i32::MAX) + 1.0;
    (small && number.fract() == 0.0).then_some(number as i64)
}

fn cut(text: &str) -> String {
    text.chars().take(64).collect()
}

fn wrong(why: impl Into<String>) -> Wrong {
    Wrong {
        path: String::new(),
        why: why.into(),
    }
}

impl Wrong {
    fn within(mut self, segment: &str) -> Self {
        self.path.insert_str(0, segment);
        self
    }
}
