//! Tables, as they stand in a terminal and in a file.

use serde_json::json;

use super::*;

fn printed_on(screen: Screen, zone: TimeZone, data: Value) -> String {
    let mut out = Vec::new();
    assert!(print(&data, &Look { screen, zone }, &mut out).unwrap());
    String::from_utf8(out).unwrap()
}

fn printed(data: Value) -> String {
    printed_on(Screen::default(), TimeZone::UTC, data)
}

fn wide(width: usize) -> Screen {
    Screen {
        width: Some(width),
        ..Screen::default()
    }
}

fn history(long: &str) -> Value {
    let points = |values: [Value; 2]| {
        let [first, second] = values;
        json!([
            { "ts": "2026-11-28T00:00:00.000000Z", "value": first },
            { "ts": "2026-11-28T00:00:10.000000Z", "value": second },
        ])
    };
    json!({ "history": [
        { "series": { "key": "m{}" }, "points": points([json!(1.771_999_999_999_999_8), json!(70.0)]) },
        { "series": { "key": long }, "points": points([json!(-120.25), Value::Null]) },
    ] })
}

#[test]
fn a_history_has_one_row_for_each_series_and_time() {
    let long = format!("m{{a=\"{}\"}}", "x".repeat(60));
    let blank = " ".repeat(long.len());
    let expected = [
        format!("series.key{}  ts                    value", &blank[10..]),
        format!("{}  --------------------  --------", "-".repeat(long.len())),
        format!("m{{}}{}  2026-11-28T00:00:00Z     1.772", &blank[3..]),
        format!("m{{}}{}  2026-11-28T00:00:10Z    70", &blank[3..]),
        format!("{long}  2026-11-28T00:00:00Z  -120.25"),
        format!("{long}  2026-11-28T00:00:10Z"),
    ];
    let printed = printed(history(&long));
    let lines: Vec<_> = printed.lines().collect();
    assert_eq!(lines[1..], expected[1..], "{printed}");
    assert!(
        lines[0].starts_with("series.key") && lines[0].ends_with("value"),
        "{printed}"
    );
}

#[test]
fn the_time_stands_before_all_aggregates() {
    let points = json!([{ "avg": 1.5, "max": 2, "ts": "2026-11-28T00:00:00.000000Z" }]);
    let printed = printed(json!({ "history": [{ "series": { "key": "m{}" }, "points": points }] }));
    let names: Vec<_> = printed.lines().next().unwrap().split_whitespace().collect();
    assert_eq!(names, ["series.key", "ts", "avg", "max"]);
}

#[test]
fn a_table_fits_the_terminal_and_cuts_neither_times_nor_numbers() {
    let long = format!(
        "machines_temperature{{rack=\"{}\",site=\"north\"}}",
        "x".repeat(60)
    );
    for width in [80, 60, 50] {
        let printed = printed_on(wide(width), TimeZone::UTC, history(&long));
        let longest = printed.lines().map(|line| line.chars().count()).max();
        assert!(
            longest.is_some_and(|longest| longest <= width),
            "{width}\n{printed}"
        );
        assert!(printed.contains("…"), "{printed}");
        assert!(
            printed.contains("h\"}  2026-11-28T00:00:00Z  -120.25"),
            "{printed}"
        );
    }
    // Where not even that fits, the table is as narrow as it gets.
    let printed = printed_on(wide(10), TimeZone::UTC, history(&long));
    assert!(
        printed.lines().all(|line| line.chars().count() <= 44),
        "{printed}"
    );
}

#[test]
fn times_are_of_the_zone_that_was_asked_for_and_have_the_digits_that_they_need() {
    let berlin = TimeZone::get("Europe/Berlin").unwrap();
    let shown = printed_on(Screen::default(), berlin, history("n{}"));
    assert!(
        shown.contains("m{}         2026-11-28T01:00:10+01:00    70"),
        "{shown}"
    );
    let times = json!([{ "ts": "2026-11-28T00:00:00.000000Z" }, { "ts": "2026-11-28T00:00:00.250000Z" }]);
    let expected = "ts\n------------------------\n2026-11-28T00:00:00.000Z\n2026-11-28T00:00:00.250Z\n";
    assert_eq!(printed(times), expected);
}

#[test]
fn lists_without_times_stay_in_their_row_and_numbers_in_them_are_short() {
    let labels = json!([{ "name": "a", "value": "1" }]);
    let node = json!({ "key": "m{}", "labels": labels, "percentiles": [1.771_999_999_999_999_8, null] });
    let printed = printed(json!({ "series": { "nodes": [node] } }));
    assert_eq!(printed.lines().count(), 3, "{printed}");
    assert!(
        printed.contains(r#"[{"name":"a","value":"1"}]  1.772 -"#),
        "{printed}"
    );
}

#[test]
fn only_a_terminal_sees_colours() {
    let colours = Screen {
        colours: true,
        ..wide(80)
    };
    let painted = printed_on(colours, TimeZone::UTC, history("n{}"));
    assert!(painted.starts_with("\x1b[1mseries.key"), "{painted}");
    let plain: String = painted.split("\x1b[1m").collect::<Vec<_>>().concat();
    let plain = plain.replace("\x1b[2m", "").replace("\x1b[0m", "");
    assert_eq!(plain, printed(history("n{}")));
}
