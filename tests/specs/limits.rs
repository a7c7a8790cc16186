//! What a client may use: documents named by their hash, and lists of documents.

use serde_json::{Value, json};

use crate::support::StreamSync;

const TEXT: &str = "{ __typename }";
const HASH: &str = "7f56e67dd21ab3f30d1ff8b7bed08893f0a0db86449836189b361dd1e56ddb4b";

async fn post(node: &StreamSync, body: Value) -> (u16, Value) {
    let request = awc::Client::default().post(format!("{}/graphql", node.url));
    let mut answer = request.send_json(&body).await.expect("an answer");
    let status = answer.status().as_u16();
    (status, answer.json().await.expect("JSON"))
}

fn persisted(query: Option<&str>) -> Value {
    let mut body = json!({"extensions": {"persistedQuery": {"version": 1, "sha256Hash": HASH}}});
    if let Some(query) = query {
        body["query"] = query.into();
    }
    body
}

#[actix_web::test]
async fn a_document_is_sent_once_and_named_by_its_hash_from_then_on() {
    let node = StreamSync::plan().await.start().await;
    let (status, unknown) = post(&node, persisted(None)).await;
    assert_eq!(
        (status, &unknown["errors"][0]["message"]),
        (200, &"PersistedQueryNotFound".into())
    );
    assert_eq!(
        unknown["errors"][0]["extensions"]["code"],
        "PERSISTED_QUERY_NOT_FOUND"
    );
    let (_, other) = post(&node, persisted(Some("{ metrics { name } }"))).await;
    assert_eq!(other["errors"][0]["extensions"]["code"], "BAD_REQUEST");
    for query in [Some(TEXT), None] {
        let (_, answer) = post(&node, persisted(query)).await;
        assert_eq!(answer["data"]["__typename"], "Query", "{answer}");
    }
    let extensions = persisted(None)["extensions"].to_string();
    let url = format!("{}/graphql?extensions={extensions}", node.url);
    let url = url.replace('{', "%7B").replace('}', "%7D").replace('"', "%22");
    let mut answer = awc::Client::default().get(url).send().await.expect("an answer");
    let answer: Value = answer.json().await.expect("JSON");
    assert_eq!(answer["data"]["__typename"], "Query", "{answer}");
}

#[actix_web::test]
async fn only_listed_documents_are_executed_where_there_is_a_list() {
    let dir = tempfile::tempdir().expect("a folder");
    let file = dir.path().join("documents.json");
    std::fs::write(&file, json!({"type": TEXT}).to_string()).expect("written");
    let settings = format!("[http]\ndocuments = \"listed\"\ndocuments_file = {file:?}");
    let node = StreamSync::plan().await.settings(&settings).start().await;
    for listed in [
        json!({"documentId": "type"}),
        json!({"query": TEXT}),
        persisted(None),
    ] {
        let (_, answer) = post(&node, listed).await;
        assert_eq!(answer["data"]["__typename"], "Query", "{answer}");
    }
    let (_, answer) = post(&node, json!({"query": "{ metrics { name } }"})).await;
    assert_eq!(answer["errors"][0]["extensions"]["code"], "FORBIDDEN");
    let (_, answer) = post(&node, json!({"documentId": "other"})).await;
    assert_eq!(
        answer["errors"][0]["extensions"]["code"],
        "PERSISTED_QUERY_NOT_FOUND"
    );
}
