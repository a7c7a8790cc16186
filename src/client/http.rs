//! Shared by the commands: address, HTTP client, errors.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use reqwest::header::{ACCEPT, CONTENT_TYPE};
use reqwest::{Client, RequestBuilder, Response, Url};
use serde_json::Value;

const CONNECT: Duration = Duration::from_secs(10);
/// Longer than any statement may take.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);

/// `localhost:8080`, `http://localhost:8080` and `ws://localhost:8080/graphql` are all the same.
pub(super) fn graphql(url: &str) -> Result<Url> {
    let http = match url.split_once("://") {
        None => format!("http://{url}"),
        Some(("ws", rest)) => format!("http://{rest}"),
        Some(("wss", rest)) => format!("https://{rest}"),
        Some(_) => url.to_owned(),
    };
    let mut url = Url::parse(&http).context("--url is not an address")?;
    if !matches!(url.scheme(), "http" | "https") {
        bail!("--url must look like http://127.0.0.1:8080");
    }
    if url.path() == "/" {
        url.set_path("/graphql");
    }
    Ok(url)
}

/// Gives up when the server sends nothing for as long as `silence`.
pub(super) fn client(silence: Duration) -> Result<Client> {
    let builder = Client::builder()
        .no_proxy()
        .connect_timeout(silence.min(CONNECT))
        .read_timeout(silence);
    builder.build().context("no HTTP client")
}

/// A GraphQL request for answers of the type `accept`.
pub(super) fn post(url: &Url, silence: Duration, accept: &str, body: &Value) -> Result<RequestBuilder> {
    let request = client(silence)?.post(url.clone()).header(ACCEPT, accept);
    Ok(request
        .header(CONTENT_TYPE, "application/json")
        .body(body.to_string()))
}

/// Why the server refused a request.
pub(super) async fn complaint(response: Response) -> String {
    let (mut url, status) = (response.url().clone(), response.status());
    url.set_query(None);
    let body = response.bytes().await.unwrap_or_default();
    let answer: Value = serde_json::from_slice(&body).unwrap_or_default();
    match answer["errors"].as_array() {
        Some(errors) => explain(errors),
        None => format!("{url} answered {status}"),
    }
}

/// One line for each error: its code, what it says, and where.
pub(super) fn explain(errors: &[Value]) -> String {
    let line = |error: &Value| {
        let mut line = String::new();
        if let Some(code) = error["extensions"]["code"].as_str() {
            line = format!("{code}: ");
        }
        line.push_str(error["message"].as_str().unwrap_or("unknown error"));
        if let Some(at) = error["locations"].get(0) {
            line.push_str(&format!(" (line {}, column {})", at["line"], at["column"]));
        }
        line
    };
    errors.iter().map(line).collect::<Vec<_>>().join("\n")
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
            "ws://127.0.0.1:8080",
        ] {
            assert_eq!(graphql(url).unwrap().as_str(), "http://127.0.0.1:8080/graphql");
        }
        assert_eq!(graphql("wss://h/x").unwrap().as_str(), "https://h/x");
        assert_eq!(
            graphql("https://h/a/graphql").unwrap().as_str(),
            "https://h/a/graphql"
        );
        assert!(graphql("ftp://h").is_err());
        assert!(graphql("http://").is_err());
    }
}
