//! The issuers of the configuration: whose tokens are verified, and the role that a token gives.

use std::path::Path;

use jsonwebtoken::Algorithm;

use super::claims::Claims;
use super::issuer_url::Secured;
use super::jwks::KeySource;
use super::oidc::{Oidc, OidcConfig};
use super::{ALGORITHMS, Tokens, TrustedIssuer};
use crate::access::config::{AuthConfig, IssuerConfig, SignInConfig};
use crate::access::principal::Denied;
use crate::access::roles::Roles;
use crate::access::roles::template::{Template, has_place};

const NAME_MAX: usize = 200;

/// Verifies tokens and says which role they give.
#[derive(Debug)]
pub struct Issuers {
    pub tokens: Tokens,
    roles: Vec<IssuerRole>,
    /// How people sign in, where that is configured.
    pub oidc: Option<Oidc>,
}

#[derive(Debug)]
struct IssuerRole {
    issuer: String,
    role: Template,
    name: Option<Template>,
}

impl Issuers {
    /// # Errors
    /// All that is wrong, each as `auth.setting: why`.
    pub fn of(config: &AuthConfig, roles: &Roles) -> Result<Self, Vec<String>> {
        let mut mistakes = Vec::new();
        let (mut trusted, mut given) = (Vec::new(), Vec::new());
        for (i, issuer) in config.issuers.iter().enumerate() {
            let mut say = |setting: &str, why: String| {
                mistakes.push(format!("auth.issuer #{}.{setting}: {why}", i + 1));
            };
            if config.issuers[..i]
                .iter()
                .any(|other| other.issuer == issuer.issuer)
            {
                say("issuer", "is there twice".to_owned());
            }
            trusted.extend(trust(issuer, &mut say));
            given.extend(role(issuer, roles, &mut say));
        }
        let oidc = config.sign_in.as_ref().and_then(|sign_in| {
            let mut say =
                |setting: &str, why: String| mistakes.push(format!("auth.sign_in.{setting}: {why}"));
            oidc(sign_in, &trusted, &mut say)
        });
        if !mistakes.is_empty() {
            return Err(mistakes);
        }
        let failed = |why| vec![format!("auth.issuer: {why}")];
        Ok(Self {
            tokens: Tokens::new(trusted).map_err(failed)?,
            roles: given,
            oidc: oidc.map(Oidc::new).transpose().map_err(failed)?,
        })
    }

    /// The role and the name of whoever has these claims.
    ///
    /// # Errors
    /// The claims name none of the roles, or several.
    pub fn role(&self, claims: &Claims, roles: &Roles) -> Result<(String, String), Denied> {
        let mut issuers = self.roles.iter();
        let issuer = issuers.find(|issuer| *issuer.issuer == *claims.issuer);
        let issuer = issuer.ok_or(Denied::Invalid)?;
        // Of a list, such as that of all groups, one must be a role.
        let named = issuer.role.fill_all(&claims.all);
        let mut named = named.into_iter().filter(|name| roles.named(name).is_some());
        let (Some(role), None) = (named.next(), named.next()) else {
            tracing::info!(
                issuer = %claims.issuer,
                subject = %claims.subject,
                "the claims of a valid token name no role, or several"
            );
            return Err(Denied::Invalid);
        };
        let name = issuer.name.as_ref().and_then(|name| name.fill_one(&claims.all));
        let name = name.unwrap_or_else(|| claims.subject.to_string());
        Ok((
            role,
            name.chars().filter(|c| !c.is_control()).take(NAME_MAX).collect(),
        ))
    }
}

fn trust(issuer: &IssuerConfig, say: &mut impl FnMut(&str, String)) -> Option<TrustedIssuer> {
    let mut right = true;
    let mut wrong = |setting: &str, why: String| {
        right = false;
        say(setting, why);
    };
    if let Err(why) = Secured::parse(&issuer.issuer) {
        wrong("issuer", why);
    }
    if issuer.audience.is_empty() {
        wrong(
            "audience",
            "must be set: without it the tokens for every other service would be accepted".to_owned(),
        );
    }
    let mut algorithms: Vec<Algorithm> = Vec::new();
    for name in &issuer.algorithms {
        match ALGORITHMS.iter().find(|(known, _)| known == name) {
            Some((_, algorithm)) => algorithms.push(*algorithm),
            None => wrong(
                "algorithms",
                format!("'{name}' is none of {}", known_algorithms()),
            ),
        }
    }
    if issuer.algorithms.is_empty() {
        wrong("algorithms", format!("at least one of {}", known_algorithms()));
    }
    let keys = match KeySource::parse(&issuer.jwks) {
        _ if issuer.jwks.is_empty() => {
            wrong(
                "jwks",
                "must be the URL or the file of the issuer's keys".to_owned(),
            );
            None
        }
        Ok(keys) => Some(keys),
        Err(why) => {
            wrong("jwks", why);
            None
        }
    };
    keys.filter(|_| right).map(|keys| TrustedIssuer {
        issuer: issuer.issuer.clone(),
        audience: issuer.audience.clone(),
        algorithms,
        keys,
    })
}

fn known_algorithms() -> String {
    ALGORITHMS.map(|(name, _)| name).join(", ")
}

fn role(issuer: &IssuerConfig, roles: &Roles, say: &mut impl FnMut(&str, String)) -> Option<IssuerRole> {
    if issuer.role.is_empty() {
        say("role", "must be a role, or name a claim that has one".to_owned());
    } else if !has_place(&issuer.role) && roles.named(&issuer.role).is_none() {
        say("role", format!("there is no role '{}'", issuer.role));
    }
    let role = Template::parse(&issuer.role).map_err(|why| say("role", why)).ok();
    let name = issuer.name.as_ref().map(|name| Template::parse(name));
    let name = name.transpose().map_err(|why| say("name", why)).ok();
    Some(IssuerRole {
        issuer: issuer.issuer.clone(),
        role: role?,
        name: name?,
    })
}

