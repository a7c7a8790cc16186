//! Documents of GraphQL over every transport: what would end or hold the server is refused before
//! it is parsed, and what the specification says about variables and subscriptions holds.

use serde_json::{Value, json};

use crate::support::kafka::point;
use crate::support::live::{Event, Subscriber};
use crate::support::streamed::{MULTIPART, SSE, Streamed};
use crate::support::{StreamSync, seconds_ago};

const INVALID: &str = "GRAPHQL_VALIDATION_FAILED";
const BAD: &str = "BAD_USER_INPUT";

fn code(errors: &Value) -> String {
    errors[0]["extensions"]["code"]
        .as_str()
        .unwrap_or_default()
        .to_owned()
}

/// The code of its first error, over each transport.
async fn codes(node: &StreamSync, query: &str) -> Vec<(&'static str, String)> {
    let mut codes = Vec::new();
    let response = node.response(query, json!({})).await;
    assert!(response.get("data").is_none(), "{response:#}");
    codes.push(("post", code(&response["errors"])));
    if query.len() < 8_000 {
        let mut stream = Streamed::get(node, query, json!({}), "").await;
        let event = stream.event().await.expect("an event");
        codes.push(("get", code(&event.data["errors"])));
    }
    let mut stream = Streamed::post(node, SSE, query, json!({})).await;
    codes.push((
        "sse",
        code(&stream.event().await.expect("an event").data["errors"]),
    ));
    let response = Streamed::post(node, MULTIPART, query, json!({}))
        .await
        .rest()
        .await;
    let found = [INVALID, BAD].into_iter().find(|code| response.contains(*code));
    codes.push(("multipart", found.unwrap_or_default().to_owned()));
    let mut socket = Subscriber::subscribe(node, query, json!({})).await;
    match socket.event().await {
        Event::Error(errors) => codes.push(("graphql-transport-ws", code(&errors))),
        other => panic!("{other:?}"),
    }
    let mut socket = Subscriber::socket(node, "graphql-ws").await;
    socket.send(json!({"type": "connection_init"})).await;
    let start = json!({"id": "1", "type": "start", "payload": {"query": query}});
    socket.send(start).await;
    let refused = loop {
        let message = socket.frame().await.expect("a message");
        if message["id"] == "1" {
            break message;
        }
    };
    codes.push(("graphql-ws", code(&json!([refused["payload"]]))));
    codes
}

#[actix_web::test]
async fn documents_that_would_end_or_hold_the_server_are_refused_on_every_transport() {
    let node = StreamSync::plan().await.start().await;
    let nested = |open: &str, close: &str, n: usize| open.repeat(n) + &close.repeat(n);
    let chain = |n: usize, within: usize| {
        let (open, close) = ("...{".repeat(within), "}".repeat(within));
        let link = |at: usize| format!("fragment F{at} on Query{{{open}...F{}{close}}} ", at + 1);
        (0..n).map(link).collect::<String>() + &format!("fragment F{n} on Query{{__typename}}")
    };
    let doubling = |at: usize| format!(" fragment F{at} on Query{{...F{0} ...F{0}}}", at + 1);
    let doubling: String = (0..29).map(doubling).collect();
    for query in [
        format!("{{ latest(selector: {}) {{ ts }} }}", nested("[", "]", 600)),
        format!("{{ latest(selector: {}) {{ ts }} }}", nested("[", "]", 20_000)),
        format!(
            "{{ latest(selector: {}1{}) {{ ts }} }}",
            "{a:".repeat(2_000),
            "}".repeat(2_000)
        ),
        format!("{{ __typename }} {}", chain(150, 60)),
        format!("{{ __typename }} {}", chain(6_000, 0)),
        format!("{{ ...F0 }} {}", chain(99, 0)),
        format!("{{...F0}}{doubling} fragment F29 on Query{{__typename}}"),
        "subscription($a: [Nope] = [1]) { pipeline { at } }".to_owned(),
    ] {
        for (transport, code) in codes(&node, &query).await {
            assert_eq!(code, INVALID, "{transport}: {}", &query[..query.len().min(80)]);
        }
    }
    assert_eq!(node.get("/livez").await.0, 200);
    // JSON as deep is refused as well, in the words of each protocol.
    let deep = nested("[", "]", 100_000);
    let body = format!("{{\"query\":\"{{metrics{{name}}}}\",\"variables\":{{\"v\":{deep}}}}}");
    let head = format!(
        "content-type: application/json\r\ncontent-length: {}\r\n",
        body.len()
    );
    let mut answer = Streamed::request(&node, "POST /graphql", "application/json", &head, &body).await;
    assert_eq!(answer.status, 400);
    assert!(answer.until("}]}").await.expect("an error").contains("brackets"));
    let mut plain = Subscriber::plain(&node).await;
    plain.frame().await.expect("a greeting");
    let mut value = json!(1);
    for _ in 0..100 {
        value = json!([value]);
    }
    plain.send(json!({"type": "ping", "payload": value})).await;
    let refused = plain.frame().await.expect("a message");
    assert_eq!(refused["code"], "BAD_MESSAGE", "{refused:#}");
    node.query("{ metrics { name } }", json!({})).await;
}

