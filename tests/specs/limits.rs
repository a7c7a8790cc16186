//! What a client may use: limits of principals, failed credentials, documents named by their hash, and lists
//! of documents.

use serde_json::{Value, json};

use crate::support::asking;
use crate::support::guarded::Guarded;
use crate::support::live::Subscriber;
use crate::support::open::{Open, WAYS, Way};
use crate::support::streamed::{SSE, Streamed};
use crate::support::{StreamSync, eventually};

const TEXT: &str = "{ __typename }";
const HASH: &str = "7f56e67dd21ab3f30d1ff8b7bed08893f0a0db86449836189b361dd1e56ddb4b";

async fn post(node: &StreamSync, body: Value) -> (u16, Value) {
    let answer = asking::post(node, "/graphql", &[], body).await;
    (answer.status, answer.json)
}

const PROTOCOLS: [(&str, &str); 2] = [("graphql-transport-ws", "subscribe"), ("graphql-ws", "start")];

/// The answer over a WebSocket of its own, as one over HTTP.
async fn over_socket(node: &StreamSync, (protocol, starts): (&str, &str), payload: Value) -> Value {
    let mut socket = Subscriber::socket(node, protocol).await;
    socket.send(json!({"type": "connection_init"})).await;
    socket
        .send(json!({"type": starts, "id": "1", "payload": payload}))
        .await;
    loop {
        let mut message = socket.frame().await.expect("an answer");
        let payload = message["payload"].take();
        match message["type"].as_str() {
            Some("next" | "data") => return payload,
            Some("error") if payload.is_array() => return json!({"errors": payload}),
            Some("error") => return json!({"errors": [payload]}),
            _ => {}
        }
    }
}

fn code(answer: &Value) -> &Value {
    &answer["errors"][0]["extensions"]["code"]
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
    let path = format!("/graphql?extensions={extensions}");
    let path = path.replace('{', "%7B").replace('}', "%7D").replace('"', "%22");
    let (_, answer) = asking::get(&node, &path, &[]).await;
    assert_eq!(answer["data"]["__typename"], "Query", "{answer}");
}

#[actix_web::test]
async fn a_document_that_came_over_a_socket_is_named_over_every_other_way() {
    for protocol in PROTOCOLS {
        let node = StreamSync::plan().await.start().await;
        let unknown = over_socket(&node, protocol, persisted(None)).await;
        assert_eq!(code(&unknown), "PERSISTED_QUERY_NOT_FOUND", "{unknown}");
        let other = over_socket(&node, protocol, persisted(Some("{ metrics { name } }"))).await;
        assert_eq!(code(&other), "BAD_REQUEST", "{other}");
        let sent = over_socket(&node, protocol, persisted(Some(TEXT))).await;
        assert_eq!(sent["data"]["__typename"], "Query", "{sent}");
        for protocol in PROTOCOLS {
            let named = over_socket(&node, protocol, persisted(None)).await;
            assert_eq!(named["data"]["__typename"], "Query", "{named}");
        }
        let (_, named) = post(&node, persisted(None)).await;
        assert_eq!(named["data"]["__typename"], "Query", "{named}");
    }
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
        let mut answers = vec![post(&node, listed.clone()).await.1];
        for protocol in PROTOCOLS {
            answers.push(over_socket(&node, protocol, listed.clone()).await);
        }
        for answer in answers {
            assert_eq!(answer["data"]["__typename"], "Query", "{answer}");
        }
    }
    for (other, why) in [
        (json!({"query": "{ metrics { name } }"}), "FORBIDDEN"),
        (json!({"documentId": "other"}), "PERSISTED_QUERY_NOT_FOUND"),
    ] {
        assert_eq!(code(&post(&node, other.clone()).await.1), why);
        for protocol in PROTOCOLS {
            assert_eq!(code(&over_socket(&node, protocol, other.clone()).await), why);
        }
    }
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
        let answer = asking::answer(asking::request(&node, "GET", path, &[]), Value::Null).await;
        assert_eq!(answer.status, 429, "{path}");
        assert!(!answer.header("retry-after").is_empty(), "{path}");
        assert_eq!(
            answer.json.pointer(code),
            Some(&expected.into()),
            "{path}: {answer:?}"
        );
    }
    let (status, _) = post(&node, json!({"query": TEXT})).await;
    assert_eq!(status, 200);
}

