//! What is said of topics and of lag.

use super::*;

fn well() -> TopicState {
    TopicState {
        partitions: 3,
        copies: 3,
        in_sync: 3,
        leaderless: 0,
        min_in_sync: Some(2),
    }
}

fn state(brokers: usize, topics: &[(&str, TopicState)]) -> Checkup {
    Checkup {
        brokers,
        round_trip: std::time::Duration::from_millis(1),
        topics: topics
            .iter()
            .map(|(name, topic)| ((*name).to_owned(), topic.clone()))
            .collect(),
        places: Ok(Vec::new()),
    }
}

fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|&name| name.to_owned()).collect()
}

#[test]
fn topics_that_are_well_share_a_line() {
    let state = state(3, &[("a", well()), ("b", well())]);
    let found = topics(&names(&["a", "b"]), &state, "k:9092");
    assert_eq!(
        found,
        [Finding::ok("topics", "2 topics, 6 partitions, 3 copies of each")]
    );
}

#[test]
fn what_hinders_writing_is_a_failure_and_what_endangers_records_a_warning() {
    let of = |brokers, topic| problem("a", &topic, brokers, "k:9092");
    assert_eq!(of(3, well()), None);
    let cases = [
        (
            TopicState {
                leaderless: 1,
                ..well()
            },
            Level::Fail,
            "unavailable-partitions",
        ),
        (
            TopicState {
                copies: 1,
                in_sync: 1,
                ..well()
            },
            Level::Fail,
            "min.insync.replicas=1",
        ),
        (TopicState { in_sync: 1, ..well() }, Level::Fail, "under-min-isr"),
        (
            TopicState { in_sync: 2, ..well() },
            Level::Warn,
            "under-replicated",
        ),
        (
            TopicState {
                min_in_sync: Some(1),
                ..well()
            },
            Level::Warn,
            "min.insync.replicas=2",
        ),
        (
            TopicState {
                min_in_sync: Some(3),
                ..well()
            },
            Level::Warn,
            "min.insync.replicas=2",
        ),
        (
            TopicState {
                copies: 1,
                in_sync: 1,
                min_in_sync: Some(1),
                ..well()
            },
            Level::Warn,
            "reassign",
        ),
    ];
    for (topic, level, remedy) in cases {
        let found = of(3, topic).expect(remedy);
        assert_eq!(found.level, level, "{found:?}");
        assert!(found.remedy.as_ref().unwrap().contains(remedy), "{found:?}");
    }
    // There is no other broker for a second copy; and what the brokers do not tell is not guessed.
    let alone = TopicState {
        copies: 1,
        in_sync: 1,
        min_in_sync: None,
        ..well()
    };
    assert_eq!(of(1, alone), None);
}

#[test]
fn the_worst_topics_come_first_and_the_others_are_counted() {
    let behind = TopicState { in_sync: 2, ..well() };
    let gone = TopicState {
        leaderless: 3,
        ..well()
    };
    let all = ["a", "b", "c", "d"].map(|name| (name, behind.clone()));
    let state = state(3, &[all.as_slice(), &[("z", gone)]].concat());
    let found = topics(&names(&["a", "missing"]), &state, "k:9092");
    assert_eq!(found.len(), LINES);
    assert!(
        found[0].level == Level::Fail && found[0].seen.starts_with("z: "),
        "{found:?}"
    );
    assert_eq!(found[1].seen, "not there yet: missing");
    assert!(found[2].seen.ends_with("(3 more such topics)"), "{found:?}");
}

fn place(partition: i32, begin: i64, end: i64, reported: Option<i64>) -> Place {
    Place {
        topic: "t".to_owned(),
        partition,
        begin,
        end,
        reported,
    }
}

fn position(partition: i32, next_offset: i64) -> Position {
    Position {
        topic: "t".to_owned(),
        partition,
        next_offset,
    }
}

fn config(brokers: Option<&str>) -> Config {
    let mut config = Config::default();
    config.kafka.brokers = brokers.map(str::to_owned);
    config.streams.push(StreamConfig {
        name: "t".to_owned(),
        ..StreamConfig::default()
    });
    config
}

#[test]
fn lag_is_counted_from_what_is_stored_or_else_from_what_was_reported() {
    let (config, remedies) = (config(Some("k:9092")), Remedies::default());
    let places = [
        place(0, 0, 100, Some(50)),
        place(1, 10, 30, Some(28)),
        place(2, 5, 9, None),
    ];
    let stored = [position(0, 90)];
    let found = lag(&config, &places, Some(&stored), &remedies);
    assert_eq!(
        (found.level, &*found.seen),
        (
            Level::Ok,
            "16 records behind, most in t/0; 1 partition never read"
        )
    );
    assert_eq!(found.values["records_behind"], 16);
    let found = lag(&config, &places, None, &remedies);
    assert_eq!(found.values["records_behind"], 50 + 2 + 4);
    let found = lag(&config, &[place(0, 0, 7, Some(7))], None, &remedies);
    assert_eq!(found.seen, "0 records behind");
}

#[test]
fn much_lag_is_a_warning_and_a_lost_offset_a_failure() {
    let (kafka, remedies) = (config(Some("k:9092")), Remedies::default());
    let far = lag(&kafka, &[place(0, 0, 2_000_000, Some(0))], None, &remedies);
    assert_eq!(
        (far.level, &*far.seen),
        (Level::Warn, "2,000,000 records behind, most in t/0")
    );
    let lost = lag(
        &kafka,
        &[place(0, 100, 200, None)],
        Some(&[position(0, 7)]),
        &remedies,
    );
    assert_eq!(
        (lost.level, &*lost.seen),
        (
            Level::Fail,
            "t/0: OFFSET_LOST: offset 7 is next, Kafka has 100 to 200"
        )
    );
    // An embedded broker drops records, and reading goes on behind them.
    let jumps = lag(
        &config(None),
        &[place(0, 100, 200, None)],
        Some(&[position(0, 7)]),
        &remedies,
    );
    assert_eq!(jumps.level, Level::Ok);
}
