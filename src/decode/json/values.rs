//! The values of a body that somebody sends: each is handed on before the next one is read, so that they
//! take no memory together.

use super::Reader;
use crate::data::{Reason, RecordError, Value};

/// The elements of an array, or values one behind the other, of at most so many bytes each. An error ends
/// it; what stands before was handed on.
pub fn each_value<'a>(
    body: &'a [u8],
    most: usize,
    mut take: impl FnMut(Value<'a>),
) -> Result<(), RecordError> {
    let mut reader = Reader::of(body)?;
    if reader.peek() == Some(b'[') {
        reader.at += 1;
        let mut goes_on = reader.peek() != Some(b']');
        while goes_on {
            take(bounded(&mut reader, most)?);
            goes_on = match reader.peek() {
                Some(b',') => true,
                Some(b']') => false,
                _ => return Err(reader.expected("',' or ']'")),
            };
            reader.at += usize::from(goes_on);
        }
        reader.at += 1;
    }
    while reader.peek().is_some() {
        take(bounded(&mut reader, most)?);
    }
    Ok(())
}

fn bounded<'a>(reader: &mut Reader<'a>, most: usize) -> Result<Value<'a>, RecordError> {
    reader.peek();
    if !ends_within(&reader.text.as_bytes()[reader.at..], most) {
        let detail = format!("more than {most} bytes at {}", reader.place());
        return Err(RecordError::new(Reason::RecordTooLarge, detail));
    }
    reader.value(0)
}

fn ends_within(rest: &[u8], most: usize) -> bool {
    if rest.len() <= most {
        return true;
    }
    let (mut depth, mut in_text, mut is_escaped) = (0_usize, false, false);
    for byte in &rest[..most] {
        match (in_text, byte) {
            (true, _) if is_escaped => is_escaped = false,
            (true, b'\\') => is_escaped = true,
            (_, b'"') => in_text = !in_text,
            (false, b'{' | b'[') => depth += 1,
            (false, b'}' | b']') => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth == 0 && !in_text {
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &str, most: usize) -> (Vec<String>, Option<String>) {
        let mut found = Vec::new();
        let done = each_value(body.as_bytes(), most, |value| found.push(value.shown(100)));
        (found, done.err().map(|error| error.detail))
    }

    #[test]
    fn an_array_and_lines_give_their_values_until_one_cannot_be_read() {
        for body in ["[1, {\"a\": [2]}]", "1\n{\"a\": [2]}\n", "[1] {\"a\": [2]}"] {
            assert_eq!(
                read(body, 100),
                (vec!["1".to_owned(), "{\"a\":[2]}".to_owned()], None)
            );
        }
        assert_eq!(read("[]", 100), (vec![], None));
        assert_eq!(read("", 100), (vec![], None));
        for (body, why) in [
            ("[1,]", "expected a JSON value"),
            ("[1 2]", "expected ',' or ']'"),
            ("1 x", "expected a JSON value"),
        ] {
            let (found, error) = read(body, 100);
            assert_eq!(found, ["1"], "{body}");
            assert!(error.unwrap().starts_with(why), "{body}");
        }
    }

    #[test]
    fn a_value_of_more_bytes_is_not_read() {
        let (found, error) = read("[\"}]\\\"\", [[0, 0, 0, 0, 0, 0, 0, 0, 0, 0]]]", 12);
        assert_eq!(found, ["\"}]\\\"\""]);
        assert!(error.unwrap().starts_with("more than 12 bytes at line 1"));
    }
}
