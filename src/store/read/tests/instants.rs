//! Values at instants, compared with a look through all points; and the catalogue's labels.

use proptest::prelude::*;

use super::*;
use crate::data::Step;

const MINUTE: i64 = 60_000_000;

#[tokio::test]
async fn an_instant_has_the_newest_point_of_its_lookback_open_on_the_left() {
    let world = World::new().await;
    world
        .add_points(&[
            (1, 0, 0.5),
            (1, 2 * MINUTE, 2.5),
            (2, MINUTE, 7.0),
            (9, MINUTE, 9.0),
        ])
        .await;
    let step = Step::new(Duration::from_secs(60)).unwrap();
    let answer = world
        .reader
        .instants(
            &Matched::of_ids([2, 1, 3]),
            Micros(0),
            Micros(4 * MINUTE),
            step,
            Duration::from_secs(120),
        )
        .await
        .unwrap();
    let seen: Vec<_> = answer
        .iter()
        .map(|(id, line)| {
            let minutes: Vec<i64> = line.times.iter().map(|at| at.0 / MINUTE).collect();
            (*id, minutes, line.columns[0].clone())
        })
        .collect();
    assert_eq!(
        seen,
        [
            (2, vec![1, 2], vec![Some(7.0); 2]),
            (
                1,
                vec![0, 1, 2, 3],
                vec![Some(0.5), Some(0.5), Some(2.5), Some(2.5)]
            ),
        ]
    );
}

#[tokio::test]
async fn instants_of_random_points_are_those_of_a_look_through_all_of_them() {
    let world = World::new().await;
    let point = (1..4i32, DAY - 500..DAY + 500, -9i32..9);
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let tree = proptest::collection::vec(point, 300)
        .new_tree(&mut runner)
        .unwrap();
    let points: std::collections::BTreeMap<(SeriesId, i64), f64> =
        proptest::strategy::ValueTree::current(&tree)
            .into_iter()
            .map(|(id, ts, value)| ((id, ts), f64::from(value)))
            .collect();
    let rows: Vec<_> = points
        .iter()
        .map(|((id, ts), value)| (*id, *ts, *value))
        .collect();
    world.add_points(&rows).await;
    for (first, last, step, lookback) in [
        (DAY - 600, DAY + 600, 7, 20),
        (DAY - 3, DAY + 3, 1, 1),
        (DAY + 500, DAY + 500, 1, 2_000),
    ] {
        let width = Step::new(Duration::from_micros(step)).unwrap();
        let answer = world
            .reader
            .instants(
                &Matched::of_ids(1..4),
                Micros(first),
                Micros(last),
                width,
                Duration::from_micros(lookback),
            )
            .await
            .unwrap();
        let mut wanted = Vec::new();
        for id in 1..4 {
            for at in (first..=last).step_by(step as usize) {
                let window = points.range((id, at - lookback as i64 + 1)..=(id, at));
                wanted.extend(window.last().map(|(_, value)| (id, at, Some(*value))));
            }
        }
        let got: Vec<_> = answer
            .iter()
            .flat_map(|(id, line)| {
                let rows = line.times.iter().zip(&line.columns[0]);
                rows.map(|(at, value)| (*id, at.0, *value)).collect::<Vec<_>>()
            })
            .collect();
        assert_eq!(got, wanted, "{first}..={last} by {step}, lookback {lookback}");
    }
}

#[tokio::test]
async fn more_values_than_rows_are_allowed_are_refused() {
    let world = World::with_rows(3).await;
    world.add_points(&[(1, 0, 1.0)]).await;
    let (step, lookback) = (
        Step::new(Duration::from_micros(1)).unwrap(),
        Duration::from_secs(1),
    );
    let one = Matched::of_ids([1]);
    let read = async |last| {
        let answer = world
            .reader
            .instants(&one, Micros(0), Micros(last), step, lookback);
        answer.await.map(|lines| lines[0].1.len())
    };
    assert_eq!(read(2).await, Ok(3));
    assert_eq!(read(3).await, Err(ReadError::TooManyRows { limit: 3 }));
}

#[tokio::test]
async fn what_retention_has_dropped_is_not_available() {
    let world = World::new().await;
    world.add_series(&[Series::new("m", [("a", "b")])]).await;
    world
        .db
        .run(
            "insert into horizons (stream, level, floor) values
             ('s', 'raw', timestamptz '1970-01-02 00:00Z'), ('s', '1m', timestamptz '1970-01-09 00:00Z'),
             ('other', 'raw', timestamptz '1970-01-09 00:00Z')",
        )
        .await;
    let (step, lookback) = (Step::new(Duration::from_secs(1)).unwrap(), Duration::from_secs(1));
    let read = async |at: i64| {
        world
            .reader
            .instants(&Matched::of_ids([1]), Micros(at), Micros(at), step, lookback)
            .await
    };
    assert_eq!(read(DAY + 1_000_000).await, Ok(Vec::new()));
    let earliest = Micros(DAY);
    let archived = false;
    assert_eq!(
        read(DAY).await,
        Err(ReadError::NotAvailable { earliest, archived })
    );
}