#[actix_web::test]
async fn a_subscription_through_fragments_runs_on_every_transport() {
    let plan = StreamSync::plan().await;
    let node = plan.start().await;
    for (field, inner) in [
        (
            "points(selector: {metric: \"m\"}, after: $after)",
            "cursor points { value }",
        ),
        (
            "aggregates(selector: {}, window: \"1m\", aggregate: [AVG], backfill: $after)",
            "__typename",
        ),
        ("pipeline(every: $after)", "state"),
    ] {
        let name = field.split('(').next().unwrap_or_default();
        let of = match name {
            "points" => "Cursor",
            _ => "Duration",
        };
        let value = match name {
            "points" => Value::Null,
            _ => json!("1m"),
        };
        let head = format!("subscription($after: {of}) ");
        for query in [
            format!("{head} {{ ...F }} fragment F on Subscription {{ {field} {{ {inner} }} }}"),
            format!("{head} {{ ... on Subscription {{ {field} {{ {inner} }} }} }}"),
            format!(
                "{head} {{ ... {{ ...F }} {field} {{ __typename }} }} fragment F on Subscription {{ {field} {{ {inner} }} }}"
            ),
        ] {
            let variables = json!({ "after": value });
            let mut events = Streamed::post(&node, SSE, &query, variables.clone()).await;
            let event = events.event().await.expect("an event");
            assert!(event.data["data"][name].is_object(), "{query}: {event:?}");
            let mut parts = Streamed::post(&node, MULTIPART, &query, variables.clone()).await;
            let part = parts.part().await.expect("a part");
            assert!(part["payload"]["data"][name].is_object(), "{query}: {part:#}");
            let mut socket = Subscriber::connect(&node).await;
            let payload = json!({"query": query, "variables": variables});
            socket
                .send(json!({"id": "1", "type": "subscribe", "payload": payload}))
                .await;
            match socket.event().await {
                Event::Next(payload) => assert!(payload["data"][name].is_object(), "{query}: {payload:#}"),
                other => panic!("{query}: {other:?}"),
            }
        }
    }
    // A browser goes on behind its last event.
    let query = "subscription($after: Cursor) { ...F } \
        fragment F on Subscription { points(selector: {metric: \"m\"}, after: $after) { cursor points { value } } }";
    let mut browser = Streamed::get(&node, query, json!({}), "").await;
    let id = browser
        .event()
        .await
        .and_then(|event| event.id)
        .expect("a cursor");
    plan.send_and_read(&[point("m", seconds_ago(100), 7.0)]).await;
    let last = format!("last-event-id: {id}\r\n");
    let mut browser = Streamed::get(&node, query, json!({}), &last).await;
    assert_eq!(browser.batch().await["points"], json!([]));
    let event = browser.event().await.expect("an event");
    assert_eq!(event.data["data"]["points"]["points"], json!([{"value": 7.0}]));
}

