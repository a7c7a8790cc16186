//! What `publish` refuses to protect the catalogue and a paused stream, and how that one goes on.

use super::*;
use crate::telemetry::status::StreamState;

fn publish(metrics: std::ops::Range<usize>) -> String {
    let point = |n| format!("{{metric: \"n{n}\", value: 1}}");
    let points: Vec<String> = metrics.map(point).collect();
    format!(
        "mutation {{ publish(stream: \"machines\", points: [{}]) {{ accepted }} }}",
        points.join(", ")
    )
}

async fn store(world: &World, metrics: std::ops::Range<usize>) {
    for n in metrics {
        let insert = format!(
            "insert into series (key, metric, labels, stream) values ('n{n}{{}}', 'n{n}', '{{}}', 'machines')"
        );
        world.db.run(&insert).await;
    }
}

#[tokio::test]
async fn published_series_beyond_the_streams_limit_are_refused_and_others_pass() {
    let world = World::new().await;
    // The limit is 5.
    assert_eq!(world.code(&publish(0..6)).await, "BAD_USER_INPUT");
    world.data(&publish(0..4)).await;
    // What was let through counts before it is stored, and after that once.
    assert_eq!(world.code(&publish(4..6)).await, "BAD_USER_INPUT");
    store(&world, 0..4).await;
    assert_eq!(world.code(&publish(4..6)).await, "BAD_USER_INPUT");
    world.data(&publish(0..5)).await;
    store(&world, 4..5).await;
    world.data(&publish(0..5)).await;
    assert_eq!(world.code(&publish(5..6)).await, "BAD_USER_INPUT");
    assert_eq!(world.publisher.sent.lock().unwrap().len(), 4 + 5 + 5);
}

#[tokio::test]
async fn a_paused_stream_takes_no_points_until_it_is_resumed() {
    let world = World::new().await;
    let services = &world.services;
    services.pausing.begin().await.unwrap();
    services.pausing.pause("machines", "wrong mapping".to_owned());
    assert_eq!(world.code(&publish(0..1)).await, "STREAM_PAUSED");
    assert_eq!(world.publisher.sent.lock().unwrap().len(), 0);

    let resume = r#"mutation { resumeStream(stream: "machines") { wasPaused } }"#;
    let was = |paused: bool| json!({"resumeStream": {"wasPaused": paused}});
    assert_eq!(world.data(resume).await, was(true));
    let state = services.status.snapshot().streams["machines"].clone();
    assert_eq!(state, StreamState::Running);
    world.data(&publish(0..1)).await;
    assert_eq!(world.data(resume).await, was(false));
    let unknown = r#"mutation { resumeStream(stream: "x") { wasPaused } }"#;
    assert_eq!(world.code(unknown).await, "NOT_FOUND");
}

#[tokio::test]
async fn new_series_that_cannot_be_counted_pass_only_while_postgres_is_away() {
    let mut world = World::new().await;
    world.db.run("alter table series rename to gone").await;
    assert_eq!(world.code(&publish(0..1)).await, "INTERNAL");
    assert_eq!(world.publisher.sent.lock().unwrap().len(), 0);
    let nowhere = "postgres://nobody@127.0.0.1:1/none".parse().unwrap();
    world.reader = Reader::new(nowhere, ReadLimits::default()).unwrap();
    world.data(&publish(0..1)).await;
}

#[tokio::test]
async fn whoever_waited_and_may_not_do_it_any_longer_changes_nothing() {
    let world = World::new().await;
    let services = &world.services;
    services.pausing.begin().await.unwrap();
    let redrive = r#"mutation { redriveDeadLetters(ids: ["1"]) { sent } }"#;
    let resume = r#"mutation { resumeStream(stream: "machines") { wasPaused } }"#;
    for query in [&*publish(0..1), redrive, resume] {
        if query == resume {
            services.pausing.pause("machines", "wrong mapping".to_owned());
        }
        let (viewer, _) = Viewer::everyone().may_change();
        let refused = world.ask_as(&viewer, &Viewer::nobody(), query).await;
        assert_eq!(
            refused["errors"][0]["extensions"]["code"], "FORBIDDEN",
            "{refused}"
        );
    }
    assert_eq!(world.publisher.sent.lock().unwrap().len(), 0);
    let state = services.status.snapshot().streams["machines"].clone();
    assert!(matches!(state, StreamState::Paused(_)), "{state:?}");
}

