//! What is counted, what waits while Postgres is away, and what is lost then.

use super::*;
use crate::store::testing::Database;

fn event(action: Action, target: &str) -> Event {
    Event::new(Actor::new("key:a", "berlin", None), action, target)
}

fn recorded(repeats: &mut Repeats, event: Event, now: Instant) -> bool {
    repeats.first(event, now).is_some()
}

#[test]
fn the_same_again_within_a_minute_is_counted_with_its_numbers() {
    let mut repeats = Repeats::default();
    let now = Instant::now();
    let publish = |points: u64| event(Action::Publish, "machines").with("points", points);
    assert!(recorded(&mut repeats, publish(1), now));
    for _ in 0..3 {
        assert!(!recorded(&mut repeats, publish(10), now));
    }
    // Another target, and what is rare.
    assert!(recorded(&mut repeats, event(Action::Publish, "other"), now));
    for _ in 0..2 {
        assert!(recorded(&mut repeats, event(Action::Redrive, "1"), now));
    }
    assert_eq!(repeats.due(Some(now)), []);
    let due = repeats.due(Some(now + MINUTE));
    assert_eq!(due.len(), 1);
    assert_eq!(
        (&due[0].detail["times"], &due[0].detail["points"]),
        (&3.into(), &30.into())
    );
    assert!(recorded(&mut repeats, publish(1), now + MINUTE));
}

#[test]
fn a_flood_of_different_denials_takes_no_more_memory() {
    let mut repeats = Repeats::default();
    let now = Instant::now();
    for n in 0..COUNTED + 5 {
        let first = recorded(&mut repeats, event(Action::Denied, &n.to_string()), now);
        assert_eq!(first, n < COUNTED, "{n}");
    }
    assert_eq!(repeats.counted.len(), COUNTED);
    // What was let in is recorded all the same.
    assert!(recorded(&mut repeats, event(Action::Publish, "machines"), now));
    let others = repeats.due(Some(now));
    assert_eq!(
        (others[0].target.as_str(), &others[0].detail["times"]),
        ("others", &5.into())
    );
    assert_eq!(repeats.due(None), []);
}

#[tokio::test]
async fn while_postgres_does_not_take_them_events_wait_and_those_beyond_are_counted() {
    let db = Database::create().await;
    db.run("alter table audit rename to away").await;
    let metrics = Arc::new(Metrics::default());
    let audit = Audit::start(db.url.clone(), Arc::clone(&metrics));
    let all = QUEUE + 2 * AT_ONCE;
    for n in 0..all {
        audit.record(event(Action::Redrive, &n.to_string()));
        if n == AT_ONCE {
            // Time for the writer to take some.
            tokio::task::yield_now().await;
        }
    }
    let lost = metrics.audit_lost.get();
    assert!(lost >= AT_ONCE as u64, "{lost}");
    db.run("alter table away rename to audit").await;
    audit.close(Duration::from_secs(30)).await;
    let count =
        "select count(*), min(target::int), count(distinct target) from audit where action = 'redrive'";
    let stored = all as u64 - lost;
    assert_eq!(db.rows(count).await, [format!("{stored}|0|{stored}")]);
    let told = "select (detail->>'events')::bigint from audit where action = 'audit.lost'";
    assert_eq!(db.rows(told).await, [lost.to_string()]);
}

#[tokio::test]
async fn an_event_that_postgres_refuses_is_counted_and_keeps_none_of_the_others_out() {
    let db = Database::create().await;
    db.run("alter table audit add check (target <> 'refused')").await;
    let metrics = Arc::new(Metrics::default());
    let audit = Audit::start(db.url.clone(), Arc::clone(&metrics));
    for target in ["before", "refused", "after"] {
        audit.record(event(Action::Redrive, target));
    }
    audit.close(Duration::from_secs(30)).await;
    assert_eq!(metrics.audit_lost.get(), 1);
    let stored = "select target || coalesce((detail->>'events'), '') from audit order by id";
    assert_eq!(db.rows(stored).await, ["before", "after", "audit1"]);
}
