//! Why a feed cannot begin, or ends.

use crate::actors::hub::SubscribeError;
use crate::data::{BadSelector, Code, Problem};

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FeedError {
    /// A part of the request cannot be read.
    #[error("{0}")]
    BadInput(String),
    #[error(transparent)]
    Selector(#[from] BadSelector),
    #[error("give either after or backfill")]
    AfterAndBackfill,
    #[error("every must be 10ms to 1h")]
    Every,
    #[error("points after this cursor are missing here; earliestCursor can be continued")]
    /// `earliest`: a cursor in the subscriber's own text.
    ResumeGap { earliest: String },
    #[error("a backfill may be of at most {limit} series; select fewer, or begin without one")]
    TooManySeries { limit: usize },
    #[error("this subscriber did not keep up; resume with the last cursor")]
    SlowClient,
    /// The lane that asked has logged why.
    #[error("postgres is unavailable; resume with the last cursor in a moment")]
    PostgresAway,
    #[error("too many subscribers catch up at once; resume with the last cursor in a moment")]
    Overloaded,
    #[error(transparent)]
    Subscribe(#[from] SubscribeError),
}

impl FeedError {
    pub const GOING_AWAY: Self = Self::Subscribe(SubscribeError::GoingAway);
}

impl From<FeedError> for Problem {
    fn from(error: FeedError) -> Self {
        let why = error.to_string();
        let code = match error {
            FeedError::Selector(bad) => return bad.into(),
            FeedError::Overloaded | FeedError::Subscribe(SubscribeError::Full(_)) => {
                return Self::overloaded(why);
            }
            FeedError::ResumeGap { earliest } => {
                return Self::new(Code::ResumeGap, why).with("earliestCursor", earliest);
            }
            FeedError::BadInput(_) | FeedError::AfterAndBackfill | FeedError::Every => Code::BadUserInput,
            FeedError::TooManySeries { .. } => Code::TooManyRows,
            FeedError::SlowClient => Code::SlowClient,
            FeedError::PostgresAway | FeedError::Subscribe(SubscribeError::Unavailable) => Code::Unavailable,
            FeedError::Subscribe(SubscribeError::GoingAway) => Code::GoingAway,
        };
        Self::new(code, why)
    }
}
