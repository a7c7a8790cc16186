//! Dead letters go through Kafka again: what can be stored now is, what cannot stays one letter,
//! and sending one twice changes nothing.

use serde_json::{Value, json};

use crate::support::kafka::{self, Record, point, record};
use crate::support::streamsync::Plan;
use crate::support::{StreamSync, moment};
use streamsync::data::Micros;

const REDRIVE: &str = "mutation($ids: [ID!]!) {
    redriveDeadLetters(ids: $ids) { sent skipped { id code } } }";

/// Every letter as `offset reason attempts resolved`.
const STATES: &str = r#"select concat_ws(' ', "offset", reason, attempts,
        case when resolved_at is null then 'open' else 'resolved' end)
    from dead_letters order by topic, "offset""#;

async fn ids(plan: &Plan) -> Vec<String> {
    plan.database
        .column(r#"select id from dead_letters order by "offset""#)
        .await
}

async fn redrive(node: &StreamSync, ids: &[String]) -> Value {
    node.query(REDRIVE, json!({"ids": ids})).await["redriveDeadLetters"].take()
}

/// A record that only a stream which maps `heat` can take.
fn heat(ts: Micros, value: f64) -> Record {
    record(json!({"ts": ts.as_millis(), "heat": value}).to_string())
        .key("k")
        .at(ts)
}

const WIDER: &str = "metric_prefix = \"oven\"\nvalues = [\"heat\"]";

#[actix_web::test]
async fn after_the_mapping_is_widened_letters_are_stored_and_resolved() {
    let plan = StreamSync::plan().await;
    let t = moment();
    let node = plan.start().await;
    let records = [
        heat(t, 180.5).header("from", "oven 3"),
        point("ready", t, 1.0),
        record("never JSON").at(t),
    ];
    plan.send_and_read(&records).await;
    assert_eq!(
        plan.database.column(STATES).await,
        ["0 missing_field 1 open", "2 not_json 1 open"]
    );
    node.stop().await;

    let plan = plan.stream_settings(WIDER);
    let node = plan.start().await;
    let letters = ids(&plan).await;
    let receipt = redrive(&node, &letters).await;
    assert_eq!(receipt, json!({"sent": letters, "skipped": []}));
    plan.has_read(&plan.redrive_topic(), &[(0, 1)]).await;
    assert_eq!(
        plan.database.column(STATES).await,
        ["0 missing_field 1 resolved", "2 not_json 2 open"]
    );
    assert_eq!(
        plan.database.points().await,
        [
            format!("oven_heat{{}} {} 180.5", t.0),
            format!("ready{{}} {} 1", t.0)
        ]
    );

    // Only the open one is listed, unless the others are asked for; a resolved one is not sent.
    let list = "query($all: Boolean!) { deadLetters(includeResolved: $all) { nodes { id } } }";
    for (all, count) in [(false, 1), (true, 2)] {
        let listed = node.query(list, json!({"all": all})).await;
        assert_eq!(
            listed["deadLetters"]["nodes"].as_array().map(Vec::len),
            Some(count)
        );
    }
    let again = redrive(&node, &[letters[0].clone(), "999999".to_owned()]).await;
    let skipped =
        json!([{"id": "999999", "code": "NOT_FOUND"}, {"id": letters[0], "code": "ALREADY_RESOLVED"}]);
    assert_eq!(again, json!({"sent": [], "skipped": skipped}));
    assert_eq!(
        node.error_code(REDRIVE, json!({"ids": ["x"]})).await,
        "BAD_USER_INPUT"
    );
    node.stop().await;
}

#[actix_web::test]
async fn a_redriven_point_never_replaces_a_stored_one() {
    let plan = StreamSync::plan().await;
    let t = moment();
    let node = plan.start().await;
    plan.send_and_read(&[heat(t, 1.0)]).await;
    node.stop().await;

    let plan = plan.stream_settings(WIDER);
    let node = plan.start().await;
    // Older by Kafka's clock, and still it stays.
    let stored = heat(t, 2.0).at(Micros(t.0 - 1_000_000));
    plan.send_and_read(&[stored]).await;
    redrive(&node, &ids(&plan).await).await;
    plan.has_read(&plan.redrive_topic(), &[(0, 0)]).await;
    assert_eq!(plan.database.points().await, [format!("oven_heat{{}} {} 2", t.0)]);
    assert_eq!(plan.database.column(STATES).await, ["0 missing_field 1 resolved"]);

    // What comes by the topic itself goes on replacing.
    plan.send_and_read(&[heat(t, 3.0)]).await;
    assert_eq!(plan.database.points().await, [format!("oven_heat{{}} {} 3", t.0)]);
    node.stop().await;
}

#[actix_web::test]
async fn a_letter_that_fails_again_stays_one_letter_with_the_latest_reason() {
    let plan = StreamSync::plan().await;
    let t = moment();
    let node = plan.start().await;
    plan.send_and_read(&[record(json!({"ts": t.as_millis(), "heat": "hot"}).to_string())])
        .await;
    assert_eq!(plan.database.column(STATES).await, ["0 missing_field 1 open"]);
    redrive(&node, &ids(&plan).await).await;
    plan.has_read(&plan.redrive_topic(), &[(0, 0)]).await;
    assert_eq!(plan.database.column(STATES).await, ["0 missing_field 2 open"]);
    node.stop().await;

    let plan = plan.stream_settings(WIDER);
    let node = plan.start().await;
    redrive(&node, &ids(&plan).await).await;
    plan.has_read(&plan.redrive_topic(), &[(0, 1)]).await;
    assert_eq!(plan.database.column(STATES).await, ["0 wrong_type 3 open"]);
    let detail = plan.database.value("select detail from dead_letters").await;
    assert!(detail.contains("'heat' must be a number"), "{detail}");
    let later = "select last_failed_at > first_failed_at from dead_letters";
    assert_eq!(plan.database.value(later).await, "t");
    node.stop().await;
}

/// What the mutation sends for a letter's attempt, as a producer that died half-way sends it twice.
fn as_redriven(record: Record, plan: &Plan, letter: &str, attempt: u32, offset: i64) -> Record {
    let origin = format!("{}/0/{offset}", plan.stream);
    record
        .header("streamsync-dead-letter", letter)
        .header("streamsync-attempt", attempt.to_string())
        .header("streamsync-origin", origin)
}

#[actix_web::test]
async fn the_same_redrive_sent_twice_changes_nothing() {
    let plan = StreamSync::plan().await;
    let t = moment();
    let node = plan.start().await;
    let records = [heat(t, 1.0), record("never JSON").at(t)];
    plan.send_and_read(&records).await;
    let letters = ids(&plan).await;
    node.stop().await;

    let plan = plan.stream_settings(WIDER);
    let node = plan.start().await;
    let [good, bad] = records;
    let good = as_redriven(good, &plan, &letters[0], 2, 0);
    let bad = as_redriven(bad, &plan, &letters[1], 2, 1);
    let topic = plan.redrive_topic();
    let once = kafka::send(&topic, &[good.clone(), bad.clone()]).await;
    plan.has_read(&topic, &once).await;
    let all = r#"select d::text from dead_letters d order by "offset""#;
    let before = (plan.database.column(all).await, plan.database.points().await);
    assert_eq!(
        plan.database.column(STATES).await,
        ["0 missing_field 1 resolved", "1 not_json 2 open"]
    );

    // Twice in one batch, and once more later.
    let twice = kafka::send(&topic, &[good.clone(), bad.clone(), good.clone(), bad.clone()]).await;
    plan.has_read(&topic, &twice).await;
    let later = kafka::send(&topic, &[bad, good]).await;
    plan.has_read(&topic, &later).await;
    let after = (plan.database.column(all).await, plan.database.points().await);
    assert_eq!(before, after);
    node.stop().await;
}

#[actix_web::test]
async fn a_letter_whose_payload_was_cut_cannot_be_redriven() {
    let plan = StreamSync::plan().await;
    let node = plan.start().await;
    plan.send_and_read(&[record("x".repeat(65_537)), record("x".repeat(65_536))])
        .await;
    let letters = ids(&plan).await;
    let receipt = redrive(&node, &letters).await;
    let skipped = json!([{"id": letters[0], "code": "PAYLOAD_TRUNCATED"}]);
    assert_eq!(receipt, json!({"sent": [letters[1]], "skipped": skipped}));
    plan.has_read(&plan.redrive_topic(), &[(0, 0)]).await;
    assert_eq!(
        plan.database.column(STATES).await,
        ["0 not_json 1 open", "1 not_json 2 open"]
    );
    node.stop().await;
}
