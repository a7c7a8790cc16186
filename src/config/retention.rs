//! `retention` of a stream: one age for its points, or a table with one for each level.

use std::fmt;
use std::time::Duration;

use serde::de::value::MapAccessDeserializer;
use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

use crate::store::level::Level;
use crate::store::retention::Ages;
use crate::transform::humantime_text;

const DAY: Duration = Duration::from_secs(86_400);

/// Levels that are not set are kept forever.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(remote = "Self", default, deny_unknown_fields)]
pub struct Retention {
    #[serde(deserialize_with = "age")]
    pub raw: Option<Duration>,
    #[serde(rename = "1m", deserialize_with = "age")]
    pub minute: Option<Duration>,
    #[serde(rename = "1h", deserialize_with = "age")]
    pub hour: Option<Duration>,
    #[serde(rename = "1d", deserialize_with = "age")]
    pub day: Option<Duration>,
}

impl Retention {
    pub fn ages(&self) -> Ages {
        [self.raw, self.minute, self.hour, self.day]
    }

    pub(super) fn check(&self, future: Duration, say: &mut impl FnMut(String)) {
        let mut finer = (Level::Raw, Some(Duration::ZERO));
        for (level, age) in Level::ALL.into_iter().zip(self.ages()) {
            let name = level.name();
            if age.is_some_and(|age| age < future) {
                say(format!("retention.{name}: is shorter than accept.future"));
            }
            if age.is_some_and(|age| age < DAY) {
                say(format!("retention.{name}: must be at least 1d"));
            }
            if age.is_some_and(|age| finer.1.is_none_or(|finer| age < finer)) {
                let finer = finer.0.name();
                say(format!(
                    "retention.{name}: is shorter than {finer}, which it is computed from"
                ));
            }
            finer = (level, age);
        }
    }
}

impl<'de> Deserialize<'de> for Retention {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(TextOrTable)
    }
}

struct TextOrTable;

impl<'de> Visitor<'de> for TextOrTable {
    type Value = Retention;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(r#"an age such as "90d", or a table of them for raw, 1m, 1h and 1d"#)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Retention, E> {
        let raw = humantime_text::parse(text)?;
        Ok(Retention {
            raw: Some(raw),
            ..Retention::default()
        })
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Retention, A::Error> {
        Retention::deserialize(MapAccessDeserializer::new(map))
    }
}

fn age<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
    humantime_text::deserialize(deserializer).map(Some)
}

#[cfg(test)]
mod tests {
    use super::super::{Config, Overrides};
    use super::*;

    fn stream(retention: &str) -> Result<Retention, String> {
        let text = format!("[[stream]]\nname = \"s\"\naccept.future = \"2d\"\nretention = {retention}");
        let config = Config::from_text(&text, &Overrides::default());
        config
            .map(|config| config.streams[0].retention)
            .map_err(|mistakes| mistakes.to_string())
    }

    #[test]
    fn one_age_is_that_of_the_points_and_a_table_has_one_for_each_level() {
        let days = |n: u32| Some(DAY * n);
        assert_eq!(stream(r#""90d""#).unwrap().ages(), [days(90), None, None, None]);
        let all = stream(r#"{ raw = "90d", 1m = "90d", 1h = "5000d" }"#).unwrap();
        assert_eq!(all.ages(), [days(90), days(90), days(5_000), None]);
    }

    #[test]
    fn a_level_is_never_kept_longer_than_a_coarser_one() {
        for (retention, mistake) in [
            (r#"{ 1m = "1y" }"#, "retention.1m: is shorter than raw"),
            (
                r#"{ raw = "9d", 1m = "8d" }"#,
                "retention.1m: is shorter than raw",
            ),
            (r#"{ raw = "9d", 1d = "9d" }"#, "retention.1d: is shorter than 1h"),
            (r#""1d""#, "retention.raw: is shorter than accept.future"),
            (r#""12h""#, "retention.raw: must be at least 1d"),
            (r#"{ 1w = "1d" }"#, "retention: unknown setting 1w"),
            ("7", "retention: must be an age such as"),
        ] {
            let told = stream(retention).unwrap_err();
            assert!(told.contains(mistake), "{mistake}\nis not in\n{told}");
        }
    }
}
