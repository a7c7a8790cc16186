//! JSON: one pass into values that borrow from the record.
//!
//! A reader of our own, because public ones round an integer of more than 64 bits to a float before
//! anyone sees its digits, and end at the first `NaN`, also in a field that no mapping reads (ADR 23).

use std::borrow::Cow;

use super::text::{DEPTH_MAX, place, too_deep, utf8};
use crate::data::{Decode, Object, Reason, RecordError, Value};

/// A record that is one JSON value.
#[derive(Debug)]
pub struct Json;

/// A record of several JSON values, one behind the other, as on the lines of NDJSON.
#[derive(Debug)]
pub struct Ndjson;

impl Decode for Json {
    fn decode<'a>(&'a self, payload: &'a [u8]) -> Result<Value<'a>, RecordError> {
        let mut reader = Reader::of(payload)?;
        let value = reader.value(0)?;
        match reader.peek() {
            None => Ok(value),
            Some(_) => Err(reader.expected("nothing more, as a record is one JSON value")),
        }
    }
}

impl Decode for Ndjson {
    fn decode<'a>(&'a self, payload: &'a [u8]) -> Result<Value<'a>, RecordError> {
        let mut reader = Reader::of(payload)?;
        let mut values = Vec::new();
        while reader.peek().is_some() {
            values.push(reader.value(0)?);
        }
        Ok(Value::List(values))
    }
}

struct Reader<'a> {
    text: &'a str,
    /// The byte that is read next.
    at: usize,
}

impl<'a> Reader<'a> {
    fn of(payload: &'a [u8]) -> Result<Self, RecordError> {
        let text = utf8(payload, Reason::NotJson)?;
        Ok(Self { text, at: 0 })
    }

