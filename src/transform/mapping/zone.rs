//! Time zones as the configuration names them.

use std::fmt;

use jiff::tz::TimeZone;
use serde::{Deserialize, Deserializer};

/// A time zone of the IANA database, such as `Europe/Berlin`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Zone(pub TimeZone);

impl<'de> Deserialize<'de> for Zone {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = String::deserialize(deserializer)?;
        let zone = TimeZone::get(&name);
        zone.map(Self).map_err(|_| {
            serde::de::Error::custom(format!("'{name}' is no time zone, such as \"Europe/Berlin\""))
        })
    }
}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.iana_name().unwrap_or("UTC"))
    }
}
