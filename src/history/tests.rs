//! Questions to a real Postgres, from the series to the filled lines of groups.

use super::*;
use crate::data::{Aggregate, Selector, Viewer};
use crate::store::read::ReadLimits;
use crate::store::testing::Database;

const HOUR: i64 = 3_600_000_000;

struct World {
    _db: Database,
    reader: Reader,
    from: Micros,
}

impl World {
    /// Three series with a point in every second hour of 2026-03-28 to 30, UTC; their values are 1, 2, 3.
    async fn with(rows: usize) -> Self {
        let db = Database::create().await;
        db.run(
            r#"create table points_all partition of points for values from (minvalue) to (maxvalue);
               insert into series (key, metric, labels, stream) values
               ('t{host="1",site="a"}', 't', '{"host":"1","site":"a"}', 'm'),
               ('t{host="2",site="a"}', 't', '{"host":"2","site":"a"}', 'm'),
               ('t{}', 't', '{}', 'm');
               insert into points
               select s, 1, timestamptz '2026-03-28T00:00:00Z' + n * interval '2 h', s, n, now()
               from generate_series(1, 3) s, generate_series(0, 35) n"#,
        )
        .await;
        let limits = ReadLimits {
            rows,
            ..ReadLimits::default()
        };
        Self {
            reader: Reader::new(db.url.clone(), limits).unwrap(),
            _db: db,
            from: Micros::from_rfc3339("2026-03-28T00:00:00Z").unwrap(),
        }
    }

    fn question(&self, what: What) -> Question {
        Question {
            scoped: Viewer::everyone().select(Selector::new(Some("t".to_owned()), Vec::new())),
            from: self.from,
            to: Micros(self.from.0 + 72 * HOUR),
            what,
            group: None,
            fill: Fill::None,
        }
    }

    async fn ask(&self, question: &Question) -> Vec<(String, Columns)> {
        let answer = answer(&self.reader, question).await.unwrap();
        let named = |line: AnswerLine| (line.subject.series().key.to_string(), line.line);
        answer.lines.into_iter().map(named).collect()
    }
}

fn buckets(step: &str, zone: &str, aggregates: &[Aggregate]) -> What {
    What::Buckets {
        step: Step::parse(step, zone).unwrap(),
        aggregates: aggregates.to_vec(),
    }
}

#[tokio::test]
async fn days_of_a_time_zone_hold_the_points_of_these_days() {
    let world = World::with(1_000).await;
    let days = world.question(buckets("1d", "Europe/Berlin", &[Aggregate::Count]));
    let lines = world.ask(&days).await;
    assert_eq!(lines.len(), 3);
    let hours: Vec<_> = lines[0]
        .1
        .times
        .iter()
        .map(|ts| (ts.0 - world.from.0) / HOUR)
        .collect();
    // The second day, of 23 hours, begins at 23:00Z and ends at 22:00Z.
    assert_eq!(hours, [-1, 23, 46, 70]);
    let counts = [12.0, 11.0, 12.0, 1.0].map(Some);
    assert_eq!(lines[0].1.columns, [counts]);
}

#[tokio::test]
async fn groups_are_filled_after_they_are_made() {
    let world = World::with(1_000).await;
    let mut question = world.question(buckets("1h", "UTC", &[Aggregate::Max, Aggregate::Count]));
    question.to = Micros(world.from.0 + 4 * HOUR);
    question.group = Some(Group {
        by: vec!["site".to_owned()],
        across: Across::Sum,
    });
    question.fill = Fill::Previous;
    let lines = world.ask(&question).await;
    let keys: Vec<_> = lines.iter().map(|(key, _)| key.as_str()).collect();
    assert_eq!(keys, [r#"t{site=""}"#, r#"t{site="a"}"#]);
    for ((_, line), (max, count)) in lines.iter().zip([(3.0, 1.0), (3.0, 2.0)]) {
        assert_eq!(line.columns, [vec![Some(max); 4], vec![Some(count); 4]]);
    }
}

#[tokio::test]
async fn filled_rows_count_as_rows_of_the_answer() {
    let world = World::with(108).await;
    let mut question = world.question(buckets("2h", "UTC", &[Aggregate::Avg]));
    question.fill = Fill::Null;
    assert_eq!(world.ask(&question).await.len(), 3);
    question.what = buckets("1h", "UTC", &[Aggregate::Avg]);
    question.fill = Fill::None;
    assert_eq!(world.ask(&question).await.len(), 3);
    question.fill = Fill::Null;
    let refused = answer(&world.reader, &question).await;
    assert_eq!(refused, Err(ReadError::TooManyRows { limit: 108 }.into()));
}

#[tokio::test]
async fn most_points_without_a_step_give_round_buckets_or_thinned_points() {
    let world = World::with(1_000).await;
    let fit = What::of(None, Some(vec![Aggregate::Sum]), Some(10)).unwrap();
    let lines = world.ask(&world.question(fit)).await;
    assert_eq!(lines[0].1.columns, [vec![Some(6.0); 6]]);
    let points = What::of(None, None, Some(10)).unwrap();
    let lines = world.ask(&world.question(points)).await;
    assert!(lines.iter().all(|(_, line)| (2..=10).contains(&line.len())));
    let whole = What::of(None, None, Some(36)).unwrap();
    assert_eq!(world.ask(&world.question(whole)).await[0].1.len(), 36);
}

#[tokio::test]
async fn a_question_without_an_answer_says_why() {
    let world = World::with(1_000).await;
    let hours = || buckets("1h", "UTC", &[Aggregate::Avg]);
    let ask = |what: What, change: fn(&mut Question)| {
        let mut question = world.question(what);
        change(&mut question);
        question.check().err().map(|bad| bad.0).unwrap_or_default()
    };
    for (said, what, change) in [
        ("", hours(), (|_| {}) as fn(&mut Question)),
        ("from must be before to", hours(), |q| q.to = q.from),
        ("maxPoints must be", What::Points { max: Some(1) }, |_| {}),
        ("maxPoints must be", What::Points { max: Some(100_001) }, |_| {}),
        ("fill needs", What::Points { max: None }, |q| q.fill = Fill::Null),
        ("groupBy needs", What::Points { max: None }, |q| {
            q.group = Some(Group {
                by: Vec::new(),
                across: Across::Sum,
            });
        }),
        ("groupBy takes at most 32", hours(), |q| {
            q.group = Some(Group {
                by: vec!["x".to_owned(); 33],
                across: Across::Sum,
            });
        }),
        ("fillValue must be finite", hours(), |q| {
            q.fill = Fill::Value(f64::NAN)
        }),
        ("aggregate must name", buckets("1h", "UTC", &[]), |_| {}),
        (
            "percentiles must be",
            buckets("1h", "UTC", &[Aggregate::Percentile(101.0)]),
            |_| {},
        ),
    ] {
        let why = ask(what, change);
        assert!(
            why.contains(said) && why.is_empty() == said.is_empty(),
            "{said}: {why}"
        );
    }
    let step = || Some(Step::Fit(5));
    assert!(What::of(step(), None, Some(5)).is_err());
    assert!(What::of(None, Some(vec![Aggregate::Avg]), None).is_err());
}