fn oidc(
    config: &SignInConfig,
    trusted: &[TrustedIssuer],
    say: &mut impl FnMut(&str, String),
) -> Option<OidcConfig> {
    let issuer = trusted.iter().find(|issuer| issuer.issuer == config.issuer);
    if issuer.is_none() {
        say("issuer", format!("'{}' is none of the issuers", config.issuer));
    }
    if config.client_id.is_empty() {
        say("client_id", "must be set".to_owned());
    }
    let public_url = Secured::parse(&config.public_url)
        .map_err(|why| say("public_url", why))
        .ok();
    let client_secret = match (&config.client_secret, &config.client_secret_file) {
        (Some(_), Some(_)) => {
            say("client_secret", "give this or client_secret_file".to_owned());
            None
        }
        (Some(secret), None) => Some(secret.clone()),
        (None, Some(file)) => match std::fs::read_to_string(Path::new(file)) {
            Ok(secret) => Some(secret.trim().to_owned()),
            Err(error) => {
                say("client_secret_file", format!("cannot read '{file}': {error}"));
                None
            }
        },
        // A public client; the code is bound to the browser by PKCE all the same.
        (None, None) => None,
    };
    let issuer = issuer?;
    Some(OidcConfig {
        issuer: issuer.issuer.clone(),
        algorithms: issuer.algorithms.clone(),
        client_id: config.client_id.clone(),
        client_secret,
        public_url: public_url?,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::data::Micros;

    const ROLES: &str = r#"
        [roles.reader]
        operations = ["read"]
        read = ["m"]
        [roles.admin]
        operations = ["admin"]
    "#;

    fn issuers(rest: &str) -> Result<(Issuers, Roles), Vec<String>> {
        let config: AuthConfig = toml::from_str(&format!("{ROLES}{rest}")).unwrap();
        let roles = Roles::of(&config).unwrap();
        Issuers::of(&config, &roles).map(|issuers| (issuers, roles))
    }

    const GOOD: &str = r#"
        [[issuer]]
        issuer = "https://id.example.org/realms/main"
        audience = "streamsync"
        algorithms = ["RS256"]
        jwks = "https://id.example.org/certs"
        role = "{{ claims.groups }}"
        name = "{{ claims.preferred_username }}"
        [sign_in]
        issuer = "https://id.example.org/realms/main"
        client_id = "dashboard"
        public_url = "https://streamsync.example.org"
    "#;

    #[test]
    fn a_claim_names_the_role_also_among_other_groups() {
        let (issuers, roles) = issuers(GOOD).unwrap();
        let role = |claims: Value| {
            let claims = Claims {
                issuer: "https://id.example.org/realms/main".into(),
                subject: "7".into(),
                all: claims.as_object().unwrap().clone(),
                expires: Micros::LAST,
            };
            issuers.role(&claims, &roles)
        };
        let is = |role: &str, name: &str| Ok((role.to_owned(), name.to_owned()));
        assert_eq!(role(json!({ "groups": "reader" })), is("reader", "7"));
        let ada = json!({ "groups": ["staff", "admin", "x"], "preferred_username": "ada\n" });
        assert_eq!(role(ada), is("admin", "ada"));
        for none in [
            json!({}),
            json!({ "groups": [] }),
            json!({ "groups": "root" }),
            json!({ "groups": ["reader", "admin"] }),
            json!({ "groups": { "admin": true } }),
        ] {
            assert_eq!(role(none.clone()), Err(Denied::Invalid), "{none}");
        }
    }

    #[test]
    fn each_mistake_is_told_with_its_place() {
        for (from, to, mistake) in [
            (
                "https://id.example.org/realms/main\"\n        aud",
                "http://id.example.org\"\n        aud",
                "auth.issuer #1.issuer: must be https",
            ),
            (
                "audience = \"streamsync\"",
                "",
                "auth.issuer #1.audience: must be set",
            ),
            (
                "\"RS256\"",
                "\"HS256\"",
                "auth.issuer #1.algorithms: 'HS256' is none of",
            ),
            (
                "\"RS256\"",
                "\"none\"",
                "auth.issuer #1.algorithms: 'none' is none of",
            ),
            ("\"RS256\"", "", "auth.issuer #1.algorithms: at least one of"),
            (
                "https://id.example.org/certs",
                "http://id.example.org/certs",
                "auth.issuer #1.jwks: must be https",
            ),
            (
                "https://id.example.org/certs",
                "",
                "auth.issuer #1.jwks: must be the URL",
            ),
            (
                "{{ claims.groups }}",
                "root",
                "auth.issuer #1.role: there is no role 'root'",
            ),
            ("{{ claims.groups }}", "{{ groups }}", "auth.issuer #1.role: "),
            (
                "client_id = \"dashboard\"",
                "",
                "auth.sign_in.client_id: must be set",
            ),
            (
                "https://streamsync",
                "http://streamsync",
                "auth.sign_in.public_url: must be https",
            ),
            (
                "client_id",
                "client_secret_file = \"/nowhere\"\nclient_id",
                "auth.sign_in.client_secret_file: cannot read",
            ),
        ] {
            let told = issuers(&GOOD.replacen(from, to, 1)).map(drop).unwrap_err();
            assert!(
                told.iter().any(|told| told.starts_with(mistake)),
                "{mistake}: {told:?}"
            );
        }
    }
}
