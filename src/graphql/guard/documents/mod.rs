//! Documents that clients name instead of sending them: by the hash of Apollo's automatic persisted
//! queries, or by the id of a document that the operator has listed.
//!
//! It decides before anything is parsed. What clients bring is kept once the guard has accepted it.

mod cache;
mod list;
mod wanted;

use std::sync::Arc;

use async_graphql::{Request, ServerError};
use parking_lot::Mutex;
use sha2::{Digest, Sha256};

use self::cache::Cache;
pub use self::list::{BadList, FILE_MAX, List};
pub use self::wanted::{DOCUMENT_ID, PERSISTED_QUERY};
use self::wanted::{Hash, Wanted, bad, wanted};
use crate::data::{Operation, Viewer};
use crate::graphql::errors::{Code, of_request};
use crate::graphql::limits::DOCUMENT_MAX;

/// What Apollo's clients look for, both as the message and as the code.
pub const NOT_FOUND: (&str, Code) = ("PersistedQueryNotFound", Code::PersistedQueryNotFound);
pub const NOT_SUPPORTED: (&str, Code) = ("PersistedQueryNotSupported", Code::PersistedQueryNotSupported);

#[derive(Clone, Debug, Default)]
pub struct Settings {
    pub list: List,
    /// Nothing else is executed, except for those who may operate the server.
    pub only_listed: bool,
    /// Bytes of documents that clients have brought; 0: they cannot.
    pub cache_bytes: usize,
}

/// Cheap to clone.
#[derive(Clone, Debug)]
pub struct Documents(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    list: List,
    only_listed: bool,
    cache: Option<Mutex<Cache>>,
}

/// A document that a client has brought with its hash.
#[derive(Debug)]
pub struct Brought {
    hash: Hash,
    text: Arc<str>,
    by: Documents,
}

impl Documents {
    pub fn new(settings: Settings) -> Self {
        let bytes = settings.cache_bytes;
        Self(Arc::new(Inner {
            list: settings.list,
            only_listed: settings.only_listed,
            cache: (bytes > 0).then(|| Mutex::new(Cache::new(bytes))),
        }))
    }

    /// Gives the request the document that it names. Returns what is to be kept of it.
    ///
    /// # Errors
    /// There is no such document, or the viewer may not use it.
    pub(super) fn find(
        &self,
        request: &mut Request,
        viewer: Option<&Viewer>,
    ) -> Result<Option<Brought>, Vec<ServerError>> {
        let sent = !request.query.is_empty();
        let found = match wanted(request)? {
            None => None,
            Some(Wanted::Listed(id)) => {
                if sent {
                    return Err(bad("give either 'query' or 'documentId'"));
                }
                let text = self.0.list.by_id(&id).ok_or_else(|| refused(NOT_FOUND))?;
                Some((text, true, None))
            }
            Some(Wanted::Hash(hash)) if sent => {
                let text = request.query.as_str();
                // A longer one is refused by the guard, and not kept.
                if text.len() <= DOCUMENT_MAX && Hash::from(Sha256::digest(text)) != hash {
                    return Err(bad("provided sha does not match query"));
                }
                let brought = self.0.cache.is_some() && text.len() <= DOCUMENT_MAX;
                let text: Arc<str> = text.into();
                let brought = brought.then(|| Brought {
                    hash,
                    text: Arc::clone(&text),
                    by: self.clone(),
                });
                Some((text, false, brought))
            }
            Some(Wanted::Hash(hash)) => Some(self.known(&hash)?),
        };
        let (text, listed, brought) = match found {
            Some(found) => found,
            None if self.0.only_listed => (request.query.as_str().into(), false, None),
            None => return Ok(None),
        };
        self.may_use(&text, listed, viewer)?;
        request.query = (*text).to_owned();
        Ok(brought)
    }

    fn known(&self, hash: &Hash) -> Result<(Arc<str>, bool, Option<Brought>), Vec<ServerError>> {
        if let Some(text) = self.0.list.by_hash(hash) {
            return Ok((text, true, None));
        }
        let Some(cache) = &self.0.cache else {
            return Err(refused(NOT_SUPPORTED));
        };
        let text = cache.lock().get(hash).ok_or_else(|| refused(NOT_FOUND))?;
        Ok((text, false, None))
    }

    fn may_use(&self, text: &str, listed: bool, viewer: Option<&Viewer>) -> Result<(), Vec<ServerError>> {
        if !self.0.only_listed || listed {
            return Ok(());
        }
        if text.len() <= DOCUMENT_MAX && self.0.list.by_hash(&Sha256::digest(text).into()).is_some() {
            return Ok(());
        }
        // Without access control everybody may operate the server, and nobody is told apart.
        let operates = |viewer: &Viewer| viewer.meter().is_some() && viewer.may(Operation::Operate).is_ok();
        match viewer.is_some_and(operates) {
            true => Ok(()),
            false => Err(vec![of_request(
                "only listed documents are executed here",
                Code::Forbidden,
            )]),
        }
    }
}

impl Default for Documents {
    fn default() -> Self {
        Self::new(Settings::default())
    }
}

impl Brought {
    /// The guard has accepted it.
    pub(super) fn keep(self) {
        if let Some(cache) = &self.by.0.cache {
            cache.lock().insert(self.hash, self.text);
        }
    }
}

fn refused((message, code): (&str, Code)) -> Vec<ServerError> {
    vec![of_request(message, code)]
}

#[cfg(test)]
mod tests;
