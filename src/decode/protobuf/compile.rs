//! Definitions become tables: names are resolved, each field gets what it is when it is absent.

use std::collections::HashMap;

use super::defaults;
use super::descriptor::{FieldDef, File, MessageDef, Presence};
use super::tables::{Enum, Field, Kind, Message, Shape, Tables};
use crate::data::{Object, Value};

/// Bytes of a full name; nested names would multiply without a bound.
const NAME_MAX: usize = 1_000;
const NUMBER_MAX: u64 = (1 << 29) - 1;

const REQUIRED: u64 = 2;
const REPEATED: u64 = 3;

/// What a full name stands for.
#[derive(Clone, Copy)]
enum Named {
    Message(usize),
    Enum(usize),
}

#[derive(Clone, Copy)]
enum Syntax {
    Proto2,
    Proto3,
    Editions,
}

/// A message with what its file says.
struct Scope<'f> {
    definition: &'f MessageDef,
    name: String,
    nested: Vec<usize>,
    syntax: Syntax,
    presence: Presence,
}

#[derive(Default)]
struct Compiler<'f> {
    names: HashMap<String, Named>,
    scopes: Vec<Scope<'f>>,
    enums: Vec<Enum>,
}

/// Also the messages at the top of the file `main`.
pub(super) fn compile(files: &[File], main: usize) -> Result<(Tables, Vec<usize>), String> {
    let mut compiler = Compiler::default();
    let mut top = Vec::new();
    for (index, file) in files.iter().enumerate() {
        let messages = compiler.file(file)?;
        if index == main {
            top = messages;
        }
    }
    let messages: Vec<Message> = (0..compiler.scopes.len())
        .map(|index| compiler.message(index))
        .collect::<Result<_, _>>()?;
    let names = messages
        .iter()
        .map(|message| message.name.clone())
        .zip(0..)
        .collect();
    let tables = Tables {
        messages,
        enums: compiler.enums,
        names,
    };
    Ok((tables, top))
}

impl<'f> Compiler<'f> {
    fn file(&mut self, file: &'f File) -> Result<Vec<usize>, String> {
        let syntax = match &*file.syntax {
            "" | "proto2" => Syntax::Proto2,
            "proto3" => Syntax::Proto3,
            "editions" => Syntax::Editions,
            other => {
                return Err(format!(
                    "'{}' has the syntax '{}'",
                    short(&file.name),
                    short(other)
                ));
            }
        };
        for definition in &file.enums {
            self.names(&file.package, &definition.name, &definition.values)?;
        }
        let messages = file.messages.iter();
        messages
            .map(|definition| self.define(&file.package, definition, syntax, file.presence))
            .collect()
    }

    fn define(
        &mut self,
        scope: &str,
        definition: &'f MessageDef,
        syntax: Syntax,
        presence: Presence,
    ) -> Result<usize, String> {
        let index = self.scopes.len();
        let name = self.name(scope, &definition.name, Named::Message(index))?;
        let presence = definition.presence.or(presence);
        self.scopes.push(Scope {
            definition,
            name: name.clone(),
            nested: Vec::new(),
            syntax,
            presence,
        });
        for inner in &definition.enums {
            self.names(&name, &inner.name, &inner.values)?;
        }
        let nested = definition.messages.iter();
        let nested = nested.map(|inner| self.define(&name, inner, syntax, presence));
        self.scopes[index].nested = nested.collect::<Result<_, _>>()?;
        Ok(index)
    }

    fn names(&mut self, scope: &str, name: &str, values: &[(i32, String)]) -> Result<(), String> {
        self.name(scope, name, Named::Enum(self.enums.len()))?;
        self.enums.push(Enum::new(values.to_vec()));
        Ok(())
    }

    fn name(&mut self, scope: &str, name: &str, named: Named) -> Result<String, String> {
        let full = match scope {
            "" => name.to_owned(),
            _ => format!("{scope}.{name}"),
        };
        if full.len() > NAME_MAX {
            let found = full.len();
            return Err(format!(
                "the schema has a full name of {found} bytes; it may have {NAME_MAX}"
            ));
        }
        match self.names.insert(full.clone(), named) {
            Some(_) => Err(format!("the schema defines '{}' twice", short(&full))),
            None => Ok(full),
        }
    }

    fn message(&self, index: usize) -> Result<Message, String> {
        let scope = &self.scopes[index];
        let definitions = &scope.definition.fields;
        let mut fields = Vec::with_capacity(definitions.len());
        let mut numbers = Vec::with_capacity(definitions.len());
        let mut absent = Vec::new();
        let mut required = Vec::new();
        for (position, field) in definitions.iter().enumerate() {
            let (shape, value) = self.field(scope, field)?;
            let oneof = field.oneof.filter(|_| !field.proto3_optional);
            match value {
                Absent::Missing => {}
                Absent::Refused => required.push(position),
                Absent::Default(value) => absent.push((position, value)),
            }
            fields.push(Field {
                name: field.name.clone(),
                shape,
                oneof: oneof.map(|oneof| oneof as usize),
            });
            match u32::try_from(field.number) {
                Ok(number @ 1..) if field.number <= NUMBER_MAX => numbers.push(number),
                _ => return Err(at(scope, field, &format!("has the number {}", field.number))),
            }
        }
        repeated(scope, &numbers)?;
        let oneofs = distinct(&mut fields);
        let mut message = Message::new(scope.name.clone(), fields, &numbers, scope.nested.clone());
        message.is_map_entry = scope.definition.is_map_entry;
        message.oneofs = oneofs;
        message.absent = absent;
        message.required = required;
        Ok(message)
    }

