//! Which document a request names.

use async_graphql::{Request, ServerError, Value};

use crate::graphql::errors::{Code, of_request};

pub type Hash = [u8; 32];

/// The extension of Apollo's automatic persisted queries.
pub const PERSISTED_QUERY: &str = "persistedQuery";
/// The member of "GraphQL over HTTP" for a document that the server knows.
pub const DOCUMENT_ID: &str = "documentId";
const PREFIX: &str = "sha256:";
const ID_MAX: usize = 256;

pub enum Wanted {
    Listed(String),
    Hash(Hash),
}

/// Takes it out of the request's extensions.
pub fn wanted(request: &mut Request) -> Result<Option<Wanted>, Vec<ServerError>> {
    let id = request.extensions.remove(DOCUMENT_ID);
    let persisted = request.extensions.remove(PERSISTED_QUERY);
    match (id, persisted) {
        (Some(Value::String(id)), None) => match id.strip_prefix(PREFIX) {
            Some(hash) => hash_of(hash).map(|hash| Some(Wanted::Hash(hash))),
            None if id.is_empty() || id.len() > ID_MAX => Err(bad("'documentId' must have 1 to 256 bytes")),
            None => Ok(Some(Wanted::Listed(id))),
        },
        (Some(_), None) => Err(bad("'documentId' must be a text")),
        (Some(_), Some(_)) => Err(bad("give either 'documentId' or a persisted query")),
        (None, Some(Value::Object(persisted))) => {
            if persisted.get("version") != Some(&Value::from(1)) {
                return Err(bad("Unsupported persisted query version"));
            }
            match persisted.get("sha256Hash") {
                Some(Value::String(hash)) => hash_of(hash).map(|hash| Some(Wanted::Hash(hash))),
                _ => Err(bad("a persisted query needs 'sha256Hash'")),
            }
        }
        (None, Some(_)) => Err(bad("'persistedQuery' must be a JSON object")),
        (None, None) => Ok(None),
    }
}

pub fn bad(why: &str) -> Vec<ServerError> {
    vec![of_request(why, Code::BadRequest)]
}

fn hash_of(hex: &str) -> Result<Hash, Vec<ServerError>> {
    parse_hash(hex).ok_or_else(|| bad("'sha256Hash' must have 64 hexadecimal digits"))
}

pub fn parse_hash(hex: &str) -> Option<Hash> {
    if hex.len() != 64 || !hex.is_ascii() {
        return None;
    }
    let mut hash = Hash::default();
    for (byte, digits) in hash.iter_mut().zip(hex.as_bytes().chunks(2)) {
        let digits = std::str::from_utf8(digits).ok()?;
        if digits.starts_with('+') {
            return None;
        }
        *byte = u8::from_str_radix(digits, 16).ok()?;
    }
    Some(hash)
}
