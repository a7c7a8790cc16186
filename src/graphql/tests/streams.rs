//! What a role may know and do of streams: the others are as if they did not exist.

use super::*;
use crate::data::{Grant, MatchOp, Operation, Scope, Selector, Streams};
use crate::telemetry::status::{PartitionStatus, Snapshot, StreamState};

/// May do everything with the stream `machines`, and nothing with others.
fn grant() -> Grant {
    Grant {
        operations: [Operation::Read, Operation::Publish, Operation::Operate].into(),
        streams: Streams::Named(["machines".to_owned()].into()),
        ..Grant::everything()
    }
}

/// A world with a second stream, `vehicles`.
async fn two_streams() -> World {
    let mut world = World::new().await;
    let services = &mut world.services;
    let known = services.streams();
    let stream = |name| {
        (
            name,
            known.targets["machines"].clone(),
            known.settings["machines"].clone(),
        )
    };
    services.streams = shown([stream("machines"), stream("vehicles")]);
    world.api = Api::new(services.clone());
    world
        .db
        .run(
            r#"insert into dead_letters (stream, reason, detail, topic, topic_id, partition, "offset",
               recorded_at, payload, payload_size, headers)
               select case when n % 2 = 0 then 'machines' else 'vehicles' end, 'not_json', 'd',
                      case when n % 2 = 0 then 'machines' else 'vehicles' end, 'id', 0, n, now(), 'x', 1, '[]'
               from generate_series(1, 8) n;
               insert into ingest_offsets (partition_id, stream, topic, partition, epoch, topic_id, next_offset,
                                           owner_epoch, resume_from)
               overriding system value
               values (101, 'machines', 'machines', 0, 1, 'id', 7, 1, 0),
                      (102, 'vehicles', 'vehicles', 0, 1, 'id', 7, 1, 0);
               insert into gaps (partition_id, from_offset, to_offset) values (101, 1, 2), (102, 1, 2);
               insert into horizons (stream, level, floor)
               values ('machines', 'raw', now()), ('vehicles', 'raw', now());"#,
        )
        .await;
    world
}

async fn ask(world: &World, viewer: &Viewer, query: &str) -> Value {
    world.ask_as(viewer, viewer, query).await
}

/// Code and message of the first error.
fn code(answer: &Value) -> (&str, &str) {
    let error = &answer["errors"][0];
    let code = error["extensions"]["code"].as_str();
    (
        code.unwrap_or_default(),
        error["message"].as_str().unwrap_or_default(),
    )
}

#[tokio::test]
async fn dead_letters_of_other_streams_are_not_there() {
    let world = two_streams().await;
    let viewer = Viewer::new("key:a", Arc::new(grant()));
    let list = "{ deadLetters(first: 3) { nodes { id stream } pageInfo { hasNextPage endCursor } }
                  deadLetterReasons { stream count } others: deadLetters(stream: \"vehicles\") { nodes { id } } }";
    let answer = ask(&world, &viewer, list).await;
    let letters = &answer["data"]["deadLetters"];
    let machines = |id: &str| json!({"id": id, "stream": "machines"});
    assert_eq!(
        letters["nodes"],
        json!([machines("8"), machines("6"), machines("4")])
    );
    assert_eq!(letters["pageInfo"]["hasNextPage"], true);
    assert_eq!(answer["data"]["others"]["nodes"], json!([]));
    assert_eq!(
        answer["data"]["deadLetterReasons"],
        json!([{"stream": "machines", "count": 4}])
    );
    let redrive = "mutation { redriveDeadLetters(ids: [1, 2, 77]) { sent skipped { id code reason } } }";
    let none = |id: &str| json!({"id": id, "code": "NOT_FOUND", "reason": "no dead letter has this id"});
    assert_eq!(
        ask(&world, &viewer, redrive).await["data"]["redriveDeadLetters"],
        json!({"sent": ["2"], "skipped": [none("1"), none("77")]})
    );
}

#[tokio::test]
async fn a_stream_of_others_is_refused_in_the_words_for_one_that_is_not_there() {
    let world = two_streams().await;
    let viewer = Viewer::new("key:a", Arc::new(grant()));
    let publish = |stream: &str| {
        format!(
            r#"mutation {{ publish(stream: "{stream}", points: [{{metric: "t", value: 1}}]) {{ accepted }} }}"#
        )
    };
    let resume = |stream: &str| format!(r#"mutation {{ resumeStream(stream: "{stream}") {{ wasPaused }} }}"#);
    let refusal = |stream: &str| format!("no stream is named '{stream}'");
    for stream in ["vehicles", "missing"] {
        for query in [publish(stream), resume(stream)] {
            let answer = ask(&world, &viewer, &query).await;
            assert_eq!(code(&answer), ("NOT_FOUND", &*refusal(stream)));
        }
    }
    let accepted = ask(&world, &viewer, &publish("machines")).await;
    assert_eq!(accepted["data"]["publish"]["accepted"], 1);
}

#[tokio::test]
async fn the_pipeline_shows_the_streams_of_the_role_and_no_sum_over_others() {
    let world = two_streams().await;
    let status = &world.services.status;
    status.update(|snapshot: &mut Snapshot| {
        for stream in ["machines", "vehicles"] {
            let partition = PartitionStatus {
                stream: stream.to_owned(),
                partition_id: 1,
                owner_epoch: 1,
                next_offset: 5,
                end_offset: 12,
                trouble: Some("OFFSET_LOST".to_owned()),
            };
            snapshot.partitions.insert((stream.to_owned(), 0), partition);
            let paused = StreamState::Paused("wrong mapping".to_owned());
            snapshot.streams.insert(stream.to_owned(), paused);
        }
        snapshot.degraded.insert("redis", "vehicles: no route".to_owned());
    });
    status.trouble("kafka", "no topic vehicles");
    world.services.metrics.flow.read.inc_by(20);
    world.services.samples.tick(crate::data::Micros(0));
    let query = "{ pipeline { state ready missing degraded partitions { stream topic lag } subscribers
        streams { name paused pausedWhy } stages { name total } credits { held total }
        now { records lag } samples { records } offsets { stream topic } gaps { topic }
        storage { horizons { stream } levels { table } pendingInvalidations maintenance { at } } } }";
    let answer = ask(&world, &Viewer::new("key:a", Arc::new(grant())), query).await;
    assert_eq!(answer.get("errors"), None, "{answer}");
    assert_eq!(
        answer["data"]["pipeline"],
        json!({
            "state": "NOT_READY",
            "ready": false,
            "missing": [
                "kafka: unavailable",
                "stream machines paused: wrong mapping",
                "partition machines/0: OFFSET_LOST",
            ],
            "degraded": ["redis: unavailable"],
            "partitions": [{"stream": "machines", "topic": "machines", "lag": 7}],
            "subscribers": 0,
            "streams": [{"name": "machines", "paused": true, "pausedWhy": "wrong mapping"}],
            "stages": [],
            "credits": {"held": 0, "total": 0},
            "now": {"records": 0, "lag": 7},
            "samples": [],
            "offsets": [{"stream": "machines", "topic": "machines"}],
            "gaps": [{"topic": "machines"}],
            "storage": {
                "horizons": [{"stream": "machines"}],
                "levels": [],
                "pendingInvalidations": 0,
                "maintenance": null,
            },
        })
    );
    let all = ask(&world, &Viewer::everyone(), query).await;
    assert_eq!(
        all["data"]["pipeline"]["streams"].as_array().map(Vec::len),
        Some(2)
    );
    assert_eq!(all["data"]["pipeline"]["now"], json!({"records": 20, "lag": 14}));
}

