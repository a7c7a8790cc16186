//! What is known of keys grows old, and when they were used.

use serde_json::json;

use super::*;
use crate::store::testing::Database;

#[tokio::test]
async fn who_has_not_heard_of_postgres_for_a_while_lets_nobody_in_until_it_is_back() {
    let db = Database::create().await;
    let known = Snapshot::new(Duration::from_secs(2));
    let key = ApiKey::random().unwrap();
    let holder = || known.holder(&key, Micros::now()).unwrap_err();
    assert_eq!(holder(), Denied::Unavailable);
    let changes = Arc::new(AtomicI64::new(0));
    let counted = Arc::clone(&changes);
    let follow = |url| {
        let (known, counted) = (Arc::clone(&known), Arc::clone(&counted));
        tokio::spawn(known.follow(url, Arc::default(), move || {
            _ = counted.fetch_add(1, Ordering::Relaxed)
        }))
    };
    let following = follow(db.url.clone());
    known.catch_up().await;
    assert_eq!(holder(), Denied::Invalid);
    following.abort();
    tokio::time::sleep(Duration::from_millis(2_200)).await;
    assert_eq!(holder(), Denied::Unavailable);
    assert_eq!(
        known.still(key.id(), Micros::now()).unwrap_err(),
        Denied::Unavailable
    );
    let before = changes.load(Ordering::Relaxed);
    let nowhere = follow("postgres://nobody@127.0.0.1:1/none".parse().unwrap());
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(holder(), Denied::Unavailable);
    nowhere.abort();
    follow(db.url.clone());
    known.catch_up().await;
    assert_eq!(holder(), Denied::Invalid);
    assert!(changes.load(Ordering::Relaxed) >= before);
}

#[tokio::test]
async fn the_last_use_of_a_key_is_written_now_and_then() {
    let db = Database::create().await;
    let known = Snapshot::new(STALE_AFTER);
    let mut client = connect_to_follow(&db.url, || {}).await.unwrap();
    let installation = installation_of(&client).await.unwrap();
    let key = ApiKey::random().unwrap();
    let hash = key.hash(&installation);
    let new = keys::NewKey {
        id: key.id(),
        name: "one",
        role: "reader",
        hash: &hash,
        created_by: "operator",
        expires: None,
    };
    keys::insert(&mut client, &new).await.unwrap().unwrap();
    let mut session = None;
    let begun = Instant::now();
    assert!(known.round(&mut session, &db.url).await.unwrap());
    assert!(!known.round(&mut session, &db.url).await.unwrap());
    known.confirmed.send_replace(Some(begun));
    let now = Micros::now();
    known.holder(&key, now).unwrap();
    known.write_use(&client).await.unwrap();
    assert_eq!(keys::list(&client).await.unwrap()[0].last_used, Some(now));
    assert_eq!(db.rows("select epoch from auth_epoch").await, ["1"]);
}

#[tokio::test]
async fn of_sessions_only_those_that_changed_are_read_again() {
    let db = Database::create().await;
    let known = Snapshot::new(STALE_AFTER);
    let mut client = connect_to_follow(&db.url, || {}).await.unwrap();
    let mut session = None;
    known.confirmed.send_replace(Some(Instant::now()));
    assert!(known.round(&mut session, &db.url).await.unwrap());
    db.run(
        "insert into sessions (hash, subject, key_id, key_version, expires)
        values (decode(repeat('01', 32), 'hex'), 'key:a', 'a', 1, now() + interval '1 h')",
    )
    .await;
    let begun = StoredSession {
        hash: [2; 32],
        subject: "i|b".to_owned(),
        by: sessions::SignedIn::Token(json!({"iss": "i", "sub": "b"}).as_object().unwrap().clone()),
        expires: Micros::now().plus(Duration::from_secs(60)),
        refreshes: false,
    };
    let goes_on = |n: u8| known.session(&[n; 32], Micros::now()).is_ok();
    sessions::begin(&mut client, &begun, None).await.unwrap();
    // Nobody who is there has to look again.
    assert!(!known.round(&mut session, &db.url).await.unwrap());
    assert_eq!((goes_on(1), goes_on(2)), (false, true));
    sessions::end(&mut client, &[2; 32]).await.unwrap();
    assert!(known.round(&mut session, &db.url).await.unwrap());
    assert_eq!((goes_on(1), goes_on(2)), (false, false));
    // A change of something else, or by hand: all is read.
    db.run("update auth_epoch set epoch = epoch + 1").await;
    assert!(known.round(&mut session, &db.url).await.unwrap());
    assert_eq!((goes_on(1), goes_on(2)), (true, false));
}
