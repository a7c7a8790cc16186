//! What the tables hold, beside what Postgres was told.

use super::*;
use crate::store::level::Level;

#[tokio::test]
async fn every_level_says_what_it_reaches_and_how_far_nothing_is_missing_ahead() {
    let db = Database::create().await;
    db.run(
        "create table points_1 partition of points for values from ('1970-01-01Z') to ('1970-01-02Z');
        create table points_2 partition of points for values from ('1970-01-02Z') to ('1970-01-03Z');
        create table points_3 partition of points for values from ('1970-01-04Z') to ('1970-01-05Z');",
    )
    .await;
    let reader = Reader::new(db.url.clone(), ReadLimits::default()).unwrap();
    let at = async |now| reader.levels(Micros(now)).await.unwrap();
    let levels = at(DAY / 2).await;
    let names: Vec<&str> = levels.iter().map(|level| level.level.name()).collect();
    assert_eq!(names, ["raw", "1m", "1h", "1d"]);
    let raw = &levels[0];
    assert_eq!((raw.level, raw.partitions), (Level::Raw, 3));
    assert_eq!((raw.since, raw.until), (Some(Micros(0)), Some(Micros(4 * DAY))));
    assert_eq!(raw.ahead_until, Some(Micros(2 * DAY)));
    assert!(raw.bytes > 0);
    assert_eq!(at(2 * DAY).await[0].ahead_until, None);
    assert_eq!(
        (levels[1].partitions, levels[1].bytes, levels[1].since),
        (0, 0, None)
    );
}

#[tokio::test]
async fn progress_and_horizons_are_read_as_they_are_written() {
    let db = Database::create().await;
    let reader = Reader::new(db.url.clone(), ReadLimits::default()).unwrap();
    let nothing = reader.progress().await.unwrap();
    assert_eq!(
        (nothing.edge, nothing.pending, nothing.archived_days),
        (Micros(0), 0, 0)
    );
    assert_eq!((nothing.oldest_pending, nothing.newest_archived), (None, None));
    db.run(
        "update rollup_edge set edge = '1970-01-03Z';
        insert into invalidations (min_ts, max_ts, series_ids, from_ts, to_ts)
            select timestamptz '1970-01-01Z' + n * interval '1 day', '1970-01-09Z', '{}', '{}', '{}'
            from generate_series(1, 2) n;
        insert into archives (day, version, url, rows, bytes, checksum)
            values ('1970-01-01', 1, 'u', 1, 1, 'c'), ('1970-01-02', 1, 'u', 1, 1, 'c');
        insert into horizons values ('b', '1d', '1970-01-02Z'), ('a', '1m', '1970-01-02Z'),
            ('a', 'raw', '1970-01-03Z')",
    )
    .await;
    let progress = reader.progress().await.unwrap();
    assert_eq!((progress.edge, progress.pending), (Micros(2 * DAY), 2));
    assert_eq!(progress.oldest_pending, Some(Micros(DAY)));
    assert_eq!(
        (progress.archived_days, progress.newest_archived),
        (2, Some(Micros(DAY)))
    );
    let horizons = reader.horizons(&Streams::All).await.unwrap().into_iter();
    let horizons: Vec<_> = horizons.map(|h| (h.stream, h.level, h.floor.0 / DAY)).collect();
    let horizon = |stream: &str, level: &str, day| (stream.to_owned(), level.to_owned(), day);
    assert_eq!(
        horizons,
        [
            horizon("a", "raw", 2),
            horizon("a", "1m", 1),
            horizon("b", "1d", 1)
        ]
    );
}
