//! Who gets the connections; and answers that are whole although points are dropped meanwhile.

use std::net::IpAddr;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::FutureExt;
use futures_util::stream::{FuturesUnordered, StreamExt};

use super::super::PointKey;
use super::*;
use crate::data::meter::Limit;
use crate::data::{Allowance, Class, ClientKey, Meter, Step};

fn slow(
    seconds: u8,
) -> impl diesel_async::methods::LoadQuery<'static, diesel_async::AsyncPgConnection, String> + Send + 'static
{
    let sleep = format!("pg_sleep({seconds})::text");
    diesel::select(diesel::dsl::sql::<diesel::sql_types::Text>(&sleep))
}

impl World {
    fn of(&self, client: u8) -> Reader {
        self.reader.for_client(IpAddr::from([10, 0, 0, client]).into())
    }

    /// Once a session waits for a lock.
    async fn somebody_waits(&self) {
        let waiting = "select count(*) > 0 from pg_locks where not granted
             and database = (select oid from pg_database where datname = current_database())";
        let looking = async {
            while self.db.rows(waiting).await != ["t"] {
                tokio::task::yield_now().await;
            }
        };
        let patience = Duration::from_secs(20);
        tokio::time::timeout(patience, looking).await.expect("it waits");
    }
}

#[tokio::test]
async fn one_clients_expensive_questions_leave_connections_to_the_others() {
    let world = World::new().await;
    let greedy = world.of(1);
    let mut heavy: FuturesUnordered<_> = (0..20)
        .map(|_| greedy.load_as::<_, String>(Class::Heavy, slow(3)))
        .collect();
    assert!(heavy.next().now_or_never().is_none());
    let others = async {
        for client in 2..4 {
            let reader = world.of(client);
            // Cheap, and expensive.
            assert_eq!(reader.latest(&Matched::of_ids([1])).await, Ok(Vec::new()));
            assert_eq!(all_metrics(&reader).await, Ok(Vec::new()));
        }
        assert_eq!(
            greedy.latest(&Matched::of_ids([1])).await,
            Ok(Vec::new()),
            "its own cheap ones pass"
        );
    };
    tokio::select! {
        biased;
        _ = heavy.next() => panic!("the others wait for the greedy one"),
        () = others => {}
    }
}

#[tokio::test]
async fn whoever_asks_more_than_may_wait_is_told_that_it_is_its_own_doing() {
    let world = World::with(ReadLimits {
        connections: 1,
        ..ReadLimits::default()
    })
    .await;
    let refusals = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&refusals);
    let greedy = world.of(1).on_refusal(Arc::new(move |limit| {
        assert_eq!(limit, Limit::Reads);
        counted.fetch_add(1, Ordering::Relaxed);
    }));
    let mut all: FuturesUnordered<_> = (0..400).map(|_| greedy.load::<_, String>(slow(30))).collect();
    let refused = all.next().await.unwrap();
    assert_eq!(refused, Err(ReadError::Overloaded { own_share: true }));
    assert!(refusals.load(Ordering::Relaxed) > 0);
}

#[tokio::test]
async fn expensive_questions_of_a_role_wait_for_each_other_and_cheap_ones_do_not() {
    let world = World::new().await;
    let allowance = Allowance {
        heavy_reads: NonZeroU32::new(1),
        ..Allowance::default()
    };
    let meter = Meter::new(ClientKey::UNKNOWN, allowance, Arc::new(|_| {}));
    let reader = world.of(1).metered(Some(&Arc::new(meter)));
    let mut heavy: FuturesUnordered<_> = (0..20)
        .map(|_| reader.load_as::<_, String>(Class::Heavy, slow(3)))
        .collect();
    let sleeping = async || {
        let sleeping = "select count(*) from pg_stat_activity where datname = current_database()
             and state = 'active' and query like '%pg_sleep(3)%' and pid <> pg_backend_pid()";
        world.db.rows(sleeping).await
    };
    let meanwhile = async {
        while sleeping().await == ["0"] {
            tokio::task::yield_now().await;
        }
        assert_eq!(reader.latest(&Matched::of_ids([1])).await, Ok(Vec::new()));
        assert_eq!(sleeping().await, ["1"]);
    };
    tokio::select! {
        biased;
        _ = heavy.next() => panic!("the cheap one waits for the expensive ones"),
        () = meanwhile => {}
    }
}

#[tokio::test]
async fn more_instants_of_all_series_than_the_limit_are_refused_before_anything_is_read() {
    let world = World::with(ReadLimits {
        instants: 1_000,
        ..ReadLimits::default()
    })
    .await;
    let of = Matched::of_ids(1..11);
    let ask = |last: i64| {
        let (reader, of) = (world.of(1), of.clone());
        async move {
            let second = Step::new(Duration::from_secs(1)).unwrap();
            let last = Micros(last * 1_000_000);
            reader
                .instants(&of, Micros(0), last, second, Duration::from_secs(5))
                .await
        }
    };
    assert_eq!(ask(99).await, Ok(Vec::new()));
    assert_eq!(ask(100).await, Err(ReadError::TooManyInstants { limit: 1_000 }));
}

#[tokio::test]
async fn what_is_dropped_between_the_look_and_the_read_is_still_in_the_answer() {
    let world = World::new().await;
    world
        .add_series(&[Series::new("m", Vec::<(&str, &str)>::new())])
        .await;
    world.add_points(&[(1, 5, 0.5), (1, DAY + 7, 1.5)]).await;
    let ids = world.db.rows("select id from series").await;
    assert_eq!(ids, ["1"]);
    // Whoever looks whether all is kept passes, and reads only after retention has gone on.
    let hold = "begin; lock table points_old in access exclusive mode";
    let drop = "delete from points_old; insert into horizons (stream, level, floor) values ('s', 'raw', '1970-01-02Z')";
    let restore = "delete from horizons; insert into points values (1, 1, timestamptz 'epoch' + interval '5 us', 0.5, 0, now())";
    let selector = selector(Some("m"), &[]);
    let step = Step::new(Duration::from_secs(43_200)).unwrap();
    let (from, to) = (Micros(0), Micros(2 * DAY));

    world.db.run(hold).await;
    let reading = world.reader.points(&selector, from, to, None::<&PointKey>, 10);
    let dropping = async {
        world.somebody_waits().await;
        world.db.run(drop).await;
        world.db.run("commit").await;
    };
    let (page, ()) = tokio::join!(reading, dropping);
    assert_eq!(page.unwrap().rows.len(), 2, "points");

    world.db.run(restore).await;
    world.db.run(hold).await;
    let one = Matched::of_ids([1]);
    let reading = world
        .reader
        .instants(&one, Micros(10), to, step, Duration::from_secs(3_600));
    let dropping = async {
        world.somebody_waits().await;
        world.db.run(drop).await;
        world.db.run("commit").await;
    };
    let (lines, ()) = tokio::join!(reading, dropping);
    assert_eq!(lines.unwrap()[0].1.columns[0].len(), 2, "instants");
}
