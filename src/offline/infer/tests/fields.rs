//! What fields are taken for.

use super::{assert_inferred, inferred, lines};
use crate::config::{Config, Overrides};
use crate::offline::infer::times::FORMATS;

#[test]
fn a_time_is_known_by_its_name_and_by_what_it_holds() {
    let cases = [
        ("\"time\": 1764351845.25", "{ field = \"time\", unit = \"s\" }"),
        (
            "\"measured_at\": 1764351845000000",
            "{ field = \"measured_at\", unit = \"us\" }",
        ),
        (
            "\"timeUnixNano\": \"1764351845000000000\"",
            "{ field = \"timeUnixNano\", unit = \"ns\" }",
        ),
        (
            "\"when\": \"2026-11-28T17:44:05.5+01:00\"",
            "{ field = \"when\" }",
        ),
        (
            "\"when\": \"2026-11-28 17:44:05\"",
            "{ field = \"when\", zone = \"UTC\" }",
        ),
        (
            "\"when\": \"2026-11-28T17:44\"",
            "{ field = \"when\", zone = \"UTC\" }",
        ),
        ("\"when\": \"2026-11-28\"", "{ field = \"when\", zone = \"UTC\" }"),
        (
            "\"when\": \"28.11.2026 17:44:05\"",
            "{ field = \"when\", format = \"%d.%m.%Y %H:%M:%S%.f\", zone = \"UTC\" }",
        ),
        (
            "\"when\": \"11/28/2026 05:44:05 PM\"",
            "{ field = \"when\", format = \"%m/%d/%Y %I:%M:%S %p\", zone = \"UTC\" }",
        ),
        (
            "\"when\": \"28/Nov/2026:17:44:05 +0100\"",
            "{ field = \"when\", format = \"%d/%b/%Y:%H:%M:%S %z\" }",
        ),
        ("\"when\": \"2026-11-28T17:44:05+0100\"", "{ field = \"when\" }"),
        (
            "\"ts\": \"20261128174405\"",
            "{ field = \"ts\", format = \"%Y%m%d%H%M%S\", zone = \"UTC\" }",
        ),
        ("\"nothing\": 5", "{ from = \"kafka\" }"),
        // A number that could be of these years, and does not say that it is a time.
        ("\"bytes\": 1764351845", "{ from = \"kafka\" }"),
        (
            "\"ts\": 1764351845000, \"created_at\": 1764351800000",
            "{ field = \"ts\", unit = \"ms\" }",
        ),
        (
            "\"created_at\": 1764351800000",
            "{ field = \"created_at\", unit = \"ms\" }",
        ),
        (
            "\"meta\": {\"ts\": 1764351845000}, \"t\": 1764351845",
            "{ field = \"t\", unit = \"s\" }",
        ),
    ];
    for (fields, time) in cases {
        let file = format!("{{{fields}, \"v\": 1.5}}");
        assert_inferred(&file, &[&format!("time = {time} #")]);
    }
    let file = "{\"ts\": 1764351845000, \"v\": 1}\n{\"v\": 2}\n";
    assert_inferred(
        file,
        &["time = { field = \"ts\", unit = \"ms\", on_missing = \"kafka\" } # 1 of 2"],
    );
}

#[test]
fn every_format_of_times_that_is_tried_is_one_that_the_configuration_takes() {
    for format in FORMATS {
        let zone = if format.contains("%z") {
            ""
        } else {
            ", zone = \"UTC\""
        };
        let text = format!(
            "[[stream]]\nname = \"m\"\nvalues = [\"v\"]\ntime = {{ field = \"t\", format = \"{format}\"{zone} }}"
        );
        if let Err(error) = Config::from_text(&text, &Overrides::default()) {
            panic!("{format}: {error:#}");
        }
    }
}

