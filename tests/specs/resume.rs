//! Coming back: a cursor continues without gap or duplicate, or says that it cannot.

use serde_json::{Value, json};
use streamsync::data::Micros;

use crate::live::{after, history};
use crate::support::kafka::{self, Record, point};
use crate::support::live::Subscriber;
use crate::support::postgres::OwnServer;
use crate::support::streamsync::Plan;
use crate::support::{StreamSync, command, eventually, seconds_ago};

/// Points number `range` of four series.
fn points(base: Micros, range: std::ops::Range<usize>) -> Vec<Record> {
    range
        .map(|n| point(&format!("m{}", n % 4), after(base, n), n as f64))
        .collect()
}

/// Their values as a subscriber shows them.
fn values(lines: &[String]) -> Vec<usize> {
    let value = |line: &String| line.rsplit(' ').next()?.parse::<f64>().ok();
    let mut values: Vec<usize> = lines.iter().filter_map(value).map(|v| v as usize).collect();
    values.sort_unstable();
    values
}

async fn stored(plan: &Plan, points: usize) {
    eventually("the points are stored", async || {
        let stored = plan.database.value("select count(*) from points").await;
        (stored == points.to_string()).then_some(())
    })
    .await;
}

async fn first_cursor(node: &StreamSync, variables: Value) -> String {
    let mut subscriber = Subscriber::points(node, variables).await;
    subscriber.batch().await;
    subscriber.cursor.expect("a cursor")
}

#[actix_web::test]
async fn a_subscriber_that_reconnects_fifty_times_sees_every_point_once() {
    let plan = StreamSync::plan().await.partitions(3);
    let node = plan.start().await;
    let base = seconds_ago(10_000);
    let mut cursor = first_cursor(&node, json!({})).await;
    let (mut seen, mut sent) = (Vec::new(), 0);
    for _ in 0..50 {
        // Some were stored before it is back, some are on their way, some come while it listens.
        kafka::send(&plan.stream, &points(base, sent..sent + 20)).await;
        let mut subscriber = Subscriber::points(&node, json!({"after": cursor})).await;
        let more = points(base, sent + 20..sent + 40);
        let (_, lines) = tokio::join!(plan.send(&more), subscriber.collect(25));
        seen.extend(lines);
        sent += 40;
        cursor = subscriber.cursor.expect("a cursor");
    }
    let mut subscriber = Subscriber::points(&node, json!({"after": cursor})).await;
    seen.extend(subscriber.collect(sent - seen.len()).await);
    assert_eq!(values(&seen), (0..sent).collect::<Vec<_>>());
    seen.sort();
    assert_eq!(seen, history(&node, json!({}), base).await);
}

#[actix_web::test]
async fn a_cursor_continues_on_a_node_that_was_restarted() {
    let plan = StreamSync::plan().await.partitions(2);
    let mut node = plan.start().await;
    let base = seconds_ago(1_000);
    let cursor = first_cursor(&node, json!({})).await;
    plan.send(&points(base, 0..100)).await;
    stored(&plan, 100).await;
    assert!(node.terminate().await.success());
    let node = plan.start().await;
    plan.send(&points(base, 100..200)).await;
    let mut subscriber = Subscriber::points(&node, json!({"after": cursor})).await;
    let lines = subscriber.collect(200).await;
    assert_eq!(values(&lines), (0..200).collect::<Vec<_>>());
}

#[actix_web::test]
async fn a_selected_resume_brings_only_what_was_selected() {
    let plan = StreamSync::plan().await;
    let node = plan.start().await;
    let base = seconds_ago(1_000);
    let cursor = first_cursor(&node, json!({})).await;
    plan.send(&points(base, 0..400)).await;
    stored(&plan, 400).await;
    let selector = json!({"metric": "m2"});
    let mut subscriber = Subscriber::points(&node, json!({"after": cursor, "selector": selector})).await;
    let mut lines = subscriber.collect(100).await;
    lines.sort();
    assert_eq!(lines, history(&node, selector, base).await);
}

