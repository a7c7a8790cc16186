//! JSON: one pass into values that borrow from the record.
//!
//! A reader of our own, because public ones round an integer of more than 64 bits to a float before
//! anyone sees its digits, and end at the first `NaN`, also in a field that no mapping reads (ADR 23).

pub(super) mod values;

use std::borrow::Cow;

use super::parts::Parts;
use super::text::{DEPTH_MAX, place, too_deep, utf8};
use crate::data::{Decode, Object, Reason, RecordError, Value};

/// Integers of so many digits are within 64 bits.
const I64_DIGITS: usize = 18;
/// Numbers of so many digits and a point are below 2^53 without it.
const F64_DIGITS: usize = 16;
/// Floats that are exact.
const POWERS: [f64; F64_DIGITS] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15,
];

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

/// The bytes of each value of a file, or of each element where the file is one array.
pub(super) fn parts(file: &[u8]) -> Parts<'_> {
    let mut reader = match Reader::of(file) {
        Ok(reader) => reader,
        Err(error) => return Parts::none(error),
    };
    if reader.peek() == Some(b'[') {
        reader.at += 1;
        let elements = Parts::read(|| reader.element());
        // What follows an array makes it one value of several.
        if elements.stopped.is_some() || reader.peek().is_none() {
            return elements;
        }
        reader.at = 0;
    }
    Parts::read(|| match reader.peek() {
        Some(_) => reader.skip().map(Some),
        None => Ok(None),
    })
}

struct Reader<'a> {
    text: &'a str,
    /// The byte that is read next.
    at: usize,
}

impl<'a> Reader<'a> {
    /// The next element of an array, or nothing behind its last one.
    fn element(&mut self) -> Result<Option<&'a [u8]>, RecordError> {
        if self.peek() == Some(b']') {
            self.at += 1;
            return Ok(None);
        }
        let element = self.skip()?;
        match self.peek() {
            Some(b',') => self.at += 1,
            Some(b']') => {}
            _ => return Err(self.expected("',' or ']'")),
        }
        Ok(Some(element))
    }

    fn skip(&mut self) -> Result<&'a [u8], RecordError> {
        self.peek();
        let start = self.at;
        self.value(0)?;
        Ok(&self.text.as_bytes()[start..self.at])
    }

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
        let mut fields = Vec::with_capacity(8);
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
        let is_negative = self.byte() == Some(b'-');
        if is_negative {
            self.at += 1;
            if self.byte() == Some(b'I') {
                return self.word("Infinity", Value::Float(f64::NEG_INFINITY));
            }
        }
        let first = self.at;
        let mut digits = 0;
        if self.byte() == Some(b'0') {
            self.at += 1;
        } else {
            digits = self.digits(digits)?;
        }
        let point = self.at;
        if self.byte() == Some(b'.') {
            self.at += 1;
            digits = self.digits(digits)?;
        }
        let end = self.at;
        if let Some(b'e' | b'E') = self.byte() {
            self.at += 1;
            if let Some(b'+' | b'-') = self.byte() {
                self.at += 1;
            }
            self.digits(0)?;
        }
        let text = &self.text[start..self.at];
        if self.at == point {
            if end - first <= I64_DIGITS {
                let number = digits.cast_signed();
                return Ok(Value::Int(if is_negative { -number } else { number }));
            }
            let fits = text.parse().map(Value::Int);
            return Ok(fits.unwrap_or(Value::BigInt(Cow::Borrowed(text))));
        }
        // Both are exact, so that their quotient is rounded once, as the nearest float is.
        if self.at == end && end - first <= F64_DIGITS {
            let quotient = digits as f64 / POWERS[end - point - 1];
            return Ok(Value::Float(if is_negative { -quotient } else { quotient }));
        }
        text.parse()
            .map(Value::Float)
            .map_err(|_| self.expected("a number"))
    }

    /// At least one digit, behind those that were read before; a number of more than 19 overflows.
    fn digits(&mut self, before: u64) -> Result<u64, RecordError> {
        let start = self.at;
        let mut number = before;
        while let Some(digit @ b'0'..=b'9') = self.byte() {
            number = number.wrapping_mul(10).wrapping_add(u64::from(digit - b'0'));
            self.at += 1;
        }
        match self.at > start {
            true => Ok(number),
            false => Err(self.expected("a digit")),
        }
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
