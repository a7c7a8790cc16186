//! Several nodes in one group: whoever joins, leaves or dies, everything is stored and seen once.

use crate::support::input::Input;
use crate::support::streamsync::Plan;
use crate::support::viewer::Viewer;
use crate::support::{StreamSync, eventually};

const PARTITIONS: i32 = 4;

/// Waits until these nodes together read all partitions of the topic, and each of them some.
async fn share_the_work(plan: &Plan, nodes: &[&StreamSync]) {
    let topic = format!("topic=\"{}\"", plan.stream);
    eventually("each node has partitions", async || {
        let mut all = 0;
        for node in nodes {
            let (_, text) = node.get("/metrics").await;
            let lags = text.lines().filter(|l| l.starts_with("streamsync_consumer_lag"));
            let mine = lags.filter(|l| l.contains(&topic)).count();
            if mine == 0 {
                return None;
            }
            all += mine;
        }
        (all == PARTITIONS as usize).then_some(())
    })
    .await;
}

#[actix_web::test]
async fn a_killed_node_s_work_goes_to_the_other_and_a_subscriber_there_sees_everything_once() {
    let plan = StreamSync::plan().await.partitions(PARTITIONS).quick_rejoin();
    let (survivor, victim) = (plan.start().await, plan.start().await);
    share_the_work(&plan, &[&survivor, &victim]).await;
    let mut viewer = Viewer::of(&survivor).await;
    let mut victim = Some(victim);
    for (step, piece) in Input::of(0..3_000).pieces(100).enumerate() {
        plan.send(&piece.records()).await;
        if step == 12
            && let Some(victim) = victim.take()
        {
            victim.kill().await;
        }
    }
    viewer.sees(&Input::of(0..3_000)).await;
    Input::of(0..3_000).is_stored(&plan).await;

    // A third joins, and leaves again in good order while work comes in.
    let mut third = plan.start().await;
    share_the_work(&plan, &[&survivor, &third]).await;
    for (step, piece) in Input::of(3_000..5_000).pieces(100).enumerate() {
        plan.send(&piece.records()).await;
        if step == 8 {
            third.signal(rustix::process::Signal::TERM);
        }
    }
    let status = third.ended().await;
    assert!(status.success(), "{status}\n{}", third.log());
    viewer.sees(&Input::of(0..5_000)).await;
    Input::of(0..5_000).is_stored(&plan).await;
    share_the_work(&plan, &[&survivor]).await;
}

#[actix_web::test]
async fn the_last_commit_of_a_dying_node_reaches_the_subscribers_of_the_others() {
    let plan = StreamSync::plan().await.partitions(PARTITIONS).quick_rejoin();
    let survivor = plan.start().await;
    let mut victim = plan.launch_with_failure("after-commit=2*off->return").await;
    victim.ready().await;
    share_the_work(&plan, &[&survivor, &victim]).await;
    let mut viewer = Viewer::of(&survivor).await;
    let input = Input::of(0..400);
    // One piece at a time, so that the victim's third commit is one of several.
    for (step, piece) in input.pieces(50).enumerate() {
        plan.send(&piece.records()).await;
        let so_far = Input::of(0..(step + 1) * 50);
        eventually("the piece is stored or the victim is dead", async || {
            (!victim.is_running() || so_far.is_committed(&plan).await).then_some(())
        })
        .await;
    }
    assert!(!victim.ended().await.success());
    viewer.sees(&input).await;
    input.is_stored(&plan).await;
}

#[actix_web::test]
async fn a_node_works_on_tables_to_which_a_newer_version_has_added() {
    let plan = StreamSync::plan().await;
    let mut node = plan.start().await;
    let input = Input::of(0..100);
    plan.send(&input.records()).await;
    input.is_stored(&plan).await;
    // As the first node of a newer version does, beside one that runs.
    plan.database
        .run(
            "create table of_a_newer_version (id bigint);
             alter table ingest_offsets add column of_a_newer_version text;
             alter table series add column of_a_newer_version bigint default 7;
             alter table points add column of_a_newer_version integer;
             insert into __diesel_schema_migrations (version) values ('20991231000000')",
        )
        .await;
    plan.send(&Input::of(100..200).records()).await;
    Input::of(0..200).is_stored(&plan).await;
    // And one that is restarted meanwhile, or goes back to the older version.
    assert!(node.terminate().await.success());
    let node = plan.start().await;
    plan.send(&Input::of(200..300).records()).await;
    Input::of(0..300).is_stored(&plan).await;
    node.stop().await;

    // Until a migration says that older versions cannot live with it.
    plan.database
        .run("update installation set needs_schema = '20991231000000'")
        .await;
    let mut node = plan.launch().await;
    assert!(!node.ended().await.success());
    assert!(node.log().contains("run a newer streamsync"), "{}", node.log());
}
