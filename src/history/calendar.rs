//! Parses steps, and makes their buckets: even ones, or days, weeks, months and years of a time zone's
//! calendar.
//!
//! | text | buckets |
//! |---|---|
//! | `250ms`, `15m`, `12h`, `1d 12h`, `1.5d` | of that length, aligned to 1970-01-01T00:00Z in every time zone |
//! | `1d`, `7 days` | days of the time zone, counted from 1970-01-01 |
//! | `1w`, `2 weeks` | weeks from Monday, counted from Monday 1970-01-05 |
//! | `1mo`, `3 months`, `1M` | months, counted from January 1970 |
//! | `1y`, `10 years` | years, counted from 1970 |

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::question::{BadQuestion, CalendarUnit, Step};
use super::round_widths;
use crate::data::{self, Grid, Micros};

/// The most calendar buckets of one question.
const BUCKETS_MAX: usize = 100_000;

const DAY: i64 = 86_400_000_000;
/// Days from 1970-01-01, a Thursday, to the first Monday.
const MONDAY: i64 = 4;
/// 100 years, as for fixed widths.
const MONTHS_MAX: u32 = 1_200;

impl Step {
    /// See the table above; `zone` is a name of the IANA database, such as `Europe/Berlin`.
    ///
    /// # Errors
    /// The text is no step, or is longer than 100 years.
    pub fn parse(text: &str, zone: &str) -> Result<Self, BadQuestion> {
        let bad = |why: &str| BadQuestion(format!("step: {why}"));
        let zone =
            TimeZone::get(zone).map_err(|_| BadQuestion(format!("timeZone: no time zone '{zone}'")))?;
        if let Some((count, unit)) = calendar(text) {
            let longest = match unit {
                CalendarUnit::Day => MONTHS_MAX / 12 * 365,
                CalendarUnit::Week => MONTHS_MAX / 12 * 52,
                CalendarUnit::Month => MONTHS_MAX,
                CalendarUnit::Year => MONTHS_MAX / 12,
            };
            let count = count.ok().filter(|count| (1..=longest).contains(count));
            let count = count.ok_or_else(|| bad("must be at least 1 and at most 100 years"))?;
            let is_even = unit == CalendarUnit::Day && zone == TimeZone::UTC;
            return match round_widths::step(i64::from(count) * DAY).filter(|_| is_even) {
                Some(even) => Ok(Self::Even(even)),
                None => Ok(Self::Calendar { unit, count, zone }),
            };
        }
        let of_no_fixed_length = |word: &str| {
            let name = word.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.');
            matches!(unit(name), Some(CalendarUnit::Month | CalendarUnit::Year))
        };
        if text.split_whitespace().any(of_no_fixed_length) {
            return Err(bad("months and years must be whole and stand alone"));
        }
        let width = humantime::parse_duration(text)
            .map_err(|error| bad(&format!("not a duration such as 5m, 1d or 1mo: {error}")))?;
        let step = data::Step::new(width).ok_or_else(|| bad("must be 1us to 100 years"))?;
        Ok(Self::Even(step))
    }

    /// The buckets that cover `from..to`, where `from < to`.
    ///
    /// # Errors
    /// There are more than 100,000 calendar buckets.
    pub fn grid(&self, from: Micros, to: Micros) -> Result<Grid, BadQuestion> {
        match self {
            Self::Even(step) => Ok(Grid::Even(*step)),
            Self::Fit(most) => round_widths::fit(from, to, *most)
                .map(Grid::Even)
                .ok_or_else(|| BadQuestion("the span is too long for so few points".to_owned())),
            Self::Calendar { unit, count, zone } => {
                let bounds = Bounds {
                    unit: *unit,
                    count: i64::from(*count),
                    zone,
                };
                bounds.over(from, to).map(|bounds| Grid::Calendar(bounds.into()))
            }
        }
    }
}

/// A whole number of one calendar unit, if it is that; the number may be too large.
fn calendar(text: &str) -> Option<(Result<u32, std::num::ParseIntError>, CalendarUnit)> {
    let text = text.trim();
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (count, name) = text.split_at(digits);
    let unit = unit(name.trim_start())?;
    (digits > 0).then(|| (count.parse(), unit))
}

fn unit(name: &str) -> Option<CalendarUnit> {
    Some(match name {
        "d" | "day" | "days" => CalendarUnit::Day,
        "w" | "wk" | "wks" | "week" | "weeks" => CalendarUnit::Week,
        "mo" | "M" | "month" | "months" => CalendarUnit::Month,
        "y" | "yr" | "yrs" | "year" | "years" => CalendarUnit::Year,
        _ => return None,
    })
}

/// Where calendar buckets begin.
struct Bounds<'a> {
    unit: CalendarUnit,
    count: i64,
    zone: &'a TimeZone,
}

impl Bounds<'_> {
    fn over(&self, from: Micros, to: Micros) -> Result<Vec<Micros>, BadQuestion> {
        let mut nr = self.bucket_of(from);
        // Where clocks go back over midnight, a day begins before the last moment of the previous day.
        while self.start(nr) > from {
            nr -= 1;
        }
        let mut bounds = vec![self.start(nr)];
        let mut last = bounds[0];
        while last < to || bounds.len() < 2 {
            nr += 1;
            let start = self.start(nr);
            // A zone may skip a day altogether.
            if start > last {
                bounds.push(start);
                last = start;
            }
            if bounds.len() > BUCKETS_MAX + 1 {
                return Err(BadQuestion(format!(
                    "more than {BUCKETS_MAX} buckets; take a longer step"
                )));
            }
        }
        Ok(bounds)
    }

    /// The number of the bucket on whose dates `ts` lies.
    fn bucket_of(&self, ts: Micros) -> i64 {
        let date = Timestamp::from_microsecond(ts.0).map_or(Date::MIN, |ts| self.zone.to_datetime(ts).date());
        let months = (i64::from(date.year()) - 1970) * 12 + i64::from(date.month()) - 1;
        let units = match self.unit {
            CalendarUnit::Day => days(date),
            CalendarUnit::Week => (days(date) - MONDAY).div_euclid(7),
            CalendarUnit::Month => months,
            CalendarUnit::Year => months.div_euclid(12),
        };
        units.div_euclid(self.count)
    }

    /// The first moment of a bucket, at most the moment after the last possible time.
    fn start(&self, nr: i64) -> Micros {
        let units = nr * self.count;
        let date = match self.unit {
            CalendarUnit::Day => date(units),
            CalendarUnit::Week => date(units * 7 + MONDAY),
            CalendarUnit::Month => month(units),
            CalendarUnit::Year => month(units * 12),
        };
        let start = date.and_then(|date| date.to_zoned_datetime(self.zone.clone()).ok());
        start.map_or(Micros(Micros::LAST.0 + 1), |start| {
            Micros(start.timestamp().as_microsecond())
        })
    }
}

const EPOCH: Date = Date::constant(1970, 1, 1);

fn days(date: Date) -> i64 {
    EPOCH.duration_until(date).as_secs() / 86_400
}

fn date(days: i64) -> Option<Date> {
    EPOCH
        .checked_add(jiff::SignedDuration::from_secs(days.checked_mul(86_400)?))
        .ok()
}

fn month(months: i64) -> Option<Date> {
    let year = i16::try_from(1970 + months.div_euclid(12)).ok()?;
    let month = i8::try_from(months.rem_euclid(12) + 1).ok()?;
    Date::new(year, month, 1).ok()
}

#[cfg(test)]
mod tests;
