//! The questions, put to a real database.

use std::collections::BTreeMap;
use std::time::Duration;

use super::*;
use crate::store::maintain::Maintenance;
use crate::store::retention::Keep;
use crate::store::testing::Database;

async fn checkup(db: &Database) -> Checkup {
    Checkup::begin(&db.url).await.unwrap()
}

/// As a database without streams is looked after.
fn keep() -> Keep {
    Keep {
        dead_letters: Duration::MAX,
        commits: Duration::MAX,
        streams: BTreeMap::new(),
        rollups: true,
        archive: false,
    }
}

#[tokio::test]
async fn the_indexes_that_are_looked_for_are_those_of_a_new_database() {
    let db = Database::create().await;
    let made = db
        .rows(
            "select replace(indexdef, ' ' || quote_ident(schemaname) || '.', ' ') from pg_indexes
             where schemaname = current_schema() order by indexname collate \"C\"",
        )
        .await;
    let wanted: Vec<_> = indexes::wanted().map(|(_, definition)| definition).collect();
    assert_eq!(wanted, made, "write into indexes.sql:\n{}", made.join("\n"));
    let found = checkup(&db).await.indexes().await.unwrap();
    assert_eq!((found.missing, found.invalid), (vec![], vec![]));
}

#[tokio::test]
async fn an_index_that_is_missing_is_found_with_its_definition_and_an_invalid_one_by_name() {
    let db = Database::create().await;
    db.run(
        "drop index audit_at;
         update pg_index set indisvalid = false where indexrelid = 'gaps_to_offset'::regclass",
    )
    .await;
    let found = checkup(&db).await.indexes().await.unwrap();
    assert_eq!(
        found.missing,
        [("audit_at", "CREATE INDEX audit_at ON audit USING btree (at)")]
    );
    assert_eq!(found.invalid, ["gaps_to_offset"]);
}

#[tokio::test]
async fn a_server_tells_its_version_its_clock_and_its_room() {
    let db = Database::create().await;
    let checkup = checkup(&db).await;
    let server = checkup.server().await.unwrap();
    assert!(server.version.starts_with(char::is_numeric), "{server:?}");
    assert!(!server.is_too_old && !server.is_read_only, "{server:?}");
    // It is this machine's own clock.
    let round_trip = i64::try_from(server.round_trip.as_micros()).unwrap();
    assert!(server.ahead.abs() <= round_trip.max(2), "{server:?}");
    let connections = checkup.connections().await.unwrap();
    assert!(
        connections.used > 0 && connections.used < connections.most,
        "{connections:?}"
    );
    assert!(checkup.size().await.unwrap() > 1 << 20);
    assert!(!checkup.is_pooled().await.unwrap());
    assert_eq!(checkup.tables().await.unwrap(), Tables::UpToDate);
    assert_eq!(checkup.days(Micros::now()).await.unwrap(), []);
}

#[tokio::test]
async fn tables_are_behind_up_to_date_or_too_new() {
    let url = Database::empty().await;
    let empty = Checkup::begin(&url).await.unwrap();
    assert!(matches!(empty.tables().await.unwrap(), Tables::Behind(0, missing) if missing.len() > 10));

    let db = Database::create().await;
    let checkup = checkup(&db).await;
    db.run("delete from __diesel_schema_migrations where version = '20261129040000'")
        .await;
    let one_behind = |tables| matches!(tables, Tables::Behind(_, missing) if missing == ["20261129040000"]);
    assert!(one_behind(checkup.tables().await.unwrap()));
    db.run(
        "insert into __diesel_schema_migrations (version) values ('20991231000000');
         update installation set needs_schema = '20991231000000'",
    )
    .await;
    assert!(matches!(checkup.tables().await.unwrap(), Tables::TooNew(why) if why.contains("newer")));
}

#[tokio::test]
async fn partitions_are_ahead_once_maintenance_has_run_and_a_default_one_is_told() {
    let db = Database::create().await;
    let (checkup, now) = (checkup(&db).await, Micros::now());
    let before = checkup.ahead(now).await.unwrap();
    assert!(
        before
            .iter()
            .all(|level| level.partitions == 0 && level.until.is_none()),
        "{before:?}"
    );
    Maintenance::new(db.url.clone(), keep()).run(now).await.unwrap();
    let ahead = checkup.ahead(now).await.unwrap();
    assert_eq!(ahead.len(), Level::ALL.len());
    assert!(ahead.iter().all(|level| level.until > Some(now)), "{ahead:?}");

    assert_eq!(checkup.default_partitions().await.unwrap(), Vec::<String>::new());
    db.run(
        "create table stray partition of points default; create table empty partition of rollup_1d default;
         insert into points values (1, 1, '1999-01-01Z', 1, 1, now())",
    )
    .await;
    assert_eq!(checkup.default_partitions().await.unwrap(), ["stray"]);
}

#[tokio::test]
async fn what_waits_for_an_operator_is_counted() {
    let db = Database::create().await;
    let checkup = checkup(&db).await;
    db.run(
        "insert into paused_streams (stream, plan, why, until) values
            ('s', 'p', 'too many dead letters', now() + interval '1 h'),
            ('t', 'p', 'it was', now() - interval '1 h');
         insert into ingest_offsets (stream, topic, partition, epoch, topic_id, next_offset, owner_epoch, resume_from)
            values ('s', 't', 0, 1, 'a', 90, 1, 0), ('s', 't', 0, 2, 'b', 7, 1, 0)",
    )
    .await;
    let pauses = checkup.pauses().await.unwrap();
    assert_eq!(pauses, [("s".to_owned(), "too many dead letters".to_owned())]);
    let position = Position {
        topic: "t".to_owned(),
        partition: 0,
        next_offset: 7,
    };
    assert_eq!(checkup.positions().await.unwrap(), [position]);
    assert_eq!(checkup.dead_letters().await.unwrap(), []);
}

#[test]
fn ranges_count_up_to_the_first_gap_behind_now() {
    let until = |now, ranges: &[(i64, i64)]| {
        let ranges = ranges
            .iter()
            .map(|(since, until)| (Micros(*since), Micros(*until)));
        without_gap(Micros(now), ranges).map(|Micros(until)| until)
    };
    let ranges = [(0, 10), (10, 20), (20, 30), (40, 50)];
    assert_eq!(until(12, &ranges), Some(30));
    assert_eq!(until(45, &ranges), Some(50));
    assert_eq!(until(35, &ranges), None);
    assert_eq!(until(50, &ranges), None);
    assert_eq!(until(0, &[]), None);
}
