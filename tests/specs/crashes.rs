//! A node that dies loses nothing and repeats nothing, wherever in its work it dies.

use std::time::Duration;

use futures_util::future::join;

use crate::support::input::Input;
use crate::support::viewer::Viewer;
use crate::support::{StreamSync, eventually};

/// The first record is stored and seen; the second ends the process at `place`. Nothing comes
/// after it, so no later batch can heal what the crash did.
async fn the_second_commit_crashes(place: &str) {
    let plan = StreamSync::plan().await.quick_rejoin();
    let mut node = plan.launch_with_failure(&format!("{place}=1*off->return")).await;
    node.ready().await;
    let mut viewer = Viewer::of(&node).await;
    plan.send(&Input::of(0..1).records()).await;
    viewer.sees(&Input::of(0..1)).await;

    plan.send(&Input::of(1..2).records()).await;
    assert!(!node.ended().await.success());
    viewer.closed().await;

    let node = plan.start().await;
    viewer.resume(&node).await;
    viewer.sees(&Input::of(0..2)).await;
    Input::of(0..2).is_stored(&plan).await;
    // What comes next finds everything in order.
    plan.send(&Input::of(2..3).records()).await;
    viewer.sees(&Input::of(0..3)).await;
    Input::of(0..3).is_stored(&plan).await;
}

#[actix_web::test]
async fn a_crash_before_the_commit_loses_nothing_and_a_subscriber_goes_on_where_it_was() {
    the_second_commit_crashes("before-commit").await;
}

#[actix_web::test]
async fn a_crash_after_the_commit_repeats_nothing_and_a_subscriber_goes_on_where_it_was() {
    the_second_commit_crashes("after-commit").await;
}

#[actix_web::test]
async fn a_crash_before_subscribers_are_told_hides_nothing_from_one_that_comes_back() {
    the_second_commit_crashes("before-publish").await;
}

/// The same numbers at every run (xorshift64).
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % bound as u64) as usize
    }
}

#[actix_web::test]
async fn ten_kills_in_the_middle_of_ingest_leave_every_point_and_every_poisoned_record_once() {
    const PIECE: usize = 500;
    const KILLS: usize = 10;
    let plan = StreamSync::plan().await.partitions(4).quick_rejoin();
    let input = Input::of(0..PIECE * (KILLS + 1)).poisoned(100);
    let client = plan.database.client().await;
    let mut dice = Dice(20_261_123);
    let mut pieces = input.pieces(PIECE);
    let mut sent = 0;
    for piece in pieces.by_ref().take(KILLS) {
        let node = plan.start().await;
        let fatal = (sent + dice.below(PIECE)) as i64;
        let moment = Duration::from_millis(dice.below(25) as u64);
        let killed = async {
            eventually("the fatal record is near", async || {
                let row = client
                    .query_one(
                        "select coalesce(sum(next_offset), 0)::bigint from ingest_offsets",
                        &[],
                    )
                    .await
                    .expect("the offsets");
                (row.get::<_, i64>(0) >= fatal).then_some(())
            })
            .await;
            // Anywhere between two commits, not only right behind one.
            tokio::time::sleep(moment).await;
            node.kill().await;
        };
        join(
            async {
                // In small steps, so that the node is in the middle of many small batches.
                for step in piece.pieces(25) {
                    plan.send(&step.records()).await;
                }
            },
            killed,
        )
        .await;
        sent += PIECE;
    }
    let node = plan.start().await;
    for piece in pieces {
        plan.send(&piece.records()).await;
    }
    input.is_stored(&plan).await;
    assert_eq!(input.poison(), PIECE * (KILLS + 1) / 100);
    node.stop().await;
}

async fn a_panic_ends_only_the_generation(planned: &str) {
    let plan = StreamSync::plan().await.quick_rejoin();
    let node = plan.launch_with_failure(planned).await;
    node.ready().await;
    let mut viewer = Viewer::of(&node).await;
    plan.send(&Input::of(0..1).records()).await;
    viewer.sees(&Input::of(0..1)).await;

    plan.send(&Input::of(1..50).records()).await;
    viewer.sees(&Input::of(0..50)).await;
    Input::of(0..50).is_stored(&plan).await;
    eventually("the second generation runs", async || {
        let generation = node.metric("streamsync_generation", "").await;
        (generation == 2.0).then_some(())
    })
    .await;
    node.ready().await;
    drop(viewer);
}

#[actix_web::test]
async fn a_panic_in_the_transformer_begins_a_new_generation_and_a_connected_subscriber_misses_nothing() {
    a_panic_ends_only_the_generation("transform-panic=1*off->1*panic->off").await;
}

#[actix_web::test]
async fn a_panic_in_the_writer_after_its_commit_begins_a_new_generation_and_nobody_misses_it() {
    a_panic_ends_only_the_generation("after-commit=1*off->1*panic->off").await;
}

#[actix_web::test]
async fn a_panic_in_the_writer_before_its_commit_begins_a_new_generation_and_nobody_misses_it() {
    a_panic_ends_only_the_generation("before-commit=1*off->1*panic->off").await;
}
