//! Why a record became a dead letter.

use std::fmt;

/// The reason code stored in `dead_letters.reason` and counted in the metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Reason {
    NotJson,
    TooDeep,
    MissingField,
    WrongType,
    NotFinite,
    BadTimestamp,
    OutOfTimeRange,
    TooOld,
    InvalidName,
    LabelTooLong,
    TooManyLabels,
    RecordTooLarge,
    UnknownStream,
    TooManySeries,
    TooManyPartitions,
    RejectedByStore,
}

impl Reason {
    pub const ALL: [Self; 16] = [
        Self::NotJson,
        Self::TooDeep,
        Self::MissingField,
        Self::WrongType,
        Self::NotFinite,
        Self::BadTimestamp,
        Self::OutOfTimeRange,
        Self::TooOld,
        Self::InvalidName,
        Self::LabelTooLong,
        Self::TooManyLabels,
        Self::RecordTooLarge,
        Self::UnknownStream,
        Self::TooManySeries,
        Self::TooManyPartitions,
        Self::RejectedByStore,
    ];

    /// Whether a wrong mapping may be why: of the others a record or the catalogue alone is.
    pub const fn blames_mapping(self) -> bool {
        matches!(
            self,
            Self::NotJson
                | Self::MissingField
                | Self::WrongType
                | Self::NotFinite
                | Self::BadTimestamp
                | Self::OutOfTimeRange
        )
    }

    pub const fn code(self) -> &'static str {
        match self {
            Self::NotJson => "not_json",
            Self::TooDeep => "too_deep",
            Self::MissingField => "missing_field",
            Self::WrongType => "wrong_type",
            Self::NotFinite => "not_finite",
            Self::BadTimestamp => "bad_timestamp",
            Self::OutOfTimeRange => "out_of_time_range",
            Self::TooOld => "too_old",
            Self::InvalidName => "invalid_name",
            Self::LabelTooLong => "label_too_long",
            Self::TooManyLabels => "too_many_labels",
            Self::RecordTooLarge => "record_too_large",
            Self::UnknownStream => "unknown_stream",
            Self::TooManySeries => "too_many_series",
            Self::TooManyPartitions => "too_many_partitions",
            Self::RejectedByStore => "rejected_by_store",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.code())
    }
}

/// One record that cannot be stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rejected {
    /// Index into `raw.records`.
    pub record: u32,
    pub reason: Reason,
    /// One sentence for a person; never more than a few hundred bytes.
    pub detail: String,
    /// Which element of an array of objects failed.
    pub element: Option<u32>,
}
