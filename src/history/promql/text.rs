//! Rewrites the text of an expression for the parser.

use promql_parser::util::{escape_string, unquote_string};

use crate::data::pattern;

/// The same expression without what the parser misreads: it unescapes strings in backticks, and treats
/// braces in regular expressions as Rust does. Comments are left out.
pub(super) fn normalized(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 16);
    let mut rest = text;
    while let Some(at) = rest.find(['#', '"', '\'', '`']) {
        let (before, from) = rest.split_at(at);
        out.push_str(before);
        let (token, after) = from.split_at(length(from));
        rest = after;
        if token.starts_with('#') {
            continue;
        }
        let is_pattern = ["=~", "!~"].iter().any(|op| out.trim_end().ends_with(op));
        match unquote_string(token) {
            Ok(value) if is_pattern => push_quoted(&mut out, &pattern::from_re2(&value)),
            Ok(value) if token.starts_with('`') => push_quoted(&mut out, &value),
            // The parser says what is wrong with it.
            _ => out.push_str(token),
        }
    }
    out.push_str(rest);
    out
}

fn push_quoted(out: &mut String, value: &str) {
    out.push('"');
    out.push_str(&escape_string(value));
    out.push('"');
}

/// The length of the comment or string at the beginning, with its quotes. A comment excludes the line's
/// end.
fn length(from: &str) -> usize {
    let mut chars = from.char_indices();
    let Some((_, quote)) = chars.next() else {
        return 0;
    };
    while let Some((at, c)) = chars.next() {
        match c {
            '\n' if quote == '#' => return at,
            '\\' if quote == '"' || quote == '\'' => _ = chars.next(),
            _ if c == quote && quote != '#' => return at + c.len_utf8(),
            _ => {}
        }
    }
    from.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_unescaped_in_backticks_and_braces_of_patterns_are_escaped() {
        for (text, same) in [
            (r"m{v=~`a\.b`}", r#"m{v=~"a\\.b"}"#),
            (r"{v=`C:\dir`}", r#"{v="C:\\dir"}"#),
            (r#"{v=`"`, w="`"}"#, r#"{v="\"", w="`"}"#),
            (r#"m{v=~"/{gid}"}"#, r#"m{v=~"/\\{gid}"}"#),
            (r#"m{v = "/{gid}"}"#, r#"m{v = "/{gid}"}"#),
            (r#"m{v!~ 'a{,3}'}"#, r#"m{v!~ "a\\{,3}"}"#),
            ("m # it's\n{v=~ # `\n`x`}", "m \n{v=~ \n\"x\"}"),
            (r#"m{v="a\"`b"}"#, r#"m{v="a\"`b"}"#),
            (r#"m{v=~"\d"}"#, r#"m{v=~"\d"}"#),
            ("m{v=`open", "m{v=`open"),
            ("rate(m[5m]) > 1", "rate(m[5m]) > 1"),
        ] {
            assert_eq!(normalized(text), same, "{text}");
        }
    }
}
