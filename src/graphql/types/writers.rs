//! Who writes over HTTP.

use async_graphql::SimpleObject;

use super::long;
use crate::graphql::scalars::{DateTime, Long};
use crate::write::Writer;

/// Somebody who has written to a stream over HTTP, on this node and since it started.
#[derive(Clone, Debug, SimpleObject)]
#[graphql(name = "Writer")]
pub struct StreamWriter {
    pub stream: String,
    /// The name of the key or token; `everyone` without access control.
    pub principal: String,
    /// The path of the protocol, such as `/write`.
    pub path: &'static str,
    /// Points that were stored.
    pub points: Long,
    /// Points that can never be stored as they are.
    pub refused: Long,
    pub requests: Long,
    /// Requests that were not stored as a whole and may succeed later.
    pub failed: Long,
    pub last_seen: DateTime,
}

impl From<Writer> for StreamWriter {
    fn from(writer: Writer) -> Self {
        Self {
            stream: writer.stream,
            principal: writer.principal.to_string(),
            path: writer.path,
            points: long(writer.points),
            refused: long(writer.refused),
            requests: long(writer.requests),
            failed: long(writer.failed),
            last_seen: DateTime(writer.last),
        }
    }
}
