//! `AuditEvent`: who did what.

use async_graphql::{ID, Object};

use crate::graphql::scalars::DateTime;
use crate::store::read;

#[derive(Clone, Debug)]
pub struct AuditEvent(pub read::AuditRow);

/// Something that somebody did, or tried.
#[Object]
impl AuditEvent {
    async fn id(&self) -> ID {
        self.0.id.into()
    }

    async fn at(&self) -> DateTime {
        DateTime(self.0.at)
    }

    /// `key:<id>`, the issuer and subject of a token, `cert:<name>`, `anonymous`, `everyone` or
    /// `unknown` for somebody who was not let in.
    async fn actor(&self) -> &str {
        &self.0.actor
    }

    /// The role that the actor had.
    async fn role(&self) -> &str {
        &self.0.role
    }

    /// The network address; null for what came over no connection.
    async fn address(&self) -> Option<&str> {
        self.0.address.as_deref()
    }

    /// Such as `publish`, `key.create` or `denied`.
    async fn action(&self) -> &str {
        &self.0.action
    }

    /// What it was done to: a stream, the id of a key, a path.
    async fn target(&self) -> &str {
        &self.0.target
    }

    /// `done`, `refused` or `failed`.
    async fn outcome(&self) -> &str {
        &self.0.outcome
    }

    /// What depends on the action, as the text of a JSON object. `times` counts the same events within
    /// the minute after the first.
    async fn detail(&self) -> String {
        self.0.detail.to_string()
    }
}
