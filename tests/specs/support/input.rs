//! An input whose every record has a known outcome: numbered points over some series, a few of
//! the records poisoned.

use std::ops::Range;
use std::sync::OnceLock;
use std::time::Duration;

use streamsync::data::Micros;

use super::kafka::{Record, point, record};
use super::postgres::Database;
use super::streamsync::Plan;

const SERIES: usize = 16;

/// Number `n` is the point of value `n + 0.5` of the series `load_<n modulo 16>`, a millisecond
/// after number `n - 1`.
#[derive(Clone, Debug)]
pub struct Input {
    numbers: Range<usize>,
    poison_every: Option<usize>,
}

impl Input {
    pub fn of(numbers: Range<usize>) -> Self {
        Self {
            numbers,
            poison_every: None,
        }
    }

    /// Each number that `every` divides becomes a record that is no JSON.
    pub fn poisoned(mut self, every: usize) -> Self {
        self.poison_every = Some(every);
        self
    }

    pub fn records(&self) -> Vec<Record> {
        self.numbers.clone().map(|n| self.record(n)).collect()
    }

    /// The input in pieces of `size` records.
    pub fn pieces(&self, size: usize) -> impl Iterator<Item = Self> {
        let (numbers, poison_every) = (self.numbers.clone(), self.poison_every);
        numbers.clone().step_by(size).map(move |from| Self {
            numbers: from..(from + size).min(numbers.end),
            poison_every,
        })
    }

    /// What must be stored and seen: `key ts value`, sorted.
    pub fn points(&self) -> Vec<String> {
        let good = self.numbers.clone().filter(|n| !self.is_poison(*n));
        let mut points: Vec<String> = good
            .map(|n| format!("{}{{}} {} {}", metric(n), time(n).0, value(n)))
            .collect();
        points.sort_unstable();
        points
    }

    pub fn poison(&self) -> usize {
        self.numbers.clone().filter(|n| self.is_poison(*n)).count()
    }

    /// Waits until everything is stored, then compares: each point once and each poisoned record
    /// once among the dead letters, and nothing else.
    pub async fn is_stored(&self, plan: &Plan) {
        super::eventually("the input is committed", async || {
            self.is_committed(plan).await.then_some(())
        })
        .await;
        self.is_exactly(&plan.database).await;
    }

    /// The same after something had to be read again: the next offsets are where the input ends.
    pub async fn is_stored_once(&self, plan: &Plan) {
        let next = format!(
            "select coalesce(sum(next_offset), 0) from ingest_offsets where topic = '{}'",
            plan.stream
        );
        super::eventually("the input is read up to its end", async || {
            let points = self.points().len();
            let all = plan.database.value(&next).await == self.numbers.end.to_string();
            (all && plan.database.points().await.len() == points).then_some(())
        })
        .await;
        self.is_stored(plan).await;
    }

    /// Whether as many records as this input has are committed.
    pub async fn is_committed(&self, plan: &Plan) -> bool {
        let committed = format!(
            "select coalesce(sum(to_offset - from_offset), 0) from commits join ingest_offsets
             using (partition_id) where topic = '{}'",
            plan.stream
        );
        plan.database.value(&committed).await == self.numbers.len().to_string()
    }

    async fn is_exactly(&self, database: &Database) {
        let mut stored = database.points().await;
        stored.sort_unstable();
        assert_same("the table", &stored, &self.points());
        let mut letters = database
            .column("select convert_from(payload, 'UTF8') from dead_letters")
            .await;
        letters.sort_unstable();
        let poison = self.numbers.clone().filter(|n| self.is_poison(*n));
        let mut poison: Vec<String> = poison.map(poison_text).collect();
        poison.sort_unstable();
        assert_same("dead_letters", &letters, &poison);
    }

    fn is_poison(&self, n: usize) -> bool {
        self.poison_every.is_some_and(|every| n.is_multiple_of(every))
    }

    fn record(&self, n: usize) -> Record {
        if self.is_poison(n) {
            return Record {
                key: Some(metric(n).into_bytes()),
                timestamp: Some(time(n)),
                ..record(poison_text(n))
            };
        }
        point(&metric(n), time(n), value(n))
    }
}

fn metric(n: usize) -> String {
    format!("load_{}", n % SERIES)
}

fn value(n: usize) -> f64 {
    n as f64 + 0.5
}

fn poison_text(n: usize) -> String {
    format!("no JSON: {n}")
}

/// Within the last hour, so that no broker's retention has passed it.
fn time(n: usize) -> Micros {
    static BEGAN: OnceLock<Micros> = OnceLock::new();
    let began =
        BEGAN.get_or_init(|| Micros(Micros::now().minus(Duration::from_secs(3_600)).0 / 1_000 * 1_000));
    began.plus(Duration::from_millis(n as u64))
}

/// Both sorted; says which are missing and which are too many, not all of them.
pub fn assert_same(what: &str, got: &[String], wanted: &[String]) {
    if got == wanted {
        return;
    }
    let less = |of: &[String], without: &[String]| {
        let mut left = without.iter().peekable();
        let mut rest = Vec::new();
        for one in of {
            while left.next_if(|other| *other < one).is_some() {}
            if left.next_if(|other| *other == one).is_none() {
                rest.push(one.clone());
            }
        }
        rest
    };
    let (missing, surplus) = (less(wanted, got), less(got, wanted));
    let some = |of: &[String]| of[..of.len().min(10)].join("\n  ");
    panic!(
        "{what}: {} instead of {}\n{} missing:\n  {}\n{} too many:\n  {}",
        got.len(),
        wanted.len(),
        missing.len(),
        some(&missing),
        surplus.len(),
        some(&surplus)
    );
}