#[actix_web::test]
async fn a_subscription_has_one_field_and_no_condition_on_every_transport() {
    let node = StreamSync::plan().await.start().await;
    for query in [
        "subscription { a: points(selector: {}) { cursor } b: points(selector: {}) { conflated } }",
        "subscription { pipeline { at } ...F } fragment F on Subscription { points(selector: {}) { cursor } }",
        "subscription { __typename }",
        "subscription { pipeline @include(if: true) { at } }",
    ] {
        for (transport, code) in codes(&node, query).await {
            assert_eq!(code, INVALID, "{transport}: {query}");
        }
    }
    // A variable that may not be null is not there.
    let query = "subscription($m: String!) { points(selector: {metric: $m}) { cursor } }";
    for (transport, code) in codes(&node, query).await {
        assert_eq!(code, BAD, "{transport}");
    }
}

#[actix_web::test]
async fn variables_and_strings_are_taken_as_the_specification_says() {
    let plan = StreamSync::plan().await;
    let node = plan.start().await;
    plan.send_and_read(&[
        point("m", seconds_ago(100), 1.0),
        point("other", seconds_ago(100), 2.0),
    ])
    .await;
    for (query, variables) in [
        (
            "query($m: String!) { series(selector: {metric: $m}) { nodes { key } } }",
            json!({"m": null}),
        ),
        (
            "query($m: String!) { series(selector: {metric: $m}) { nodes { key } } }",
            json!({}),
        ),
        (
            "query($to: DateTime!) { points(selector: {}, from: \"2026-01-01T00:00:00Z\", to: $to) { nodes { ts } } }",
            json!({"to": null}),
        ),
        (
            "query($by: [String!]!) { history(selector: {}, from: \"2026-01-01T00:00:00Z\", step: \"1d\", aggregate: [AVG], groupBy: $by) { points { ts } } }",
            json!({"by": null}),
        ),
        (
            "query($i: Boolean!) { metrics { name @include(if: $i) } }",
            json!({}),
        ),
        (
            "query($m: String!) { metrics(prefix: $m) { name } }",
            json!({"m": 5}),
        ),
    ] {
        assert_eq!(node.error_code(query, variables).await, BAD, "{query}");
    }
    let one = json!({"series": {"nodes": [{"key": "m{}"}]}});
    let query = "query($op: LabelOp, $v: String = \"m\") {
        series(selector: {metric: $v, labels: [{name: \"a\", op: $op, value: \"\"}]}) { nodes { key } } }";
    assert_eq!(node.query(query, json!({})).await, one);
    let query = "query($i: Boolean = true) { metrics(prefix: \"o\") { name @include(if: $i) ...F @skip(if: $i) } } fragment F on Metric { series }";
    assert_eq!(
        node.query(query, json!({})).await,
        json!({"metrics": [{"name": "other"}]})
    );
    let query = r#"{ metrics(prefix: "\ud83d\ude00\u{1F600}") { name } }"#;
    assert_eq!(node.query(query, json!({})).await, json!({"metrics": []}));
    assert_eq!(
        node.error_code(r#"{ metrics(prefix: "\ud83d") { name } }"#, json!({}))
            .await,
        INVALID
    );
}

#[actix_web::test]
async fn the_plain_websocket_answers_in_its_own_words() {
    let node = StreamSync::plan().await.start().await;
    let mut socket = Subscriber::plain(&node).await;
    socket.frame().await.expect("a greeting");
    for (message, code, words) in [
        (
            json!({"type": "unsubscribe", "id": "nobody"}),
            "NOT_FOUND",
            "no subscription",
        ),
        (
            json!({"type": "subscribe", "id": "1", "selector": {"labels": {"site": 1}}}),
            "BAD_MESSAGE",
            "the label 'site' must be a text",
        ),
        (
            json!({"type": "subscribe", "id": "1", "selector": {"labels": 7}}),
            "BAD_MESSAGE",
            "'labels' must be",
        ),
        (
            json!({"type": "subscribe", "id": "1", "fold": "sum"}),
            "BAD_MESSAGE",
            "newest",
        ),
        (
            json!({"type": "subscribe", "id": "1", "after": "x"}),
            BAD,
            "ursor",
        ),
        (json!([1]), "BAD_MESSAGE", "object"),
    ] {
        socket.send(message.clone()).await;
        let answer = socket.frame().await.expect("a message");
        assert_eq!(answer["code"], code, "{message}: {answer}");
        let said = answer["message"].as_str().unwrap_or_default();
        assert!(said.contains(words), "{message}: {answer}");
        assert!(!said.contains("enum") && !said.contains("variant"), "{answer}");
    }
}
