//! Regular expressions as RE2 and Prometheus read them, written as Rust's do.
//!
//! The two differ in what begins no repetition: `{gid}` and `a{,3}` stand for themselves in RE2 and
//! are errors in Rust. RE2 also takes everything between `\Q` and `\E` as it is.

/// The same pattern in Rust's syntax; what neither takes stays as it is.
pub fn from_re2(pattern: &str) -> String {
    let mut rust = String::with_capacity(pattern.len() + 8);
    let mut rest = pattern;
    while let Some(at) = rest.find(['\\', '{']) {
        let (plain, from) = rest.split_at(at);
        rust.push_str(plain);
        if let Some(quoted) = from.strip_prefix(r"\Q") {
            let (literal, after) = quoted.split_once(r"\E").unwrap_or((quoted, ""));
            rust.push_str(&regex_syntax::escape(literal));
            rest = after;
            continue;
        }
        let length = match from.strip_prefix('\\') {
            Some(escaped) => 1 + escape_length(escaped),
            None => repetition_length(from).unwrap_or_else(|| {
                rust.push('\\');
                1
            }),
        };
        let (kept, after) = from.split_at(length);
        rust.push_str(kept);
        rest = after;
    }
    rust.push_str(rest);
    rust
}

/// What belongs to an escape behind its backslash: one character, with braces where it takes them.
fn escape_length(escaped: &str) -> usize {
    let Some(first) = escaped.chars().next() else {
        return 0;
    };
    let length = first.len_utf8();
    let takes_braces = "pPxuU".contains(first) && escaped[length..].starts_with('{');
    let end = takes_braces.then(|| escaped.find('}')).flatten();
    end.map_or(length, |end| end + 1)
}

/// `{n}`, `{n,}` or `{n,m}` at the beginning.
fn repetition_length(text: &str) -> Option<usize> {
    let end = text.find('}')?;
    let (least, most) = text[1..end].split_once(',').unwrap_or((&text[1..end], ""));
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    (!least.is_empty() && digits(least) && digits(most)).then_some(end + 1)
}

#[cfg(test)]
mod tests {
    use regex::Regex;

    use super::*;

    #[test]
    fn a_brace_that_begins_no_repetition_stands_for_itself() {
        for (pattern, text) in [
            ("/v[1-9]/.*/{gid}", "/v1/a/{gid}"),
            ("a{,3}", "a{,3}"),
            ("{", "{"),
            ("a{}", "a{}"),
            ("a{1", "a{1"),
            ("a{1,2,3}", "a{1,2,3}"),
            ("a{x}{2}", "a{x}}"),
            ("[{]{2}", "{{"),
            ("[^{}]{1,2}", "ab"),
            (r"\{a\}", "{a}"),
            (r"\\{a}", r"\{a}"),
            (r"\p{Greek}{2}{x}", "αβ{x}"),
            (r"\x{61}{b}", "a{b}"),
            ("a{2}", "aa"),
            ("a{2,}b{0,1}", "aaaa"),
            (r"\Qa.b{2}\E+", "a.b{2}}"),
            (r"\Qa.b", "a.b"),
            ("ü{ö}", "ü{ö}"),
        ] {
            let rust = from_re2(pattern);
            let regex = Regex::new(&format!("^(?s:{rust})$"));
            assert!(regex.unwrap().is_match(text), "{pattern} became {rust}");
        }
    }

    #[test]
    fn what_is_translated_already_stays_and_what_is_wrong_stays_wrong() {
        for pattern in ["/{gid}", "a{,3}", r"\p{L}{x}", "a{2,3}", r"\Q{a\E", r"\"] {
            let once = from_re2(pattern);
            assert_eq!(from_re2(&once), once);
        }
        for pattern in ["{2}", "a{3,2}", "(", r"\p{Nothing}", r"a\"] {
            assert!(Regex::new(&from_re2(pattern)).is_err(), "{pattern}");
        }
    }
}
