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
