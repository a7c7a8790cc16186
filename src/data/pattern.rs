//! Rewrites regular expressions from RE2's and Prometheus' syntax to Rust's.
//!
//! In RE2 `{gid}` and `a{,3}` are plain characters, in Rust errors. RE2 takes everything between `\Q` and
//! `\E` literally. In its classes `[`, `&&`, `~~` and `--` are characters, in Rust classes and
//! operations on them.

/// The same pattern in Rust's syntax; what neither accepts stays as it is.
pub fn from_re2(pattern: &str) -> String {
    let mut rust = String::with_capacity(pattern.len() + 8);
    let mut rest = pattern;
    while let Some(at) = rest.find(['\\', '{', '[']) {
        let (plain, from) = rest.split_at(at);
        rust.push_str(plain);
        if let Some(quoted) = from.strip_prefix(r"\Q") {
            let (literal, after) = quoted.split_once(r"\E").unwrap_or((quoted, ""));
            rust.push_str(&regex_syntax::escape(literal));
            rest = after;
            continue;
        }
        if let Some(class) = from.strip_prefix('[') {
            rust.push('[');
            rest = push_class(&mut rust, class);
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

/// Appends a class from behind its bracket, with those characters escaped that mean more in Rust. Returns
/// the text behind it.
fn push_class<'a>(rust: &mut String, class: &'a str) -> &'a str {
    let mut rest = class.strip_prefix('^').unwrap_or(class);
    rust.push_str(&class[..class.len() - rest.len()]);
    let mut is_first = true;
    while !rest.is_empty() {
        if let Some(after) = rest.strip_prefix(']').filter(|_| !is_first) {
            rust.push(']');
            return after;
        }
        is_first = false;
        if let Some(length) = named_length(rest) {
            let (named, after) = rest.split_at(length);
            rust.push_str(named);
            rest = after;
            continue;
        }
        rest = push_char(rust, rest);
        let end = rest.strip_prefix('-');
        if let Some(end) = end.filter(|end| !end.is_empty() && !end.starts_with(']')) {
            rust.push('-');
            rest = push_char(rust, end);
        }
    }
    rest
}

/// Appends one character of a class. Returns the text behind it.
fn push_char<'a>(rust: &mut String, text: &'a str) -> &'a str {
    let length = match text.strip_prefix('\\') {
        Some(escaped) => 1 + escape_length(escaped),
        None => text.chars().next().map_or(0, char::len_utf8),
    };
    let (char, after) = text.split_at(length);
    if matches!(char, "[" | "]" | "&" | "~" | "-") {
        rust.push('\\');
    }
    rust.push_str(char);
    after
}

/// The length of `[:alpha:]`, `\d` or `\pL` at the beginning, which begin no range.
fn named_length(text: &str) -> Option<usize> {
    if let Some(name) = text.strip_prefix("[:") {
        return name.find(":]").map(|end| end + 4);
    }
    let escaped = text.strip_prefix('\\')?;
    let is_named = escaped.starts_with(['d', 'D', 's', 'S', 'w', 'W', 'p', 'P']);
    is_named.then(|| 1 + escape_length(escaped))
}

/// The length of an escape behind its backslash: one character, with its braces or the letter of a
/// Unicode class.
fn escape_length(escaped: &str) -> usize {
    let Some(first) = escaped.chars().next() else {
        return 0;
    };
    let length = first.len_utf8();
    let takes_braces = "pPxuU".contains(first) && escaped[length..].starts_with('{');
    let end = takes_braces.then(|| escaped.find('}')).flatten();
    let letter = escaped[length..].chars().next().filter(|_| "pP".contains(first));
    end.map_or(length + letter.map_or(0, char::len_utf8), |end| end + 1)
}

/// The length of `{n}`, `{n,}` or `{n,m}` at the beginning.
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
            (r"\pL{2}", "ab"),
        ] {
            let rust = from_re2(pattern);
            let regex = Regex::new(&format!("^(?s:{rust})$"));
            assert!(regex.unwrap().is_match(text), "{pattern} became {rust}");
        }
    }

    #[test]
    fn a_class_holds_characters_and_no_classes_or_operations() {
        for (class, inside, outside) in [
            ("[[]", "[", "x"),
            ("[^[]", "x", "["),
            ("[a[b]", "a[b", "]"),
            ("[a&&b]", "ab&", "x"),
            ("[a~~b]", "ab~", "x"),
            ("[+--b]", "+,-b", "a"),
            ("[a&~b]", "ab&~", "x"),
            ("[]a]", "]a", "["),
            ("[^]a]", "[", "]a"),
            ("[]-a]", "]^_`a", "[b"),
            ("[[:alpha:]]", "a", "[:]"),
            ("[[:^alpha:]&&]", "1&", "a"),
            ("[[:]", "[:", "]"),
            ("[+--]", "+,-", "*."),
            ("[--0]", "-./0", ","),
            ("[a-]", "a-", "b"),
            ("[-a]", "-a", "b"),
            ("[^-a]", "b", "-a"),
            ("[a-c-e]", "abc-e", "d"),
            (r"[\d-x]", "1-x", "w"),
            (r"[\pL-9]", "a-9", "8"),
            (r"[\p{Lu}[-^]", r"A[\]^", "a-"),
            (r"[\]\[]", "[]", "\\"),
            (r"[\x{2b}--{]", "+,-{", "a"),
            ("[{}ä-ü]", "{}ö", "a"),
        ] {
            let once = from_re2(class);
            assert_eq!(from_re2(&once), once, "{class}");
            // Outside of classes all of that is as it was.
            let regex = Regex::new(&format!("^(?:{once}&&)$")).unwrap();
            let matches = |char: char| regex.is_match(&format!("{char}&&"));
            assert!(inside.chars().all(matches), "{class} became {once}");
            assert!(!outside.chars().any(matches), "{class} became {once}");
        }
        for pattern in ["[", "[]", "[^]", "[a", "[b-a]", r"[a-\d]", r"[\Qa\E]", "[a--b]"] {
            assert!(Regex::new(&from_re2(pattern)).is_err(), "{pattern}");
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
