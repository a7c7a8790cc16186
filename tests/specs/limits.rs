//! What a client may use: limits of principals, failed credentials, documents named by their hash, and lists
//! of documents.

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

const GUEST: &str = r#"
    [auth]
    anonymous = "guest"
    [auth.limits]
    cost_per_minute = 150
    subscriptions = 1
    [auth.roles.guest]
    operations = ["read"]
    read = ["*"]
"#;

#[actix_web::test]
async fn whoever_uses_up_a_limit_is_told_when_there_is_more_and_others_go_on() {
    let node = StreamSync::plan().await.settings(GUEST).start().await;
    let question = || json!({"query": "{ metrics { name } }"});
    let (status, answer) = post(&node, question()).await;
    assert_eq!((status, &answer["errors"]), (200, &Value::Null), "{answer}");
    let (status, answer) = post(&node, question()).await;
    let extensions = &answer["errors"][0]["extensions"];
    assert_eq!(
        (status, &extensions["code"]),
        (429, &"OVERLOADED".into()),
        "{answer}"
    );
    assert_eq!(extensions["limit"], "cost");
    assert!(
        extensions["retryAfter"].as_u64().is_some_and(|after| after > 1),
        "{answer}"
    );
    for (path, code, expected) in [
        (
            "/api/v1/points?metric=m&from=2026-01-01T00:00:00Z",
            "/errors/0/extensions/code",
            "OVERLOADED",
        ),
        ("/prometheus/api/v1/query?query=m", "/errorType", "unavailable"),
    ] {
        let asked = awc::Client::default().get(format!("{}{path}", node.url)).send();
        let mut answer = asked.await.expect("an answer");
        assert_eq!(answer.status().as_u16(), 429, "{path}");
        assert!(answer.headers().contains_key("retry-after"), "{path}");
        let body: Value = answer.json().await.expect("JSON");
        assert_eq!(body.pointer(code), Some(&expected.into()), "{path}: {body}");
    }
    let (status, _) = post(&node, json!({"query": TEXT})).await;
    assert_eq!(status, 200);
}

#[actix_web::test]
async fn failed_credentials_make_their_address_wait() {
    let node = StreamSync::plan().await.settings(GUEST).start().await;
    let mut statuses = Vec::new();
    for n in 0..30 {
        let request = awc::Client::default()
            .post(format!("{}/graphql", node.url))
            .insert_header(("authorization", format!("Bearer ss_{n}_wrong")));
        let answer = request
            .send_json(&json!({"query": TEXT}))
            .await
            .expect("an answer");
        statuses.push(answer.status().as_u16());
    }
    assert!(statuses[..5].iter().all(|status| *status == 401), "{statuses:?}");
    assert!(statuses.contains(&429), "{statuses:?}");
    // Who shows no credential has not failed.
    let (status, _) = post(&node, json!({"query": TEXT})).await;
    assert_eq!(status, 200);
}
