//! JSON from clients, bounded before it is parsed.

use serde_json::Value;

use super::errors::{LOSES_DIGITS, loses_digits};
use crate::graphql::limits::{JSON_DEPTH_MAX, JSON_VALUES_MAX};

/// # Errors
/// Why it is refused, in words for the client.
pub fn parse(text: &[u8]) -> Result<Value, String> {
    // RFC 8259 allows a parser to ignore a byte order mark.
    let text = text.strip_prefix(b"\xef\xbb\xbf").unwrap_or(text);
    bounded(text)?;
    serde_json::from_slice(text).map_err(|error| format!("not JSON: {error}"))
}

/// Checks depth, number of values and digits of numbers outside of strings. The parser checks whether
/// it is JSON.
fn bounded(text: &[u8]) -> Result<(), String> {
    let (mut depth, mut values) = (0_usize, 0);
    let mut in_string = false;
    let mut escaped = false;
    // Where the current number begins.
    let mut number = None;
    // The parser turns a whole number that is too long into a float.
    let exact = |number: &[u8]| match std::str::from_utf8(number).is_ok_and(loses_digits) {
        true => Err(LOSES_DIGITS.to_owned()),
        false => Ok(()),
    };
    for (at, byte) in text.iter().enumerate() {
        if in_string {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => in_string = false,
                _ => {}
            }
            continue;
        }
        match (byte, number) {
            (b'0'..=b'9' | b'-', None) => number = Some(at),
            (b'0'..=b'9' | b'-' | b'+' | b'.' | b'e' | b'E', _) | (_, None) => {}
            (_, Some(from)) => {
                exact(&text[from..at])?;
                number = None;
            }
        }
        match byte {
            b'"' => in_string = true,
            b'{' | b'[' => {
                (depth, values) = (depth + 1, values + 1);
                if depth > JSON_DEPTH_MAX {
                    return Err(format!(
                        "more than {JSON_DEPTH_MAX} brackets of JSON within each other"
                    ));
                }
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            b',' => values += 1,
            _ => {}
        }
        if values > JSON_VALUES_MAX {
            return Err(format!("more than {JSON_VALUES_MAX} values of JSON"));
        }
    }
    number.map_or(Ok(()), |from| exact(&text[from..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn depth_and_values_are_bounded_outside_of_strings() {
        let nested = |n: usize| format!("{}{}", "[".repeat(n), "]".repeat(n));
        assert!(parse(nested(JSON_DEPTH_MAX).as_bytes()).is_ok());
        assert!(parse(nested(JSON_DEPTH_MAX + 1).as_bytes()).is_err());
        let in_a_string = format!(r#"["\"{}"]"#, "[,".repeat(JSON_VALUES_MAX));
        assert!(parse(in_a_string.as_bytes()).is_ok());
        let many = |n: usize| format!("[{}0]", "0,".repeat(n));
        assert!(parse(many(JSON_VALUES_MAX - 1).as_bytes()).is_ok());
        assert!(parse(many(JSON_VALUES_MAX).as_bytes()).is_err());
    }

    #[test]
    fn a_whole_number_of_more_than_64_bits_is_refused_wherever_it_stands() {
        for number in [
            "18446744073709551616",
            "123456789012345678901",
            "-9223372036854775809",
        ] {
            for text in [
                number.to_owned(),
                format!("[{number}]"),
                format!("{{\"a\":1,\"b\":{number} ,\"c\":2}}"),
                format!("[\"1\\\"\",{number}\n]"),
            ] {
                assert_eq!(parse(text.as_bytes()), Err(LOSES_DIGITS.to_owned()), "{text}");
            }
            for text in [
                format!("\"{number}\""),
                format!("{{\"{number}\":true}}"),
                format!("[{number}.0]"),
                format!("[{number}e1,false]"),
                format!("{number}E+2"),
            ] {
                assert!(parse(text.as_bytes()).is_ok(), "{text}");
            }
        }
        for number in ["18446744073709551615", "-9223372036854775808", "1e20", "-0", "0"] {
            assert!(parse(number.as_bytes()).is_ok(), "{number}");
        }
    }

    #[test]
    fn a_byte_order_mark_is_overlooked() {
        assert_eq!(parse("\u{feff}[1]".as_bytes()), Ok(serde_json::json!([1])));
    }
}
