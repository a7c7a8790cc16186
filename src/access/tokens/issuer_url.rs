//! URLs of issuers, and how they are read: over TLS beyond this machine, without redirects, and within
//! bounds of time and size.

use std::fmt;
use std::time::Duration;

use reqwest::redirect::Policy;
use reqwest::{Client, Response, Url};

use crate::data::is_loopback;

const CONNECT: Duration = Duration::from_secs(5);
const WHOLE: Duration = Duration::from_secs(10);

/// A URL whose answers can be believed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Secured(Url);

impl Secured {
    /// # Errors
    /// In words.
    pub fn parse(text: &str) -> Result<Self, String> {
        let url = Url::parse(text).map_err(|error| format!("is no URL: {error}"))?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err("must not contain a password".to_owned());
        }
        match url.scheme() {
            "https" => Ok(Self(url)),
            "http" if url.host_str().is_some_and(is_loopback) => Ok(Self(url)),
            "http" => Err("must be https beyond this machine".to_owned()),
            other => Err(format!("must be https, not {other}")),
        }
    }

    pub fn url(&self) -> &Url {
        &self.0
    }
}

impl fmt::Display for Secured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// # Errors
/// The system's TLS cannot be used.
pub fn client() -> reqwest::Result<Client> {
    Client::builder()
        // An issuer that sends us elsewhere could send us to a service of this network.
        .redirect(Policy::none())
        .connect_timeout(CONNECT)
        .timeout(WHOLE)
        .user_agent(concat!("streamsync/", env!("CARGO_PKG_VERSION")))
        // A connection belongs to the runtime that opened it, and each worker has its own.
        .pool_max_idle_per_host(0)
        .build()
}

/// # Errors
/// In words.
pub async fn read(client: &Client, url: &Secured, most: usize) -> Result<Vec<u8>, String> {
    let response = client.get(url.url().clone()).send().await;
    let response = response.map_err(|error| describe(&error))?;
    if !response.status().is_success() {
        return Err(format!("the answer is {}", response.status()));
    }
    body(response, most).await
}

/// # Errors
/// In words.
pub async fn body(mut response: Response, most: usize) -> Result<Vec<u8>, String> {
    let mut whole = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| describe(&error))? {
        if whole.len() + chunk.len() > most {
            return Err(format!("the answer is larger than {most} bytes"));
        }
        whole.extend_from_slice(&chunk);
    }
    Ok(whole)
}

/// With its causes, which say what the first one hides.
fn describe(error: &reqwest::Error) -> String {
    let mut words = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        words.push_str(": ");
        words.push_str(&error.to_string());
        cause = error.source();
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_issuer_beyond_this_machine_is_asked_over_tls() {
        for good in [
            "https://id.example.org/realms/main",
            "http://127.0.0.1:3000/jwks",
            "http://localhost/jwks",
            "http://[::1]:3000/jwks",
        ] {
            assert!(Secured::parse(good).is_ok(), "{good}");
        }
        for (bad, words) in [
            ("http://id.example.org/jwks", "https beyond"),
            ("http://localhost.example.org/jwks", "https beyond"),
            ("http://127.0.0.1.example.org/jwks", "https beyond"),
            ("file:///etc/passwd", "not file"),
            ("https://a:b@id.example.org/", "password"),
            ("https://", "no URL"),
        ] {
            let why = Secured::parse(bad).unwrap_err();
            assert!(why.contains(words), "{bad}: {why}");
        }
    }
}
