//! How fast the writer is. Run by hand, in release:
//! `cargo test --release --lib rows_per_second -- --ignored --nocapture`

use std::sync::Arc;
use std::time::Instant;

use crate::data::Series;
use crate::store::testing::batches::{Input, Node};

const SERIES: i64 = 1_000;
const RECORDS: i64 = 10_000;
const BATCHES: i64 = 100;

#[tokio::test]
#[ignore = "a measurement"]
async fn rows_per_second_of_batches_of_ten_thousand() {
    let mut node = Node::start().await;
    let of = node.own(0).await;
    let series: Vec<Arc<Series>> = (0..SERIES)
        .map(|n| {
            Arc::new(Series::new(
                "machines_temperature",
                [("device", format!("device-{n}"))],
            ))
        })
        .collect();
    let batch = |n: i64| {
        let mut input = Input::empty().range(&of, n * RECORDS, (n + 1) * RECORDS);
        for record in 0..RECORDS {
            let at = (n * RECORDS + record) / SERIES;
            input = input.record(n * RECORDS + record, at, &[("", at, 20.5)]);
        }
        let mut batch = input.batch();
        batch.series.clone_from(&series);
        for (at, point) in (0..).zip(&mut batch.points) {
            point.series = at % SERIES as u32;
        }
        batch
    };
    let batches: Vec<_> = (0..BATCHES).map(batch).collect();
    let begun = Instant::now();
    for batch in batches {
        node.writer.write(batch).await.unwrap();
    }
    let rate = (BATCHES * RECORDS) as f64 / begun.elapsed().as_secs_f64();
    println!("{rate:.0} rows a second");
    assert_eq!(node.metrics.copy_fallbacks.get(), 0);
}
