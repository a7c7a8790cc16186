//! The subscription that a client of `/ws` asks for.

use std::fmt::Display;

use crate::data::selection::{Condition, LIVE_REGEX_MAX};
use crate::data::time::parse_span;
use crate::data::{Selector, Viewer};
use crate::feed::{FeedError, Request, Start};
use crate::live::{Fold, Overflow};

/// The request for a subscription. Its texts are checked when it begins.
#[derive(Debug)]
pub struct Subscribe {
    pub metric: Option<String>,
    pub labels: Vec<Condition>,
    pub after: Option<String>,
    pub backfill: Option<String>,
    pub every: Option<String>,
    pub fold: Fold,
    pub overflow: Overflow,
}

impl Subscribe {
    /// # Errors
    /// A text is not valid.
    pub fn into_request(self, viewer: &Viewer) -> Result<Request, FeedError> {
        let after = self
            .after
            .as_deref()
            .map(|text| viewer.seal().read(text))
            .transpose();
        let after = after.map_err(|why| unusable("Cursor", &why))?;
        let span = |text: Option<String>| text.as_deref().map(parse_span).transpose();
        let span = |text| span(text).map_err(|why| unusable("Duration", &why));
        let (backfill, every) = (span(self.backfill)?, span(self.every)?);
        Ok(Request {
            start: Start::of(after, backfill)?,
            scoped: viewer.select(Selector::checked(self.metric, self.labels, LIVE_REGEX_MAX)?),
            seal: viewer.seal().clone(),
            every,
            fold: self.fold,
            overflow: self.overflow,
        })
    }
}

fn unusable(kind: &str, why: &dyn Display) -> FeedError {
    FeedError::BadInput(format!("Failed to parse \"{kind}\": {why}"))
}
