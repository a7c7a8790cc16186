//! A configured age: old days go, the program says so, and what arrives meanwhile stays.

use serde_json::json;

use crate::support::kafka::point;
use crate::support::{StreamSync, eventually, moment, within_a_day};
use streamsync::data::Micros;

const DAY: i64 = 86_400_000_000;

const STORAGE: &str = "{ pipeline { storage {
    levels { level table partitions bytes oldest newest madeAheadUntil }
    horizons { stream level floor }
    rollupEdge pendingInvalidations archivedDays
    maintenance { outcome error droppedPartitions expiredRows }
} } }";

#[actix_web::test]
async fn days_older_than_their_retention_are_dropped_and_points_that_arrive_meanwhile_stay() {
    within_a_day(old_days_are_dropped).await;
}

async fn old_days_are_dropped() {
    let plan = StreamSync::plan()
        .await
        .stream_settings("retention = { raw = \"2d\", 1m = \"30d\" }");
    let now = moment();
    let old = |days: i64| Micros(now.0 - days * DAY);
    let midnight = |days: i64| Micros(old(days).0.div_euclid(DAY) * DAY).to_string();
    let node = plan.start().await;
    // Kafka's own times are as old: else these points would be refused as too old.
    plan.send_and_read(&[
        point("m", old(5), 1.0),
        point("m", old(4), 2.0),
        point("m", now, 3.0),
    ])
    .await;
    let storage = async |node: &StreamSync| {
        let mut answer = node.query(STORAGE, json!({})).await;
        answer["pipeline"]["storage"].take()
    };
    let looked_after = async |node: &StreamSync| {
        eventually("the tables were looked after", async || {
            let storage = storage(node).await;
            (storage["maintenance"]["outcome"] == "DONE").then_some(storage)
        })
        .await
    };
    let before = looked_after(&node).await;
    assert_eq!(before["levels"].as_array().expect("levels").len(), 4);
    let raw = &before["levels"][0];
    assert_eq!(
        (raw["level"].as_str(), raw["table"].as_str()),
        (Some("raw"), Some("points"))
    );
    assert_eq!(raw["partitions"], 5, "two old days and three from today on");
    assert_eq!(raw["oldest"], midnight(5));
    assert_eq!(raw["madeAheadUntil"], raw["newest"]);
    node.stop().await;

    let pending = "select count(*) from invalidations, rollup_edge where min_ts < edge or edge < now() - interval '1 hour'";
    let node_that_rolls_up = plan.start().await;
    eventually("rollups have taken everything in", async || {
        (plan.database.value(pending).await == "0").then_some(())
    })
    .await;
    // Its own look may have come before or after that.
    looked_after(&node_that_rolls_up).await;
    let dropped = "streamsync_dropped_partitions_total";
    let dropped_by_it = node_that_rolls_up.metric(dropped, "").await;
    node_that_rolls_up.stop().await;
    let node = plan.start().await;
    let later = moment();
    plan.send_and_read(&[point("n", later, 4.0)]).await;
    let after = eventually("the old days are dropped", async || {
        let storage = storage(&node).await;
        (storage["levels"][0]["partitions"] == 3).then_some(storage)
    })
    .await;
    assert_eq!(after["levels"][0]["oldest"], midnight(0));
    let horizon = |level: &str, days| json!({"stream": plan.stream, "level": level, "floor": midnight(days)});
    assert_eq!(after["horizons"], json!([horizon("raw", 2), horizon("1m", 30)]));
    looked_after(&node).await;
    assert_eq!(dropped_by_it + node.metric(dropped, "").await, 2.0);
    assert_eq!(node.metric("streamsync_maintenance_errors_total", "").await, 0.0);
    let kept = vec![format!("m{{}} {} 3", now.0), format!("n{{}} {} 4", later.0)];
    assert_eq!(plan.database.points().await, kept);

    // The partition that this one needs is gone, and the writer knows.
    plan.send_and_read(&[point("m", old(4), 5.0)]).await;
    let stored = plan.database.points().await;
    assert_eq!(stored.len(), kept.len() + 1, "{stored:?}");
    node.stop().await;
}
