//! Statements that Postgres parses once for each connection.

use diesel::pg::Pg;
use diesel::query_builder::{AstPass, BoxedSqlQuery, Query, QueryFragment, QueryId, SqlQuery};
use diesel::result::QueryResult;
use diesel::sql_types::Untyped;

/// A query of [`diesel::sql_query`]. Diesel prepares each of these every time, since their text can be
/// anything. A connection keeps every prepared statement until it closes, so `once` is only for queries
/// whose text does not depend on what a client asks.
pub(super) struct Statement<Q = BoxedSqlQuery<'static, Pg, SqlQuery>> {
    query: Q,
    once: bool,
}

impl<Q> Statement<Q> {
    pub fn new(query: Q, once: bool) -> Self {
        Self { query, once }
    }

    pub fn once(query: Q) -> Self {
        Self::new(query, true)
    }
}

impl<Q: QueryFragment<Pg>> QueryFragment<Pg> for Statement<Q> {
    fn walk_ast<'b>(&'b self, out: AstPass<'_, 'b, Pg>) -> QueryResult<()> {
        self.query.walk_ast(out)
    }

    fn is_safe_to_cache_prepared(&self, _: &Pg) -> QueryResult<bool> {
        Ok(self.once)
    }
}

// The connection finds the statement by its text.
impl<Q> QueryId for Statement<Q> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<Q> Query for Statement<Q> {
    type SqlType = Untyped;
}
