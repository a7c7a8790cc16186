//! `[rollups]`: how history is rolled up.

use std::time::Duration;

use serde::Deserialize;

use crate::store::rollups::RollupConfig;
use crate::transform::humantime_text;

const DAY: Duration = Duration::from_secs(86_400);

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RollupsConfig {
    /// `false`: this node leaves it to others; the log of what they have to do grows until then.
    pub enabled: bool,
    /// How long after its time a point is waited for before it is rolled up.
    #[serde(with = "humantime_text")]
    pub lag: Duration,
    /// How often rollups are brought up to date.
    #[serde(with = "humantime_text")]
    pub every: Duration,
}

impl Default for RollupsConfig {
    fn default() -> Self {
        let RollupConfig { lag, every, .. } = RollupConfig::default();
        Self {
            enabled: true,
            lag,
            every,
        }
    }
}

impl RollupsConfig {
    pub(super) fn check(&self, mistakes: &mut Vec<String>) {
        if self.lag > DAY {
            mistakes.push("rollups.lag: must be at most 1day".to_owned());
        }
        if !(Duration::from_millis(100)..=Duration::from_secs(3_600)).contains(&self.every) {
            mistakes.push("rollups.every: must be 100ms to 1h".to_owned());
        }
    }

    /// How this node refreshes, if it does.
    pub fn refresher(&self) -> Option<RollupConfig> {
        self.enabled.then_some(RollupConfig {
            lag: self.lag,
            every: self.every,
            ..RollupConfig::default()
        })
    }
}
