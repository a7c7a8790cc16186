//! Single windows, and up to where they hold everything.

use super::*;
use crate::data::{Bucket, Positions, Step, Sum};

#[tokio::test]
async fn the_newest_window_of_a_series_and_named_ones_come_whole_with_their_newest_time() {
    let world = World::new().await;
    world
        .add_points(&[
            (1, 3, 1.0),
            (1, 8, 4.0),
            (1, 12, 0.5),
            (1, 14, 0.25),
            (2, DAY + 1, 7.0),
        ])
        .await;
    world
        .db
        .run(
            "insert into ingest_offsets (stream, topic, partition, epoch, topic_id, next_offset) \
             values ('s', 't', 0, 1, 'a', 900), ('s', 't', 0, 2, 'b', 7)",
        )
        .await;
    let step = Step::new(Duration::from_micros(10)).unwrap();
    let series = Matched::of_ids([1, 1, 9]).into_iter();
    let windows: Vec<_> = series.zip([0, 40, 0].map(Micros)).collect();
    let (as_of, mut found) = world
        .reader
        .windows(step, &Matched::of_ids(1..4), &windows)
        .await
        .unwrap();
    found.sort_by_key(|(bucket, _)| (bucket.series_id, bucket.ts));
    let bucket = |series_id, ts, values: [f64; 5], count| Bucket {
        series_id,
        ts: Micros(ts),
        count,
        min: values[0],
        max: values[1],
        sum: Some(Sum::of(values[2])),
        first: Some(values[3]),
        last: Some(values[4]),
    };
    assert_eq!(
        found,
        [
            (bucket(1, 0, [1.0, 4.0, 5.0, 1.0, 4.0], 2), Micros(8)),
            (bucket(1, 10, [0.25, 0.5, 0.75, 0.5, 0.25], 2), Micros(14)),
            (bucket(2, DAY, [7.0; 5], 1), Micros(DAY + 1)),
        ]
    );
    assert_eq!(as_of, Positions::from([(2, 7)]));
}

#[tokio::test]
async fn a_sum_that_no_double_can_hold_spoils_no_other_window() {
    let world = World::new().await;
    let points = [
        (1, 1, 1.7e308),
        (1, 2, 1.7e308),
        (2, 1, 1e300),
        (2, 2, -1e300),
        (2, 3, 5.0),
        (3, 1, 0.5),
    ];
    world.add_points(&points).await;
    let step = Step::new(Duration::from_secs(1)).unwrap();
    let (_, mut found) = world
        .reader
        .windows(step, &Matched::of_ids(1..4), &[])
        .await
        .unwrap();
    found.sort_by_key(|(bucket, _)| bucket.series_id);
    let sums: Vec<_> = found
        .iter()
        .map(|(bucket, _)| bucket.sum.and_then(Sum::total))
        .collect();
    assert_eq!(sums, [None, Some(5.0), Some(0.5)]);
    assert_eq!(found[0].0.avg(), Some(1.7e308));
}
