//! The dead letters: in pages, and counted by reason.

use async_graphql::connection::{Connection, EmptyFields, OpaqueCursor};
use async_graphql::{Context, Object, Result};

use super::connection::{connection, cursor};
use super::errors::read_error;
use super::limits;
use super::services::{reader, viewer};
use super::types::{DeadLetter, DeadLetterCount};
use crate::store::read::{self, DeadLetterFilter};

#[derive(Clone, Copy, Debug, Default)]
pub struct DeadLetters;

type IdCursor = OpaqueCursor<i64>;

#[Object]
impl DeadLetters {
    /// Records that could not be stored, newest first.
    #[graphql(complexity = "limits::page_weight(first) * child_complexity")]
    #[allow(clippy::too_many_arguments, reason = "they are those of the field")]
    async fn dead_letters(
        &self,
        ctx: &Context<'_>,
        #[graphql(desc = "Only of this Kafka topic.")] topic: Option<String>,
        #[graphql(desc = "Only of this stream.")] stream: Option<String>,
        #[graphql(desc = "Only with this reason code.")] reason: Option<String>,
        #[graphql(
            desc = "Include those that a redrive has stored.",
            default_with = "Some(false)"
        )]
        include_resolved: Option<bool>,
        #[graphql(desc = "1 to 500, 100 if omitted.")] first: Option<i32>,
        #[graphql(desc = "`endCursor` of the previous page.")] after: Option<String>,
    ) -> Result<Connection<String, DeadLetter, EmptyFields, EmptyFields>> {
        let first = limits::page(first, limits::DEAD_LETTERS_MAX)?;
        let viewer = viewer(ctx)?;
        let after = cursor::<IdCursor>(viewer.seal(), after)?.map(|c| c.0);
        let filter = DeadLetterFilter {
            topic,
            stream,
            reason,
            resolved_too: include_resolved.unwrap_or_default(),
        };
        let page = reader(ctx)?
            .dead_letters(&viewer.streams(), &filter, after, first)
            .await
            .map_err(read_error)?;
        let cursor = |letter: &read::DeadLetter| OpaqueCursor(letter.id);
        Ok(connection(
            viewer.seal(),
            after.is_some(),
            page,
            cursor,
            DeadLetter,
        ))
    }

    /// The number of unresolved dead letters by stream, topic and reason, largest first.
    #[graphql(complexity = "limits::WHOLE_ANSWER + child_complexity")]
    async fn dead_letter_reasons(&self, ctx: &Context<'_>) -> Result<Vec<DeadLetterCount>> {
        let streams = viewer(ctx)?.streams();
        let rows = reader(ctx)?
            .dead_letter_counts(&streams)
            .await
            .map_err(read_error)?;
        Ok(rows.into_iter().map(DeadLetterCount::from).collect())
    }
}