#[actix_web::test]
async fn a_backfill_runs_into_the_live_points_without_gap_or_duplicate() {
    let plan = StreamSync::plan().await.partitions(2);
    let node = plan.start().await;
    let base = seconds_ago(10_000);
    plan.send(&points(base, 0..1_500)).await;
    stored(&plan, 1_500).await;
    let mut subscriber = Subscriber::points(&node, json!({"backfill": "1d"})).await;
    let more = points(base, 1_500..3_000);
    let (_, lines) = tokio::join!(plan.send(&more), subscriber.collect(3_000));
    assert_eq!(values(&lines), (0..3_000).collect::<Vec<_>>());
}

#[actix_web::test]
async fn a_backfill_brings_nothing_older_than_it_says() {
    let plan = StreamSync::plan().await;
    let node = plan.start().await;
    let old = seconds_ago(7_200);
    plan.send(&points(old, 0..10)).await;
    plan.send(&points(seconds_ago(1_800), 10..20)).await;
    stored(&plan, 20).await;
    let mut subscriber = Subscriber::points(&node, json!({"backfill": "1h"})).await;
    assert_eq!(
        values(&subscriber.collect(10).await),
        (10..20).collect::<Vec<_>>()
    );
    plan.send(&points(old, 20..21)).await;
    assert_eq!(values(&subscriber.collect(1).await), [20]);
}

#[actix_web::test]
async fn a_backfill_that_breaks_off_is_continued_by_its_cursor() {
    let plan = StreamSync::plan().await.partitions(2);
    let node = plan.start().await;
    let base = seconds_ago(10_000);
    plan.send(&points(base, 0..4_500)).await;
    stored(&plan, 4_500).await;
    let mut subscriber = Subscriber::points(&node, json!({"backfill": "1d"})).await;
    let mut lines = subscriber.collect(1).await;
    let mut sent = 4_500;
    for _ in 0..3 {
        assert!(lines.len() < 4_500, "the backfill was over before it broke off");
        let more = points(base, sent..sent + 50);
        sent += 50;
        plan.send(&more).await;
        let cursor = subscriber.cursor.take();
        subscriber = Subscriber::points(&node, json!({"after": cursor})).await;
        lines.extend(subscriber.collect(1).await);
    }
    lines.extend(subscriber.collect(sent - lines.len()).await);
    assert_eq!(values(&lines), (0..sent).collect::<Vec<_>>());
}

#[actix_web::test]
async fn a_cursor_beyond_the_resume_horizon_is_told_where_it_can_continue() {
    let plan = StreamSync::plan().await;
    let mut node = plan.start().await;
    let base = seconds_ago(1_000);
    let cursor = first_cursor(&node, json!({})).await;
    plan.send(&points(base, 0..30)).await;
    stored(&plan, 30).await;
    // What the daily clean-up does to commits older than `resume_horizon`.
    plan.database
        .run("update ingest_offsets set resume_from = 10")
        .await;
    // In its memory the node may still have them.
    assert!(node.terminate().await.success());
    let node = plan.start().await;
    earliest_brings(&node, &cursor, 10..30).await;
}

#[actix_web::test]
async fn a_cursor_before_lost_offsets_gets_what_is_before_them_and_is_told_where_it_can_continue() {
    let plan = StreamSync::plan().await;
    let mut node = plan.start().await;
    let base = seconds_ago(1_000);
    let cursor = first_cursor(&node, json!({})).await;
    plan.send(&points(base, 0..30)).await;
    stored(&plan, 30).await;
    let gap = "insert into gaps (partition_id, from_offset, to_offset)
        select partition_id, 5, 12 from ingest_offsets where topic not like 'streamsync.%'";
    plan.database.run(gap).await;
    assert!(node.terminate().await.success());
    let node = plan.start().await;
    let mut resumed = Subscriber::points(&node, json!({"after": cursor})).await;
    assert_eq!(values(&resumed.collect(5).await), (0..5).collect::<Vec<_>>());
    earliest_brings(&node, &resumed.cursor.expect("a cursor"), 12..30).await;
}

#[actix_web::test]
async fn after_a_rewind_old_cursors_are_told_so_and_everything_comes_again() {
    let plan = StreamSync::plan().await;
    let mut node = plan.start().await;
    let base = seconds_ago(1_000);
    let mut subscriber = Subscriber::points(&node, json!({})).await;
    subscriber.batch().await;
    plan.send(&points(base, 0..30)).await;
    subscriber.collect(30).await;
    let cursor = subscriber.cursor.take().expect("a cursor");
    drop(subscriber);
    assert!(node.terminate().await.success());

    let file = plan.file();
    let rewound = command()
        .args(["rewind", "--stream", &plan.stream, "--to", "0", "--config"])
        .arg(&file)
        .output()
        .expect("the command runs");
    let said = String::from_utf8_lossy(&rewound.stderr);
    assert!(rewound.status.success(), "{said}");

    let node = plan.start().await;
    earliest_brings(&node, &cursor, 0..30).await;
    assert_eq!(history(&node, json!({}), base).await.len(), 30);
}

