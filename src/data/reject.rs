//! Why a record became a dead letter.

use super::words::words;

words! {
    /// The reason code stored in `dead_letters.reason` and counted in the metrics.
    pub enum Reason, code {
        NotJson = "not_json",
        NotCsv = "not_csv",
        NotLineProtocol = "not_line_protocol",
        NotMessagePack = "not_messagepack",
        NotAvro = "not_avro",
        NotProtobuf = "not_protobuf",
        UnknownSchema = "unknown_schema",
        BadCompression = "bad_compression",
        TooDeep = "too_deep",
        MissingField = "missing_field",
        WrongType = "wrong_type",
        TransformFailed = "transform_failed",
        NotFinite = "not_finite",
        BadTimestamp = "bad_timestamp",
        OutOfTimeRange = "out_of_time_range",
        TooOld = "too_old",
        InvalidName = "invalid_name",
        LabelTooLong = "label_too_long",
        TooManyLabels = "too_many_labels",
        RecordTooLarge = "record_too_large",
        UnknownStream = "unknown_stream",
        TooManySeries = "too_many_series",
        TooManyPartitions = "too_many_partitions",
        RejectedByStore = "rejected_by_store",
    }
}

impl Reason {
    /// Whether a wrong mapping may be the cause. The others are caused by one record or the catalogue.
    pub const fn blames_mapping(self) -> bool {
        matches!(
            self,
            Self::NotJson
                | Self::NotCsv
                | Self::NotLineProtocol
                | Self::NotMessagePack
                | Self::NotAvro
                | Self::NotProtobuf
                | Self::UnknownSchema
                | Self::BadCompression
                | Self::MissingField
                | Self::WrongType
                | Self::TransformFailed
                | Self::NotFinite
                | Self::BadTimestamp
                | Self::OutOfTimeRange
        )
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
