//! Error messages for settings, in the terms of the configuration file.

/// What must not be repeated even where it is wrong.
pub(super) fn is_secret(path: &str) -> bool {
    [
        "kafka.properties",
        "postgres.url",
        "redis.url",
        "archive.url",
        "schema_registry",
        "auth.sign_in.client_secret",
    ]
    .iter()
    .any(|secret| path.starts_with(secret))
}

pub(super) fn shorten(text: &str) -> String {
    match text.char_indices().nth(60) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}

/// From what serde says, and what stands there.
pub(super) fn plain(path: &str, said: &str, found: Option<&str>) -> String {
    let said = said.lines().next().unwrap_or_default();
    if path.starts_with("kafka.properties") {
        return "must be texts in quotes, and so must names with dots: \"security.protocol\" = \"SSL\""
            .to_owned();
    }
    if let Some((key, known)) = said
        .strip_prefix("unknown field `")
        .and_then(|rest| rest.split_once('`'))
    {
        let known = listed(known);
        let key = if path.ends_with(key) { "" } else { key };
        let space = if key.is_empty() { "" } else { " " };
        // Never its value: a misspelt key may stand before a password.
        return format!("unknown setting{space}{key}; known here: {known}");
    }
    let why = match said
        .strip_prefix("unknown variant `")
        .and_then(|rest| rest.split_once('`'))
    {
        Some((_, known)) => format!("must be one of {}", listed(known)),
        None => match said
            .strip_prefix("invalid ")
            .and_then(|rest| rest.rsplit_once(", expected "))
        {
            Some((_, wanted)) => format!("must be {}", wanted_in_words(wanted)),
            None => said.to_owned(),
        },
    };
    match found.map(|found| shorten(found.lines().next().unwrap_or_default())) {
        Some(found) if !is_secret(path) => format!("{why}, found {found}"),
        _ => why,
    }
}

/// The names between backticks.
fn listed(text: &str) -> String {
    let names: Vec<_> = text.split('`').skip(1).step_by(2).collect();
    names.join(", ")
}

/// Names of Rust's types mean nothing to most.
fn wanted_in_words(wanted: &str) -> &str {
    match wanted {
        "usize" | "u64" | "u32" | "u16" => "a whole number, 0 or more",
        "i64" | "i32" => "a whole number",
        "f64" => "a number",
        "a string" | "string or table" | "path string" => "a text in quotes",
        "a boolean" => "true or false",
        "a sequence" => "a list such as [\"a\", \"b\"]",
        "a map" => "a table",
        other if other.starts_with("struct ") => "a table",
        other => other,
    }
}
