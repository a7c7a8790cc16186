//! What is said of the database.

use super::super::finding::Level;
use super::*;
use crate::store::level::Level as Kept;

fn remedies() -> Remedies {
    Remedies::default().on_database("\"$DATABASE_URL\"".to_owned())
}

fn told(finding: &Finding) -> (Level, &str, &str) {
    (
        finding.level,
        &finding.seen,
        finding.remedy.as_deref().unwrap_or_default(),
    )
}

#[test]
fn tables_are_brought_up_to_date_by_a_command_and_newer_ones_by_a_newer_program() {
    let of = |it| tables(&it, &remedies());
    assert_eq!(told(&of(Tables::UpToDate)), (Level::Ok, "up to date", ""));
    let none = of(Tables::Behind(0, vec!["1".to_owned()]));
    assert_eq!(
        told(&none),
        (Level::Warn, "there are none yet", "streamsync migrate")
    );
    let behind = of(Tables::Behind(9, vec!["20261129040000".to_owned()]));
    assert_eq!(behind.seen, "1 migration behind: 20261129040000");
    assert_eq!(of(Tables::TooNew("newer".to_owned())).level, Level::Fail);
}

#[test]
fn a_missing_index_is_made_without_locking_where_that_is_possible() {
    let of = |missing: &[(&'static str, &'static str)], invalid: &[&str]| {
        let (missing, invalid) = (
            missing.to_vec(),
            invalid.iter().map(|&name| name.to_owned()).collect(),
        );
        indexes(&Indexes { missing, invalid }, &remedies())
    };
    assert_eq!(of(&[], &[]).level, Level::Ok);
    let slow = of(&[("a", "CREATE INDEX a ON t USING btree (b)")], &["c"]);
    let remedy = r#"psql "$DATABASE_URL" -c 'CREATE INDEX CONCURRENTLY a ON t USING btree (b)'"#;
    assert_eq!(told(&slow), (Level::Warn, "missing: a", remedy));
    let wrong = of(
        &[("p", "CREATE UNIQUE INDEX p ON ONLY points USING btree (ts)")],
        &[],
    );
    let remedy = r#"psql "$DATABASE_URL" -c 'CREATE UNIQUE INDEX p ON points USING btree (ts)'"#;
    assert_eq!(told(&wrong), (Level::Fail, "missing: p", remedy));
    let invalid = of(&[], &["a", "b"]);
    let remedy =
        r#"psql "$DATABASE_URL" -c 'reindex index concurrently a' -c 'reindex index concurrently b'"#;
    assert_eq!(told(&invalid), (Level::Warn, "not usable: a, b", remedy));
}

#[test]
fn connections_are_short_when_a_node_could_not_have_its_own() {
    let of = |used, most| connections(Connections { used, most }, 2, &remedies());
    assert_eq!(told(&of(12, 97)), (Level::Ok, "12 of 97 in use", ""));
    let short = of(90, 97);
    assert_eq!(short.level, Level::Warn);
    assert!(
        short.remedy.unwrap().contains("max_connections = 197"),
        "the remedy leaves room"
    );
}

#[test]
fn partitions_end_too_soon_when_nothing_is_ahead_of_tomorrow() {
    let now = Micros::from_rfc3339("2026-12-01T12:00:00Z").unwrap();
    let level = |level, days: Option<i64>| Ahead {
        level,
        partitions: 3,
        until: days.map(|days| Micros(Day::of(now).start().0 + days * DAY)),
    };
    let ahead = partitions(&[level(Kept::Raw, Some(3)), level(Kept::Minute, Some(9))], now);
    assert_eq!(
        told(&ahead),
        (Level::Ok, "ahead to 2026-12-04, of rollups to 2026-12-10", "")
    );
    let late = partitions(&[level(Kept::Raw, Some(1)), level(Kept::Minute, None)], now);
    assert_eq!(late.level, Level::Warn);
    assert_eq!(
        late.seen,
        "none ahead of points, rollup_1m: no node has made them"
    );
    let none = Ahead {
        partitions: 0,
        ..level(Kept::Raw, None)
    };
    assert_eq!(partitions(&[none], now).level, Level::Ok);
}

#[test]
fn what_waits_is_counted_with_a_command_to_look_at_it() {
    let waiting = |stream: &str, reason: &str, count| Waiting {
        stream: stream.to_owned(),
        reason: reason.to_owned(),
        count,
    };
    let remedies = remedies();
    assert_eq!(dead_letters(&[], &remedies).level, Level::Ok);
    let some = dead_letters(
        &[waiting("s", "wrong_type", 1_200), waiting("t", "no_time", 4)],
        &remedies,
    );
    assert_eq!(some.seen, "1,204 waiting, most in s: wrong_type");
    assert_eq!(some.values["dead_letters"], 1_204);
    let many = dead_letters(&[waiting("s", "wrong_type", COUNTED_MAX)], &remedies);
    assert!(many.seen.starts_with("100,000 or more waiting"), "{many:?}");

    assert_eq!(
        told(&streams(&[], &remedies)[0]),
        (Level::Ok, "none is paused", "")
    );
    let paused = streams(
        &[("a b".to_owned(), "too many dead letters".to_owned())],
        &remedies,
    );
    assert_eq!(
        told(&paused[0]),
        (
            Level::Fail,
            "a b is paused: too many dead letters",
            "streamsync resume --stream 'a b'"
        )
    );
}

#[test]
fn days_that_are_late_for_the_archive_are_told_before_thinned_ones() {
    let day = |ago: i64, standing| DayState {
        day: Day::of(Micros(-ago * DAY)),
        version: 1,
        standing,
    };
    let remedies = remedies();
    let well = archived(&[day(2, Standing::Archived), day(1, Standing::Open)], &remedies);
    assert_eq!(well.level, Level::Ok);
    let thinned = archived(
        &[day(2, Standing::Thinned), day(1, Standing::Archived)],
        &remedies,
    );
    assert_eq!(
        thinned.remedy.as_deref(),
        Some("streamsync restore --from 1969-12-30 --to 1969-12-31")
    );
    let due = archived(
        &[
            day(3, Standing::Due),
            day(2, Standing::Thinned),
            day(1, Standing::Due),
        ],
        &remedies,
    );
    assert_eq!(
        told(&due),
        (
            Level::Warn,
            "2 days not archived though due, the first is 1969-12-29",
            "streamsync archive"
        )
    );
}
