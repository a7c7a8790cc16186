//! What is recorded of who did what. Never with a secret in it: keys by their ids, no payloads.

use std::net::IpAddr;
use std::sync::Arc;

use serde_json::{Map, Value};

use super::Micros;
use super::words::words;

/// Longer texts are cut: they come from clients.
const TEXT_MAX: usize = 1_024;
/// Details of one event.
const DETAILS_MAX: usize = 16;

words! {
    pub enum Action, as_str, parse {
        CreateKey = "key.create",
        RotateKey = "key.rotate",
        RevokeKey = "key.revoke",
        ChangeRoles = "roles.change",
        Publish = "publish",
        Redrive = "redrive",
        Resume = "resume",
        Reload = "reload",
        DeleteSeries = "series.delete",
        Export = "export",
        SignIn = "sign_in",
        SignOut = "sign_out",
        /// Somebody asked for what they may not have.
        Denied = "denied",
        /// Events that could not be recorded.
        Lost = "audit.lost",
    }
}

words! {
    pub enum Outcome, as_str {
        Done = "done",
        Refused = "refused",
        Failed = "failed",
    }
}

impl Action {
    /// Those that come so often that the same again, within a minute, is only counted.
    pub const fn is_frequent(self) -> bool {
        matches!(self, Self::Denied | Self::Publish | Self::Export)
    }
}

/// Who did something, and from where.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Actor {
    /// As [`Viewer::subject`](super::Viewer).
    pub subject: Arc<str>,
    pub role: Arc<str>,
    pub address: Option<IpAddr>,
}

impl Actor {
    pub fn new(subject: impl Into<Arc<str>>, role: impl Into<Arc<str>>, address: Option<IpAddr>) -> Self {
        Self {
            subject: subject.into(),
            role: role.into(),
            address,
        }
    }

    /// Somebody who was not let in. What they called themselves is not believed.
    pub fn unknown(address: Option<IpAddr>) -> Self {
        Self::new("unknown", "", address)
    }

    /// Whoever sits at this machine, by the name that the system has for them.
    pub fn of_terminal() -> Self {
        let user = std::env::var("USER").ok().filter(|user| !user.is_empty());
        let subject = user.map_or_else(|| "terminal".to_owned(), |user| format!("terminal:{user}"));
        Self::new(cut(&subject), "admin", None)
    }
}

/// One thing that was done or tried.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    pub at: Micros,
    pub actor: Actor,
    pub action: Action,
    /// What it was done to: a key's id, a stream, a path.
    pub target: String,
    pub outcome: Outcome,
    pub detail: Map<String, Value>,
}

impl Event {
    pub fn new(actor: Actor, action: Action, target: &str) -> Self {
        Self {
            at: Micros::now(),
            actor,
            action,
            target: cut(target),
            outcome: match action {
                Action::Denied => Outcome::Refused,
                Action::Lost => Outcome::Failed,
                _ => Outcome::Done,
            },
            detail: Map::new(),
        }
    }

    /// The actor asked for what they may not have.
    pub fn denied(actor: Actor, target: &str, why: &str) -> Self {
        Self::new(actor, Action::Denied, target).with("why", why)
    }

    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        if self.detail.len() < DETAILS_MAX {
            let value = match value.into() {
                Value::String(text) => Value::String(cut(&text)),
                other => other,
            };
            self.detail.insert(name.to_owned(), value);
        }
        self
    }

    pub fn outcome(mut self, outcome: Outcome) -> Self {
        self.outcome = outcome;
        self
    }
}

/// Of bounded length, and without control characters: Postgres takes no NUL, and a line of the log is
/// one line.
fn cut(text: &str) -> String {
    let mut end = text.len().min(TEXT_MAX);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    let mut cut = text[..end].replace(char::is_control, "\u{fffd}");
    if end < text.len() {
        cut.push('…');
    }
    cut
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn actions_are_found_by_their_names() {
        for action in Action::ALL {
            assert_eq!(Action::parse(action.as_str()), Some(action));
        }
        assert_eq!(Action::parse("nothing"), None);
    }

    #[test]
    fn what_clients_wrote_is_cut() {
        let long = format!("a\0{}", "ü".repeat(TEXT_MAX));
        let event = Event::new(Actor::unknown(None), Action::Export, &long).with("selector", long.as_str());
        assert!(event.target.starts_with("a\u{fffd}ü") && event.target.ends_with('…'));
        assert!(event.target.len() < TEXT_MAX + 8);
        assert_eq!(event.detail["selector"], event.target);
    }
}
