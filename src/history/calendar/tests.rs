//! Calendar buckets, against what a wall calendar and the time zones' own histories say.

use proptest::prelude::*;

use super::*;

const ZONES: [&str; 9] = [
    "UTC",
    "Europe/Berlin",
    "America/Sao_Paulo",
    "Asia/Kolkata",
    "Australia/Lord_Howe",
    "America/St_Johns",
    "Pacific/Apia",
    "Asia/Kathmandu",
    "America/New_York",
];

fn at(text: &str) -> Micros {
    Micros::from_rfc3339(text).unwrap()
}

fn starts(step: &str, zone: &str, from: &str, to: &str) -> Vec<String> {
    let (from, to) = (at(from), at(to));
    let grid = Step::parse(step, zone).unwrap().grid(from, to).unwrap();
    let short = |start: Micros| start.to_string().replace(".000000Z", "Z");
    grid.starts(from, to).map(short).collect()
}

#[test]
fn a_text_is_a_fixed_width_or_a_unit_of_the_calendar() {
    let parse = |text| Step::parse(text, "Europe/Berlin").unwrap();
    let even = |micros| Step::Even(round_widths::step(micros).unwrap());
    let unit = |unit, count| Step::Calendar {
        unit,
        count,
        zone: TimeZone::get("Europe/Berlin").unwrap(),
    };
    let hour = DAY / 24;
    for (text, micros) in [
        ("250ms", 250_000),
        ("5m", hour / 12),
        ("12h", 12 * hour),
        ("24h", DAY),
        ("1h 30m", hour * 3 / 2),
        ("1d 12h", DAY * 3 / 2),
        ("1.5d", DAY * 3 / 2),
        ("1w 1d", DAY * 8),
    ] {
        assert_eq!(parse(text), even(micros), "{text}");
    }
    for (text, of, count) in [
        ("1d", CalendarUnit::Day, 1),
        ("7 days", CalendarUnit::Day, 7),
        ("1w", CalendarUnit::Week, 1),
        ("1mo", CalendarUnit::Month, 1),
        ("1month", CalendarUnit::Month, 1),
        ("3months", CalendarUnit::Month, 3),
        (" 1M ", CalendarUnit::Month, 1),
        ("1y", CalendarUnit::Year, 1),
    ] {
        assert_eq!(parse(text), unit(of, count), "{text}");
    }
    // In UTC every day is as long as any other.
    assert_eq!(Step::parse("7d", "UTC").unwrap(), even(7 * DAY));
    let wrong = [
        "",
        "5",
        "m",
        "mo",
        "0d",
        "0s",
        "-1d",
        "1.5mo",
        "1y 2mo",
        "1mo 1d",
        "1000y",
        "99999999999d",
        "1 fortnight",
    ];
    for text in wrong {
        assert!(Step::parse(text, "UTC").is_err(), "{text}");
    }
    for zone in ["", "Mars/Olympus", "Europe/../Berlin", "+01:00"] {
        assert!(Step::parse("1d", zone).is_err(), "{zone}");
    }
}

#[test]
fn days_are_as_long_as_daylight_saving_makes_them() {
    // 23 hours on 2026-03-29, 25 on 2026-10-25.
    assert_eq!(
        starts(
            "1d",
            "Europe/Berlin",
            "2026-03-28T12:00:00Z",
            "2026-03-30T12:00:00Z"
        ),
        [
            "2026-03-27T23:00:00Z",
            "2026-03-28T23:00:00Z",
            "2026-03-29T22:00:00Z"
        ]
    );
    assert_eq!(
        starts(
            "1d",
            "Europe/Berlin",
            "2026-10-24T22:00:00Z",
            "2026-10-26T23:00:00Z"
        ),
        ["2026-10-24T22:00:00Z", "2026-10-25T23:00:00Z"]
    );
    assert_eq!(
        starts(
            "1d",
            "Asia/Kolkata",
            "2026-01-01T00:00:00Z",
            "2026-01-02T00:00:00Z"
        ),
        ["2025-12-31T18:30:00Z", "2026-01-01T18:30:00Z"]
    );
}

#[test]
fn a_day_without_a_midnight_begins_with_its_first_moment_and_a_skipped_day_has_no_bucket() {
    // In São Paulo clocks went from 00:00 to 01:00 on 2018-11-04.
    assert_eq!(
        starts(
            "1d",
            "America/Sao_Paulo",
            "2018-11-03T12:00:00Z",
            "2018-11-05T12:00:00Z"
        ),
        [
            "2018-11-03T03:00:00Z",
            "2018-11-04T03:00:00Z",
            "2018-11-05T02:00:00Z"
        ]
    );
    // Samoa went over the date line and had no 2011-12-30.
    assert_eq!(
        starts(
            "1d",
            "Pacific/Apia",
            "2011-12-29T12:00:00Z",
            "2012-01-01T00:00:00Z"
        ),
        [
            "2011-12-29T10:00:00Z",
            "2011-12-30T10:00:00Z",
            "2011-12-31T10:00:00Z"
        ]
    );
}

