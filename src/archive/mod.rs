//! The archive: whole days as Parquet files in a folder or an S3 bucket, and back again.
//!
//! A day counts as archived once its file was read back and holds, row by row, what Postgres had.
//! Until then there is no row in `archives`, so a crash at any point leaves nothing to tidy up: the
//! next run writes the same file again. Files are never deleted here.

mod digest;
mod error;
mod file;
mod schedule;
mod target;

use std::time::Duration;

use tokio_postgres::Client;

use crate::data::Day;
use crate::store::archive::{Archived, Restore, Snapshot, record};
use crate::store::connect::DatabaseUrl;

use digest::Digest;

pub use error::ArchiveError;
pub use schedule::Schedule;
pub use target::{BadTarget, S3, S3Keys, Target};

/// Writes a day, reads it back and records it; `None` where it is not due. `progress` is told the
/// rows of each page.
pub async fn archive(
    client: &mut Client,
    day: Day,
    target: &Target,
    mut progress: impl FnMut(usize),
) -> Result<Option<Archived>, ArchiveError> {
    let Some(mut snapshot) = Snapshot::begin(client, day).await? else {
        return Ok(None);
    };
    let version = snapshot.version;
    let target = target.of_day(day, version);
    let mut written = Digest::default();
    let mut file = file::Writer::create(&target)?;
    let copied = async {
        while let Some(page) = snapshot.page().await? {
            written.add(&page);
            file.write(&page).await?;
            progress(page.len());
        }
        Ok::<_, ArchiveError>(written.finish())
    };
    let written = match copied.await {
        Ok(written) => written,
        Err(error) => {
            file.abort().await;
            return Err(error);
        }
    };
    file.finish(day, version, &written).await?;
    drop(snapshot);
    fail::fail_point!("archive-uploaded");
    let (mut reader, bytes) = file::Reader::open(&target).await?;
    let mut found = Digest::default();
    while let Some(page) = reader.page().await? {
        found.add(&page);
    }
    must_equal(&target, &found.finish(), &written)?;
    let copy = Archived {
        day,
        version,
        url: target.url,
        rows: written.rows,
        bytes,
        checksum: written.checksum,
    };
    fail::fail_point!("before-archive-recorded", |_| std::process::abort());
    record(client, &copy).await?;
    Ok(Some(copy))
}

/// Puts the points of a copy back where they are missing, all or none, and has retention leave
/// them alone for `keep`. Returns how many were missing.
pub async fn restore(
    database: &DatabaseUrl,
    copy: &Archived,
    s3: &S3,
    keep: Duration,
    mut progress: impl FnMut(usize),
) -> Result<u64, ArchiveError> {
    let target = Target::open(&copy.url, s3)?;
    let (mut reader, _) = file::Reader::open(&target).await?;
    let mut restore = Restore::begin(database, copy, keep).await?;
    let (mut found, mut missing) = (Digest::default(), 0);
    while let Some(page) = reader.page().await? {
        found.add(&page);
        missing += restore.insert(&page).await?;
        progress(page.len());
    }
    let expected = digest::Sum {
        rows: copy.rows,
        checksum: copy.checksum.clone(),
    };
    must_equal(&target, &found.finish(), &expected)?;
    restore.commit().await?;
    Ok(missing)
}

fn must_equal(target: &Target, found: &digest::Sum, expected: &digest::Sum) -> Result<(), ArchiveError> {
    if found == expected {
        return Ok(());
    }
    Err(ArchiveError::Differs {
        url: target.url.clone(),
        found: found.to_string(),
        expected: expected.to_string(),
    })
}

#[cfg(test)]
mod tests;
