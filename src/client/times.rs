//! Times as people write and read them.

use anyhow::{Context, Result};
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;

use crate::data::{Micros, TimeUnit};

/// A date is its first moment in `zone`, and a time without an offset is one of `zone`. RFC 3339 and
/// seconds since 1970 need none.
pub fn parse(text: &str, zone: &TimeZone) -> Result<Micros> {
    let seconds = || Micros::from_epoch_fraction(text.parse().ok()?, TimeUnit::S);
    let exact = || text.parse().ok();
    let local = || {
        let time: DateTime = text.parse().ok()?;
        let time = time.to_zoned_datetime(zone.clone()).ok()?;
        Some(time.timestamp())
    };
    let micros = |time: Timestamp| Micros(time.as_microsecond());
    seconds()
        .or_else(|| exact().or_else(local).map(micros))
        .filter(|time| (Micros::FIRST..=Micros::LAST).contains(time))
        .with_context(|| {
            format!(
                "'{text}' is no time: write 2026-11-28, 2026-11-28T17:44, \
                 2026-11-28T17:44:05+01:00 or seconds since 1970"
            )
        })
}

/// The same in UTC.
pub fn parse_utc(text: &str) -> Result<Micros> {
    parse(text, &TimeZone::UTC)
}

/// How many digits of the second all these times need: 0, 3 or 6.
pub fn digits(times: impl IntoIterator<Item = Micros>) -> usize {
    let needed = |time: Micros| match time.0.rem_euclid(1_000_000) {
        0 => 0,
        micros if micros % 1_000 == 0 => 3,
        _ => 6,
    };
    times.into_iter().map(needed).max().unwrap_or(0)
}

/// As RFC 3339, of `zone` with its offset.
pub fn shown(time: Micros, digits: usize, zone: &TimeZone) -> String {
    let Ok(timestamp) = Timestamp::from_microsecond(time.0) else {
        return time.to_string();
    };
    let form = match *zone == TimeZone::UTC {
        true => format!("%Y-%m-%dT%H:%M:%S%.{digits}fZ"),
        false => format!("%Y-%m-%dT%H:%M:%S%.{digits}f%:z"),
    };
    let form = form.replace("%.0f", "");
    timestamp
        .to_zoned_datetime(zone.clone())
        .strftime(&form)
        .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn berlin() -> TimeZone {
        TimeZone::get("Europe/Berlin").unwrap()
    }

    #[test]
    fn a_time_may_be_a_date_lack_its_seconds_or_count_them() {
        for (text, utc, in_berlin) in [
            ("2026-11-28", "2026-11-28T00:00:00Z", "2026-11-27T23:00:00Z"),
            ("2026-07-28", "2026-07-28T00:00:00Z", "2026-07-27T22:00:00Z"),
            ("2026-11-28T17:44", "2026-11-28T17:44:00Z", "2026-11-28T16:44:00Z"),
            (
                "2026-11-28 17:44:05.5",
                "2026-11-28T17:44:05.5Z",
                "2026-11-28T16:44:05.5Z",
            ),
            (
                "2026-11-28T17:44Z",
                "2026-11-28T17:44:00Z",
                "2026-11-28T17:44:00Z",
            ),
            (
                "2026-11-28T17:44:05+01:00",
                "2026-11-28T16:44:05Z",
                "2026-11-28T16:44:05Z",
            ),
            (
                "1700000000.25",
                "2023-11-14T22:13:20.25Z",
                "2023-11-14T22:13:20.25Z",
            ),
            ("-1", "1969-12-31T23:59:59Z", "1969-12-31T23:59:59Z"),
        ] {
            let expected = |text: &str| Micros::from_rfc3339(text).unwrap();
            assert_eq!(parse_utc(text).unwrap(), expected(utc), "{text}");
            assert_eq!(parse(text, &berlin()).unwrap(), expected(in_berlin), "{text}");
        }
    }

    #[test]
    fn what_is_no_time_is_told_how_times_are_written() {
        for text in [
            "",
            "yesterday",
            "2026-13-01",
            "2026-11-28T25:00",
            "28.11.2026",
            "nan",
            "1e300",
            "-9e11",
        ] {
            let why = parse_utc(text).unwrap_err().to_string();
            assert!(
                why.starts_with(&format!("'{text}' is no time: write 2026-11-28,")),
                "{why}"
            );
        }
    }

    #[test]
    fn a_time_is_shown_in_its_zone_and_without_needless_digits() {
        let time = |text| Micros::from_rfc3339(text).unwrap();
        let (whole, millis, micros) = (
            time("2026-11-28T17:44:05Z"),
            time("2026-11-28T17:44:05.250Z"),
            time("2026-11-28T17:44:05.000001Z"),
        );
        assert_eq!(digits([]), 0);
        assert_eq!(digits([whole]), 0);
        assert_eq!(digits([whole, millis]), 3);
        assert_eq!(digits([micros, millis]), 6);
        assert_eq!(shown(whole, 0, &TimeZone::UTC), "2026-11-28T17:44:05Z");
        assert_eq!(shown(millis, 3, &TimeZone::UTC), "2026-11-28T17:44:05.250Z");
        assert_eq!(shown(micros, 6, &berlin()), "2026-11-28T18:44:05.000001+01:00");
        assert_eq!(shown(micros, 3, &TimeZone::UTC), "2026-11-28T17:44:05.000Z");
    }
}
