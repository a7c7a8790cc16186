//! The levels on which points are kept: as they came, and rolled up.

use crate::data::words::words;

pub(super) const MINUTE: i64 = 60_000_000;
pub(super) const HOUR: i64 = 60 * MINUTE;
pub(super) const DAY: i64 = 24 * HOUR;

/// The start of the row or day in which a time lies.
pub(super) const fn round_down(time: i64, width: i64) -> i64 {
    time.saturating_sub(time.rem_euclid(width))
}

/// The first start that is not before the time.
pub(super) const fn round_up(time: i64, width: i64) -> i64 {
    match time.rem_euclid(width) {
        0 => time,
        rest => time.saturating_add(width - rest),
    }
}

words! {
    /// What is kept of a stream, finest first, by the names that `horizons` has for them.
    pub enum Level, name, from_name {
        Raw = "raw",
        Minute = "1m",
        Hour = "1h",
        Day = "1d",
    }
}

impl Level {
    pub const ROLLUPS: [Self; 3] = [Self::Minute, Self::Hour, Self::Day];

    pub const fn table(self) -> &'static str {
        match self {
            Self::Raw => "points",
            Self::Minute => "rollup_1m",
            Self::Hour => "rollup_1h",
            Self::Day => "rollup_1d",
        }
    }

    /// Of one row, in microseconds.
    pub(super) const fn width(self) -> i64 {
        match self {
            Self::Raw => 1,
            Self::Minute => MINUTE,
            Self::Hour => HOUR,
            Self::Day => DAY,
        }
    }

    /// Days in a new time partition, for some hundred partitions of each table at most.
    pub const fn partition_days(self) -> u32 {
        match self {
            Self::Raw => 1,
            Self::Minute => 7,
            Self::Hour => 30,
            Self::Day => 360,
        }
    }

    /// The same for times that are far from the present.
    pub const fn far_days(self) -> u32 {
        match self {
            Self::Raw => 30,
            Self::Minute => 112,
            Self::Hour | Self::Day => 360,
        }
    }

    /// Partitions that are created in advance, besides the current one.
    pub(super) const fn ahead(self) -> i64 {
        match self {
            Self::Raw => 2,
            Self::Minute | Self::Hour | Self::Day => 1,
        }
    }
}
