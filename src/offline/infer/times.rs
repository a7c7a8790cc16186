//! As what a field may be read so that its values are times, by reading them that way.

use std::sync::LazyLock;

use jiff::tz::TimeZone;

use crate::data::{Micros, TimeUnit, Value};
use crate::transform::{TimeField, Zone};

/// As of `strptime`. Those with an offset come first, and the day before the month where both would do.
pub const FORMATS: [&str; 32] = [
    "%Y-%m-%d %H:%M:%S%.f %z",
    "%Y-%m-%d %H:%M:%S%.f UTC",
    "%d/%b/%Y:%H:%M:%S %z",
    "%a, %d %b %Y %H:%M:%S %z",
    "%a, %d %b %Y %H:%M:%S GMT",
    "%a %b %d %H:%M:%S %z %Y",
    "%Y-%m-%d %H:%M:%S,%f",
    "%Y-%m-%dT%H:%M",
    "%Y-%m-%d %H:%M",
    "%Y/%m/%d %H:%M:%S%.f",
    "%Y/%m/%d %H:%M",
    "%Y/%m/%d",
    "%d.%m.%Y %H:%M:%S%.f",
    "%d.%m.%Y %H:%M",
    "%d.%m.%Y",
    "%d/%m/%Y %H:%M:%S%.f",
    "%m/%d/%Y %H:%M:%S%.f",
    "%d/%m/%Y %H:%M",
    "%m/%d/%Y %H:%M",
    "%d/%m/%Y %I:%M:%S %p",
    "%m/%d/%Y %I:%M:%S %p",
    "%m/%d/%Y %I:%M %p",
    "%d/%m/%Y",
    "%m/%d/%Y",
    "%d-%m-%Y %H:%M:%S%.f",
    "%d-%m-%Y %H:%M",
    "%d-%b-%Y %H:%M:%S%.f",
    "%d %b %Y %H:%M:%S%.f",
    "%b %d, %Y %H:%M:%S%.f",
    "%b %d, %Y, %I:%M:%S %p",
    "%a %b %d %H:%M:%S %Y",
    "%Y%m%d%H%M%S",
];

/// Values for which every way is tried; of those behind them only the ways that have worked.
const TRIED: usize = 50;

/// The years 2000 to 2099. Numbers in them are of one unit only.
const PLAUSIBLE: std::ops::Range<Micros> = Micros(946_684_800_000_000)..Micros(4_102_444_800_000_000);

struct Way {
    as_time: TimeField,
    /// Of numbers, and of texts of digits.
    is_epoch: bool,
}

static WAYS: LazyLock<Vec<Way>> = LazyLock::new(|| {
    let plain = || TimeField {
        field: String::new(),
        ..TimeField::default()
    };
    let zone = || Some(Zone(TimeZone::UTC));
    let way = |as_time| Way {
        as_time,
        is_epoch: false,
    };
    let texts = [
        plain(),
        TimeField {
            zone: zone(),
            ..plain()
        },
    ];
    let units = [TimeUnit::S, TimeUnit::Ms, TimeUnit::Us, TimeUnit::Ns];
    let epochs = units.into_iter().map(|unit| Way {
        as_time: TimeField {
            unit: Some(unit),
            ..plain()
        },
        is_epoch: true,
    });
    let formats = FORMATS.into_iter().map(|format| TimeField {
        format: Some(format.to_owned()),
        zone: (!format.contains("%z")).then(zone).flatten(),
        ..plain()
    });
    texts
        .into_iter()
        .map(way)
        .chain(epochs)
        .chain(formats.map(way))
        .collect()
});

/// How many of the values each way has read as a time.
#[derive(Clone, Debug, Default)]
pub struct Times {
    seen: usize,
    read: Vec<usize>,
    newest: Option<Micros>,
    oldest: Option<Micros>,
}

/// A field as a time.
#[derive(Clone, Debug)]
pub struct AsTime {
    pub as_time: TimeField,
    /// Day and month may be the other way round.
    pub is_ambiguous: bool,
    /// The zone is a guess.
    pub zone_is_guessed: bool,
}

impl Times {
    pub fn add(&mut self, value: &Value<'_>) {
        self.seen += 1;
        if self.read.is_empty() {
            self.read.resize(WAYS.len(), 0);
        }
        for (way, read) in WAYS.iter().zip(&mut self.read) {
            if self.seen > TRIED && *read == 0 || !applies(way, value) {
                continue;
            }
            let time = way.as_time.parse("", value).ok();
            let Some(time) = time.filter(|time| PLAUSIBLE.contains(time)) else {
                continue;
            };
            *read += 1;
            self.newest = self.newest.max(Some(time));
            self.oldest = Some(self.oldest.map_or(time, |oldest| oldest.min(time)));
        }
    }

    /// The way that reads all of the values, or nearly all.
    pub fn best(&self) -> Option<AsTime> {
        let is_enough = |read: usize| read > 0 && read * 20 >= self.seen * 19;
        let read = || {
            self.read
                .iter()
                .zip(WAYS.iter())
                .filter(|(read, _)| is_enough(**read))
        };
        let (most, way) = read().next()?;
        let format = |way: &Way| way.as_time.format.clone().unwrap_or_default();
        let swapped = format(way).replacen("%d/%m", "%m/%d", 1);
        let is_ambiguous = swapped != format(way) && read().any(|(_, way)| format(way) == swapped);
        // Of the two the one that reads more.
        let better = read().find(|(read, way)| *read > most && format(way) == swapped);
        let way = better.map_or(way, |(_, way)| way);
        let is_utc = format(way).ends_with("UTC") || format(way).ends_with("GMT");
        Some(AsTime {
            as_time: way.as_time.clone(),
            is_ambiguous: is_ambiguous && better.is_none(),
            zone_is_guessed: way.as_time.zone.is_some() && !is_utc,
        })
    }
}

fn applies(way: &Way, value: &Value<'_>) -> bool {
    match value {
        Value::Int(_) | Value::Float(_) => way.is_epoch,
        Value::Text(text) | Value::Untyped(text) => {
            let is_number = text.trim().parse::<f64>().is_ok();
            // Eight digits are a date of ISO 8601 as well; 14 are one of a format.
            way.is_epoch == is_number || (is_number && way.as_time.format.is_some() && text.len() == 14)
        }
        Value::Time(_) => true,
        _ => false,
    }
}
