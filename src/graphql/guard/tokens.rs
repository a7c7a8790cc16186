//! Splits a document into tokens as `parse_query` does, in one pass and without recursion.
//!
//! Strings differ: the specification's `\ud83d\ude00` and `\u{1F600}` are rewritten into characters,
//! since async-graphql's grammar knows neither. Blanks after the string keep the columns of what
//! follows.

use async_graphql::Pos;

use super::errors::{LOSES_DIGITS, loses_digits};
use crate::graphql::errors::Code;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Token<'a> {
    Name(&'a str),
    /// `...`
    Spread,
    /// `{`, `[`, `(` and what closes them.
    Open(u8),
    Close(u8),
    /// Any other punctuator.
    Mark(u8),
    /// A number or a string.
    Value,
}

/// Why a document cannot be read, and at which byte.
#[derive(Debug, PartialEq, Eq)]
pub struct Unreadable {
    pub code: Code,
    pub what: String,
    pub at: usize,
}

pub struct Tokens<'a> {
    text: &'a str,
    at: usize,
    rewritten: String,
    /// How many bytes of the text are in `rewritten`.
    copied: usize,
}

impl<'a> Tokens<'a> {
    pub fn new(text: &'a str) -> Self {
        Self {
            text,
            at: 0,
            rewritten: String::new(),
            copied: 0,
        }
    }

    /// The next token and where it begins.
    pub fn next(&mut self) -> Result<Option<(Token<'a>, usize)>, Unreadable> {
        self.skip_ignored();
        let from = self.at;
        let Some(first) = self.peek(0) else {
            return Ok(None);
        };
        let token = match first {
            b'_' | b'a'..=b'z' | b'A'..=b'Z' => {
                self.skip(|byte| byte == b'_' || byte.is_ascii_alphanumeric());
                Token::Name(&self.text[from..self.at])
            }
            b'{' | b'[' | b'(' => self.one(Token::Open(first)),
            b'}' | b']' | b')' => self.one(Token::Close(first)),
            b'!' | b'$' | b'&' | b':' | b'=' | b'@' | b'|' => self.one(Token::Mark(first)),
            b'.' if self.text[from..].starts_with("...") => {
                self.at += 3;
                Token::Spread
            }
            b'-' | b'0'..=b'9' => {
                self.number();
                if loses_digits(&self.text[from..self.at]) {
                    let code = Code::BadUserInput;
                    return Err(Unreadable {
                        code,
                        ..unreadable(LOSES_DIGITS, from)
                    });
                }
                Token::Value
            }
            b'"' if self.text[from..].starts_with("\"\"\"") => self.block_string()?,
            b'"' => self.string()?,
            _ => {
                let found = self.text[from..].chars().next().unwrap_or_default();
                return Err(unreadable(format!("unexpected character {found:?}"), from));
            }
        };
        Ok(Some((token, from)))
    }

    /// The text for async-graphql's grammar; `None` when it is the one given.
    pub fn rewritten(mut self) -> Option<String> {
        if self.copied == 0 {
            return None;
        }
        self.rewritten.push_str(&self.text[self.copied..]);
        Some(self.rewritten)
    }

    fn peek(&self, ahead: usize) -> Option<u8> {
        self.text.as_bytes().get(self.at + ahead).copied()
    }

    fn one(&mut self, token: Token<'a>) -> Token<'a> {
        self.at += 1;
        token
    }

    fn skip(&mut self, is: impl Fn(u8) -> bool) {
        while self.peek(0).is_some_and(&is) {
            self.at += 1;
        }
    }

    fn skip_ignored(&mut self) {
        const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";
        loop {
            match self.peek(0) {
                Some(b' ' | b'\t' | b'\n' | b'\r' | b',') => self.at += 1,
                Some(b'#') => self.skip(|byte| byte != b'\n' && byte != b'\r'),
                Some(0xef) if self.text.as_bytes()[self.at..].starts_with(BYTE_ORDER_MARK) => self.at += 3,
                _ => return,
            }
        }
    }

    fn number(&mut self) {
        self.at += 1;
        self.skip(|byte| byte.is_ascii_digit());
        if self.peek(0) == Some(b'.') && self.peek(1).is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
            self.skip(|byte| byte.is_ascii_digit());
        }
        if matches!(self.peek(0), Some(b'e' | b'E')) {
            let sign = usize::from(matches!(self.peek(1), Some(b'+' | b'-')));
            if self.peek(1 + sign).is_some_and(|byte| byte.is_ascii_digit()) {
                self.at += 1 + sign;
                self.skip(|byte| byte.is_ascii_digit());
            }
        }
    }

