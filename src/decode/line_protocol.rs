//! InfluxDB's line protocol: each line becomes an object with `measurement`, `tags`, `fields` and, where
//! the line has one, `time`.
//!
//! `measurement[,tag=value…] field=value[,field=value…] [time]`. A backslash escapes a comma, a blank
//! and, outside a measurement, an equals sign; before anything else it stands for itself. Only the
//! text of a field is in quotes.

use std::borrow::Cow;

use super::parts::Parts;
use super::text::{place_behind, utf8};
use crate::data::{Decode, Object, Reason, RecordError, Value};

/// What a backslash escapes in tags and the keys of fields.
const ESCAPES: &[char] = &[',', ' ', '='];

#[derive(Debug)]
pub struct LineProtocol;

impl Decode for LineProtocol {
    fn decode<'a>(&'a self, payload: &'a [u8]) -> Result<Value<'a>, RecordError> {
        let text = utf8(payload, Reason::NotLineProtocol)?;
        let mut reader = Reader::of(text);
        let mut lines = Vec::new();
        while reader.finds_line() {
            lines.push(Value::Object(reader.line()?));
        }
        Ok(Value::List(lines))
    }
}

/// The bytes of each line of a file.
pub(super) fn parts(file: &[u8]) -> Parts<'_> {
    let text = match utf8(file, Reason::NotLineProtocol) {
        Ok(text) => text,
        Err(error) => return Parts::none(error),
    };
    let mut reader = Reader::of(text);
    Parts::read(|| {
        if !reader.finds_line() {
            return Ok(None);
        }
        let start = reader.at;
        reader.line()?;
        Ok(Some(&file[start..reader.at]))
    })
}

/// Lines that are read one by one: behind a bad one it goes on with the next.
#[derive(Debug)]
pub struct Lines<'a> {
    reader: Reader<'a>,
    /// From the first line on that is not UTF-8.
    rest: &'a [u8],
}

pub fn lines(body: &[u8]) -> Lines<'_> {
    Lines {
        reader: Reader::of(""),
        rest: body.strip_prefix("\u{feff}".as_bytes()).unwrap_or(body),
    }
}

impl<'a> Iterator for Lines<'a> {
    /// The number of the line, and what it holds.
    type Item = (usize, Result<Object<'a>, RecordError>);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let reader = &mut self.reader;
            if reader.finds_line() {
                let (number, start) = (reader.lines + 1, reader.at);
                let line = reader.line();
                if line.is_err() {
                    let rest = &reader.text[start..];
                    reader.at = start + rest.find('\n').unwrap_or(rest.len());
                }
                return Some((number, line));
            }
            if self.rest.is_empty() {
                return None;
            }
            let begun = reader.lines;
            let valid = match std::str::from_utf8(self.rest) {
                Ok(_) => self.rest.len(),
                Err(error) => end_of_last_line(&self.rest[..error.valid_up_to()]),
            };
            let (text, rest) = self.rest.split_at(valid);
            if let (0, Err(error)) = (valid, utf8(rest, Reason::NotLineProtocol)) {
                let end = rest.iter().position(|byte| *byte == b'\n');
                self.rest = &rest[end.map_or(rest.len(), |at| at + 1)..];
                reader.lines += 1;
                return Some((begun + 1, Err(error)));
            }
            self.rest = rest;
            self.reader = Reader::of(std::str::from_utf8(text).unwrap_or_default());
            self.reader.lines = begun;
        }
    }
}

/// Behind the last line end.
fn end_of_last_line(text: &[u8]) -> usize {
    let last = text.iter().rposition(|byte| *byte == b'\n');
    last.map_or(0, |at| at + 1)
}

#[derive(Debug)]
struct Reader<'a> {
    text: &'a str,
    /// The byte that is read next.
    at: usize,
    /// Lines that have ended, and where the next one begins.
    lines: usize,
    start: usize,
}

impl<'a> Reader<'a> {
    const fn of(text: &'a str) -> Self {
        Self {
            text,
            at: 0,
            lines: 0,
            start: 0,
        }
    }