#[test]
fn guesses_that_a_zone_or_the_order_of_day_and_month_rest_on_nothing_are_told() {
    let toml = |text: &str| inferred(format!("{{\"t\": \"{text}\", \"v\": 1}}")).toml;
    assert!(toml("2026-11-28 17:44:05").contains("the zone is a guess"));
    assert!(!toml("2026-11-28 17:44:05Z").contains("the zone is a guess"));
    assert!(toml("05/11/2026").contains("day and month may be the other way round"));
    assert!(!toml("28/11/2026").contains("the other way round"));
    let both = "{\"t\": \"05/11/2026\", \"v\": 1}\n{\"t\": \"05/28/2026\", \"v\": 1}\n";
    let toml = inferred(both).toml;
    assert!(
        toml.contains("%m/%d/%Y") && !toml.contains("the other way round"),
        "{toml}"
    );
}

#[test]
fn texts_that_are_numbers_words_that_are_states_and_long_integers_are_values() {
    let file = "{\"price\": \"12.50\", \"door\": \"open\", \"total\": 9007199254740993, \"plant.heat °C\": 1}\n\
                {\"price\": \"3\", \"door\": \"closed\", \"total\": 5, \"plant.heat °C\": 2}\n";
    assert_inferred(
        file,
        &[
            "{ field = \"price\", number = \"text\" }, # all 2, such as 12.50",
            "{ field = \"door\", map = { \"closed\" = 0, \"open\" = 1 } }, # all 2: only open and closed",
            "{ field = \"total\", number = \"round\" }, # all 2, such as 9007199254740993; 1 are beyond 2^53",
            "{ field = \"plant.heat °C\", as = \"plant_heat__C\" },",
        ],
    );
}

#[test]
fn nested_fields_have_short_names_unless_two_would_have_the_same() {
    let file = r#"{"device": {"id": "d1", "name": "oven"}, "site": {"name": "b"}, "air": {"heat": 1}}"#;
    assert_inferred(
        file,
        &[
            "{ field = \"device.id\", as = \"device\" },",
            "{ field = \"device.name\", as = \"device_name\" },",
            "{ field = \"site.name\", as = \"site\" },",
            "\"air.heat\",",
            "'m_air_heat{device=\"d1\",device_name=\"oven\",site=\"b\"} 1 ",
        ],
    );
}

#[test]
fn objects_that_hold_tags_or_fields_are_taken_as_a_whole() {
    let file = "{\"ts\": 1764351845000, \"tags\": {\"host\": \"a\", \"rack\": \"r1\"}, \"fields\": {\"load\": 1.5, \"state\": \"ok\"}}";
    assert_inferred(
        file,
        &[
            "{ all = \"tags\" }, # 2 fields, such as host, rack",
            "{ all = \"fields\" }, # 2 fields, such as load, state",
            "'m_load{host=\"a\",rack=\"r1\"} 1.5 2025-11-28T17:44:05Z'",
        ],
    );
}

#[test]
fn a_text_that_differs_in_nearly_each_record_is_no_label() {
    let file = lines(30, |n| {
        format!("{{\"hash\": \"h{n}\", \"device_id\": \"d{n}\", \"v\": 1}}")
    });
    assert_inferred(
        &file,
        &[
            "\"device_id\", # all 30, 30 different",
            "#   hash: 30 different values in 30 objects",
        ],
    );
}

#[test]
fn a_field_that_names_the_one_value_beside_it_is_the_metric() {
    let file = "{\"n\": \"volt\", \"u\": \"V\", \"v\": 230}\n{\"n\": \"ampere\", \"u\": \"A\", \"v\": 2}\n";
    assert_inferred(
        file,
        &[
            "metric = { field = \"n\" } # beside a single value; such as \"volt\", \"ampere\"",
            "\"u\",",
            "\"v\",",
            "'volt{u=\"V\"} 230 ",
        ],
    );
    // Two values, or one that says of what it is.
    for file in [
        "{\"name\": \"a\", \"value\": 1, \"heat\": 2}",
        "{\"name\": \"a\", \"heat\": 2}",
    ] {
        assert_inferred(file, &["\"name\","]);
    }
}

#[test]
fn what_a_sample_holds_ends_neither_a_comment_nor_a_text() {
    let file =
        r#"{"a\nb = 1": 5, "c": "x\n]\u0000", "d'''": "'''\\", "\"e\"": 1, "__name__": "n", "f": "'"}"#;
    assert_inferred(file, &["{ field = \"a\\nb = 1\", as = \"a_b___1\" }"]);
}
