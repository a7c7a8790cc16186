//! Records that name their schemas in a registry: waited for while it is away, a dead letter when it has
//! none, stored once it has.

use serde_json::{Value, json};

use crate::support::kafka::{Record, record};
use crate::support::registry::Registry;
use crate::support::streamsync::Plan;
use crate::support::{StreamSync, eventually, moment};
use streamsync::data::Micros;

const AVRO: &str = "format = \"avro\"\ntime = { field = \"ts\" }\nlabels = [\"site\"]\nvalues = [\"t\"]\nmetric_prefix = \"\"";

async fn plan(registry: &Registry, stream: &str) -> Plan {
    let settings = format!("[schema_registry]\nurl = {:?}", registry.url);
    StreamSync::plan()
        .await
        .settings(&settings)
        .stream_settings(stream)
}

fn reading() -> Value {
    json!({"type": "record", "name": "Reading", "namespace": "plant", "fields": [
        {"name": "ts", "type": {"type": "long", "logicalType": "timestamp-micros"}},
        {"name": "site", "type": "string"},
        {"name": "t", "type": ["null", "double"]},
    ]})
}

fn zigzag(number: i64) -> Vec<u8> {
    let mut rest = ((number << 1) ^ (number >> 63)).cast_unsigned();
    let mut bytes = Vec::new();
    while rest > 0x7f {
        bytes.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    bytes.push(rest as u8);
    bytes
}

/// A datum of [`reading`].
fn datum(ts: Micros, site: &str, value: f64) -> Vec<u8> {
    let site = [zigzag(site.len() as i64), site.as_bytes().to_vec()].concat();
    [zigzag(ts.0), site, zigzag(1), value.to_le_bytes().to_vec()].concat()
}

fn framed(id: u32, datum: &[u8]) -> Record {
    record([&[0], &id.to_be_bytes()[..], datum].concat())
}

async fn is_stored(plan: &Plan, rows: &[String]) {
    eventually(&format!("{rows:?}"), async || {
        (plan.database.points().await == rows).then_some(())
    })
    .await;
}

#[actix_web::test]
async fn records_wait_for_a_registry_that_is_away_and_each_is_stored_once() {
    let registry = Registry::start();
    registry.is_away(true);
    let plan = plan(&registry, AVRO).await;
    let node = plan.start().await;
    let t = moment();
    let records = [1.0, 2.0].map(|n| framed(7, &datum(Micros(t.0 + n as i64), "a", n)));
    plan.send(&records).await;
    eventually("the registry is named as the reason", async || {
        let (status, body) = node.get("/readyz").await;
        (status == 503 && body.contains("schema registry: 127.0.0.1: the answer is 503")).then_some(())
    })
    .await;
    // One that is killed while it waits has lost nothing.
    node.kill().await;
    let node = plan.launch().await;
    registry.has_avro(7, &reading());
    registry.is_away(false);
    node.ready().await;
    let row = |n: i64| format!(r#"t{{site="a"}} {} {n}"#, t.0 + n);
    is_stored(&plan, &[row(1), row(2)]).await;
    assert_eq!(
        plan.database.column("select reason from dead_letters").await,
        Vec::<String>::new()
    );
    // It is asked once, however many records name the schema.
    let before = registry.asked().len();
    plan.send_and_read(&[framed(7, &datum(Micros(t.0 + 3), "a", 3.0))])
        .await;
    assert_eq!(registry.asked().len(), before);
    node.stop().await;
}

#[actix_web::test]
async fn an_unknown_schema_is_a_dead_letter_that_a_redrive_heals_once_it_is_registered() {
    let registry = Registry::start();
    let plan = plan(&registry, AVRO).await;
    let node = plan.start().await;
    let t = moment();
    registry.has_avro(1, &reading());
    let unreadable = framed(1, b"\x01");
    let unnamed = record(datum(t, "a", 0.0));
    plan.send_and_read(&[framed(9, &datum(t, "a", 9.0)), unreadable, unnamed])
        .await;
    let letters = "select concat_ws(' ', reason, detail) from dead_letters order by \"offset\"";
    let letters = plan.database.column(letters).await;
    assert_eq!(
        letters[0],
        "unknown_schema schema 9: the registry says: Schema not found"
    );
    assert!(letters[1].starts_with("not_avro "), "{}", letters[1]);
    assert!(letters[2].starts_with("not_avro "), "{}", letters[2]);

    registry.has_avro(9, &reading());
    let list = "{ deadLetters(reason: \"unknown_schema\") { nodes { id decoded } } }";
    // A schema that was not there is asked for again after some seconds.
    let letter = eventually("the letter can be read", async || {
        let letter = node.query(list, json!({})).await["deadLetters"]["nodes"][0].take();
        letter["decoded"].is_string().then_some(letter)
    })
    .await;
    let decoded = format!(r#"{{"ts":"{t}","site":"a","t":9.0}}"#);
    assert_eq!(letter["decoded"], decoded);
    let redrive = "mutation($id: ID!) { redriveDeadLetters(ids: [$id]) { sent } }";
    node.query(redrive, json!({"id": letter["id"]})).await;
    is_stored(&plan, &[format!(r#"t{{site="a"}} {} 9"#, t.0)]).await;
    node.stop().await;
}

#[actix_web::test]
async fn protobuf_names_its_message_behind_the_id_and_a_guid_may_be_in_a_header() {
    let registry = Registry::start();
    let proto = r#"syntax = "proto3"; package plant; import "google/protobuf/timestamp.proto"; import "unit.proto";
        message Empty {}
        message Reading { message Inner { google.protobuf.Timestamp ts = 1; plant.Unit unit = 2; double t = 3; } }"#;
    let unit = "syntax = \"proto3\"; package plant; enum Unit { CELSIUS = 0; KELVIN = 1; }";
    let schema = json!({"schemaType": "PROTOBUF", "schema": proto,
        "references": [{"name": "unit.proto", "subject": "unit/of plants", "version": 2}]});
    registry.has("schemas/ids/3", schema.clone());
    registry.has("schemas/guids/89791762-2336-4186-9674-299b90a802e2", schema);
    registry.has(
        "subjects/unit%2Fof%20plants/versions/2",
        json!({"schemaType": "PROTOBUF", "schema": unit}),
    );
    let plan = plan(
        &registry,
        "format = \"protobuf\"\nlabels = [\"unit\"]\nvalues = [\"t\"]\nmetric_prefix = \"\"",
    )
    .await;
    let node = plan.start().await;
    let t = moment();
    // Inner { ts { seconds }, unit: KELVIN, t: 0 }, whose 0 is not on the wire.
    let mut seconds = vec![8];
    let mut rest = t.0 / 1_000_000;
    while rest > 0x7f {
        seconds.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    seconds.push(rest as u8);
    let message = [&[10, seconds.len() as u8], &seconds[..], &[16, 1]].concat();
    let prefixed = record([&[0, 0, 0, 0, 3, 4, 2, 0], &message[..]].concat());
    let guid = 0x89_79_17_62_23_36_41_86_96_74_29_9b_90_a8_02_e2_u128;
    let header = [&[1], &guid.to_be_bytes()[..], &[4, 2, 0]].concat();
    let later = [&message[..], &[25], &2.5_f64.to_le_bytes()].concat();
    let in_header = record(later).header("__value_schema_id", header);
    let cut = record([0, 0, 0, 0, 3, 4, 2, 0, 10]);
    plan.send_and_read(&[prefixed, cut]).await;
    let row = |value: &str| vec![format!(r#"t{{unit="KELVIN"}} {} {value}"#, t.0)];
    assert_eq!(plan.database.points().await, row("0"));
    plan.send_and_read(&[in_header]).await;
    assert_eq!(plan.database.points().await, row("2.5"));
    assert_eq!(
        plan.database.column("select reason from dead_letters").await,
        ["not_protobuf"]
    );
    node.stop().await;
}

#[actix_web::test]
async fn a_registry_that_asks_for_a_password_gets_it_and_no_log_shows_it() {
    let registry = Registry::start();
    registry.has_avro(1, &reading());
    registry.asks_for("Basic YWRhOnMzY3JldA==");
    let settings = |password: &str| {
        format!(
            "[schema_registry]\nurl = {:?}\nusername = \"ada\"\npassword = {password:?}",
            registry.url
        )
    };
    let wrong = StreamSync::plan()
        .await
        .settings(&settings("wr0ng"))
        .stream_settings(AVRO);
    let node = wrong.start().await;
    let t = moment();
    wrong.send(&[framed(1, &datum(t, "a", 1.0))]).await;
    eventually("the refusal is the reason", async || {
        let (_, body) = node.get("/readyz").await;
        body.contains("the answer is 401").then_some(())
    })
    .await;
    assert!(!node.log().contains("wr0ng"), "{}", node.log());
    node.kill().await;

    let right = StreamSync::plan()
        .await
        .settings(&settings("s3cret"))
        .stream_settings(AVRO);
    let node = right.start().await;
    right.send_and_read(&[framed(1, &datum(t, "a", 1.0))]).await;
    assert_eq!(right.database.points().await.len(), 1);
    assert!(!node.log().contains("s3cret"), "{}", node.log());
    node.stop().await;
}
