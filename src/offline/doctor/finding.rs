//! What a check has seen, and what to do about it.

use std::collections::BTreeMap;
use std::fmt::Display;

use serde::Serialize;
use serde_json::Value;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    Ok,
    /// Not asked, because it depends on what failed.
    Skip,
    Warn,
    Fail,
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Finding {
    pub check: &'static str,
    pub level: Level,
    pub seen: String,
    /// One line: a command, or what to change.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
    /// Numbers for scripts; each name ends with its unit.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub values: BTreeMap<&'static str, Value>,
}

impl Finding {
    pub fn ok(check: &'static str, seen: impl Into<String>) -> Self {
        Self {
            check,
            level: Level::Ok,
            seen: seen.into(),
            remedy: None,
            values: BTreeMap::new(),
        }
    }

    pub fn warn(check: &'static str, seen: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            level: Level::Warn,
            remedy: Some(remedy.into()),
            ..Self::ok(check, seen)
        }
    }

    pub fn fail(check: &'static str, seen: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self {
            level: Level::Fail,
            ..Self::warn(check, seen, remedy)
        }
    }

    /// A question that its server did not answer, though it answers others.
    pub fn unanswered(check: &'static str, error: &impl Display) -> Self {
        let remedy = "streamsync doctor again; if this stays, the server's log says more";
        Self::warn(check, error.to_string(), remedy)
    }

    /// Each of these checks was left out, for this reason.
    pub fn skipped(checks: &[&'static str], why: &str) -> Vec<Self> {
        let skipped = |check: &&'static str| Self {
            level: Level::Skip,
            ..Self::ok(check, why)
        };
        checks.iter().map(skipped).collect()
    }

    pub fn with(mut self, name: &'static str, value: impl Into<Value>) -> Self {
        self.values.insert(name, value.into());
        self
    }
}
