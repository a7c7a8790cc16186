//! `pipeline` as a client asks for it, told from what the stages left in status and counters.

use std::time::Duration;

use super::*;
use crate::data::{Credits, Micros};
use crate::telemetry::status::{PartitionStatus, Snapshot, StreamState};

impl World {
    fn partition(&self, topic: &str, partition: i32, trouble: Option<&str>) {
        let status = PartitionStatus {
            stream: "machines".to_owned(),
            partition_id: 1,
            owner_epoch: 1,
            next_offset: 5,
            end_offset: 12,
            trouble: trouble.map(str::to_owned),
        };
        let key = (topic.to_owned(), partition);
        let status = |snapshot: &mut Snapshot| snapshot.partitions.insert(key, status);
        self.services.status.update(status);
    }

    fn credits(&self) -> Arc<Credits> {
        let credits = Credits::new(100);
        let shown = Arc::clone(&credits);
        self.services
            .status
            .update(|snapshot| snapshot.credits = Some(shown));
        credits
    }

    /// Each stage as its state, its pressure and why.
    async fn stages(&self) -> Vec<String> {
        let data = self
            .data("{ pipeline { stages { name state pressure why } } }")
            .await;
        let stages = data["pipeline"]["stages"].as_array().unwrap().iter();
        let line = |stage: &Value| {
            let why = stage["why"]
                .as_str()
                .map(|why| format!(" {why}"))
                .unwrap_or_default();
            format!("{} {}{why}", stage["state"].as_str().unwrap(), stage["pressure"])
        };
        stages.map(line).collect()
    }
}

#[tokio::test]
async fn stages_are_idle_until_something_comes_and_run_for_ten_seconds_after_it() {
    let world = World::new().await;
    let idle = "IDLE 0.0";
    assert_eq!(
        world.stages().await,
        ["IDLE 0.0 no partition is assigned to this node", idle, idle, idle]
    );
    world.partition("machines", 0, None);
    world.services.metrics.flow.read.inc_by(20);
    world.services.metrics.flow.stored.inc_by(20);
    world.services.samples.tick(Micros(0));
    assert_eq!(world.stages().await, ["RUNNING 0.0", idle, "RUNNING 0.0", idle]);
    let query = "{ pipeline { now { records points lag latency { p50 } } stages { total rate } samples { records } } }";
    let pipeline = world.data(query).await["pipeline"].take();
    assert_eq!(
        pipeline["now"],
        json!({"records": 20, "points": 20, "lag": 7, "latency": null})
    );
    assert_eq!(pipeline["stages"][0], json!({"total": 20, "rate": 20.0}));
    for second in 1..11 {
        world.services.samples.tick(Micros(second * 1_000_000));
    }
    assert_eq!(world.stages().await, [idle; 4]);
    let samples = world.data("{ pipeline { samples { records } } }").await;
    assert_eq!(samples["pipeline"]["samples"].as_array().map(Vec::len), Some(11));
}

#[tokio::test]
async fn a_full_budget_makes_the_source_wait_and_the_pressure_shows_who_holds_it() {
    let world = World::new().await;
    world.partition("machines", 0, None);
    let credits = world.credits();
    let mut batch = credits.acquire(80, Duration::ZERO).unwrap();
    assert_eq!(
        world.stages().await,
        ["RUNNING 0.8", "RUNNING 0.8", "IDLE 0.0", "IDLE 0.0"]
    );
    assert!(credits.acquire(30, Duration::ZERO).is_none());
    let full = "WAITING 0.8 the memory budget is full: the stages behind do not keep up";
    assert_eq!(
        world.stages().await,
        [full, "RUNNING 0.8", "IDLE 0.0", "IDLE 0.0"]
    );
    batch.pass_to_store();
    let starved = "WAITING 0.0 the store holds the whole memory budget";
    assert_eq!(world.stages().await, [full, starved, "RUNNING 0.8", "IDLE 0.0"]);
    world.services.status.trouble("postgres", "no route");
    let away = "STOPPED 0.8 postgres: no route";
    assert_eq!(world.stages().await, [full, starved, away, "IDLE 0.0"]);
    drop(batch);
    world.services.status.well("postgres");
    assert_eq!(world.stages().await, ["IDLE 0.0"; 4]);
}

#[tokio::test]
async fn a_source_stops_when_all_its_partitions_stand_still_and_tells_when_some_do() {
    let world = World::new().await;
    let source = async || world.stages().await.swap_remove(0);
    world.partition("machines", 0, Some("OFFSET_LOST: gone"));
    world.partition("machines", 1, None);
    assert_eq!(source().await, "IDLE 0.0 partition machines/0: OFFSET_LOST: gone");
    world.partition("machines", 1, Some("OFFSET_LOST: gone"));
    // Nothing but dead letters that were sent again could still come.
    world.partition("streamsync.redrive.machines", 0, None);
    assert_eq!(
        source().await,
        "STOPPED 0.0 partition machines/0: OFFSET_LOST: gone"
    );

    world.partition("machines", 0, None);
    let paused = StreamState::Paused("wrong mapping".to_owned());
    world
        .services
        .status
        .update(|snapshot| snapshot.streams.insert("machines".to_owned(), paused));
    assert_eq!(
        source().await,
        "STOPPED 0.0 stream machines paused: wrong mapping"
    );
    world.services.status.trouble("kafka", "no broker");
    assert_eq!(source().await, "STOPPED 0.0 kafka: no broker");
    world.services.status.trouble("pipeline", "writer: panicked");
    let ended = "STOPPED 0.0 pipeline: writer: panicked";
    assert_eq!(world.stages().await, [ended, ended, ended, "IDLE 0.0"]);
}

#[tokio::test]
async fn pipeline_answers_while_postgres_is_away() {
    let mut world = World::new().await;
    let nowhere = "host=/nonexistent user=nobody dbname=none".parse().unwrap();
    world.reader = Reader::new(nowhere, ReadLimits::default()).unwrap();
    let query = "{ pipeline { state ready streams { name paused records deadLetters }
                  credits { held total } offsets { nextOffset } } }";
    let response = world.ask(query).await;
    let pipeline = &response["data"]["pipeline"];
    assert_eq!(pipeline["state"], "RUNNING");
    assert_eq!(pipeline["streams"][0]["name"], "machines");
    assert_eq!(pipeline["offsets"], Value::Null);
    assert_eq!(response["errors"][0]["extensions"]["code"], "UNAVAILABLE");
}
