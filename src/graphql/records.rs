//! The last records of a stream in Kafka, beside what becomes of them.

use async_graphql::{Context, Object, Result};

use super::errors::{Code, overloaded};
use super::limits;
use super::services::{known_stream, services};
use super::types::StreamRecord;
use crate::inspect::InspectError;

#[derive(Clone, Copy, Debug, Default)]
pub struct Records;

#[Object]
impl Records {
    /// The last records of a stream's topic, newest first, and what becomes of each by the mapping as it
    /// is now. Reads Kafka; nothing is stored and no offset moves.
    #[graphql(complexity = "limits::WHOLE_ANSWER + child_complexity")]
    async fn records(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "The name of a configured stream.")] stream: String,
        #[graphql(desc = "1 to 100, 20 if omitted.")] last: Option<i32>,
    ) -> Result<Vec<StreamRecord>> {
        let last = limits::page(last.or(Some(20)), limits::RECORDS_MAX)?;
        let target = known_stream(ctx, &stream)?;
        let inspection = &services(ctx)?.inspection;
        let found = inspection.last(&stream, &target.topic, last).await;
        let found = found.map_err(|error| match error {
            InspectError::Busy => overloaded(&error.to_string()),
            _ => Code::Unavailable.error(error.to_string()),
        })?;
        Ok(found.into_iter().rev().map(StreamRecord::from).collect())
    }
}
