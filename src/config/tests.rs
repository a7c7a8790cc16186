//! What a configuration may say, and who wins.

use super::*;
use crate::data::Micros;
use crate::sources::Start;

mod mistakes;

const GOOD: &str = r#"
[kafka]
brokers = "file:9092"
[postgres]
url = "postgres://me@file/db"
[[stream]]
name = "machines"
topic = "m"
partitions = 4
time = { field = "ts", unit = "s" }
labels = ["site"]
values = ["temperature"]
start = "2026-01-01T00:00:00Z"
accept = { past = "30d", future = "1h" }
retention = "90d"
"#;

#[test]
fn a_stream_is_read_with_all_its_settings() {
    let config = Config::from_text(GOOD, &Overrides::default()).unwrap();
    let stream = &config.streams[0];
    assert_eq!((stream.topic(), stream.partitions), ("m", 4));
    assert_eq!(
        stream.start.0,
        Start::At(Micros::from_rfc3339("2026-01-01T00:00:00Z").unwrap())
    );
    assert_eq!(stream.mapping().metric_prefix, "machines");
    assert_eq!(
        stream.source(false).redrive_topic.as_deref(),
        Some("streamsync.redrive.machines")
    );
}

#[test]
fn what_is_shown_of_a_stream_is_what_holds_and_has_no_secret() {
    let config = Config::from_text(GOOD, &Overrides::default()).unwrap();
    let shown = config.streams[0].settings(false);
    assert_eq!((&*shown.topic, shown.partitions), ("m", 4));
    assert_eq!(
        (&*shown.format, &*shown.time_field, &*shown.time_unit),
        ("json", "ts", "s")
    );
    assert_eq!((&*shown.metric_prefix, &*shown.on_missing), ("machines", "skip"));
    assert_eq!(
        (&*shown.start, &*shown.on_offset_lost),
        ("2026-01-01T00:00:00.000000Z", "stop")
    );
    let keep: Vec<_> = shown
        .retention
        .iter()
        .map(|one| (one.level, one.keep.is_some()))
        .collect();
    assert_eq!(keep, [("raw", true), ("1m", false), ("1h", false), ("1d", false)]);
    assert_eq!(StreamConfig::default().settings(true).start, "earliest");
    let agents = "[[stream]]\nname = \"agents\"\nenvelope = \"telegraf\"\nlabels = [\"site\"]";
    let agents = Config::from_text(agents, &Overrides::default()).unwrap().streams[0].settings(true);
    assert_eq!(
        (agents.labels, agents.values),
        (
            vec!["site".to_owned(), "tags.*".to_owned()],
            vec!["fields.*".to_owned()]
        )
    );
    assert!(!format!("{shown:?}").contains("file"), "{shown:?}");
}

#[test]
fn flags_win_over_the_file_and_the_file_over_defaults() {
    let over = Overrides {
        kafka_brokers: Some("flag:9092".into()),
        ..Overrides::default()
    };
    let config = Config::from_text(GOOD, &over).unwrap();
    assert_eq!(config.kafka.brokers.as_deref(), Some("flag:9092"));
    assert_eq!(config.postgres.url.as_deref(), Some("postgres://me@file/db"));
    assert_eq!(config.http, HttpConfig::default());
}

#[test]
fn names_and_origins_given_outside_replace_those_of_the_file() {
    let text = format!("{GOOD}[http]\nallowed_hosts = [\"file\"]");
    let hosts = |given: &[&str]| {
        let over = Overrides {
            allowed_hosts: given.iter().map(|&host| host.to_owned()).collect(),
            ..Overrides::default()
        };
        Config::from_text(&text, &over).unwrap().http.allowed_hosts
    };
    assert_eq!(hosts(&["flag", "other"]), ["flag", "other"]);
    assert_eq!(hosts(&[]), ["file"]);
    // A variable that is set to nothing.
    assert_eq!(hosts(&[""]), ["file"]);
}

#[test]
fn secrets_do_not_show_in_debug_output() {
    let text = r#"
        [kafka.properties]
        "sasl.password" = "hush"
        [postgres]
        url = "postgres://me:hush@db/x"
        [redis]
        url = "redis://:hush@cache"
    "#;
    let config = Config::from_text(text, &Overrides::default()).unwrap();
    assert!(!format!("{config:?}").contains("hush"));
}

