//! What a principal may use, and what it is told when that is used up.

use futures_util::FutureExt;
use parking_lot::Mutex;

use super::*;

fn meter(allowance: Allowance) -> (Arc<Meter>, Arc<Mutex<Vec<Limit>>>) {
    let refusals = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&refusals);
    let on_refusal: OnRefusal = Arc::new(move |limit| seen.lock().push(limit));
    let meter = Meter::new(ClientKey::of_subject("key:a"), allowance, on_refusal);
    (Arc::new(meter), refusals)
}

#[test]
fn what_is_not_set_is_without_limit() {
    let (meter, refusals) = meter(Allowance::default());
    let running: Vec<_> = (0..1_000).map(|_| meter.subscribe().unwrap()).collect();
    for _ in &running {
        meter.request().unwrap();
        meter.cost(1_000_000).unwrap();
        meter.new_series(1_000_000).unwrap();
        meter.sent(1 << 30).unwrap();
    }
    assert!(refusals.lock().is_empty());
}

#[test]
fn a_limit_that_is_used_up_says_which_and_when_there_is_more() {
    let (meter, refusals) = meter(Allowance {
        cost_per_minute: NonZeroU32::new(60),
        new_series_per_hour: NonZeroU32::new(10),
        ..Allowance::default()
    });
    meter.cost(50).unwrap();
    let over = meter.cost(20).unwrap_err();
    assert_eq!((over.limit, over.seconds()), (Limit::Cost, 10));
    let problem = Problem::from(over);
    assert_eq!(problem.code, Code::Overloaded);
    assert_eq!(problem.extensions["retryAfter"], 10);
    assert_eq!(problem.extensions["limit"], "cost");
    meter.cost(10).unwrap();
    meter.new_series(10).unwrap();
    assert_eq!(meter.new_series(1).unwrap_err().seconds(), 360);
    assert_eq!(*refusals.lock(), [Limit::Cost, Limit::NewSeries]);
}

#[test]
fn what_is_larger_than_a_bucket_passes_when_it_is_full() {
    let (meter, _) = meter(Allowance {
        cost_per_minute: NonZeroU32::new(60),
        ..Allowance::default()
    });
    meter.cost(1_000).unwrap();
    assert_eq!(meter.cost(1_000).unwrap_err().seconds(), 60);
}

#[test]
fn whoever_was_sent_too_much_waits_and_cannot_ask_for_more() {
    let (meter, _) = meter(Allowance {
        kib_out_per_minute: NonZeroU32::new(60),
        ..Allowance::default()
    });
    meter.request().unwrap();
    meter.sent(59 << 10).unwrap();
    let wait = meter.sent(1).unwrap_err();
    assert!(wait <= Duration::from_secs(1) && !wait.is_zero(), "{wait:?}");
    assert_eq!(meter.request().unwrap_err().limit, Limit::BytesOut);
}

#[test]
fn a_subscription_that_has_ended_makes_room() {
    let (meter, _) = meter(Allowance {
        subscriptions: NonZeroU32::new(2),
        ..Allowance::default()
    });
    let first = meter.subscribe().unwrap();
    let _second = meter.subscribe().unwrap();
    assert_eq!(meter.subscribe().unwrap_err().limit, Limit::Subscriptions);
    drop(first);
    meter.subscribe().unwrap();
}

#[tokio::test]
async fn an_expensive_read_waits_for_its_turn_and_not_for_ever() {
    let (meter, refusals) = meter(Allowance {
        heavy_reads: NonZeroU32::new(1),
        ..Allowance::default()
    });
    let first = meter.heavy_read().await.unwrap();
    let mut waiting: Vec<_> = (0..WAITING).map(|_| Box::pin(meter.heavy_read())).collect();
    for read in &mut waiting {
        assert!(read.now_or_never().is_none());
    }
    assert_eq!(meter.heavy_read().await.unwrap_err().limit, Limit::HeavyReads);
    assert_eq!(*refusals.lock(), [Limit::HeavyReads]);
    drop(first);
    assert!((&mut waiting[0]).now_or_never().is_some_and(|turn| turn.is_ok()));
}

#[test]
fn a_role_has_its_own_limits_and_the_defaults_for_the_rest() {
    let (ten, twenty) = (NonZeroU32::new(10), NonZeroU32::new(20));
    let defaults = Allowance {
        requests_per_second: ten,
        subscriptions: ten,
        ..Allowance::default()
    };
    let role = Allowance {
        subscriptions: twenty,
        ..Allowance::default()
    };
    let both = role.or(defaults);
    assert_eq!((both.requests_per_second, both.subscriptions), (ten, twenty));
}
