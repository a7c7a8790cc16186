//! Rows of the audit, for administrators.

use diesel::prelude::*;
use serde_json::Value;

use super::{Page, ReadError, Reader, one_more};
use crate::data::Micros;
use crate::store::micros::to_pg;
use crate::store::schema::audit;
use crate::store::selection::storable;

/// Which events to list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditFilter {
    pub actor: Option<String>,
    pub action: Option<String>,
    pub from: Option<Micros>,
}

/// One event as it is stored.
#[derive(Clone, Debug, PartialEq, Queryable, Selectable)]
#[diesel(table_name = audit)]
pub struct AuditRow {
    pub id: i64,
    pub at: Micros,
    pub actor: String,
    pub role: String,
    /// `None` for what came over no connection.
    pub address: Option<String>,
    pub action: String,
    pub target: String,
    pub outcome: String,
    pub detail: Value,
}

impl Reader {
    /// Newest first, behind the row `after`.
    pub async fn audit(
        &self,
        filter: &AuditFilter,
        after: Option<i64>,
        first: usize,
    ) -> Result<Page<AuditRow>, ReadError> {
        let texts = [&filter.actor, &filter.action];
        if !texts.into_iter().flatten().all(|text| storable(text)) {
            return Ok(Page::cut(Vec::new(), first));
        }
        let mut query = audit::table
            .select(AuditRow::as_select())
            .order(audit::id.desc())
            .limit(one_more(first))
            .into_boxed();
        if let Some(actor) = &filter.actor {
            query = query.filter(audit::actor.eq(actor.clone()));
        }
        if let Some(action) = &filter.action {
            query = query.filter(audit::action.eq(action.clone()));
        }
        if let Some(from) = filter.from {
            query = query.filter(audit::at.ge(to_pg(from)));
        }
        if let Some(after) = after {
            query = query.filter(audit::id.lt(after));
        }
        Ok(Page::cut(self.load(query).await?, first))
    }
}
