//! What each role of the configuration allows.

mod pattern;
pub mod template;
#[cfg(test)]
mod tests;

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use serde_json::{Map, Value};

use super::config::{AuthConfig, RoleConfig};
use crate::data::{Allowance, Grant, Operation, Scope, Streams};
use pattern::Pattern;

/// Selectors for reading, and for writing, before and after claims are filled in.
pub const SELECTORS_MAX: usize = 16;
const EVERY_STREAM: &str = "*";
/// Limits of roles for which nothing else is configured.
const DEFAULTS: Allowance = Allowance::of_sign_ins(10);

#[derive(Clone, Debug, Default)]
pub struct Roles {
    by_name: HashMap<Arc<str>, Role>,
    anonymous: Option<Arc<str>>,
    certificates: Option<Arc<str>>,
}

#[derive(Clone, Debug)]
struct Role {
    operations: BTreeSet<Operation>,
    read: Vec<Pattern>,
    write: Vec<Pattern>,
    streams: Streams,
    /// Where nothing depends on claims.
    fixed: Option<Arc<Grant>>,
    allowance: Allowance,
}

impl Roles {
    /// # Errors
    /// All that is wrong, each as `auth.setting: why`.
    pub fn of(config: &AuthConfig) -> Result<Self, Vec<String>> {
        let mut mistakes = Vec::new();
        let mut roles = Self::default();
        for (name, role) in &config.roles {
            let at = format!("auth.roles.{name}");
            if !is_role_name(name) {
                mistakes.push(format!(
                    "{at}: the name must be 1 to 64 letters, digits, '.', '_' or '-'"
                ));
            }
            let role = Role::of(role, |setting, why| {
                mistakes.push(format!("{at}.{setting}: {why}"))
            });
            let allowance = role.allowance.or(config.limits).or(DEFAULTS);
            roles
                .by_name
                .insert(name.as_str().into(), Role { allowance, ..role });
        }
        let certificates = config.certificates.as_ref().map(|config| &config.role);
        let mut without_claims =
            |setting: &str, name: &String| match roles.by_name.get_key_value(name.as_str()) {
                None => {
                    mistakes.push(format!("auth.{setting}: there is no role '{name}'"));
                    None
                }
                Some((_, role)) if role.needs_claims() => {
                    mistakes.push(format!(
                        "auth.{setting}: role '{name}' needs claims, which only a token has"
                    ));
                    None
                }
                Some((name, _)) => Some(Arc::clone(name)),
            };
        let anonymous = config.anonymous.as_ref();
        let anonymous = anonymous.and_then(|name| without_claims("anonymous", name));
        let certificates = certificates.and_then(|name| without_claims("certificates.role", name));
        roles.anonymous = anonymous;
        roles.certificates = certificates;
        match mistakes.is_empty() {
            true => Ok(roles),
            false => Err(mistakes),
        }
    }

    /// The role of whoever has no credential.
    pub fn anonymous(&self) -> Option<&Arc<str>> {
        self.anonymous.as_ref()
    }

    /// The role of whoever shows a client certificate.
    pub fn certificates(&self) -> Option<&Arc<str>> {
        self.certificates.as_ref()
    }

    /// The role's name as it is shared, if there is such a role.
    pub fn named(&self, role: &str) -> Option<&Arc<str>> {
        self.by_name.get_key_value(role).map(|(name, _)| name)
    }

    /// The role has places for claims, so that only tokens can have it.
    pub fn needs_claims(&self, role: &str) -> bool {
        self.by_name.get(role).is_some_and(Role::needs_claims)
    }

    /// What whoever has the role may use.
    pub fn allowance(&self, role: &str) -> Allowance {
        self.by_name
            .get(role)
            .map(|role| role.allowance)
            .unwrap_or_default()
    }

    /// What the role allows without claims, shared by all who have it.
    pub fn fixed(&self, role: &str) -> Option<Arc<Grant>> {
        self.by_name.get(role)?.fixed.clone()
    }

    /// What the role allows to whoever has these claims. A selector of which a claim is missing selects
    /// nothing. `None` when there is no such role, or when the claims make too many selectors of it.
    pub fn grant(&self, role: &str, claims: &Map<String, Value>) -> Option<Grant> {
        self.by_name.get(role)?.grant(claims)
    }
}

impl Role {
    fn of(config: &RoleConfig, mut say: impl FnMut(&str, String)) -> Self {
        let may = |operation| config.operations.contains(&operation);
        let admin = may(Operation::Admin);
        if config.operations.is_empty() {
            say(
                "operations",
                "at least one of read, publish, operate, admin".to_owned(),
            );
        }
        if admin && !(config.read.is_empty() && config.write.is_empty() && config.streams.is_empty()) {
            say(
                "operations",
                "an admin role has all series and streams: read, write and streams have no effect".to_owned(),
            );
        }
        let mut patterns = |setting: &str, texts: &[String], operation: Operation| {
            if admin {
                return vec![];
            }
            if texts.is_empty() && may(operation) {
                say(
                    setting,
                    format!("say which series, as the role may '{operation}'; \"*\" is all"),
                );
            }
            if !texts.is_empty() && !may(operation) {
                say(
                    setting,
                    format!("has no effect without the operation '{operation}'"),
                );
            }
            if texts.len() > SELECTORS_MAX {
                say(setting, format!("at most {SELECTORS_MAX} selectors"));
            }
            let parse = |text: &String| Pattern::parse(text).map_err(|why| say(setting, why)).ok();
            texts.iter().filter_map(parse).collect()
        };
        let read = patterns("read", &config.read, Operation::Read);
        let write = patterns("write", &config.write, Operation::Publish);
        let streams = match config.streams.contains(EVERY_STREAM) {
            true => Streams::All,
            false => Streams::Named(config.streams.clone()),
        };
        let mut role = Self {
            operations: config.operations.clone(),
            read,
            write,
            streams,
            fixed: None,
            allowance: config.limits,
        };
        role.fixed = match role.needs_claims() {
            true => None,
            false => role.grant(&Map::new()).map(Arc::new),
        };
        role
    }

    fn needs_claims(&self) -> bool {
        self.read.iter().chain(&self.write).any(Pattern::needs_claims)
    }

    fn grant(&self, claims: &Map<String, Value>) -> Option<Grant> {
        if self.operations.contains(&Operation::Admin) {
            return Some(Grant {
                operations: self.operations.clone(),
                ..Grant::everything()
            });
        }
        Some(Grant {
            operations: self.operations.clone(),
            read: Arc::new(scope(&self.read, claims)?),
            write: Arc::new(scope(&self.write, claims)?),
            streams: self.streams.clone(),
        })
    }
}

fn scope(patterns: &[Pattern], claims: &Map<String, Value>) -> Option<Scope> {
    let mut selectors = Vec::new();
    for pattern in patterns {
        selectors.extend(pattern.selectors(claims, SELECTORS_MAX));
        if selectors.len() > SELECTORS_MAX {
            return None;
        }
    }
    Some(Scope::any_of(selectors))
}

fn is_role_name(name: &str) -> bool {
    let legal = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    (1..=64).contains(&name.len()) && name.chars().all(legal)
}
