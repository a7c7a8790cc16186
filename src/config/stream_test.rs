//! `[[stream.test]]`: a record, and what must become of it.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::data::Micros;

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StreamTest {
    pub name: String,
    /// The record's payload.
    pub input: Option<String>,
    /// The same in base64, for formats that are no texts.
    pub input_base64: Option<String>,
    pub key: Option<String>,
    #[serde(default)]
    pub headers: BTreeMap<String, String>,
    /// The record's timestamp in Kafka.
    #[serde(default, with = "rfc3339")]
    pub time: Option<Micros>,
    /// Each is `series value time`.
    #[serde(default)]
    pub points: Vec<String>,
    /// The reason code of the dead letter that is expected instead.
    pub dead_letter: Option<String>,
}

mod rfc3339 {
    use serde::{Deserialize, Deserializer};

    use crate::data::Micros;

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Micros>, D::Error> {
        let text = String::deserialize(deserializer)?;
        let time = Micros::from_rfc3339(&text);
        time.map(Some)
            .ok_or_else(|| serde::de::Error::custom("must be an RFC 3339 time"))
    }
}