#[test]
fn secrets_from_outside_replace_those_of_the_file_and_a_flag_wins_over_them() {
    let dir = tempfile::tempdir().unwrap();
    let file = |name: &str, content: &str| {
        let path = dir.path().join(name);
        std::fs::write(&path, content).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let over = |database_url: Option<&str>| Overrides {
        database_url: database_url.map(str::to_owned),
        secrets: [
            ("DATABASE_URL_FILE", file("url", "postgres://me@mounted/db\n")),
            ("DATABASE_PASSWORD", "p@ss".to_owned()),
            ("REDIS_PASSWORD_FILE", file("redis", "hush")),
            ("SCHEMA_REGISTRY_PASSWORD_FILE", file("registry", "hush")),
            ("KAFKA_SASL_PASSWORD_FILE", file("kafka", "hush\n")),
            ("AWS_SECRET_ACCESS_KEY_FILE", file("aws", "hush\n")),
        ]
        .into_iter()
        .collect(),
        ..Overrides::default()
    };
    let text = format!("[redis]\nurl = \"redis://:old@cache\"\n{GOOD}");
    let read = |database_url| Config::from_text(&text, &over(database_url)).unwrap();
    let config = read(None);
    assert_eq!(
        config.postgres.url.as_deref(),
        Some("postgres://me:p%40ss@mounted/db")
    );
    assert_eq!(config.redis.url.as_deref(), Some("redis://:hush@cache"));
    assert_eq!(config.schema_registry.password.as_deref(), Some("hush"));
    assert_eq!(config.kafka.properties["sasl.password"], "hush");
    assert_eq!(
        config.archive.keys.0,
        [("AWS_SECRET_ACCESS_KEY", "hush".to_owned())]
    );
    assert!(!format!("{config:?}").contains("hush"));
    let flag = read(Some("postgres://me@flag/db"));
    assert_eq!(flag.postgres.url.as_deref(), Some("postgres://me:p%40ss@flag/db"));
}

#[test]
fn kafka_properties_that_the_promises_rest_on_are_refused() {
    let config = |name: &str, value: &str| {
        let text = format!("[kafka.properties]\n\"{name}\" = \"{value}\"");
        Config::from_text(&text, &Overrides::default()).map_err(|mistakes| mistakes.to_string())
    };
    for (name, value) in [
        ("isolation.level", "read_uncommitted"),
        ("check.crcs", "false"),
        ("enable.auto.commit", "true"),
        ("enable.auto.offset.store", "true"),
        ("auto.offset.reset", "latest"),
        ("enable.partition.eof", "false"),
        ("group.id", "another"),
        ("bootstrap.servers", "kafka:9092"),
        ("acks", "1"),
        ("enable.idempotence", "false"),
        ("group.protocol", "consumer"),
        ("test.mock.num.brokers", "3"),
        ("queued.max.messages.kbytes", "2000000"),
    ] {
        let refused = config(name, value).unwrap_err();
        assert!(
            refused.contains(&format!("kafka.properties.{name}: ")),
            "{refused}"
        );
        assert!(value.len() < 5 || !refused.contains(value), "{refused}");
    }
    assert!(config("isolation.level", "read_committed").is_ok());
    assert!(config("security.protocol", "ssl").is_ok());
    assert!(config("client.rack", "a").is_ok());
}

#[test]
fn the_example_file_is_a_valid_configuration() {
    let text = include_str!("../../streamsync.example.toml");
    Config::from_text(text, &Overrides::default()).unwrap();
}

#[test]
fn it_listens_beyond_loopback_only_when_told_so() {
    let may = |address: &str, allow_anonymous| {
        let over = Overrides {
            listen: Some(address.parse().unwrap()),
            allow_anonymous,
            ..Overrides::default()
        };
        Config::from_text("", &over).map_err(|mistakes| mistakes.to_string())
    };
    for address in ["127.0.0.1:80", "[::1]:80"] {
        assert!(may(address, false).is_ok());
    }
    for address in ["0.0.0.0:80", "[::]:80", "192.168.1.2:80"] {
        assert!(may(address, true).is_ok());
        assert!(may(address, false).unwrap_err().contains("--allow-anonymous"));
    }
}

#[test]
fn with_roles_it_listens_beyond_loopback_without_being_told() {
    let over = Overrides {
        listen: Some("0.0.0.0:80".parse().unwrap()),
        ..Overrides::default()
    };
    assert!(Config::from_text("[auth]", &over).is_ok());
    assert_eq!(Config::from_text("", &Overrides::default()).unwrap().auth, None);
}
