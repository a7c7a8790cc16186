//! How fast a backlog is taken in. Run by hand, in release:
//! `cargo test --release --lib a_day_of_points -- --ignored --nocapture`

use super::*;

#[tokio::test]
#[ignore = "a measurement"]
async fn a_day_of_points_a_second_of_ten_series_and_then_a_minute_more() {
    let mut node = Node::start().await;
    let a = node.own(0).await;
    let edges: Vec<_> = ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"]
        .into_iter()
        .flat_map(|site| [(site, 0, 1.0), (site, DAY - 1, 1.0), (site, DAY + 59, 1.0)])
        .collect();
    node.write(Input::empty().range(&a, 0, 1).record(0, 1, &edges))
        .await;
    let fill = format!(
        "insert into points select id, 1, timestamptz '2026-01-01Z' + n * interval '1 s', random(), 0, now()
            from series, generate_series(0, {DAY} + 59) n on conflict do nothing"
    );
    node.db.run(&fill).await;
    let mut refresher = refresher(&node, Duration::from_secs(2)).await;
    let begun = Instant::now();
    refresh(&mut refresher, DAY).await;
    let rate = (DAY * 10) as f64 / begun.elapsed().as_secs_f64();
    println!(
        "{rate:.0} points a second, {} minutes of series at once",
        refresher.at_once
    );
    let begun = Instant::now();
    refresh(&mut refresher, DAY + MINUTE).await;
    println!("a minute of ten series: {:?}", begun.elapsed());
    holds(&node).await;
}
