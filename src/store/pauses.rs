//! Streams that are paused because too many of their records failed: the rows of `paused_streams`,
//! by which all nodes with the same mapping know.

use std::time::Duration;

use tokio_postgres::Client;

use crate::data::Micros;

use super::connect::{DatabaseUrl, connect};
use super::error::WriteError;

// A pause that follows soon after the one before, sooner than that one lasted, is twice as long; one
// that holds already stays as it is.
const BEGIN: &str = "insert into paused_streams as p (stream, plan, why, until)
    values ($1, md5($2), $3, now() + $4 * interval '1 second')
    on conflict (stream, plan) do update set
        why = excluded.why, paused_at = now(),
        times = case when now() - p.until < p.until - p.paused_at then least(p.times + 1, 20) else 1 end,
        until = now() + interval '1 second' * least($5, case
            when now() - p.until < p.until - p.paused_at then $4 * 2 ^ least(p.times, 20) else $4 end)
    where p.until <= now()";

const CURRENT: &str = "select p.stream, p.why, p.until from paused_streams p
    join unnest($1::text[], $2::text[]) as mine(stream, plan)
        on p.stream = mine.stream and p.plan = md5(mine.plan)
    where p.until > now()";

const FORGET: &str = "delete from paused_streams p using unnest($1::text[], $2::text[]) as mine(stream, plan)
    where p.stream = mine.stream and p.plan = md5(mine.plan)";

const RESUME: &str = "with gone as (delete from paused_streams where stream = $1 returning until)
    select count(*) filter (where until > now()) from gone";

/// No pause is longer.
const LONGEST: Duration = Duration::from_secs(86_400);

#[derive(Debug)]
pub struct Pauses {
    client: Client,
}

/// A paused stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pause {
    pub stream: String,
    pub why: String,
    /// When it is read again.
    pub until: Micros,
}

/// A stream's name and all that decides which of its records fail, in any form that is the same on
/// each node.
pub type Plan = (String, String);

impl Pauses {
    pub async fn connect(url: &DatabaseUrl) -> Result<Self, WriteError> {
        let client = connect(url).await?;
        client.batch_execute("set statement_timeout = '8s'").await?;
        Ok(Self { client })
    }

    /// Pauses a stream for nodes with this plan, the first time for so long.
    pub async fn begin(&self, (stream, plan): &Plan, why: &str, first: Duration) -> Result<(), WriteError> {
        let (first, longest) = (first.as_secs_f64(), LONGEST.as_secs_f64());
        self.client
            .execute(BEGIN, &[stream, plan, &why, &first, &longest])
            .await?;
        Ok(())
    }

    /// Those that hold for nodes with these plans.
    pub async fn current(&self, plans: &[Plan]) -> Result<Vec<Pause>, WriteError> {
        let (streams, plans) = columns(plans);
        let rows = self.client.query(CURRENT, &[&streams, &plans]).await?;
        let pause = |row: &tokio_postgres::Row| Pause {
            stream: row.get(0),
            why: row.get(1),
            until: row.get(2),
        };
        Ok(rows.iter().map(pause).collect())
    }

    /// Ends the pauses of these plans, and forgets that there were any.
    pub async fn forget(&self, plans: &[Plan]) -> Result<(), WriteError> {
        let (streams, plans) = columns(plans);
        self.client.execute(FORGET, &[&streams, &plans]).await?;
        Ok(())
    }

    /// The same for every plan of a stream; tells whether it was paused.
    pub async fn resume(&self, stream: &str) -> Result<bool, WriteError> {
        let row = self.client.query_one(RESUME, &[&stream]).await?;
        Ok(row.get::<_, i64>(0) > 0)
    }
}

fn columns(plans: &[Plan]) -> (Vec<&str>, Vec<&str>) {
    plans.iter().map(|(stream, plan)| (&**stream, &**plan)).unzip()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::testing::Database;

    fn plan(stream: &str, plan: &str) -> Plan {
        (stream.to_owned(), plan.to_owned())
    }

    #[tokio::test]
    async fn a_pause_holds_for_one_plan_and_doubles_when_it_comes_again_soon() {
        let db = Database::create().await;
        let pauses = Pauses::connect(&db.url).await.unwrap();
        let (wrong, mended) = (plan("s", "wrong"), plan("s", "mended"));
        let first = Duration::from_secs(900);
        pauses.begin(&wrong, "bad", first).await.unwrap();
        // Another node found the same.
        pauses.begin(&wrong, "bad again", first).await.unwrap();
        let current = pauses
            .current(&[wrong.clone(), plan("other", "x")])
            .await
            .unwrap();
        assert_eq!(current.len(), 1);
        assert_eq!((&*current[0].stream, &*current[0].why), ("s", "bad"));
        assert_eq!(pauses.current(&[mended]).await.unwrap(), []);

        let lasts = "select times, round(extract(epoch from until - paused_at)) from paused_streams";
        assert_eq!(db.rows(lasts).await, ["1|900"]);
        let is_over = "update paused_streams set paused_at = paused_at - (until - now()) - interval '1 s',
            until = now() - interval '1 s'";
        for expected in ["2|1800", "3|3600"] {
            db.run(is_over).await;
            assert_eq!(pauses.current(std::slice::from_ref(&wrong)).await.unwrap(), []);
            pauses.begin(&wrong, "bad", first).await.unwrap();
            assert_eq!(db.rows(lasts).await, [expected]);
        }
        // It ran well for longer than it was paused.
        db.run(
            "update paused_streams set paused_at = now() - interval '3 h', until = now() - interval '2 h'",
        )
        .await;
        pauses.begin(&wrong, "bad", first).await.unwrap();
        assert_eq!(db.rows(lasts).await, ["1|900"]);

        assert!(pauses.resume("s").await.unwrap());
        assert!(!pauses.resume("s").await.unwrap());
    }
}
