//! What somebody may do: operations, and the series and streams they are allowed on.

use std::collections::BTreeSet;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::Scope;
use super::words::words;

words! {
    /// What a role allows. [`Operation::Admin`] contains the others.
    #[derive(Serialize, Deserialize)]
    #[serde(rename_all = "lowercase")]
    pub enum Operation, as_str {
        /// Series, points and what is computed from them; state and dead letters of the role's streams.
        Read = "read",
        /// Sending points to the role's streams.
        Publish = "publish",
        /// Redriving dead letters, resuming streams, metrics of the process.
        Operate = "operate",
        /// API keys and the audit log.
        Admin = "admin",
    }
}

/// The streams of a role.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Streams {
    All,
    Named(BTreeSet<String>),
}

impl Streams {
    pub fn are_all(&self) -> bool {
        matches!(self, Self::All)
    }

    pub fn contain_all(&self, others: &Self) -> bool {
        match (self, others) {
            (Self::All, _) => true,
            (Self::Named(names), Self::Named(others)) => others.is_subset(names),
            (Self::Named(_), Self::All) => false,
        }
    }

    /// `None`: all there are.
    pub fn names(&self) -> Option<Vec<String>> {
        match self {
            Self::All => None,
            Self::Named(names) => Some(names.iter().cloned().collect()),
        }
    }

    pub fn contain(&self, stream: &str) -> bool {
        match self {
            Self::All => true,
            Self::Named(names) => names.contains(stream),
        }
    }
}

/// What a principal's role allows, with all that depends on the principal filled in.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Grant {
    pub operations: BTreeSet<Operation>,
    pub read: Arc<Scope>,
    pub write: Arc<Scope>,
    pub streams: Streams,
}

impl Grant {
    pub fn everything() -> Self {
        Self {
            operations: BTreeSet::from([Operation::Admin]),
            read: Arc::new(Scope::everything()),
            write: Arc::new(Scope::everything()),
            streams: Streams::All,
        }
    }

    pub fn nothing() -> Self {
        Self {
            operations: BTreeSet::new(),
            read: Arc::new(Scope::any_of([])),
            write: Arc::new(Scope::any_of([])),
            streams: Streams::Named(BTreeSet::new()),
        }
    }

    pub fn allows(&self, operation: Operation) -> bool {
        self.operations.contains(&operation) || self.operations.contains(&Operation::Admin)
    }
}
