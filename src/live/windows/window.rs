//! A window in its present state.

use crate::data::{Bucket, Matched};

#[derive(Clone, Debug, PartialEq)]
pub struct Window {
    pub series: Matched,
    pub bucket: Bucket,
    /// The series has a point after its end.
    pub closed: bool,
}