#[actix_web::test]
async fn failed_credentials_make_their_address_wait() {
    let node = StreamSync::plan().await.settings(GUEST).start().await;
    let mut statuses = Vec::new();
    for n in 0..30 {
        let wrong = format!("Bearer ss_{n}_wrong");
        statuses.push(asking::ask(&node, &[("authorization", &wrong)], TEXT).await.0);
    }
    assert!(statuses[..5].iter().all(|status| *status == 401), "{statuses:?}");
    assert!(statuses.contains(&429), "{statuses:?}");
    // Who shows no credential has not failed.
    let (status, _) = post(&node, json!({"query": TEXT})).await;
    assert_eq!(status, 200);
}

const LIMITED: &str = r#"
    [auth.roles.reader]
    operations = ["read"]
    read = ["*"]
    limits = { subscriptions = 2 }
    [auth.roles.sender]
    operations = ["publish"]
    write = ["*"]
    streams = ["*"]
    limits = { new_series_per_hour = 3 }
    [auth.roles.talker]
    operations = ["read"]
    read = ["*"]
    limits = { kib_out_per_minute = 1024 }
    [auth.roles.thinker]
    operations = ["read"]
    read = ["*"]
    streams = ["*"]
    limits = { heavy_reads = 1 }
"#;

/// A node, and two keys with this role.
async fn limited(role: &str) -> (Guarded, StreamSync, [String; 2]) {
    let server = Guarded::of(StreamSync::plan().await.settings(LIMITED)).await;
    let keys = ["one", "other"].map(|name| server.key(name, role, &[]));
    let node = server.node().await;
    (server, node, keys)
}

/// Status, `Retry-After` and answer of a query with this key.
async fn post_with(node: &StreamSync, key: &str, query: &str) -> (u16, Option<u64>, Value) {
    let answer = asking::post(node, "/graphql", &[("x-api-key", key)], json!({"query": query})).await;
    let after = answer.header("retry-after").parse().ok();
    (answer.status, after, answer.json)
}

#[actix_web::test]
async fn the_subscriptions_of_a_principal_are_counted_over_all_its_connections() {
    let (_server, node, [one, other]) = limited("reader").await;
    let open = async |way, key: &str| {
        let mut open = Open::new(way, &node, key).await?;
        open.subscribe("m", None).await.map(|()| open)
    };
    // What ended just now may still count.
    let room = async |way, key: &str| eventually("there is room", async || open(way, key).await.ok()).await;
    for way in WAYS {
        let _two = (room(way, &one).await, room(Way::Sse, &one).await);
        for way in WAYS {
            assert_eq!(
                open(way, &one).await.err().as_deref(),
                Some("OVERLOADED"),
                "{way:?}"
            );
        }
        room(way, &other).await;
    }
    let _two = (room(Way::Plain, &other).await, room(Way::Plain, &other).await);
    let body = r#"{"query": "subscription { points(selector: {}) { cursor } }"}"#;
    let headers = format!(
        "content-type: application/json\r\ncontent-length: {}\r\nx-api-key: {other}\r\n",
        body.len()
    );
    let mut refused = Streamed::request(&node, "POST /graphql", SSE, &headers, body).await;
    let refused = refused.event().await.expect("why");
    let extensions = &refused.data["errors"][0]["extensions"];
    assert_eq!(extensions["limit"], "subscriptions", "{refused:?}");
    assert!(extensions["retryAfter"].is_u64(), "{refused:?}");
}

