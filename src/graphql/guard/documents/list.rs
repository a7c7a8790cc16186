//! The operator's list of documents: an object of texts by id, as Relay's compiler writes it, or Apollo's
//! manifest of operations.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::wanted::{Hash, parse_hash};

/// Bytes of the file.
pub const FILE_MAX: usize = 16 << 20;

#[derive(Clone, Debug, Default)]
pub struct List {
    by_id: HashMap<String, Arc<str>>,
    by_hash: HashMap<Hash, Arc<str>>,
}

#[derive(Debug, thiserror::Error)]
pub enum BadList {
    #[error("it has more than {FILE_MAX} bytes")]
    TooLarge,
    #[error("it is neither a JSON object of documents by id nor a manifest of operations: {0}")]
    NotJson(#[from] serde_json::Error),
    #[error("document '{0}': its id is the hash of another text")]
    OtherHash(String),
}

#[derive(Deserialize)]
#[serde(untagged)]
enum File {
    Manifest { operations: Vec<Operation> },
    ById(BTreeMap<String, String>),
}

#[derive(Deserialize)]
struct Operation {
    id: String,
    body: String,
}

impl List {
    /// # Errors
    /// It is not such a list. Whether the documents fit the schema is not looked at.
    pub fn parse(json: &[u8]) -> Result<Self, BadList> {
        if json.len() > FILE_MAX {
            return Err(BadList::TooLarge);
        }
        let documents = match serde_json::from_slice(json)? {
            File::ById(documents) => documents,
            File::Manifest { operations } => operations.into_iter().map(|o| (o.id, o.body)).collect(),
        };
        let mut list = Self::default();
        for (id, text) in documents {
            let text: Arc<str> = text.into();
            let hash: Hash = Sha256::digest(&*text).into();
            if parse_hash(&id).is_some_and(|named| named != hash) {
                return Err(BadList::OtherHash(id));
            }
            list.by_hash.insert(hash, Arc::clone(&text));
            list.by_id.insert(id, text);
        }
        Ok(list)
    }

    pub fn by_id(&self, id: &str) -> Option<Arc<str>> {
        self.by_id.get(id).cloned()
    }

    pub fn by_hash(&self, hash: &Hash) -> Option<Arc<str>> {
        self.by_hash.get(hash).cloned()
    }

    pub fn is_empty(&self) -> bool {
        self.by_id.is_empty()
    }

    /// In the order of their ids.
    pub fn documents(&self) -> impl Iterator<Item = (&str, &str)> {
        let mut all: Vec<_> = self.by_id.iter().collect();
        all.sort_unstable();
        all.into_iter().map(|(id, text)| (id.as_str(), &**text))
    }
}
