//! `[archive]`: where whole days are copied to, and when.

use std::time::Duration;

use serde::Deserialize;

use crate::archive::{S3, S3Keys, Target};
use crate::transform::humantime_text;

#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ArchiveConfig {
    /// `file:///folder` or `s3://bucket/prefix`; unset means that nothing is archived.
    pub url: Option<String>,
    /// A day is archived when its end is this long ago.
    #[serde(with = "humantime_text")]
    pub after: Duration,
    /// How often to look for days that are due.
    #[serde(with = "humantime_text")]
    pub every: Duration,
    /// Of an S3-compatible store.
    pub endpoint: Option<String>,
    pub region: Option<String>,
    /// From `AWS_*` variables and their files only.
    #[serde(skip)]
    pub keys: S3Keys,
}

const DAY: Duration = Duration::from_secs(86_400);

impl Default for ArchiveConfig {
    fn default() -> Self {
        Self {
            url: None,
            after: DAY.saturating_mul(7),
            every: Duration::from_secs(3_600),
            endpoint: None,
            region: None,
            keys: S3Keys::default(),
        }
    }
}

impl ArchiveConfig {
    pub fn s3(&self) -> S3 {
        S3 {
            endpoint: self.endpoint.clone(),
            region: self.region.clone(),
            keys: self.keys.clone(),
        }
    }

    pub(super) fn check(&self, mistakes: &mut Vec<String>) {
        if let Some(Err(error)) = self.url.as_ref().map(|url| Target::open(url, &self.s3())) {
            mistakes.push(format!("archive.url: {error}"));
        }
        if self.every < Duration::from_secs(1) {
            mistakes.push("archive.every: must be at least 1s".to_owned());
        }
        let is_s3 = self.url.as_ref().is_some_and(|url| url.starts_with("s3://"));
        if !is_s3 && (self.endpoint.is_some() || self.region.is_some()) {
            mistakes.push("archive: endpoint and region have no effect without an s3:// url".to_owned());
        }
        if let Some(endpoint) = &self.endpoint {
            let host = ["https://", "http://"]
                .iter()
                .find_map(|scheme| endpoint.strip_prefix(scheme));
            if host.is_none_or(|host| host.is_empty() || host.contains('@')) {
                mistakes
                    .push("archive.endpoint: write https://host, and keys into AWS_* variables".to_owned());
            }
        }
    }
}