#[tokio::test]
async fn points_of_series_that_the_role_may_not_write_are_refused_and_none_is_sent() {
    let world = two_streams().await;
    let of_a = Selector::of(None, &[("site", MatchOp::Equal, "a")]);
    let of_a = Arc::new(Scope::any_of([of_a]));
    let viewer = |read: &Arc<Scope>| {
        let grant = Grant {
            read: Arc::clone(read),
            write: Arc::clone(&of_a),
            ..grant()
        };
        Viewer::new("key:a", Arc::new(grant))
    };
    let publish = |points: &[(usize, &str)]| {
        let point = |(n, site): &(usize, &str)| {
            format!(r#"{{metric: "n{n}", labels: [{{name: "site", value: "{site}"}}], value: 1}}"#)
        };
        let points: Vec<String> = points.iter().map(point).collect();
        let points = points.join(", ");
        format!(r#"mutation {{ publish(stream: "machines", points: [{points}]) {{ accepted }} }}"#)
    };
    let (some, everything) = (viewer(&of_a), viewer(&Arc::new(Scope::everything())));
    let answer = ask(&world, &some, &publish(&[(0, "a"), (0, "b")])).await;
    assert_eq!(
        code(&answer),
        ("FORBIDDEN", "point 1: your role may not write this series")
    );
    assert_eq!(world.publisher.sent.lock().unwrap().len(), 0);
    // How many of the series are new would tell which there are.
    let many: Vec<(usize, &str)> = (0..6).map(|n| (n, "a")).collect();
    let answer = ask(&world, &some, &publish(&many)).await;
    let told = "stream 'machines' may have 5 series; these points would add more";
    assert_eq!(code(&answer), ("BAD_USER_INPUT", told));
    let answer = ask(&world, &everything, &publish(&many)).await;
    assert!(code(&answer).1.contains("would add 6"), "{answer}");
}

#[tokio::test]
async fn the_cursor_of_a_page_is_of_use_to_its_viewer_alone() {
    let world = two_streams().await;
    let (a, b) = (Viewer::sealed("key:a"), Viewer::sealed("key:b"));
    let page = |list: &str, after: &str| {
        format!("{{ page: {list}, first: 1{after}) {{ pageInfo {{ endCursor hasPreviousPage }} }} }}")
    };
    for list in [
        "series(selector: {}",
        r#"points(selector: {}, from: "2026-01-01T00:00:00Z""#,
        "deadLetters(includeResolved: true",
    ] {
        let first = ask(&world, &a, &page(list, "")).await;
        let end = first["data"]["page"]["pageInfo"]["endCursor"].as_str();
        let end = end.unwrap_or_else(|| panic!("{first}"));
        let next = page(list, &format!(r#", after: "{end}""#));
        let own = ask(&world, &a, &next).await;
        assert_eq!(own["data"]["page"]["pageInfo"]["hasPreviousPage"], true, "{own}");
        let (plain, _) = end.split_once('.').unwrap();
        let without = page(list, &format!(r#", after: "{plain}""#));
        for (who, query) in [(&b, &next), (&a, &without), (&Viewer::everyone(), &next)] {
            let answer = ask(&world, who, query).await;
            let why = "after is not a cursor of this list";
            assert_eq!(code(&answer), ("BAD_USER_INPUT", why), "{answer}");
        }
    }
}