#[actix_web::test]
async fn new_series_of_a_principal_are_counted_and_those_that_are_there_are_not() {
    let (server, node, [one, other]) = limited("sender").await;
    let publish = async |key: &str, metrics: &[&str]| {
        let points = metrics
            .iter()
            .map(|metric| format!("{{metric: {metric:?}, value: 1}}"));
        let points = points.collect::<Vec<_>>().join(", ");
        let stream = &server.plan.stream;
        let query = format!("mutation {{ publish(stream: {stream:?}, points: [{points}]) {{ accepted }} }}");
        post_with(&node, key, &query).await.2
    };
    for metrics in [&["a", "b"][..], &["c", "a"], &["a", "b", "c"]] {
        assert_eq!(
            publish(&one, metrics).await["data"]["publish"]["accepted"],
            metrics.len()
        );
    }
    let refused = publish(&one, &["a", "d"]).await;
    let extensions = &refused["errors"][0]["extensions"];
    assert_eq!(
        (&extensions["code"], &extensions["limit"]),
        (&"OVERLOADED".into(), &"new_series".into()),
        "{refused}"
    );
    // A third of an hour, less what has passed.
    let after = extensions["retryAfter"].as_u64();
    assert!(
        after.is_some_and(|after| (600..=1_200).contains(&after)),
        "{refused}"
    );
    assert_eq!(publish(&one, &["a"]).await["data"]["publish"]["accepted"], 1);
    assert_eq!(
        publish(&other, &["d", "e"]).await["data"]["publish"]["accepted"],
        2
    );
}

#[actix_web::test]
async fn whoever_was_sent_too_much_is_told_when_there_is_more() {
    let (_server, node, [one, other]) = limited("talker").await;
    let schema = "{ __schema { types { name fields { name } } } }";
    let refused = eventually("it was sent too much", async || {
        let (status, after, answer) = post_with(&node, &one, schema).await;
        match status {
            200 => assert!(answer["data"]["__schema"].is_object(), "{answer}"),
            _ => return Some((status, after, answer)),
        }
        None
    })
    .await;
    let (status, after, answer) = refused;
    assert_eq!(status, 429, "{answer}");
    let extensions = &answer["errors"][0]["extensions"];
    assert_eq!(
        (&extensions["code"], &extensions["limit"]),
        (&"OVERLOADED".into(), &"bytes_out".into())
    );
    assert!(
        after.is_some() && extensions["retryAfter"].as_u64() == after,
        "{answer}"
    );
    assert_eq!(post_with(&node, &other, schema).await.0, 200);
}

/// Window lengths of `aggregates` that are not round.
const LENGTHS: usize = 8;

#[actix_web::test]
async fn who_signs_in_over_a_socket_uses_its_own_shares_and_not_those_of_its_address() {
    let settings = "[auth.roles.reader]\noperations = [\"read\"]\nread = [\"*\"]";
    let server = Guarded::of(StreamSync::plan().await.settings(settings)).await;
    let keys = ["one", "other"].map(|name| server.key(name, "reader", &[]));
    let node = server.node().await;
    let mut open = Vec::new();
    for (nth, key) in keys.iter().enumerate() {
        let mut socket = Subscriber::socket(&node, "graphql-transport-ws").await;
        socket
            .send(json!({"type": "connection_init", "payload": {"token": key}}))
            .await;
        assert_eq!(
            socket.frame().await.expect("a greeting")["type"],
            "connection_ack"
        );
        for length in 0..=LENGTHS {
            let window = 1_001 + 100 * nth + length;
            let query = format!(
                "subscription {{ aggregates(selector: {{}}, window: \"{window}ms\", aggregate: [COUNT]) {{ conflated }} }}"
            );
            let id = length.to_string();
            let subscribe = json!({"type": "subscribe", "id": id, "payload": {"query": query}});
            socket.send(subscribe).await;
            let mut answer = socket.frame().await.expect("an answer");
            while answer["id"].as_str() != Some(&*id) {
                answer = socket.frame().await.expect("an answer");
            }
            let code = &answer["payload"][0]["extensions"]["code"];
            match length < LENGTHS {
                true => assert_eq!(answer["type"], "next", "{nth} {length}: {answer}"),
                false => assert_eq!(code, "OVERLOADED", "{answer}"),
            }
        }
        open.push(socket);
    }
}
