//! Why a day could not be archived or restored.

use super::target::BadTarget;
use crate::store::archive::DayError;

#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    #[error(transparent)]
    Store(#[from] DayError),
    #[error("the archive: {0}")]
    Object(#[from] object_store::Error),
    #[error("the archive's file: {0}")]
    Parquet(#[from] parquet::errors::ParquetError),
    #[error(transparent)]
    Target(#[from] BadTarget),
    #[error("{url} does not contain what was written: {found} instead of {expected}")]
    Differs {
        url: String,
        found: String,
        expected: String,
    },
}