#[test]
fn weeks_begin_on_monday_and_months_and_years_with_their_first_day() {
    assert_eq!(
        starts("1w", "UTC", "2026-11-24T00:00:00Z", "2026-12-01T00:00:00Z"),
        ["2026-11-23T00:00:00Z", "2026-11-30T00:00:00Z"]
    );
    assert_eq!(
        starts("1mo", "UTC", "2028-01-31T00:00:00Z", "2028-03-02T00:00:00Z"),
        [
            "2028-01-01T00:00:00Z",
            "2028-02-01T00:00:00Z",
            "2028-03-01T00:00:00Z"
        ]
    );
    assert_eq!(
        starts(
            "3months",
            "Europe/Berlin",
            "2026-02-01T00:00:00Z",
            "2026-08-01T00:00:00Z"
        ),
        [
            "2025-12-31T23:00:00Z",
            "2026-03-31T22:00:00Z",
            "2026-06-30T22:00:00Z"
        ]
    );
    assert_eq!(
        starts(
            "1y",
            "America/New_York",
            "1969-06-01T00:00:00Z",
            "1971-01-01T05:00:00Z"
        ),
        ["1969-01-01T05:00:00Z", "1970-01-01T05:00:00Z"]
    );
    // Counted from 1970, also backwards.
    assert_eq!(
        starts("2w", "UTC", "1970-01-01T00:00:00Z", "1970-01-06T00:00:00Z"),
        ["1969-12-22T00:00:00Z", "1970-01-05T00:00:00Z"]
    );
    assert_eq!(
        starts(
            "2d",
            "Asia/Kolkata",
            "1970-01-01T00:00:00Z",
            "1970-01-02T00:00:00Z"
        ),
        ["1969-12-31T18:30:00Z"]
    );
}

#[test]
fn a_bucket_that_reaches_back_beyond_the_year_1_begins_with_it() {
    assert_eq!(
        starts(
            "1y",
            "Europe/Berlin",
            "0001-01-01T00:00:00Z",
            "0003-01-01T00:00:00Z"
        ),
        [
            "0001-01-01T00:00:00Z",
            "0001-12-31T23:06:32Z",
            "0002-12-31T23:06:32Z"
        ]
    );
    // Those of seven days are counted from 1970.
    assert_eq!(
        starts("7d 0h", "UTC", "0001-01-01T00:00:00Z", "0001-01-05T00:00:00Z"),
        ["0001-01-01T00:00:00Z", "0001-01-04T00:00:00Z"]
    );
}

#[test]
fn buckets_are_bounded_in_number_and_reach_the_ends_of_time() {
    let all = (Micros::FIRST, Micros(Micros::LAST.0 + 1));
    let grid = |text| Step::parse(text, "Europe/Berlin").unwrap().grid(all.0, all.1);
    assert!(grid("1d").is_err());
    let Grid::Calendar(months) = grid("2mo").unwrap() else {
        panic!("even months")
    };
    assert!(months[0] <= all.0 && months[months.len() - 1] >= all.1);
}

proptest! {
    #[test]
    fn buckets_follow_each_other_cover_the_span_and_do_not_depend_on_it(
        zone in prop::sample::select(ZONES.to_vec()),
        (unit, count) in (prop::sample::select(vec!["d", "w", "mo", "y"]), 1u32..5),
        from in at("1900-01-01T00:00:00Z").0..at("2060-01-01T00:00:00Z").0,
        span in 1..400 * DAY,
        more in 0..50 * DAY,
    ) {
        let step = Step::parse(&format!("{count}{unit}"), zone).unwrap();
        let (from, to) = (Micros(from), Micros(from + span));
        let grid = step.grid(from, to).unwrap();
        if let Grid::Calendar(bounds) = &grid {
            prop_assert!(bounds.is_sorted_by(|a, b| a < b));
            prop_assert!(bounds[0] <= from && bounds[bounds.len() - 1] >= to);
        }
        let wider = step.grid(Micros(from.0 - more), Micros(to.0 + more)).unwrap();
        let starts: Vec<_> = grid.starts(from, to).collect();
        prop_assert_eq!(&wider.starts(from, to).collect::<Vec<_>>(), &starts);
        for start in starts {
            prop_assert_eq!(wider.end(start), grid.end(start));
            // Each begins with the first moment of a date, on a day that its unit allows.
            let zone = TimeZone::get(zone).unwrap();
            let local = |micros| zone.to_datetime(Timestamp::from_microsecond(micros).unwrap());
            let date = local(start.0).date();
            prop_assert!(local(start.0 - 1).date() < date);
            match unit {
                "w" => prop_assert_eq!(date.weekday(), jiff::civil::Weekday::Monday),
                "mo" => prop_assert_eq!(date.day(), 1),
                "y" => prop_assert_eq!(date.day_of_year(), 1),
                _ => {}
            }
        }
    }
}
