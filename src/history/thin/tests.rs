//! Thinned lines do not move while a window does.

use proptest::prelude::*;

use super::*;
use crate::store::read::ReadLimits;
use crate::store::testing::Database;

/// Points at uneven times, mostly a second or two apart.
fn points() -> impl Strategy<Value = Columns> {
    let gap = prop_oneof![9 => 1i64..2_000_000, 1 => 1i64..60_000_000];
    prop::collection::vec((gap, -100i32..100), 1..1_500).prop_map(|points| {
        let mut line = Columns::new(1);
        let mut now = -1_000_000_000;
        for (gap, value) in points {
            now += gap;
            line.push(Micros(now), [Some(f64::from(value))]);
        }
        line
    })
}

fn between(line: &Columns, from: Micros, to: Micros) -> Columns {
    let mut inside = Columns::new(1);
    for (ts, value) in line.times.iter().zip(&line.columns[0]) {
        if (from..to).contains(ts) {
            inside.push(*ts, [*value]);
        }
    }
    inside
}

fn thinned(blocks: &Blocks, line: &Columns, limit: usize) -> Columns {
    let mut kept = Columns::new(1);
    for (start, end) in blocks.pieces(limit).0 {
        blocks.thin(&between(line, start, end), &mut kept);
    }
    kept
}

proptest! {
    #[test]
    fn windows_of_one_length_agree_wherever_they_overlap(
        line in points(), from in -1_100_000_000i64..500_000_000, span in 1i64..900_000_000,
        part in 0.0..1.0, most in 2usize..300,
    ) {
        let moved = (span as f64 * part) as i64;
        let window = |from| (Micros(from), Micros(from + span));
        let of = |(from, to)| {
            let kept = thinned(&Blocks::new(from, to, most).unwrap(), &line, usize::MAX);
            assert!(kept.len() <= most);
            kept
        };
        let (one, other) = (of(window(from)), of(window(from + moved)));
        let both = (Micros(from + moved), Micros(from + span));
        prop_assert_eq!(between(&one, both.0, both.1), between(&other, both.0, both.1));
    }

    #[test]
    fn blocks_have_their_bound_and_neither_pieces_nor_the_ends_of_a_read_change_anything(
        line in points(), span in 1_000_000i64..900_000_000, most in 2usize..300, limit in 1usize..5_000,
    ) {
        let (from, to) = (Micros(-1_000_000_000), Micros(span - 1_000_000_000));
        let blocks = Blocks::new(from, to, most).unwrap();
        let kept = thinned(&blocks, &line, usize::MAX);
        prop_assert_eq!(&thinned(&blocks, &line, limit), &kept);
        let pieces: Vec<_> = blocks.pieces(limit).0.collect();
        prop_assert_eq!((pieces[0].0, pieces[pieces.len() - 1].1), blocks.outer());
        prop_assert!(pieces.windows(2).all(|pair| pair[0].1 == pair[1].0));
        prop_assert_eq!(blocks.width.micros() % blocks.bucket.micros(), 0);
        let (first, last) = blocks.outer();
        for start in Grid::Even(blocks.width).starts(first, last) {
            let end = blocks.width.end(start);
            prop_assert!(between(&kept, start, end).len() <= blocks.each);
        }
        // What the store may give.
        let (mut given, asked) = (Columns::new(1), between(&line, first, last));
        let extremes = blocks.extremes(&asked.times, &asked.columns[0]);
        for (ts, value) in asked.times.iter().zip(&asked.columns[0]) {
            let is_end = [asked.times.first(), asked.times.last()].contains(&Some(ts));
            if is_end || extremes.iter().any(|(at, _)| at == ts) {
                given.push(*ts, [*value]);
            }
        }
        prop_assert_eq!(&thinned(&blocks, &given, usize::MAX), &kept);
    }
}

#[test]
fn a_span_that_is_too_long_names_the_limit_and_what_to_ask_instead() {
    let years = |years: i64| (Micros(0), Micros(years * 365 * 86_400_000_000));
    let refused = |(from, to), most| Blocks::new(from, to, most).unwrap_err().0;
    assert_eq!(
        refused(years(200), 2),
        "the span is too long to be thinned to 2 points; ask for at most 28672 days, or maxPoints of at \
         least 64, or for aggregates by step"
    );
    assert!(Blocks::new(Micros(0), years(200).1, 64).is_ok());
    assert!(Blocks::new(Micros(0), Micros(28_672 * 86_400_000_000), 2).is_ok());
    assert_eq!(
        refused(years(9_000), 100_000),
        "the span is too long to be thinned to 100000 points; ask for at most 659456 days, or for \
         aggregates by step"
    );
}

#[tokio::test]
async fn a_short_series_comes_whole_and_of_a_long_one_come_stored_points() {
    let db = Database::create().await;
    db.run(
        r#"create table points_all partition of points for values from (minvalue) to (maxvalue);
           insert into series (key, metric, labels, stream) values
           ('a{}', 'a', '{}', 'm'), ('b{}', 'b', '{}', 'm'), ('c{}', 'c', '{}', 'm');
           insert into points
           select 1, 1, timestamptz '2026-01-01T00:00:00Z' + n * interval '1 s', sin(n / 300.0), n, now()
           from generate_series(0, 20000) n;
           insert into points
           select 3, 1, timestamptz '2026-01-01T00:00:00Z' + n * interval '1 h', n, n, now()
           from generate_series(0, 4) n"#,
    )
    .await;
    let reader = Reader::new(db.url.clone(), ReadLimits::default()).unwrap();
    let from = Micros::from_rfc3339("2026-01-01T00:00:00Z").unwrap();
    let span = (from, Micros(from.0 + 18_000_000_000));
    let lines = read(&reader, &Matched::of_ids([3, 2, 1]), span, 200)
        .await
        .unwrap();
    let [(3, short), (1, long)] = &lines[..] else {
        panic!("two lines in the order asked for: {lines:?}")
    };
    assert_eq!(
        short.columns,
        [(0..5).map(|n| Some(f64::from(n))).collect::<Vec<_>>()]
    );
    assert!((100..=200).contains(&long.len()), "{}", long.len());
    assert!(long.times.is_sorted_by(|a, b| a < b));
    for (ts, value) in long.times.iter().zip(&long.columns[0]) {
        let n = (ts.0 - from.0) as f64 / 1e6;
        assert!((value.unwrap() - (n / 300.0).sin()).abs() < 1e-12);
    }
    let high = long.columns[0].iter().flatten().copied().fold(0.0, f64::max);
    assert!(high > 0.999_99);
}
