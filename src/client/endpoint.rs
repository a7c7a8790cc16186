//! The address a person types and what it stands for.

use anyhow::{Context, Result, bail};
use awc::http::Uri;

/// `localhost:8080`, `http://localhost:8080` and `http://localhost:8080/graphql` are all the same.
pub(super) fn http(url: &str) -> Result<Uri> {
    let with_scheme = if url.contains("://") {
        url.to_owned()
    } else {
        format!("http://{url}")
    };
    let full = match with_scheme.split_once("://") {
        Some((_, rest)) if !rest.trim_end_matches('/').contains('/') => {
            format!("{}/graphql", with_scheme.trim_end_matches('/'))
        }
        _ => with_scheme,
    };
    let uri: Uri = full.parse().context("--url is not an address")?;
    match uri.scheme_str() {
        Some("http" | "https") if uri.host().is_some() => Ok(uri),
        _ => bail!("--url must look like http://127.0.0.1:8080"),
    }
}

/// The same with `ws` for `http`.
pub(super) fn websocket(url: &str) -> Result<Uri> {
    let swapped = url
        .strip_prefix("ws")
        .filter(|rest| rest.starts_with("://") || rest.starts_with("s://"))
        .map_or_else(|| url.to_owned(), |rest| format!("http{rest}"));
    let text = http(&swapped)?.to_string();
    text.replacen("http", "ws", 1)
        .parse()
        .context("--url is not an address")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_may_be_as_short_as_a_host_and_a_port() {
        for url in [
            "127.0.0.1:8080",
            "http://127.0.0.1:8080",
            "http://127.0.0.1:8080/",
            "http://127.0.0.1:8080/graphql",
        ] {
            assert_eq!(http(url).unwrap(), "http://127.0.0.1:8080/graphql");
            assert_eq!(websocket(url).unwrap(), "ws://127.0.0.1:8080/graphql");
        }
        assert_eq!(websocket("wss://h/x").unwrap(), "wss://h/x");
        assert_eq!(http("https://h/a/graphql").unwrap(), "https://h/a/graphql");
        assert!(http("ftp://h").is_err());
        assert!(http("http://").is_err());
    }
}