/// The cursor is refused, and the one that comes with the refusal brings these points.
async fn earliest_brings(node: &StreamSync, cursor: &str, expected: std::ops::Range<usize>) {
    let mut refused = Subscriber::points(node, json!({"after": cursor})).await;
    let (code, error) = refused.refusal().await;
    assert_eq!(code, "RESUME_GAP", "{error:#}");
    let earliest = &error["extensions"]["earliestCursor"];
    let mut resumed = Subscriber::points(node, json!({"after": earliest})).await;
    let lines = resumed.collect(expected.len()).await;
    assert_eq!(values(&lines), expected.collect::<Vec<_>>());
}

#[actix_web::test]
async fn who_comes_back_soon_is_served_from_memory_even_while_postgres_is_away() {
    let mut server = OwnServer::start().await;
    let plan = StreamSync::plan().await.partitions(3).database(server.database());
    let node = plan.start().await;
    let base = seconds_ago(1_000);
    let mut witness = Subscriber::points(&node, json!({})).await;
    witness.batch().await;
    plan.send(&points(base, 0..100)).await;
    witness.collect(100).await;
    let cursor = first_cursor(&node, json!({})).await;
    plan.send(&points(base, 100..500)).await;
    witness.collect(400).await;
    let statements = node.metric("streamsync_catch_up_reads_total", "").await;
    server.kill().await;
    for selected in 0..4 {
        let variables = json!({"after": cursor, "selector": {"metric": format!("m{selected}")}});
        let mut subscriber = Subscriber::points(&node, variables).await;
        let expected: Vec<usize> = (100 + selected..500).step_by(4).collect();
        assert_eq!(values(&subscriber.collect(100).await), expected);
    }
    let now = node.metric("streamsync_catch_up_reads_total", "").await;
    assert_eq!(now, statements, "nothing was asked of postgres");
    // What is older than the memory has to wait for it, and says so.
    let mut older = Subscriber::points(&node, json!({"backfill": "1h"})).await;
    assert_eq!(older.refusal().await.0, "UNAVAILABLE");
    server.start_again().await;
    node.ready().await;
    plan.send(&points(base, 500..600)).await;
    assert_eq!(
        values(&witness.collect(100).await),
        (500..600).collect::<Vec<_>>()
    );
}

#[actix_web::test]
async fn many_who_come_back_to_a_node_that_was_killed_share_what_is_read() {
    let plan = StreamSync::plan().await.partitions(3);
    let node = plan.start().await;
    let base = seconds_ago(10_000);
    let cursors = async |node: &StreamSync| {
        let mut cursors = Vec::new();
        for _ in 0..5 {
            cursors.push(first_cursor(node, json!({})).await);
        }
        cursors
    };
    let mut witness = Subscriber::points(&node, json!({})).await;
    // They left at different times.
    let mut left = Vec::new();
    for round in 0..4 {
        left.extend(
            cursors(&node)
                .await
                .into_iter()
                .map(|cursor| (round * 500, cursor)),
        );
        plan.send(&points(base, round * 500..round * 500 + 500)).await;
        witness.collect(500).await;
    }
    node.kill().await;
    let node = plan.start().await;
    let come_back = left.iter().enumerate().map(async |(n, (seen, cursor))| {
        let selected = n % 4;
        let variables = json!({"after": cursor, "selector": {"metric": format!("m{selected}")}});
        let mut subscriber = Subscriber::points(&node, variables).await;
        let expected: Vec<usize> = (*seen..2_000).filter(|n| n % 4 == selected).collect();
        assert_eq!(values(&subscriber.collect(expected.len()).await), expected);
    });
    futures_util::future::join_all(come_back).await;
    let pages = node.metric("streamsync_catch_up_reads_total", "page").await;
    assert!((1.0..=20.0).contains(&pages), "{pages} pages for 20 subscribers");
}
