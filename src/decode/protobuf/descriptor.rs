//! Definitions of messages and enums, from a serialized `FileDescriptorSet`: what `protoc -o` writes, and
//! what the parser of `.proto` texts gives.
//!
//! A reader of our own, because the crates' types lack the features of editions.

use std::ops::Range;

use super::wire::{Fault, Form, Wire, Wired};

/// Messages inside each other; a definition that is deeper is refused.
const NESTED_MAX: usize = 64;

#[derive(Debug, Default)]
pub(super) struct File {
    pub name: String,
    pub package: String,
    pub imports: Vec<String>,
    pub messages: Vec<MessageDef>,
    pub enums: Vec<EnumDef>,
    pub syntax: String,
    pub presence: Presence,
}

#[derive(Debug, Default)]
pub(super) struct MessageDef {
    pub name: String,
    pub fields: Vec<FieldDef>,
    pub messages: Vec<MessageDef>,
    pub enums: Vec<EnumDef>,
    pub is_map_entry: bool,
    pub presence: Presence,
}

#[derive(Debug, Default)]
pub(super) struct FieldDef {
    pub name: String,
    pub number: u64,
    pub label: u64,
    /// 0 where the parser leaves it to whoever resolves the name of the type.
    pub kind: u64,
    pub type_name: String,
    pub default: Option<String>,
    pub oneof: Option<u64>,
    pub proto3_optional: bool,
    pub presence: Presence,
}

#[derive(Debug, Default)]
pub(super) struct EnumDef {
    pub name: String,
    /// In their order.
    pub values: Vec<(i32, String)>,
}

/// The feature `field_presence` of editions, where it is set.
pub(super) type Presence = Option<u64>;

/// The files of a set in their order, or the one file that this is.
pub(super) fn files(bytes: &[u8]) -> Result<Vec<File>, String> {
    let mut reader = Definitions { bytes };
    let mut is_set = true;
    reader.each(0..bytes.len(), |_, number, _| {
        is_set &= number == 1;
        Ok(())
    })?;
    if !is_set {
        return Ok(vec![file(bytes)?]);
    }
    let mut files = Vec::new();
    reader.each(0..bytes.len(), |reader, _, wired| {
        files.push(reader.file(wired)?);
        Ok(())
    })?;
    Ok(files)
}

/// A serialized `FileDescriptorProto`.
pub(super) fn file(bytes: &[u8]) -> Result<File, String> {
    let whole = Wired {
        form: Form::Bytes,
        end: bytes.len(),
        ..Wired::default()
    };
    Definitions { bytes }.file(&whole)
}

struct Definitions<'a> {
    bytes: &'a [u8],
}

impl Definitions<'_> {
    fn each(
        &mut self,
        part: Range<usize>,
        mut take: impl FnMut(&mut Self, u32, &Wired) -> Result<(), String>,
    ) -> Result<(), String> {
        let mut wire = Wire::new(self.bytes, part);
        let mut field = Wired::default();
        while wire.field(&mut field).map_err(|fault| refused(fault, wire.at))? {
            take(self, field.number, &field)?;
        }
        Ok(())
    }

    fn message(
        &mut self,
        wired: &Wired,
        take: impl FnMut(&mut Self, u32, &Wired) -> Result<(), String>,
    ) -> Result<(), String> {
        match wired.form {
            Form::Bytes => self.each(wired.range(), take),
            _ => Err(foreign()),
        }
    }

    fn text(&self, wired: &Wired) -> Result<String, String> {
        if wired.form != Form::Bytes {
            return Err(foreign());
        }
        match std::str::from_utf8(&self.bytes[wired.range()]) {
            Ok(text) => Ok(text.to_owned()),
            Err(_) => Err("the schema is no descriptor set: found a name that is not UTF-8".to_owned()),
        }
    }

    fn file(&mut self, wired: &Wired) -> Result<File, String> {
        let mut file = File::default();
        self.message(wired, |reader, number, wired| {
            match number {
                1 => file.name = reader.text(wired)?,
                2 => file.package = reader.text(wired)?,
                3 => file.imports.push(reader.text(wired)?),
                4 => file.messages.push(reader.definition(wired, 1)?),
                5 => file.enums.push(reader.names(wired)?),
                8 => file.presence = reader.presence(wired, 50)?,
                12 => file.syntax = reader.text(wired)?,
                _ => {}
            }
            Ok(())
        })?;
        Ok(file)
    }

    fn definition(&mut self, wired: &Wired, depth: usize) -> Result<MessageDef, String> {
        if depth > NESTED_MAX {
            let detail = format!("the schema defines messages inside each other deeper than {NESTED_MAX}");
            return Err(detail);
        }
        let mut message = MessageDef::default();
        self.message(wired, |reader, number, wired| {
            match number {
                1 => message.name = reader.text(wired)?,
                2 => message.fields.push(reader.field(wired)?),
                3 => message.messages.push(reader.definition(wired, depth + 1)?),
                4 => message.enums.push(reader.names(wired)?),
                7 => {
                    message.presence = reader.presence(wired, 12)?;
                    reader.message(wired, |_, number, wired| {
                        if number == 7 {
                            message.is_map_entry = count(wired)? != 0;
                        }
                        Ok(())
                    })?;
                }
                _ => {}
            }
            Ok(())
        })?;
        Ok(message)
    }

    fn field(&mut self, wired: &Wired) -> Result<FieldDef, String> {
        let mut field = FieldDef::default();
        self.message(wired, |reader, number, wired| {
            match number {
                1 => field.name = reader.text(wired)?,
                3 => field.number = count(wired)?,
                4 => field.label = count(wired)?,
                5 => field.kind = count(wired)?,
                6 => field.type_name = reader.text(wired)?,
                7 => field.default = Some(reader.text(wired)?),
                8 => field.presence = reader.presence(wired, 21)?,
                9 => field.oneof = Some(count(wired)?),
                17 => field.proto3_optional = count(wired)? != 0,
                _ => {}
            }
            Ok(())
        })?;
        Ok(field)
    }

    fn names(&mut self, wired: &Wired) -> Result<EnumDef, String> {
        let mut names = EnumDef::default();
        self.message(wired, |reader, number, wired| {
            match number {
                1 => names.name = reader.text(wired)?,
                2 => {
                    let mut value = (0, String::new());
                    reader.message(wired, |reader, number, wired| {
                        match number {
                            1 => value.1 = reader.text(wired)?,
                            2 => value.0 = count(wired)? as i32,
                            _ => {}
                        }
                        Ok(())
                    })?;
                    names.values.push(value);
                }
                _ => {}
            }
            Ok(())
        })?;
        Ok(names)
    }

    /// `features` is the number of these in the options.
    fn presence(&mut self, options: &Wired, features: u32) -> Result<Presence, String> {
        let mut presence = None;
        self.message(options, |reader, number, wired| match number == features {
            false => Ok(()),
            true => reader.message(wired, |_, number, wired| {
                if number == 1 {
                    presence = Some(count(wired)?);
                }
                Ok(())
            }),
        })?;
        Ok(presence)
    }
}

fn count(wired: &Wired) -> Result<u64, String> {
    match wired.form {
        Form::Varint => Ok(wired.bits),
        _ => Err(foreign()),
    }
}

fn foreign() -> String {
    "the schema is no descriptor set: found a field of another wire type than descriptors have".to_owned()
}

fn refused(fault: Fault, at: usize) -> String {
    format!(
        "the schema is no descriptor set: found {} at byte {at}",
        fault.found()
    )
}