    /// Over blank lines and comments; false at the end.
    fn finds_line(&mut self) -> bool {
        let found = loop {
            match self.byte() {
                Some(b' ' | b'\t' | b'\n' | b'\0') => self.at += 1,
                Some(b'\r') if self.ends_line() => self.at += 1,
                Some(b'#') => {
                    let rest = &self.text[self.at..];
                    self.at += rest.find('\n').unwrap_or(rest.len());
                }
                Some(_) => break true,
                None => break false,
            }
        };
        let passed = &self.text.as_bytes()[self.start..self.at];
        self.lines += passed.iter().filter(|byte| **byte == b'\n').count();
        self.start += end_of_last_line(passed);
        found
    }

    fn line(&mut self) -> Result<Object<'a>, RecordError> {
        let measurement = self.name("a measurement", b", ", &[',', ' '])?;
        let mut tags = Vec::new();
        while self.takes(b',') {
            let key = self.name("the key of a tag", b"=, ", ESCAPES)?;
            self.expect(b'=', "'=' behind the key of a tag")?;
            tags.push((
                key,
                Value::Text(self.name("the value of a tag", b",= ", ESCAPES)?),
            ));
        }
        self.expect(b' ', "a blank before the fields")?;
        self.skip_blanks();
        let mut fields = Vec::with_capacity(4);
        loop {
            let key = self.name("the key of a field", b"=, ", ESCAPES)?;
            self.expect(b'=', "'=' behind the key of a field")?;
            fields.push((key, self.value()?));
            if !self.takes(b',') {
                break;
            }
        }
        let mut object = Vec::with_capacity(4);
        object.push(("measurement".into(), Value::Text(measurement)));
        object.push(("tags".into(), Value::Object(Object(tags))));
        object.push(("fields".into(), Value::Object(Object(fields))));
        if self.takes(b' ') {
            self.skip_blanks();
            if let Some(time) = self.time()? {
                object.push(("time".into(), Value::Int(time)));
            }
            self.skip_blanks();
        }
        match self.ends_line() {
            true => Ok(Object(object)),
            false => Err(self.expected("the end of the line")),
        }
    }

    fn time(&mut self) -> Result<Option<i64>, RecordError> {
        let text = self.run(b" \r\n");
        if text.is_empty() {
            return Ok(None);
        }
        match text.parse() {
            Ok(time) if !text.starts_with('+') => Ok(Some(time)),
            _ => Err(self.expected("a time as a whole number")),
        }
    }

    /// A carriage return alone ends none.
    fn ends_line(&self) -> bool {
        match self.byte() {
            None | Some(b'\n') => true,
            Some(b'\r') => matches!(self.text.as_bytes().get(self.at + 1), None | Some(b'\n')),
            Some(_) => false,
        }
    }

    /// A name up to one of `ends` or the end of the line, without its escapes.
    fn name(&mut self, what: &str, ends: &[u8], escapes: &[char]) -> Result<Cow<'a, str>, RecordError> {
        let start = self.at;
        let mut is_escaped = false;
        while let Some(byte) = self.byte() {
            match byte {
                b'\r' | b'\n' => break,
                b'\\' if self.escapes(escapes) => {
                    is_escaped = true;
                    self.at += 2;
                }
                end if ends.contains(&end) => break,
                _ => self.at += 1,
            }
        }
        if self.at == start {
            return Err(self.expected(what));
        }
        let name = &self.text[start..self.at];
        Ok(match is_escaped {
            true => Cow::Owned(unescaped(name, escapes)),
            false => Cow::Borrowed(name),
        })
    }

    /// Whether the backslash here escapes one of these.
    fn escapes(&self, escapes: &[char]) -> bool {
        let next = self.text.as_bytes().get(self.at + 1);
        next.is_some_and(|byte| escapes.contains(&char::from(*byte)))
    }

    fn value(&mut self) -> Result<Value<'a>, RecordError> {
        if self.takes(b'"') {
            return self.quoted();
        }
        let start = self.at;
        let text = self.run(b", \r\n");
        let number = match text {
            "t" | "T" | "true" | "True" | "TRUE" => Some(Value::Bool(true)),
            "f" | "F" | "false" | "False" | "FALSE" => Some(Value::Bool(false)),
            _ => number(text),
        };
        number.ok_or_else(|| {
            self.at = start;
            self.expected("a number, a boolean or a text in quotes")
        })
    }

    fn quoted(&mut self) -> Result<Value<'a>, RecordError> {
        let start = self.at;
        loop {
            match self.byte() {
                Some(b'"') => break,
                Some(b'\\') if self.escapes(&['"', '\\']) => self.at += 2,
                Some(_) => self.at += 1,
                None => return Err(self.expected("'\"' to end a text")),
            }
        }
        let text = &self.text[start..self.at];
        self.at += 1;
        Ok(Value::Text(match text.contains('\\') {
            true => Cow::Owned(unescaped(text, &['"', '\\'])),
            false => Cow::Borrowed(text),
        }))
    }

    /// Up to one of `ends`, or to the end.
    fn run(&mut self, ends: &[u8]) -> &'a str {
        let rest = &self.text[self.at..];
        let length = rest
            .bytes()
            .position(|byte| ends.contains(&byte))
            .unwrap_or(rest.len());
        self.at += length;
        &rest[..length]
    }

    fn skip_blanks(&mut self) {
        while self.takes(b' ') {}
    }

    fn takes(&mut self, byte: u8) -> bool {
        let found = self.byte() == Some(byte);
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, byte: u8, what: &str) -> Result<(), RecordError> {
        match self.takes(byte) {
            true => Ok(()),
            false => Err(self.expected(what)),
        }
    }

    fn byte(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn expected(&self, what: &str) -> RecordError {
        let found = match self.text[self.at..].chars().next() {
            Some(found) => format!("found {found:?}"),
            None => "but the record ends".to_owned(),
        };
        let place = place_behind(self.lines, &self.text.as_bytes()[self.start..self.at]);
        RecordError::new(
            Reason::NotLineProtocol,
            format!("expected {what}, {found} at {place}"),
        )
    }
}

