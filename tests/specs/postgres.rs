//! What Postgres may do to a node beside going away: answer what nobody expects, start late, be asked
//! for the impossible by a producer's wrong clock.

use std::time::Duration;

use serde_json::json;
use streamsync::data::Micros;

use crate::support::input::Input;
use crate::support::kafka::{self, point};
use crate::support::postgres::OwnServer;
use crate::support::{StreamSync, eventually, moment, unique};

const LATEST: &str = "{ latest(selector: {metric: \"m\"}) { ts } }";

#[actix_web::test]
async fn an_error_that_nobody_knows_is_waited_out_and_said() {
    let plan = StreamSync::plan().await;
    let mut node = plan.start().await;
    plan.send_and_read(&Input::of(0..10).records()).await;
    plan.database
        .run(
            "create function refuse() returns trigger language plpgsql as
                $$ begin raise exception 'the disk says no' using errcode = '58030'; end $$;
            create trigger refuse before insert on commits execute function refuse()",
        )
        .await;
    plan.send(&Input::of(10..20).records()).await;
    eventually("/readyz says it", async || {
        let (status, body) = node.get("/readyz").await;
        (status == 503 && body.contains("the disk says no (58030)")).then_some(())
    })
    .await;
    assert!(node.is_running());
    plan.database.run("drop trigger refuse on commits").await;
    Input::of(0..20).is_stored(&plan).await;
    node.ready().await;
}

#[actix_web::test]
async fn before_there_are_tables_questions_are_answered_with_unavailable() {
    let mut server = OwnServer::start().await;
    let plan = StreamSync::plan().await.database(server.database());
    server.stop().await;
    let node = plan.launch().await;
    eventually("/readyz names postgres", async || {
        let (_, body) = node.get("/readyz").await;
        // It was tried once.
        body.contains("cannot connect").then_some(())
    })
    .await;
    assert_eq!(node.error_code(LATEST, json!({})).await, "UNAVAILABLE");
    server.start_again().await;
    eventually("it answers", async || {
        let answer = node.response(LATEST, json!({})).await;
        let code = &answer["errors"][0]["extensions"]["code"];
        assert!(code.is_null() || code == "UNAVAILABLE", "{answer:#}");
        code.is_null().then_some(())
    })
    .await;
    node.ready().await;
}

#[actix_web::test]
async fn a_panic_in_rollups_or_maintenance_is_counted_and_the_work_goes_on() {
    let plan = StreamSync::plan()
        .await
        .settings("[rollups]\nlag = \"0s\"\nevery = \"100ms\"");
    let node = plan
        .launch_with_failure("in-refresh=1*panic(planned);in-maintenance=1*panic(planned)")
        .await;
    node.ready().await;
    for part in ["rollups", "maintenance"] {
        eventually(&format!("the panic of {part} is counted"), async || {
            let (_, text) = node.get("/metrics").await;
            let line = format!("streamsync_panics_total{{part=\"{part}\"}} 1");
            text.contains(&line).then_some(())
        })
        .await;
    }
    plan.send_and_read(&[point("m", moment().minus(Duration::from_secs(120)), 1.0)])
        .await;
    eventually("it is rolled up", async || {
        (plan.database.value("select count(*) from rollup_1m").await == "1").then_some(())
    })
    .await;
    node.stop().await;
}

#[actix_web::test]
async fn a_producer_with_a_wrong_clock_fills_dead_letters_and_other_streams_stay_fresh() {
    let other = unique("wrong");
    let plan = StreamSync::plan()
        .await
        .settings("[pipeline]\nmax_far_partitions = 20")
        .another_stream(&other, "");
    let node = plan.start().await;
    let now = moment();
    let years = |n: u64| Micros(now.0).minus(Duration::from_secs(n * 365 * 86_400));
    let wrong: Vec<_> = (1..=40).map(|n| point("w", years(n), 1.0)).collect();
    let places = kafka::send(&other, &wrong).await;
    // Nobody but the stream itself has to do without old points.
    let old = years(20).minus(Duration::from_secs(100 * 86_400));
    plan.send_and_read(&[point("fresh", now, 1.0), point("fresh", old, 1.0)])
        .await;
    plan.has_read(&other, &places).await;
    let letters = "select reason || ' ' || count(*) from dead_letters group by reason";
    assert_eq!(plan.database.column(letters).await, ["too_many_partitions 30"]);
    let far = "select count(*) from pg_inherits where inhparent = 'points'::regclass";
    let partitions: usize = plan.database.value(far).await.parse().expect("a number");
    assert!(partitions <= 10 + 1 + 3, "{partitions}");
    assert_eq!(plan.database.points().await.len(), 10 + 2);
    node.stop().await;
}
