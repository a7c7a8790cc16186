//! Apollo's multipart protocol for subscriptions, as Apollo Client's HttpLink speaks it.

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::support::kafka::point;
use crate::support::streamed::{MULTIPART, Streamed};
use crate::support::{StreamSync, seconds_ago};

#[actix_web::test]
async fn a_subscription_comes_in_parts_with_their_payload_wrapped() {
    let plan = StreamSync::plan().await;
    let node = plan.start().await;
    let mut stream = Streamed::points(&node, MULTIPART, json!({})).await;
    assert_eq!(stream.status, 200);
    let kind = "content-type: multipart/mixed;boundary=\"graphql\";subscriptionspec=1.0";
    assert!(stream.head.contains(kind), "{}", stream.head);
    let first = stream.part().await.expect("a part");
    assert_eq!(first["payload"]["data"]["points"]["points"], json!([]));
    plan.send(&[point("m", seconds_ago(100), 1.5)]).await;
    let next = stream.part().await.expect("a part");
    assert_eq!(next["payload"]["data"]["points"]["points"][0]["value"], 1.5);
    assert_eq!(next.as_object().map(|part| part.len()), Some(1));
}

#[actix_web::test]
async fn the_boundary_follows_each_part_and_the_last_one_closes() {
    let node = StreamSync::plan().await.launch().await;
    let only = "multipart/mixed; subscriptionSpec=\"1.0\"";
    let mut stream = Streamed::post(&node, only, "{ __typename }", json!({})).await;
    assert_eq!(
        stream.rest().await,
        "\r\n--graphql\r\ncontent-type: application/json\r\n\r\n\
         {\"payload\":{\"data\":{\"__typename\":\"Query\"}}}\r\n--graphql--\r\n"
    );
}

#[actix_web::test]
async fn a_query_of_the_same_client_is_answered_at_once_as_json() {
    let node = StreamSync::plan().await.launch().await;
    let mut answer = Streamed::post(&node, MULTIPART, "{ __typename }", json!({})).await;
    assert!(
        answer
            .head
            .contains("content-type: application/graphql-response+json"),
        "{}",
        answer.head
    );
    assert_eq!(answer.rest().await, "{\"data\":{\"__typename\":\"Query\"}}");
}

#[actix_web::test]
async fn what_is_wrong_with_a_document_comes_in_a_payload() {
    let node = StreamSync::plan().await.launch().await;
    let mut stream = Streamed::post(&node, MULTIPART, "subscription { nothing }", json!({})).await;
    let part = stream.part().await.expect("a part");
    let code = &part["payload"]["errors"][0]["extensions"]["code"];
    assert_eq!(code, "GRAPHQL_VALIDATION_FAILED");
    assert_eq!(stream.rest().await, "--\r\n");
}

#[actix_web::test]
async fn a_node_that_stops_says_so_as_an_error_of_the_transport() {
    let plan = StreamSync::plan().await.settings("[http]\ndrain = \"1s\"");
    let mut leaving = plan.start().await;
    let mut stream = Streamed::points(&leaving, MULTIPART, json!({})).await;
    let first = stream.part().await.expect("a part");
    assert!(
        first["payload"]["data"]["points"]["cursor"].is_string(),
        "{first:#}"
    );
    leaving.signal(Signal::TERM);
    let mut cursor = Value::Null;
    let last = loop {
        let mut part = stream.part().await.expect("a part");
        if part["payload"].is_null() {
            break part;
        }
        cursor = part["payload"]["data"]["points"]["cursor"].take();
    };
    assert_eq!(last["errors"][0]["extensions"]["code"], "GOING_AWAY", "{last:#}");
    assert_eq!(stream.rest().await, "--\r\n");
    assert!(leaving.ended().await.success(), "{}", leaving.log());

    plan.send(&[point("m", seconds_ago(100), 2.5)]).await;
    let node = plan.start().await;
    let mut stream = Streamed::points(&node, MULTIPART, json!({"after": cursor})).await;
    stream.part().await.expect("the cursor");
    let next = stream.part().await.expect("what came meanwhile");
    assert_eq!(next["payload"]["data"]["points"]["points"][0]["value"], 2.5);
}
