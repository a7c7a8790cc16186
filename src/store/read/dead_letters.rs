//! Dead letters: in pages to look at, and by id to send again.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use diesel::deserialize;
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::sql_types::Jsonb;
use serde_json::Value;

use super::{Page, ReadError, Reader, one_more};
use crate::data::{Class, Header, Micros, Streams};
use crate::store::schema::dead_letters;
use crate::store::selection::storable;

/// Which letters to list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeadLetterFilter {
    pub topic: Option<String>,
    pub stream: Option<String>,
    pub reason: Option<String>,
    /// Include those that a redrive has stored.
    pub resolved_too: bool,
}

/// A record that could not be stored, with everything needed to send it again.
#[derive(Clone, Debug, PartialEq, Eq, Queryable, Selectable)]
#[diesel(table_name = dead_letters)]
pub struct DeadLetter {
    pub id: i64,
    pub stream: String,
    pub reason: String,
    pub detail: String,
    /// The element of an array of objects that failed.
    pub element: Option<i32>,
    pub topic: String,
    pub partition: i32,
    #[diesel(column_name = record_offset)]
    pub offset: i64,
    /// The timestamp of the Kafka record.
    pub recorded_at: Micros,
    pub key: Option<Vec<u8>>,
    /// Cut at 64 KiB, and absent beyond the quota; `payload_size` is that of the whole in bytes.
    pub payload: Option<Vec<u8>>,
    pub payload_size: i64,
    #[diesel(deserialize_as = StoredHeaders)]
    pub headers: Vec<Header>,
    pub attempts: i32,
    pub last_failed_at: Micros,
    pub resolved_at: Option<Micros>,
}

/// The open letters of one stream, topic and reason.
#[derive(Clone, Debug, PartialEq, Eq, Queryable)]
pub struct DeadLetterCount {
    pub stream: String,
    pub topic: String,
    pub reason: String,
    pub count: i64,
    /// When the newest of them last failed.
    pub newest: Micros,
}

impl DeadLetter {
    pub fn truncated(&self) -> bool {
        let kept = self.payload.as_ref().map_or(0, Vec::len);
        i64::try_from(kept).unwrap_or(i64::MAX) < self.payload_size
    }
}

impl Reader {
    /// Newest first, from the letter after `after` on. `of`: the streams that the viewer may know of.
    pub async fn dead_letters(
        &self,
        of: &Streams,
        filter: &DeadLetterFilter,
        after: Option<i64>,
        first: usize,
    ) -> Result<Page<DeadLetter>, ReadError> {
        let texts = [&filter.topic, &filter.stream, &filter.reason];
        if !texts.into_iter().flatten().all(|text| storable(text)) {
            return Ok(Page::cut(Vec::new(), first));
        }
        let mut query = dead_letters::table
            .select(DeadLetter::as_select())
            .order(dead_letters::id.desc())
            .limit(one_more(first))
            .into_boxed();
        if let Some(names) = of.names() {
            query = query.filter(dead_letters::stream.eq_any(names));
        }
        if let Some(topic) = &filter.topic {
            query = query.filter(dead_letters::topic.eq(topic.clone()));
        }
        if let Some(stream) = &filter.stream {
            query = query.filter(dead_letters::stream.eq(stream.clone()));
        }
        if let Some(reason) = &filter.reason {
            query = query.filter(dead_letters::reason.eq(reason.clone()));
        }
        if !filter.resolved_too {
            query = query.filter(dead_letters::resolved_at.is_null());
        }
        if let Some(after) = after {
            query = query.filter(dead_letters::id.lt(after));
        }
        Ok(Page::cut(self.load(query).await?, first))
    }

    /// How many letters are open, by stream, topic and reason, most first.
    ///
    /// # Errors
    /// `TooManyRows` beyond the row limit.
    pub async fn dead_letter_counts(&self, of: &Streams) -> Result<Vec<DeadLetterCount>, ReadError> {
        use diesel::dsl::{count_star, max};
        let mut query = dead_letters::table
            .filter(dead_letters::resolved_at.is_null())
            .group_by((dead_letters::stream, dead_letters::topic, dead_letters::reason))
            .select((
                dead_letters::stream,
                dead_letters::topic,
                dead_letters::reason,
                count_star(),
                max(dead_letters::last_failed_at).assume_not_null(),
            ))
            .order((
                count_star().desc(),
                dead_letters::stream,
                dead_letters::topic,
                dead_letters::reason,
            ))
            .limit(self.one_too_many())
            .into_boxed();
        if let Some(names) = of.names() {
            query = query.filter(dead_letters::stream.eq_any(names));
        }
        let rows = self.load_as(Class::Heavy, query).await?;
        self.whole(rows)
    }

    /// The letters with these ids that exist in these streams, by id.
    pub async fn dead_letters_by_id(&self, of: &Streams, ids: &[i64]) -> Result<Vec<DeadLetter>, ReadError> {
        let mut query = dead_letters::table
            .filter(dead_letters::id.eq_any(ids.to_vec()))
            .select(DeadLetter::as_select())
            .order(dead_letters::id)
            .into_boxed();
        if let Some(names) = of.names() {
            query = query.filter(dead_letters::stream.eq_any(names));
        }
        self.load(query).await
    }
}

/// `[[name, base64 of the value], ...]`.
#[derive(Debug)]
pub struct StoredHeaders(Value);

impl Queryable<Jsonb, Pg> for StoredHeaders {
    type Row = Value;

    fn build(row: Value) -> deserialize::Result<Self> {
        Ok(Self(row))
    }
}

impl From<StoredHeaders> for Vec<Header> {
    fn from(StoredHeaders(stored): StoredHeaders) -> Self {
        let header = |pair: &Value| {
            let value = pair.get(1)?.as_str()?;
            Some(Header {
                name: pair.get(0)?.as_str()?.to_owned(),
                value: STANDARD.decode(value).ok()?,
            })
        };
        let pairs = stored.as_array().map_or(&[][..], Vec::as_slice);
        pairs.iter().filter_map(header).collect()
    }
}
