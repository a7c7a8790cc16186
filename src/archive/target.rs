//! Where the archive is: a `file://` or `s3://` URL, as a store and a path in it.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use futures_util::StreamExt;
use object_store::ObjectStore;
use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
use object_store::local::LocalFileSystem;
use object_store::path::Path;

use crate::data::Day;

/// The S3 settings besides the URL. Keys that are not given come from the machine's role.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct S3 {
    /// `https://…`, or `http://…` where the network may be trusted; unset means Amazon's.
    pub endpoint: Option<String>,
    pub region: Option<String>,
    pub keys: S3Keys,
}

/// By their names, such as `AWS_SECRET_ACCESS_KEY`; never shown.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct S3Keys(pub Vec<(&'static str, String)>);

impl fmt::Debug for S3Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list()
            .entries(self.0.iter().map(|(name, _)| name))
            .finish()
    }
}

#[derive(Debug, thiserror::Error)]
pub enum BadTarget {
    #[error("write file:///folder or s3://bucket/prefix")]
    Form,
    #[error("put keys in AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, not in the url")]
    Credentials,
    #[error("{0}")]
    Store(#[from] object_store::Error),
    #[error("not a usable path: {0}")]
    Path(#[from] object_store::path::Error),
}

/// A folder or prefix of the archive, or one of its files.
#[derive(Clone)]
pub struct Target {
    pub url: String,
    pub(super) store: Arc<dyn ObjectStore>,
    pub(super) path: Path,
}

impl Target {
    /// Connects to nothing yet.
    pub fn open(url: &str, s3: &S3) -> Result<Self, BadTarget> {
        let url = url.trim_end_matches('/');
        let (scheme, rest) = url.split_once("://").ok_or(BadTarget::Form)?;
        let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
        if host.contains('@') {
            return Err(BadTarget::Credentials);
        }
        let store: Arc<dyn ObjectStore> = match scheme {
            "file" if host.is_empty() && !path.is_empty() => {
                Arc::new(LocalFileSystem::new().with_fsync(true))
            }
            "s3" if !host.is_empty() => Arc::new(bucket(host, s3)?),
            _ => return Err(BadTarget::Form),
        };
        Ok(Self {
            url: url.to_owned(),
            store,
            path: Path::parse(path)?,
        })
    }

    /// The folder of a `file://` URL.
    pub fn folder(&self) -> Option<PathBuf> {
        let is_folder = self.url.starts_with("file://");
        is_folder.then(|| PathBuf::from(format!("/{}", self.path)))
    }

    /// Whether the store can be asked for what it holds.
    pub async fn answers(&self) -> Result<(), object_store::Error> {
        let first = self.store.list(Some(&self.path)).next().await;
        first.transpose().map(drop)
    }

    /// The file of a day in this state of it.
    pub(super) fn of_day(&self, day: Day, version: i64) -> Self {
        let name = format!("points/{}-v{version}.parquet", day.to_string().replace('-', "/"));
        Self {
            url: format!("{}/{name}", self.url),
            store: Arc::clone(&self.store),
            path: name
                .split('/')
                .fold(self.path.clone(), |path, part| path.join(part)),
        }
    }
}

fn bucket(name: &str, s3: &S3) -> Result<object_store::aws::AmazonS3, object_store::Error> {
    let mut builder = AmazonS3Builder::from_env().with_bucket_name(name);
    if let Some(endpoint) = &s3.endpoint {
        builder = builder.with_endpoint(endpoint);
    }
    if let Some(region) = &s3.region {
        builder = builder.with_region(region);
    }
    for (name, key) in &s3.keys.0 {
        builder = builder.with_config(name.to_ascii_lowercase().parse()?, key);
    }
    let endpoint = builder.get_config_value(&AmazonS3ConfigKey::Endpoint);
    builder
        .with_allow_http(endpoint.is_some_and(|url| url.starts_with("http://")))
        .build()
}

impl fmt::Debug for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Target").field(&self.url).finish()
    }
}
