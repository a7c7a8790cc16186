//! Any ages, rows and restored days, day after day, against what should be left of them.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;

const STREAMS: [&str; 3] = ["a", "b", "c"];
const LEVELS: [Level; 2] = [Level::Raw, Level::Minute];

#[derive(Clone, Debug)]
enum Step {
    Add(usize, usize, i64),
    /// So many days pass.
    Pass(i64),
    /// A day is brought back, for so long.
    Restore(i64, i64),
    Restart,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        8 => (0..STREAMS.len(), 0..LEVELS.len(), 0i64..40).prop_map(|(s, l, n)| Step::Add(s, l, n)),
        4 => (1i64..6).prop_map(Step::Pass),
        1 => (0i64..40, 1i64..9).prop_map(|(n, long)| Step::Restore(n, long)),
        1 => Just(Step::Restart),
    ]
}

/// Minutes are kept as long as points or longer; a third stream is kept for ever.
fn ages() -> impl Strategy<Value = Ages> {
    (1u32..20, 0u32..20).prop_map(|(raw, more)| [days(raw), days(raw + more), None, None])
}

/// What is there: (stream, level, day).
type Rows = BTreeSet<(usize, usize, i64)>;

/// The days of the partition that holds the day. 2026-01-01 begins one of 7 days.
fn partition(level: usize, n: i64) -> (i64, i64) {
    let length = i64::from(LEVELS[level].partition_days());
    let since = n.div_euclid(length) * length;
    (since, since + length)
}

fn goes(row: &(usize, usize, i64), ages: &[Ages], restored: &[(i64, i64)], now: i64) -> bool {
    let (since, until) = partition(row.1, row.2);
    let age = ages.get(row.0).and_then(|ages| ages[row.1]);
    let is_old = age.is_some_and(|age| until <= now - (age.as_secs() / 86_400).cast_signed());
    is_old && !restored.iter().any(|(n, _)| (since..until).contains(n))
}

async fn history(ages: [Ages; 2], steps: Vec<Step>) {
    let mut world = World::keeping(&[("a", ages[0]), ("b", ages[1])]).await;
    let (mut rows, mut restored, mut now) = (Rows::new(), Vec::<(i64, i64)>::new(), 10);
    for step in steps {
        match step {
            Step::Add(stream, level, n) => {
                world.add(STREAMS[stream], LEVELS[level], n).await;
                rows.insert((stream, level, n));
                continue;
            }
            Step::Restore(n, long) => {
                let until = day(now + long);
                let row = format!(
                    "insert into restored values (date '2026-01-01' + {n}, '{until}')
                    on conflict (day) do update set keep_until = excluded.keep_until"
                );
                world.db.run(&row).await;
                restored.retain(|(other, _)| *other != n);
                restored.push((n, now + long));
                continue;
            }
            Step::Restart => world.swept = Swept::default(),
            Step::Pass(days) => now += days,
        }
        restored.retain(|(_, until)| *until > now);
        world.run(now).await;
        rows.retain(|row| !goes(row, &ages, &restored, now));
        for (at, level) in LEVELS.into_iter().enumerate() {
            let left = rows.iter().filter(|row| row.1 == at);
            let left: Vec<String> = left.map(|row| format!("{} {}", STREAMS[row.0], row.2)).collect();
            assert_eq!(world.rows(level).await, left, "{level:?} on day {now}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(12))]

    #[test]
    fn exactly_what_is_too_old_goes(ages in [ages(), ages()], steps in prop::collection::vec(step(), 1..50)) {
        tokio::runtime::Runtime::new().unwrap().block_on(history(ages, steps));
    }
}
