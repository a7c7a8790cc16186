//! `DeadLetter`: a Kafka record that could not be stored, and why.

use async_graphql::{Context, ID, Object, Result, SimpleObject};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::graphql::scalars::{DateTime, Long};
use crate::graphql::services::services;
use crate::store::read;

#[derive(Clone, Debug)]
pub struct DeadLetter(pub read::DeadLetter);

/// A Kafka record that could not be stored, with its origin and its payload as far as it was kept.
#[Object]
impl DeadLetter {
    async fn id(&self) -> ID {
        self.0.id.into()
    }

    async fn stream(&self) -> &str {
        &self.0.stream
    }

    /// The reason code of the last attempt, such as `not_json` or `missing_field`.
    async fn reason(&self) -> &str {
        &self.0.reason
    }

    /// One sentence for a person.
    async fn detail(&self) -> &str {
        &self.0.detail
    }

    /// The index of the failed element, from 0, if the record is an array of objects.
    async fn element(&self) -> Option<i32> {
        self.0.element
    }

    async fn topic(&self) -> &str {
        &self.0.topic
    }

    async fn partition(&self) -> i32 {
        self.0.partition
    }

    async fn offset(&self) -> Long {
        Long(self.0.offset)
    }

    /// The timestamp of the Kafka record.
    async fn timestamp(&self) -> DateTime {
        DateTime(self.0.recorded_at)
    }

    /// The record's key as text; bytes that are not UTF-8 become U+FFFD.
    async fn key(&self) -> Option<String> {
        self.0.key.as_deref().map(text)
    }

    /// The payload as text; bytes that are not UTF-8 become U+FFFD.
    async fn payload(&self) -> Option<String> {
        self.0.payload.as_deref().map(text)
    }

    /// The payload's bytes in base64.
    async fn payload_base64(&self) -> Option<String> {
        self.0.payload.as_ref().map(|bytes| STANDARD.encode(bytes))
    }

    /// The payload as JSON, as the stream's format reads it now; null where it cannot be decoded.
    async fn decoded(&self, ctx: &Context<'_>) -> Result<Option<String>> {
        let Some(payload) = self.0.payload.as_ref().filter(|_| !self.0.truncated()) else {
            return Ok(None);
        };
        let inspection = &services(ctx)?.inspection;
        Ok(inspection.decoded(&self.0.stream, payload, &self.0.headers).await)
    }

    /// The size of the complete payload in bytes.
    async fn payload_size(&self) -> Long {
        Long(self.0.payload_size)
    }

    /// True if only part of the payload was kept, for example of one larger than 64 KiB. Such a
    /// dead letter cannot be redriven.
    async fn payload_truncated(&self) -> bool {
        self.0.truncated()
    }

    /// In the order of the record; a name may occur more than once.
    async fn headers(&self) -> Vec<HeaderText> {
        let headers = self.0.headers.iter();
        headers
            .map(|header| HeaderText {
                name: header.name.clone(),
                value: text(&header.value),
            })
            .collect()
    }

    /// How many attempts failed, including the first.
    async fn attempts(&self) -> i32 {
        self.0.attempts
    }

    async fn last_failed_at(&self) -> DateTime {
        DateTime(self.0.last_failed_at)
    }

    /// When a redrive stored it; null while unresolved.
    async fn resolved_at(&self) -> Option<DateTime> {
        self.0.resolved_at.map(DateTime)
    }
}

/// The number of unresolved dead letters of one stream, topic and reason.
#[derive(Clone, Debug, SimpleObject)]
pub struct DeadLetterCount {
    pub stream: String,
    pub topic: String,
    /// The reason code, such as `not_json` or `missing_field`.
    pub reason: String,
    pub count: Long,
    /// When the newest of them last failed.
    pub newest: DateTime,
}

impl From<read::DeadLetterCount> for DeadLetterCount {
    fn from(row: read::DeadLetterCount) -> Self {
        Self {
            stream: row.stream,
            topic: row.topic,
            reason: row.reason,
            count: Long(row.count),
            newest: DateTime(row.newest),
        }
    }
}

/// A Kafka header; bytes that are not UTF-8 become U+FFFD.
#[derive(Clone, Debug, SimpleObject)]
#[graphql(name = "Header")]
pub struct HeaderText {
    pub name: String,
    pub value: String,
}

pub(super) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
