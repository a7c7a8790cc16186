//! Pages as Relay's connections: cursors in, edges out.

use async_graphql::connection::{Connection, CursorType, Edge, EmptyFields};
use async_graphql::{Error, Result};

use super::errors::Code;
use super::limits;
use crate::data::Seal;
use crate::store::read::Page;

pub fn cursor<C: CursorType>(seal: &Seal, text: Option<String>) -> Result<Option<C>> {
    let Some(text) = text else {
        return Ok(None);
    };
    let opened = seal.open(&text).ok().filter(|_| text.len() <= limits::TEXT_MAX);
    let decoded = opened.and_then(|cursor| C::decode_cursor(cursor).ok());
    decoded.map(Some).ok_or_else(bad_cursor)
}

/// Refuses a NUL, which Postgres would refuse and no key has.
pub fn check_key(key: Option<&str>) -> Result<()> {
    match key {
        Some(key) if key.contains('\0') => Err(bad_cursor()),
        _ => Ok(()),
    }
}

fn bad_cursor() -> Error {
    Code::BadUserInput.error("after is not a cursor of this list")
}

/// The cursors are texts for the viewer with this seal.
pub fn connection<C, R, N>(
    seal: &Seal,
    has_previous: bool,
    page: Page<R>,
    cursor: impl Fn(&R) -> C,
    node: impl Fn(R) -> N,
) -> Connection<String, N, EmptyFields, EmptyFields>
where
    C: CursorType,
    N: async_graphql::OutputType,
{
    let mut connection = Connection::new(has_previous, page.more);
    let edge = |row: R| Edge::new(seal.close(cursor(&row).encode_cursor()), node(row));
    connection.edges = page.rows.into_iter().map(edge).collect();
    connection
}
