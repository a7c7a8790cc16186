//! Prometheus' remote write: requests of its protocol 1.0 and 2.0, without their compression.
//!
//! Both hold series with their labels and samples. Each series is taken or refused by itself, and each of
//! its samples. A request whose bytes are no message, or whose references lead nowhere, is refused as a whole.

mod series;
mod v1;
mod v2;

use self::series::Storing;
use super::refusals::Refusals;
use crate::data::RecordError;
use crate::transform::Taking;

/// The message of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// `prometheus.WriteRequest`
    V1,
    /// `io.prometheus.write.v2.Request`
    V2,
}

/// An error is one of the request as a whole.
pub fn read(body: &[u8], version: Version, taking: &mut Taking<'_>) -> Result<Refusals, RecordError> {
    let mut storing = Storing::new(body, taking);
    match version {
        Version::V1 => v1::read(body, &mut storing)?,
        Version::V2 => v2::read(body, &mut storing)?,
    }
    Ok(storing.end())
}

#[cfg(test)]
pub(crate) mod tests;