    fn block_string(&mut self) -> Result<Token<'a>, Unreadable> {
        let from = self.at;
        self.at += 3;
        loop {
            let rest = &self.text.as_bytes()[self.at..];
            if rest.starts_with(b"\\\"\"\"") {
                self.at += 4;
            } else if rest.starts_with(b"\"\"\"") {
                self.at += 3;
                return Ok(Token::Value);
            } else if rest.is_empty() {
                return Err(unreadable("the block string does not end", from));
            } else {
                self.at += 1;
            }
        }
    }

    fn string(&mut self) -> Result<Token<'a>, Unreadable> {
        let from = self.at;
        // Columns that rewriting removed.
        let mut lost = 0;
        self.at += 1;
        loop {
            match self.peek(0) {
                Some(b'"') => {
                    self.at += 1;
                    if lost > 0 {
                        self.copy(self.at);
                        self.rewritten.extend(std::iter::repeat_n(' ', lost));
                    }
                    return Ok(Token::Value);
                }
                None | Some(b'\n' | b'\r') => return Err(unreadable("the string does not end", from)),
                Some(b'\\') => match self.peek(1) {
                    Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => self.at += 2,
                    Some(b'u') => lost += self.unicode_escape()?,
                    _ => return Err(unreadable("no such escape in a string", self.at)),
                },
                Some(_) => self.at += 1,
            }
        }
    }

    /// Returns how many columns it is shorter in the rewritten text.
    fn unicode_escape(&mut self) -> Result<usize, Unreadable> {
        let from = self.at;
        let wrong = |what: &str| unreadable(what, from);
        let no_escape = "\\u needs four hexadecimal digits, or braces around some";
        let (code, end) = if self.peek(2) == Some(b'{') {
            let digits = self.text[from + 3..].split('}').next().unwrap_or_default();
            let code = hexadecimal(digits).ok_or_else(|| wrong(no_escape))?;
            (code, from + 3 + digits.len() + 1)
        } else {
            let first = self.four_digits(from).ok_or_else(|| wrong(no_escape))?;
            match first {
                0xd800..0xdc00 => {
                    let second = self.four_digits(from + 6);
                    let low = second.filter(|low| (0xdc00..0xe000).contains(low));
                    let low = low.ok_or_else(|| wrong("half of a surrogate pair in a string"))?;
                    (0x10000 + ((first - 0xd800) << 10) + (low - 0xdc00), from + 12)
                }
                0xdc00..0xe000 => return Err(wrong("half of a surrogate pair in a string")),
                _ => {
                    self.at += 6;
                    return Ok(0);
                }
            }
        };
        if end > self.text.len() {
            return Err(wrong(no_escape));
        }
        let found = char::from_u32(code).ok_or_else(|| wrong("no such character"))?;
        self.copy(from);
        let before = self.rewritten.len();
        match found {
            '"' | '\\' | '\0'..'\u{20}' => self.rewritten.push_str(&format!("\\u{code:04x}")),
            _ => self.rewritten.push(found),
        }
        let columns = self.rewritten[before..].chars().count();
        self.copied = end;
        self.at = end;
        Ok((end - from).saturating_sub(columns))
    }

    /// The value of `\uXXXX` at this place.
    fn four_digits(&self, at: usize) -> Option<u32> {
        let digits = self.text.get(at..at + 6)?.strip_prefix("\\u")?;
        hexadecimal(digits)
    }

    fn copy(&mut self, to: usize) {
        self.rewritten.push_str(&self.text[self.copied..to]);
        self.copied = to;
    }
}

/// Line and column of a byte, as async-graphql counts them.
pub fn position(text: &str, at: usize) -> Pos {
    let (mut line, mut column) = (1, 1);
    for found in text[..at].chars() {
        match found {
            '\r' => column = 1,
            '\n' => (line, column) = (line + 1, 1),
            _ => column += 1,
        }
    }
    Pos { line, column }
}

fn hexadecimal(digits: &str) -> Option<u32> {
    // `from_str_radix` would accept a sign.
    let all = !digits.is_empty() && digits.len() <= 8 && digits.bytes().all(|b| b.is_ascii_hexdigit());
    all.then(|| u32::from_str_radix(digits, 16).ok()).flatten()
}

/// # Errors
/// `count` is more than `most`, for which `what` has the words.
pub fn at_most(
    count: usize,
    most: usize,
    at: usize,
    what: impl Fn(usize) -> String,
) -> Result<(), Unreadable> {
    if count > most {
        return Err(unreadable(what(most), at));
    }
    Ok(())
}

pub fn unreadable(what: impl Into<String>, at: usize) -> Unreadable {
    Unreadable {
        code: Code::GraphqlValidationFailed,
        what: what.into(),
        at,
    }
}
