//! Web origins and host names, compared whole and without regard to case.

/// Scheme, host and port of a web page. The port is always there, so that `https://a` and
/// `https://a:443` are equal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin {
    is_https: bool,
    host: String,
    port: u16,
}

impl Origin {
    /// An origin as browsers send it: `https://app.example.org`. `null` and everything else that
    /// names no web page is `None`.
    pub fn parse(text: &str) -> Option<Self> {
        let (scheme, authority) = text.split_once("://")?;
        let is_https = scheme.eq_ignore_ascii_case("https");
        (is_https || scheme.eq_ignore_ascii_case("http"))
            .then(|| Self::at(is_https, authority))
            .flatten()
    }

    /// The page that a URL belongs to.
    pub fn of_url(url: &str) -> Option<Self> {
        let begin = url.find("://")? + 3;
        let end = url[begin..]
            .find(['/', '?', '#'])
            .map_or(url.len(), |at| begin + at);
        Self::parse(&url[..end])
    }

    /// Our own pages, for who addresses us by this `Host`.
    pub fn at(is_https: bool, authority: &str) -> Option<Self> {
        let (host, port) = split_port(authority);
        let port = match port {
            Some(port) => port.parse().ok()?,
            None if is_https => 443,
            None => 80,
        };
        let is_v6 = host.starts_with('[') && host.ends_with(']');
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
        let is_host = |byte: u8| is_name(byte) || (is_v6 && b":[]".contains(&byte));
        (!host.is_empty() && host.bytes().all(is_host)).then(|| Self {
            is_https,
            host: host.to_ascii_lowercase(),
            port,
        })
    }
}

/// The host of an authority and the digits behind it. An IPv6 address keeps its brackets.
pub(super) fn split_port(authority: &str) -> (&str, Option<&str>) {
    match authority.rsplit_once(':') {
        Some((host, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) && !port.is_empty() => {
            (host, Some(port))
        }
        _ => (authority, None),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_are_equal_by_scheme_host_and_port() {
        let of = |text: &str| Origin::parse(text).expect(text);
        assert_eq!(of("https://A.example"), of("HTTPS://a.example:443"));
        assert_eq!(of("http://a.example:80"), of("http://a.example"));
        assert_eq!(of("http://[::1]:80"), of("http://[::1]"));
        assert_ne!(of("http://a.example"), of("https://a.example"));
        assert_ne!(of("http://a.example:81"), of("http://a.example"));
        assert_ne!(of("http://a.example"), of("http://b.a.example"));
        for no_page in [
            "",
            "null",
            "a.example",
            "ftp://a.example",
            "file://",
            "http://",
            "http://a.example/",
            "http://u@a.example",
            "http://a.example:",
            "http://a.example:65536",
            "http://a b",
            "http://a.example http://b.example",
        ] {
            assert_eq!(Origin::parse(no_page), None, "{no_page}");
        }
    }

    #[test]
    fn a_url_belongs_to_the_page_before_its_path() {
        let page = Origin::parse("https://a.example:8443");
        for url in [
            "https://a.example:8443",
            "https://a.example:8443/x?y=http://b",
            "https://a.example:8443?x",
        ] {
            assert_eq!(Origin::of_url(url), page, "{url}");
        }
        assert_eq!(Origin::of_url("about:blank"), None);
    }
}
