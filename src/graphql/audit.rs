//! The audit: its events in pages.

use async_graphql::connection::{Connection, EmptyFields, OpaqueCursor};
use async_graphql::{Context, Object, Result};

use super::connection::{connection, cursor};
use super::errors::{Code, read_error};
use super::limits;
use super::services::{reader, viewer};
use super::types::AuditEvent;
use crate::data::audit::Action;
use crate::store::read::{AuditFilter, AuditRow};

#[derive(Clone, Copy, Debug, Default)]
pub struct AuditQuery;

type IdCursor = OpaqueCursor<i64>;

#[Object]
impl AuditQuery {
    /// Who did what, newest first. For administrators.
    #[graphql(complexity = "limits::page_weight(first) * child_complexity")]
    async fn audit(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "1 to 500, 100 if omitted.")] first: Option<i32>,
        #[graphql(desc = "`endCursor` of the previous page.")] after: Option<String>,
        #[graphql(desc = "Only of this actor, such as `key:<id>`.")] actor: Option<String>,
        #[graphql(desc = "Only this action, such as `publish` or `denied`.")] action: Option<String>,
    ) -> Result<Connection<String, AuditEvent, EmptyFields, EmptyFields>> {
        let first = limits::page(first, limits::DEAD_LETTERS_MAX)?;
        let seal = viewer(ctx)?.seal();
        let after = cursor::<IdCursor>(seal, after)?.map(|cursor| cursor.0);
        if let Some(action) = &action
            && Action::parse(action).is_none()
        {
            let known = Action::ALL.map(Action::as_str).join(", ");
            return Err(Code::BadUserInput.error(format!("action is none of {known}")));
        }
        let filter = AuditFilter {
            actor,
            action,
            from: None,
        };
        let page = reader(ctx)?
            .audit(&filter, after, first)
            .await
            .map_err(read_error)?;
        let cursor = |row: &AuditRow| OpaqueCursor(row.id);
        Ok(connection(seal, after.is_some(), page, cursor, AuditEvent))
    }
}
