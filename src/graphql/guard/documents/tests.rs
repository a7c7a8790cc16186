//! Documents found by hash and id, and those that are refused.

use std::fmt::Write;

use serde_json::{Value, json};

use super::*;
use crate::data::{Allowance, ClientKey, Grant, Meter};

const TEXT: &str = "{ metrics { name } }";

fn hash(text: &str) -> String {
    Sha256::digest(text).iter().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

fn request(query: &str, members: Value) -> Request {
    let mut request = Request::new(query);
    let Value::Object(members) = members else {
        panic!("{members}");
    };
    for (name, value) in members {
        let value = async_graphql::Value::from_json(value).unwrap();
        request.extensions.insert(name, value);
    }
    request
}

fn persisted(query: &str, hash: &str) -> Request {
    request(
        query,
        json!({"persistedQuery": {"version": 1, "sha256Hash": hash}}),
    )
}

/// The text that would be parsed, or the code.
fn find(documents: &Documents, mut request: Request, viewer: Option<&Viewer>) -> Result<String, String> {
    match documents.find(&mut request, viewer) {
        Ok(brought) => {
            if let Some(brought) = brought {
                brought.keep();
            }
            Ok(request.query)
        }
        Err(errors) => {
            let error = serde_json::to_value(&errors[0]).unwrap();
            Err(error["extensions"]["code"].as_str().unwrap().to_owned())
        }
    }
}

fn documents(only_listed: bool, cache_bytes: usize, listed: &Value) -> Documents {
    Documents::new(Settings {
        list: List::parse(listed.to_string().as_bytes()).unwrap(),
        only_listed,
        cache_bytes,
    })
}

#[test]
fn a_document_that_was_accepted_once_is_named_by_its_hash() {
    let documents = documents(false, 100_000, &json!({}));
    let named = || persisted("", &hash(TEXT));
    assert_eq!(find(&documents, named(), None).unwrap_err(), NOT_FOUND.1.as_str());
    let brought = documents.find(&mut persisted(TEXT, &hash(TEXT)), None).unwrap();
    assert_eq!(find(&documents, named(), None).unwrap_err(), NOT_FOUND.1.as_str());
    brought.unwrap().keep();
    assert_eq!(find(&documents, named(), None).unwrap(), TEXT);
    let by_id = request("", json!({"documentId": format!("sha256:{}", hash(TEXT))}));
    assert_eq!(find(&documents, by_id, None).unwrap(), TEXT);
}

#[test]
fn a_wrong_hash_is_refused_and_keeps_nothing() {
    let documents = documents(false, 100_000, &json!({}));
    for wrong in [
        persisted(TEXT, &hash("{ other }")),
        persisted("", "abc"),
        persisted("", &"+1".repeat(32)),
        request(
            TEXT,
            json!({"persistedQuery": {"version": 2, "sha256Hash": hash(TEXT)}}),
        ),
        request(TEXT, json!({"persistedQuery": {"version": 1}})),
        request(TEXT, json!({"persistedQuery": 1})),
        request(TEXT, json!({"documentId": "a"})),
        request("", json!({"documentId": 1})),
    ] {
        assert_eq!(find(&documents, wrong, None).unwrap_err(), "BAD_REQUEST");
    }
    let other = persisted("", &hash("{ other }"));
    assert_eq!(find(&documents, other, None).unwrap_err(), NOT_FOUND.1.as_str());
}

#[test]
fn clients_are_told_when_they_cannot_bring_documents() {
    let documents = documents(false, 0, &json!({}));
    let named = persisted("", &hash(TEXT));
    assert_eq!(
        find(&documents, named, None).unwrap_err(),
        NOT_SUPPORTED.1.as_str()
    );
    assert_eq!(
        find(&documents, persisted(TEXT, &hash(TEXT)), None).unwrap(),
        TEXT
    );
}

#[test]
fn a_longer_document_is_left_to_the_guard() {
    let documents = documents(false, 1 << 20, &json!({}));
    let long = "x".repeat(DOCUMENT_MAX + 1);
    assert_eq!(
        find(&documents, persisted(&long, &hash(&long)), None).unwrap(),
        long
    );
    let named = persisted("", &hash(&long));
    assert_eq!(find(&documents, named, None).unwrap_err(), NOT_FOUND.1.as_str());
}

#[test]
fn only_listed_documents_are_found_by_id_hash_or_text_and_nothing_else_is() {
    let documents = documents(true, 100_000, &json!({"names": TEXT}));
    for listed in [
        request("", json!({"documentId": "names"})),
        persisted("", &hash(TEXT)),
        persisted(TEXT, &hash(TEXT)),
        request(TEXT, json!({})),
    ] {
        assert_eq!(find(&documents, listed, None).unwrap(), TEXT);
    }
    let other = "{ series { nodes { key } } }";
    for (unlisted, code) in [
        (request(other, json!({})), "FORBIDDEN"),
        (persisted(other, &hash(other)), "FORBIDDEN"),
        (request("", json!({})), "FORBIDDEN"),
        (persisted("", &hash(other)), NOT_FOUND.1.as_str()),
        (request("", json!({"documentId": "other"})), NOT_FOUND.1.as_str()),
    ] {
        assert_eq!(find(&documents, unlisted, None).unwrap_err(), code);
    }
    assert_eq!(
        find(&documents, request(other, json!({})), Some(&Viewer::everyone())).unwrap_err(),
        "FORBIDDEN"
    );
}

#[test]
fn whoever_may_operate_sends_other_documents_and_nobody_else_uses_them() {
    let documents = documents(true, 100_000, &json!({"names": TEXT}));
    let meter = Meter::new(
        ClientKey::of_subject("key:a"),
        Allowance::default(),
        Arc::new(|_| {}),
    );
    let operator = Viewer::new("key:a", Arc::new(Grant::everything())).metered(Arc::new(meter));
    let other = "{ pipeline { partitions { endOffset } } }";
    let brings = persisted(other, &hash(other));
    assert_eq!(find(&documents, brings, Some(&operator)).unwrap(), other);
    let named = || persisted("", &hash(other));
    assert_eq!(find(&documents, named(), Some(&operator)).unwrap(), other);
    assert_eq!(find(&documents, named(), None).unwrap_err(), "FORBIDDEN");
}

#[test]
fn a_list_is_an_object_or_a_manifest_and_its_hashes_are_right() {
    let manifest = json!({
        "format": "apollo-persisted-query-manifest",
        "version": 1,
        "operations": [{"id": hash(TEXT), "name": "N", "type": "query", "body": TEXT}],
    });
    let list = List::parse(manifest.to_string().as_bytes()).unwrap();
    assert_eq!(list.documents().collect::<Vec<_>>(), [(&*hash(TEXT), TEXT)]);
    for (wrong, why) in [
        (json!([]).to_string(), "neither"),
        (json!({"a": 1}).to_string(), "neither"),
        ("{".to_owned(), "neither"),
        (json!({hash("x"): TEXT}).to_string(), "hash of another text"),
    ] {
        let error = List::parse(wrong.as_bytes()).unwrap_err().to_string();
        assert!(error.contains(why), "{error}");
    }
}