    fn value(&mut self, depth: usize) -> Result<Value<'a>, RecordError> {
        match self.peek() {
            Some(b'"') => self.string().map(Value::Text),
            Some(b'{') => self.object(depth + 1),
            Some(b'[') => self.list(depth + 1),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b't') => self.word("true", Value::Bool(true)),
            Some(b'f') => self.word("false", Value::Bool(false)),
            Some(b'n') => self.word("null", Value::Null),
            // JSON has no such numbers, but many producers write them. Whether a field with one
            // may be there is for the mapping to say.
            Some(b'N') => self.word("NaN", Value::Float(f64::NAN)),
            Some(b'I') => self.word("Infinity", Value::Float(f64::INFINITY)),
            _ => Err(self.expected("a JSON value")),
        }
    }

    fn object(&mut self, depth: usize) -> Result<Value<'a>, RecordError> {
        self.enter(depth)?;
        if self.peek() == Some(b'}') {
            self.at += 1;
            return Ok(Value::Object(Object::default()));
        }
        let mut fields = Vec::with_capacity(4);
        loop {
            if self.peek() != Some(b'"') {
                return Err(self.expected("a field name in double quotes"));
            }
            let name = self.string()?;
            if self.peek() != Some(b':') {
                return Err(self.expected("':'"));
            }
            self.at += 1;
            fields.push((name, self.value(depth)?));
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b'}') => break,
                _ => return Err(self.expected("',' or '}'")),
            }
        }
        self.at += 1;
        Ok(Value::Object(Object(fields)))
    }

    fn list(&mut self, depth: usize) -> Result<Value<'a>, RecordError> {
        self.enter(depth)?;
        let mut items = Vec::new();
        if self.peek() != Some(b']') {
            loop {
                items.push(self.value(depth)?);
                match self.peek() {
                    Some(b',') => self.at += 1,
                    Some(b']') => break,
                    _ => return Err(self.expected("',' or ']'")),
                }
            }
        }
        self.at += 1;
        Ok(Value::List(items))
    }

    fn enter(&mut self, depth: usize) -> Result<(), RecordError> {
        if depth > DEPTH_MAX {
            return Err(too_deep(&self.place()));
        }
        self.at += 1;
        Ok(())
    }

    /// An integer that fits into 64 bits is one; a longer one keeps its digits; what has a fraction
    /// or an exponent is the nearest float, infinite where there is none.
    fn number(&mut self) -> Result<Value<'a>, RecordError> {
        let start = self.at;
        if self.byte() == Some(b'-') {
            self.at += 1;
            if self.byte() == Some(b'I') {
                return self.word("Infinity", Value::Float(f64::NEG_INFINITY));
            }
        }
        let mut is_integer = true;
        if self.byte() == Some(b'0') {
            self.at += 1;
        } else {
            self.digits()?;
        }
        if self.byte() == Some(b'.') {
            self.at += 1;
            self.digits()?;
            is_integer = false;
        }
        if let Some(b'e' | b'E') = self.byte() {
            self.at += 1;
            if let Some(b'+' | b'-') = self.byte() {
                self.at += 1;
            }
            self.digits()?;
            is_integer = false;
        }
        let text = &self.text[start..self.at];
        if is_integer {
            let fits = text.parse().map(Value::Int);
            return Ok(fits.unwrap_or(Value::BigInt(Cow::Borrowed(text))));
        }
        text.parse()
            .map(Value::Float)
            .map_err(|_| self.expected("a number"))
    }

    fn digits(&mut self) -> Result<(), RecordError> {
        let start = self.at;
        while let Some(b'0'..=b'9') = self.byte() {
            self.at += 1;
        }
        if self.at == start {
            return Err(self.expected("a digit"));
        }
        Ok(())
    }

    fn word(&mut self, word: &str, value: Value<'a>) -> Result<Value<'a>, RecordError> {
        if self.text[self.at..].starts_with(word) {
            self.at += word.len();
            return Ok(value);
        }
        Err(self.expected("a JSON value"))
    }

    /// Borrowed unless it holds escapes.
    fn string(&mut self) -> Result<Cow<'a, str>, RecordError> {
        self.at += 1;
        let plain = self.run()?;
        if self.byte() == Some(b'"') {
            self.at += 1;
            return Ok(Cow::Borrowed(plain));
        }
        let mut text = plain.to_owned();
        loop {
            // At the backslash.
            self.at += 1;
            text.push(self.escape()?);
            text.push_str(self.run()?);
            if self.byte() == Some(b'"') {
                self.at += 1;
                return Ok(Cow::Owned(text));
            }
        }
    }

    /// What stands before the next quote or backslash.
    fn run(&mut self) -> Result<&'a str, RecordError> {
        let rest = &self.text.as_bytes()[self.at..];
        let start = self.at;
        let ends = |byte: &u8| matches!(byte, b'"' | b'\\' | 0..=0x1f);
        self.at += rest.iter().position(ends).unwrap_or(rest.len());
        match self.byte() {
            Some(b'"' | b'\\') => Ok(&self.text[start..self.at]),
            _ => Err(self.expected("'\"' to end a text, in which control characters are escaped")),
        }
    }

    fn escape(&mut self) -> Result<char, RecordError> {
        let escaped = match self.byte() {
            Some(b'u') => {
                self.at += 1;
                return self.unicode();
            }
            Some(plain @ (b'"' | b'\\' | b'/')) => plain as char,
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            _ => return Err(self.expected("one of \"\\/bfnrtu after '\\'")),
        };
        self.at += 1;
        Ok(escaped)
    }

    /// One character: of a code beyond 16 bits both halves.
    fn unicode(&mut self) -> Result<char, RecordError> {
        let mut code = self.four_digits()?;
        if (0xd800..0xdc00).contains(&code) && self.text[self.at..].starts_with("\\u") {
            self.at += 2;
            let low = self.four_digits()?;
            code = match low {
                0xdc00..0xe000 => 0x1_0000 + ((code - 0xd800) << 10) + (low - 0xdc00),
                _ => code,
            };
        }
        char::from_u32(code).ok_or_else(|| self.expected("both halves of a surrogate pair"))
    }

    fn four_digits(&mut self) -> Result<u32, RecordError> {
        let digits = self.text.get(self.at..self.at + 4);
        let digits = digits.filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
        match digits.map(|digits| u32::from_str_radix(digits, 16)) {
            Some(Ok(code)) => {
                self.at += 4;
                Ok(code)
            }
            _ => Err(self.expected("four hexadecimal digits after '\\u'")),
        }
    }

    fn byte(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// The next byte that is no white space.
    fn peek(&mut self) -> Option<u8> {
        while let Some(b' ' | b'\n' | b'\r' | b'\t') = self.byte() {
            self.at += 1;
        }
        self.byte()
    }

    fn expected(&self, what: &str) -> RecordError {
        let found = match self.text.get(self.at..).and_then(|rest| rest.chars().next()) {
            Some(found) => format!("found {found:?}"),
            None => "but the record ends".to_owned(),
        };
        not_json(format!("expected {what}, {found} at {}", self.place()))
    }

    fn place(&self) -> String {
        place(&self.text.as_bytes()[..self.at])
    }
}

fn not_json(detail: impl Into<String>) -> RecordError {
    RecordError::new(Reason::NotJson, detail)
}

#[cfg(test)]
mod tests;