#[tokio::test]
async fn published_points_go_to_the_streams_topic_with_their_places_in_the_receipt() {
    let world = World::new().await;
    let publish = r#"mutation { publish(stream: "machines", points: [
        {metric: "t", labels: [{name: "site", value: "a"}], ts: "2026-01-01T00:00:00.000001Z", value: 1.5},
        {metric: "t", value: 2}, {metric: "t", value: 3}])
        { accepted durable offsets { topic partition lastOffset } } }"#;
    assert_eq!(
        world.data(publish).await,
        json!({"publish": {"accepted": 3, "durable": true, "offsets": [
            {"topic": "machines", "partition": 0, "lastOffset": 2},
            {"topic": "machines", "partition": 1, "lastOffset": 1},
        ]}})
    );
    assert_eq!(
        world.publisher.sent.lock().unwrap()[0].key.as_deref(),
        Some(&br#"t{site="a"}"#[..])
    );
    // Beyond 2^53 a whole number would lose digits, as in a record.
    let value = |value: &str| {
        format!(
            r#"mutation {{ publish(stream: "machines", points: [{{metric: "t", value: {value}}}]) {{ accepted }} }}"#
        )
    };
    for refused in [
        "9007199254740993",
        "-9007199254740993",
        "18446744073709551615",
        "18446744073709551616",
        "123456789012345678901",
        "-9223372036854775809",
    ] {
        assert_eq!(world.code(&value(refused)).await, "BAD_USER_INPUT", "{refused}");
    }
    for accepted in ["9007199254740992", "-9007199254740992", "1e20", "1e300"] {
        world.data(&value(accepted)).await;
    }
}

#[tokio::test]
async fn an_unreachable_kafka_is_unavailable() {
    let publisher = Recorder {
        refuse: true,
        ..Recorder::default()
    };
    let world = World::with(ReadLimits::default(), publisher).await;
    let publish =
        r#"mutation { publish(stream: "machines", points: [{metric: "m", value: 1}]) { accepted } }"#;
    assert_eq!(world.code(publish).await, "UNAVAILABLE");
}

#[tokio::test]
async fn dead_letters_are_listed_and_sent_again_and_the_receipt_names_the_others() {
    let world = World::new().await;
    world
        .db
        .run(
            r#"insert into dead_letters (stream, reason, detail, topic, topic_id, partition, "offset",
               recorded_at, payload, payload_size, headers)
               select 'machines', 'not_json', 'd', 'machines', 'id', 0, 5000000000 + n, now(), '\x7bff',
                      n, '[]' from generate_series(2, 3) n"#,
        )
        .await;
    let list =
        "{ deadLetters { nodes { id offset payload payloadBase64 payloadTruncated headers { name } } } }";
    assert_eq!(
        world.data(list).await["deadLetters"]["nodes"][1],
        json!({"id": "1", "offset": 5_000_000_002_i64, "payload": "{\u{fffd}", "payloadBase64": "e/8=",
               "payloadTruncated": false, "headers": []})
    );
    let redrive = "mutation { redriveDeadLetters(ids: [1, 2, 9, 1]) { sent skipped { id code } } }";
    assert_eq!(
        world.data(redrive).await["redriveDeadLetters"],
        json!({"sent": ["1"], "skipped": [
            {"id": "9", "code": "NOT_FOUND"}, {"id": "2", "code": "PAYLOAD_TRUNCATED"}]})
    );
    let sent = world.publisher.sent.lock().unwrap();
    assert_eq!((sent.len(), &*sent[0].topic), (1, "streamsync.redrive.machines"));
}
