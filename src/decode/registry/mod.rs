//! A schema registry: the schemas that records name by id, fetched once.

mod client;
mod frame;

use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::StreamExt;
use futures_util::stream;
use parking_lot::RwLock;

use super::{avro, protobuf};
use crate::data::{Decoder, Header, Opened, Reason, RecordError, SchemaId};
use client::{FetchError, Fetched, RegistryClient};

pub use client::RegistryConfig;

/// A schema that the registry did not have is asked for again after this time.
const ASK_AGAIN_AFTER: Duration = Duration::from_secs(5);
/// Schemas in memory; the registry has the rest.
const KEPT_MAX: usize = 10_000;
/// Ids that are asked for at once, so that records with ids at random do not keep the others waiting.
const ASKED_AT_ONCE: usize = 200;
const CONNECTIONS: usize = 8;

/// What a stream's records are written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    Avro,
    Protobuf,
}

#[derive(Debug)]
pub struct SchemaRegistry {
    client: RegistryClient,
    kept: RwLock<HashMap<SchemaId, Kept>>,
}

#[derive(Clone, Debug)]
enum Kept {
    Avro(Decoder),
    Protobuf(Arc<protobuf::Schema>),
    Unusable { why: Arc<str>, since: Instant },
}

impl SchemaRegistry {
    /// # Errors
    /// `setting: why` of what is wrong with the configuration.
    pub fn new(config: &RegistryConfig) -> Result<Self, String> {
        Ok(Self {
            client: RegistryClient::new(config)?,
            kept: RwLock::default(),
        })
    }

    /// Returns once each of them is known to be there or not to be.
    ///
    /// # Errors
    /// The registry does not answer; asking again helps.
    pub async fn fetch(&self, ids: &BTreeSet<SchemaId>) -> Result<(), String> {
        let asked = ids.iter().copied().filter(|id| self.is_missing(*id));
        let asked: Vec<SchemaId> = asked.take(ASKED_AT_ONCE).collect();
        let mut answers = stream::iter(asked)
            .map(|id| async move { (id, self.client.schema(id).await) })
            .buffer_unordered(CONNECTIONS);
        while let Some((id, answer)) = answers.next().await {
            let kept = match answer {
                Ok(fetched) => usable(&fetched),
                Err(FetchError::Unknown(why)) => Err(why),
                Err(FetchError::Away(why)) => return Err(why),
            };
            let kept = kept.unwrap_or_else(|why| Kept::Unusable {
                why: why.into(),
                since: Instant::now(),
            });
            let mut all = self.kept.write();
            if all.len() >= KEPT_MAX {
                all.clear();
            }
            all.insert(id, kept);
        }
        Ok(())
    }

    /// Returns once the registry has answered a question that changes nothing.
    ///
    /// # Errors
    /// It does not answer, or not as a registry does.
    pub async fn answers(&self) -> Result<(), String> {
        self.client.answers().await.map_err(|error| error.to_string())
    }

    fn is_missing(&self, id: SchemaId) -> bool {
        match self.kept.read().get(&id) {
            None => true,
            Some(Kept::Unusable { since, .. }) => since.elapsed() > ASK_AGAIN_AFTER,
            Some(_) => false,
        }
    }

    /// The schema that a record names, unless it is known.
    pub(super) fn missing(&self, payload: &[u8], headers: &[Header]) -> Option<SchemaId> {
        let framed = frame::read(payload, headers)?;
        self.is_missing(framed.id).then_some(framed.id)
    }

    pub(super) fn open<'a>(
        &self,
        language: Language,
        payload: Cow<'a, [u8]>,
        headers: &[Header],
    ) -> Result<Opened<'a>, RecordError> {
        let framed = frame::read(&payload, headers).ok_or_else(|| no_id(language))?;
        let id = framed.id;
        let kept = self.kept.read().get(&id).cloned();
        let (decoder, rest) = match (kept, language) {
            (Some(Kept::Avro(decoder)), Language::Avro) => (decoder, framed.rest),
            (Some(Kept::Protobuf(schema)), Language::Protobuf) => {
                let (path, rest) = frame::message_path(framed.rest).ok_or_else(|| {
                    let detail = "the path of its message behind the schema id cannot be read";
                    RecordError::new(Reason::NotProtobuf, detail)
                })?;
                let decoder = schema
                    .by_indexes(&path)
                    .ok_or_else(|| unknown(id, format!("it has no message at {path:?}")))?;
                (decoder, rest)
            }
            (Some(Kept::Unusable { why, .. }), _) => return Err(unknown(id, &why)),
            (Some(other), _) => return Err(unknown(id, format!("it is in {other}, not in {language}"))),
            (None, _) => return Err(unknown(id, "records name too many unknown schemas at once")),
        };
        let from = if framed.in_header {
            0
        } else {
            payload.len() - rest.len()
        };
        Ok(Opened {
            payload,
            from,
            decoder,
        })
    }
}

/// Of the mark and the id at the beginning of a record; 0 where there is none.
pub(super) fn schema_id_length(payload: &[u8]) -> usize {
    frame::read(payload, &[]).map_or(0, |framed| payload.len() - framed.rest.len())
}

fn usable(fetched: &Fetched) -> Result<Kept, String> {
    match fetched.kind.as_str() {
        "AVRO" => Ok(Kept::Avro(Arc::new(avro::Schema::parse(&fetched.text)?))),
        "PROTOBUF" => Ok(Kept::Protobuf(Arc::new(protobuf::Schema::parse(&fetched.text)?))),
        other => Err(format!("its type {other:?} is neither AVRO nor PROTOBUF")),
    }
}

fn no_id(language: Language) -> RecordError {
    let reason = match language {
        Language::Avro => Reason::NotAvro,
        Language::Protobuf => Reason::NotProtobuf,
    };
    let detail =
        "the record names no schema: neither a header __value_schema_id nor a mark 0 or 1 at its beginning";
    RecordError::new(reason, detail)
}

fn unknown(id: SchemaId, why: impl fmt::Display) -> RecordError {
    RecordError::new(Reason::UnknownSchema, format!("schema {id}: {why}"))
}

impl fmt::Display for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Avro => "Avro",
            Self::Protobuf => "Protobuf",
        })
    }
}

impl fmt::Display for Kept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Avro(_) => "Avro",
            Self::Protobuf(_) => "Protobuf",
            Self::Unusable { .. } => "no language",
        })
    }
}
