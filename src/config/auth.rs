//! `[auth]`: who may use the server. Read section by section, so that every mistake is told.

use std::time::Duration;

use super::streams::StreamConfig;
use super::text::Document;
use crate::access::config::AuthConfig;
use crate::access::{Issuers, Roles};

const GRACE_MAX: Duration = Duration::from_secs(3_600);

/// `None` where the section is not there.
pub(super) fn read(file: &mut Document<'_, '_>) -> Option<AuthConfig> {
    let mut auth = file.within("auth")?;
    let roles = auth.within("roles").map(Document::named);
    let sections = AuthConfig {
        roles: roles.unwrap_or_default(),
        issuers: auth.sections("issuer"),
        sign_in: auth.section("sign_in"),
        limits: auth.section("limits"),
        ..AuthConfig::default()
    };
    let rest: AuthConfig = auth.rest();
    Some(AuthConfig {
        anonymous: rest.anonymous,
        grace: rest.grace,
        certificates: rest.certificates,
        ..sections
    })
}

pub(super) fn check(auth: &AuthConfig, streams: &[StreamConfig], mistakes: &mut Vec<String>) {
    if auth.grace > GRACE_MAX {
        mistakes.push("auth.grace: must be at most 1h".to_owned());
    }
    match Roles::of(auth) {
        Ok(roles) => mistakes.extend(Issuers::of(auth, &roles).err().unwrap_or_default()),
        Err(wrong) => mistakes.extend(wrong),
    }
    // The demo brings a stream that the file does not have.
    if streams.is_empty() {
        return;
    }
    let known = |name: &str| name == "*" || streams.iter().any(|stream| stream.name == name);
    for (role, config) in &auth.roles {
        for name in config.streams.iter().filter(|name| !known(name)) {
            mistakes.push(format!("auth.roles.{role}.streams: there is no stream '{name}'"));
        }
    }
}