    fn field(&self, scope: &Scope<'_>, field: &FieldDef) -> Result<(Shape, Absent), String> {
        let kind = self.kind(scope, field)?;
        if field.label != REPEATED {
            let absent = self.absent(scope, field, kind)?;
            return Ok((Shape::One(kind), absent));
        }
        let entry = match kind {
            Kind::Message(index) => Some(&self.scopes[index]).filter(|entry| entry.definition.is_map_entry),
            _ => None,
        };
        let Some(entry) = entry else {
            return Ok((Shape::Many(kind), Absent::Default(Value::List(Vec::new()))));
        };
        let part = |number| {
            let part = entry.definition.fields.iter().find(|part| part.number == number);
            part.ok_or_else(|| at(scope, field, "is a map without a key or a value"))
        };
        let key = self.kind(entry, part(1)?)?;
        let value = self.kind(entry, part(2)?)?;
        let key_default = match key {
            Kind::Text => "",
            Kind::Bool => "false",
            Kind::Double | Kind::Float | Kind::Bytes | Kind::Enum(_) | Kind::Message(_) => {
                return Err(at(
                    scope,
                    field,
                    "is a map whose key is no integer, boolean or string",
                ));
            }
            _ => "0",
        };
        let shape = Shape::Map {
            key,
            key_default,
            value,
            default: defaults::zero(value, &self.enums),
        };
        Ok((shape, Absent::Default(Value::Object(Object::default()))))
    }

    fn absent(&self, scope: &Scope<'_>, field: &FieldDef, kind: Kind) -> Result<Absent, String> {
        let is_explicit = match scope.syntax {
            _ if field.label == REQUIRED => return Ok(Absent::Refused),
            _ if field.oneof.is_some() || matches!(kind, Kind::Message(_)) => return Ok(Absent::Missing),
            Syntax::Proto2 => true,
            Syntax::Proto3 => false,
            Syntax::Editions => match field.presence.or(scope.presence) {
                Some(2) => false,
                Some(3) => return Ok(Absent::Refused),
                _ => true,
            },
        };
        match &field.default {
            Some(text) => match defaults::parse(text, kind) {
                Some(value) => Ok(Absent::Default(value)),
                None => Err(at(scope, field, &format!("has the default '{}'", short(text)))),
            },
            None if is_explicit => Ok(Absent::Missing),
            None => Ok(Absent::Default(defaults::zero(kind, &self.enums))),
        }
    }

    fn kind(&self, scope: &Scope<'_>, field: &FieldDef) -> Result<Kind, String> {
        Ok(match field.kind {
            1 => Kind::Double,
            2 => Kind::Float,
            3 => Kind::Int64,
            4 => Kind::Uint64,
            5 => Kind::Int32,
            6 => Kind::Fixed64,
            7 => Kind::Fixed32,
            8 => Kind::Bool,
            9 => Kind::Text,
            12 => Kind::Bytes,
            13 => Kind::Uint32,
            15 => Kind::Sfixed32,
            16 => Kind::Sfixed64,
            17 => Kind::Sint32,
            18 => Kind::Sint64,
            // A group, a message, an enum, or what the parser left open.
            10 | 11 | 14 | 0 => match self.resolve(&scope.name, &field.type_name) {
                Some(Named::Message(index)) => Kind::Message(index),
                Some(Named::Enum(index)) => Kind::Enum(index),
                None => {
                    let found = short(&field.type_name);
                    let detail =
                        format!("is of the type '{found}', which neither the schema nor an import defines");
                    return Err(at(scope, field, &detail));
                }
            },
            other => return Err(at(scope, field, &format!("is of the unknown type {other}"))),
        })
    }

    /// From the innermost scope outwards, unless the name begins with a dot.
    fn resolve(&self, scope: &str, name: &str) -> Option<Named> {
        if let Some(full) = name.strip_prefix('.') {
            return self.names.get(full).copied();
        }
        let mut scope = Some(scope);
        while let Some(outer) = scope {
            if let Some(named) = self.names.get(&format!("{outer}.{name}")) {
                return Some(*named);
            }
            scope = outer.rsplit_once('.').map(|(outer, _)| outer);
        }
        self.names.get(name).copied()
    }
}

enum Absent {
    Missing,
    Refused,
    Default(Value<'static>),
}

/// The oneofs get positions without gaps, so that no index of a schema is trusted.
fn distinct(fields: &mut [Field]) -> usize {
    let mut positions = HashMap::new();
    for oneof in fields.iter_mut().filter_map(|field| field.oneof.as_mut()) {
        let next = positions.len();
        *oneof = *positions.entry(*oneof).or_insert(next);
    }
    positions.len()
}

fn repeated(scope: &Scope<'_>, numbers: &[u32]) -> Result<(), String> {
    let mut sorted = numbers.to_vec();
    sorted.sort_unstable();
    match sorted.windows(2).find(|pair| pair[0] == pair[1]) {
        Some(pair) => {
            let name = short(&scope.name);
            Err(format!("two fields of '{name}' have the number {}", pair[0]))
        }
        None => Ok(()),
    }
}

fn at(scope: &Scope<'_>, field: &FieldDef, what: &str) -> String {
    format!(
        "the field '{}' of '{}' {what}",
        short(&field.name),
        short(&scope.name)
    )
}

/// A name for messages to people.
pub(super) fn short(name: &str) -> &str {
    shorten(name, 100)
}

pub(super) fn shorten(text: &str, most: usize) -> &str {
    let mut end = text.len().min(most);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}
