//! What somebody shows to be let in, as it stands in headers and messages.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::keys::PREFIX;
use crate::data::Micros;

/// No text of a credential is longer than this.
const TEXT_MAX: usize = 8_192;

/// Of the name in a certificate.
const NAME_MAX: usize = 256;

#[derive(Clone, PartialEq, Eq, Hash)]
pub enum Credential {
    /// An API key, `ss_<id>_<secret>`.
    Key(String),
    /// A JSON Web Token.
    Token(String),
    /// The dashboard's cookie.
    Session(String),
    /// A client certificate that TLS has verified.
    Certificate(Certificate),
    /// Something that can be none of them.
    Malformed,
}

/// What counts of a client certificate.
#[derive(Clone)]
pub struct Certificate {
    pub name: Arc<str>,
    /// Not valid any more from then on.
    pub expires: Micros,
    authority: Arc<dyn Authority>,
}

/// Who has signed a client certificate.
pub trait Authority: Send + Sync {
    /// Whether it is still trusted.
    fn is_trusted(&self) -> bool;
}

impl Certificate {
    /// `None` for a name that nobody can have.
    pub fn new(name: &str, expires: Micros, authority: Arc<dyn Authority>) -> Option<Self> {
        let is_name = !name.is_empty() && name.len() <= NAME_MAX && !name.contains(char::is_control);
        is_name.then(|| Self {
            name: name.into(),
            expires,
            authority,
        })
    }

    pub fn is_trusted(&self) -> bool {
        self.authority.is_trusted()
    }
}

/// By whom it names.
impl PartialEq for Certificate {
    fn eq(&self, other: &Self) -> bool {
        (&self.name, self.expires) == (&other.name, other.expires)
    }
}

impl Eq for Certificate {}

impl Hash for Certificate {
    fn hash<H: Hasher>(&self, into: &mut H) {
        (&self.name, self.expires).hash(into);
    }
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Certificate").field(&self.name).finish()
    }
}

impl Credential {
    /// A key or a token, as both stand behind `Bearer` and in `connection_init`.
    pub fn of(text: &str) -> Self {
        match text.trim() {
            "" => Self::Malformed,
            text if text.len() > TEXT_MAX => Self::Malformed,
            text if text.starts_with(PREFIX) => Self::Key(text.to_owned()),
            text => Self::Token(text.to_owned()),
        }
    }

    /// The value of an `Authorization` header. With `Basic` the password counts, whatever the name.
    pub fn of_authorization(value: &str) -> Self {
        let Some((scheme, rest)) = value.trim().split_once(' ') else {
            return Self::Malformed;
        };
        // Clients of InfluxDB 2 say `Token`.
        if ["bearer", "token"]
            .iter()
            .any(|known| scheme.eq_ignore_ascii_case(known))
        {
            return Self::of(rest);
        }
        if !scheme.eq_ignore_ascii_case("basic") || rest.len() > 2 * TEXT_MAX {
            return Self::Malformed;
        }
        let decoded = STANDARD.decode(rest.trim()).ok();
        let text = decoded.and_then(|bytes| String::from_utf8(bytes).ok());
        let password = text.as_deref().and_then(|text| text.split_once(':'));
        password.map_or(Self::Malformed, |(_, password)| Self::of(password))
    }
}

/// Never shows a secret.
impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Key(_) => "Key",
            Self::Token(_) => "Token",
            Self::Session(_) => "Session",
            Self::Certificate(_) => "Certificate",
            Self::Malformed => "Malformed",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_has_a_key_or_a_token_and_nothing_is_shown_of_it() {
        let key = || Credential::Key("ss_a_b".to_owned());
        for (header, expected) in [
            ("Bearer ss_a_b", key()),
            ("bearer  ss_a_b ", key()),
            ("Bearer a.b.c", Credential::Token("a.b.c".to_owned())),
            // grafana:ss_a_b
            ("Basic Z3JhZmFuYTpzc19hX2I=", key()),
            ("Basic Z3JhZmFuYQ==", Credential::Malformed),
            ("Basic ?", Credential::Malformed),
            ("Digest ss_a_b", Credential::Malformed),
            ("Bearer", Credential::Malformed),
            ("", Credential::Malformed),
        ] {
            assert_eq!(Credential::of_authorization(header), expected, "{header}");
        }
        let long = format!("Bearer {}", "x".repeat(TEXT_MAX + 1));
        assert_eq!(Credential::of_authorization(&long), Credential::Malformed);
        assert_eq!(format!("{:?}", key()), "Key");
    }
}
