//! A Redis that others use as well: whatever they write, nothing of it is believed.

use super::*;

#[tokio::test]
async fn nothing_is_written_to_redis_before_postgres_has_told_who_we_are() {
    let redis = Redis::start().await;
    let (tell, told) = watch::channel(None);
    let config = RedisConfig {
        installation: told,
        ..redis.config()
    };
    let cache = LatestCache::redis(&config, Arc::default(), Arc::default()).unwrap();
    cache.offer(&stored(&[point(1, 10, 1, 1, 1.0)]));
    assert_eq!(cache.lookup(&Matched::of_ids([1])).await.missing, [1]);
    assert_eq!(redis.ask(&[b"DBSIZE"]).await, Some(::redis::Value::Int(0)));
    tell.send_replace(Some(installation("one")));
    learn(&cache, point(1, 10, 1, 1, 1.0)).await;
}

#[tokio::test]
async fn two_installations_that_share_a_redis_do_not_meet() {
    let redis = Redis::start().await;
    let other = RedisConfig {
        installation: known("two"),
        ..redis.config()
    };
    let (one, ..) = redis.cache();
    let two = LatestCache::redis(&other, Arc::default(), Arc::default()).unwrap();
    learn(&one, point(1, 10, 1, 1, 1.0)).await;
    learn(&two, point(1, 20, 1, 2, 2.0)).await;
    two.invalidate();
    two.offer(&stored(&[point(1, 30, 1, 3, 3.0)]));
    learn(&two, point(2, 30, 1, 3, 3.0)).await;
    assert_eq!(
        one.lookup(&Matched::of_ids([1])).await.found,
        [point(1, 10, 1, 1, 1.0)]
    );
}

#[tokio::test]
async fn an_entry_that_none_of_us_wrote_is_not_believed_and_the_cache_heals() {
    let redis = Redis::start().await;
    let (cache, metrics, _) = redis.cache();
    let key: &[u8] = b"{test:one}:latest";
    for value in [
        // As an installation without tags wrote it, with the tag of another series, and nonsense.
        format!("={}", "f".repeat(56)),
        format!("={}{}", "f".repeat(56), "0".repeat(16)),
        "=".to_owned(),
        format!("={}", "9".repeat(100_000)),
        "=\u{e9}\u{e9}".to_owned(),
    ] {
        learn(&cache, point(1, 10, 1, 1, 1.0)).await;
        let Some(::redis::Value::BulkString(epoch)) = redis.ask(&[b"GET", key]).await else {
            panic!("no epoch");
        };
        let entries = [key, b":", &epoch].concat();
        let before = metrics.cache_errors.get();
        redis
            .ask(&[b"HSET", &entries, b"1", value.as_bytes()])
            .await
            .unwrap();
        assert_eq!(cache.lookup(&Matched::of_ids([1])).await.missing, [1], "{value}");
        assert!(metrics.cache_errors.get() > before);
    }
    // A tag holds for its own series alone.
    learn(&cache, point(1, 10, 1, 1, 1.0)).await;
    learn(&cache, point(2, 20, 1, 2, 2.0)).await;
    let Some(::redis::Value::BulkString(epoch)) = redis.ask(&[b"GET", key]).await else {
        panic!("no epoch");
    };
    let entries = [key, b":", &epoch].concat();
    let Some(::redis::Value::BulkString(of_two)) = redis.ask(&[b"HGET", &entries, b"2"]).await else {
        panic!("no entry");
    };
    redis.ask(&[b"HSET", &entries, b"1", &of_two]).await.unwrap();
    assert_eq!(cache.lookup(&Matched::of_ids([1])).await.missing, [1]);
    // Something else altogether lies under our names.
    learn(&cache, point(1, 10, 1, 1, 1.0)).await;
    redis.ask(&[b"DEL", key]).await.unwrap();
    redis.ask(&[b"LPUSH", key, b"x"]).await.unwrap();
    assert_eq!(cache.lookup(&Matched::of_ids([1])).await.missing, [1]);
    learn(&cache, point(1, 10, 1, 1, 1.0)).await;
}

#[tokio::test]
async fn a_forged_message_is_dropped_and_counted() {
    let redis = Redis::start().await;
    let (heard, metrics) = (Arc::new(Mutex::new(Vec::new())), Arc::<Metrics>::default());
    let ear = Arc::clone(&heard);
    let _bus = Bus::start(
        &redis.config(),
        Arc::clone(&metrics),
        Arc::default(),
        move |event| {
            ear.lock().unwrap().push(event);
        },
    )
    .unwrap();
    eventually("it listens", async || heard.lock().unwrap().len() == 1).await;
    let batch = stored(&[point(1, 10, 1, 1, 1.5)]);
    let channel: &[u8] = b"{test:one}:stored";
    let forged = wire::encode(&installation("two"), 7, &batch).unwrap();
    for message in [&forged[..], b"", b"x", &[2; 100_000]] {
        redis.ask(&[b"PUBLISH", channel, message]).await.unwrap();
    }
    let good = wire::encode(&installation("one"), 7, &batch).unwrap();
    redis.ask(&[b"PUBLISH", channel, &good]).await.unwrap();
    eventually("the good one is heard", async || heard.lock().unwrap().len() == 2).await;
    assert_eq!(metrics.cache_errors.get(), 4);
}