/// `5`, `2.5e3`, `5i` or `5u`; words such as `nan` are none.
fn number(text: &str) -> Option<Value<'_>> {
    let suffixed = text.strip_suffix('u').or_else(|| text.strip_suffix('i'));
    if let Some(digits) = suffixed {
        let sign = if text.ends_with('i') { "-" } else { "" };
        let unsigned = digits.strip_prefix(sign).unwrap_or(digits);
        let all_digits = !unsigned.is_empty() && unsigned.bytes().all(|byte| byte.is_ascii_digit());
        return all_digits.then(|| whole(digits));
    }
    let begins = text.strip_prefix('-').unwrap_or(text);
    let is_number = begins.starts_with(|c: char| c.is_ascii_digit() || c == '.');
    is_number.then(|| text.parse().ok().map(Value::Float)).flatten()
}

fn whole(digits: &str) -> Value<'_> {
    if let Ok(whole) = digits.parse() {
        return Value::Int(whole);
    }
    // Equal numbers are equal labels, so that no zeros may stand before one.
    Value::BigInt(match digits.strip_prefix('-') {
        Some(unsigned) => Cow::Owned(format!("-{}", unsigned.trim_start_matches('0'))),
        None => Cow::Borrowed(digits.trim_start_matches('0')),
    })
}

/// Without the backslashes before any of these.
fn unescaped(text: &str, escapes: &[char]) -> String {
    let mut plain = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        plain.push_str(&rest[..at]);
        let behind = &rest[at + 1..];
        match behind.chars().next() {
            Some(escaped) if escapes.contains(&escaped) => {
                plain.push(escaped);
                rest = &behind[escaped.len_utf8()..];
            }
            _ => {
                plain.push('\\');
                rest = behind;
            }
        }
    }
    plain + rest
}

#[cfg(test)]
mod tests;
