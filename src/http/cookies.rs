//! The cookies of a signed-in browser.
//!
//! With TLS their names begin with `__Host-`: a browser then takes them from no other host and never
//! sends them in the clear. On this machine without TLS browsers refuse such cookies, so plain names
//! are used there, and nowhere else.

use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};

use super::guard::is_loopback_host;

const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");

/// A cookie of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cookie {
    /// The session. Sent with requests of our own pages alone.
    Session,
    /// A sign-in that has begun. Sent when the issuer sends the browser back.
    Pending,
}

impl Cookie {
    const fn secure_name(self) -> &'static str {
        match self {
            Self::Session => "__Host-streamsync",
            Self::Pending => "__Host-streamsync-sign-in",
        }
    }

    const fn plain_name(self) -> &'static str {
        match self {
            Self::Session => "streamsync-session",
            Self::Pending => "streamsync-sign-in",
        }
    }

    /// The value that a browser sent. `None` also where there are several: one of them was planted.
    pub fn read(self, headers: &HeaderMap) -> Option<&str> {
        let secure = one(headers, self.secure_name());
        secure.or_else(|| is_plain(headers).then(|| one(headers, self.plain_name()))?)
    }

    /// A header that sets the cookie for so many seconds. `value`: what needs no escapes.
    pub fn set(self, headers: &HeaderMap, value: &str, seconds: i64) -> Option<HeaderValue> {
        let (name, secure) = match is_plain(headers) {
            true => (self.plain_name(), ""),
            false => (self.secure_name(), "; Secure"),
        };
        let site = match self {
            Self::Session => "Strict",
            Self::Pending => "Lax",
        };
        let text = format!("{name}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite={site}{secure}");
        HeaderValue::try_from(text).ok()
    }

    pub fn remove(self, headers: &HeaderMap) -> Option<HeaderValue> {
        self.set(headers, "", 0)
    }
}

fn one<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let lines = headers
        .get_all(header::COOKIE)
        .filter_map(|line| line.to_str().ok());
    let pairs = lines
        .flat_map(|line| line.split(';'))
        .filter_map(|pair| pair.trim().split_once('='));
    let mut found = pairs.filter(|(own, _)| *own == name).map(|(_, value)| value);
    found.next().filter(|_| found.next().is_none())
}

/// The browser is on this machine and speaks plain HTTP, as far as the request tells.
fn is_plain(headers: &HeaderMap) -> bool {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let is_loopback = text(header::HOST).is_some_and(is_loopback_host);
    let by_page = text(header::ORIGIN).is_some_and(|origin| origin.starts_with("https:"));
    let by_proxy = text(FORWARDED_PROTO).is_some_and(|scheme| scheme.eq_ignore_ascii_case("https"));
    is_loopback && !by_page && !by_proxy
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let pairs = pairs
            .iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)));
        pairs.collect()
    }

    fn set(cookie: Cookie, headers: &HeaderMap) -> String {
        let value = cookie.set(headers, "x", 60).unwrap();
        value.to_str().unwrap().to_owned()
    }

    #[test]
    fn a_cookie_belongs_to_this_host_over_tls_and_to_our_own_pages() {
        let there = headers(&[("host", "stream.example.org")]);
        assert_eq!(
            set(Cookie::Session, &there),
            "__Host-streamsync=x; Path=/; Max-Age=60; HttpOnly; SameSite=Strict; Secure"
        );
        assert_eq!(
            set(Cookie::Pending, &there),
            "__Host-streamsync-sign-in=x; Path=/; Max-Age=60; HttpOnly; SameSite=Lax; Secure"
        );
        let here = headers(&[("host", "127.0.0.1:8080")]);
        assert_eq!(
            set(Cookie::Session, &here),
            "streamsync-session=x; Path=/; Max-Age=60; HttpOnly; SameSite=Strict"
        );
        for tls in [("origin", "https://localhost"), ("x-forwarded-proto", "https")] {
            let behind_a_proxy = headers(&[("host", "localhost"), tls]);
            assert!(set(Cookie::Session, &behind_a_proxy).starts_with("__Host-"));
        }
    }

    #[test]
    fn a_cookie_without_the_prefix_counts_on_this_machine_alone() {
        let plain = ("cookie", "a=b; streamsync-session=plain");
        let read =
            |pairs: &[(&'static str, &'static str)]| Cookie::Session.read(&headers(pairs)).map(str::to_owned);
        assert_eq!(
            read(&[("host", "localhost:8080"), plain]).as_deref(),
            Some("plain")
        );
        assert_eq!(read(&[("host", "stream.example.org"), plain]), None);
        assert_eq!(read(&[("host", "localhost.example.org"), plain]), None);
        let both = ("cookie", "streamsync-session=plain; __Host-streamsync=secure");
        assert_eq!(read(&[("host", "localhost"), both]).as_deref(), Some("secure"));
        let planted = ("cookie", "__Host-streamsync=a; __Host-streamsync=b");
        assert_eq!(read(&[("host", "h"), planted]), None);
        assert_eq!(read(&[("host", "h"), ("cookie", "__Host-streamsync2=a")]), None);
    }
}
