//! Errors a client can act on: each carries a code in `extensions.code`.

use async_graphql::{Error, ErrorExtensions};

/// The vocabulary of `extensions.code`, documented in the README.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    /// An argument has the right type but an unusable value.
    BadUserInput,
    /// The answer would have more rows than the limit; ask for less or page through it.
    TooManyRows,
    /// The query ran into the statement time-out.
    QueryTimeout,
    /// No such stream, dead letter, …
    NotFound,
    /// The cursor cannot be continued without a hole; `extensions.earliestCursor` can.
    ResumeGap,
    /// The subscriber could not keep up and chose (or left) `onOverflow: CLOSE`.
    SlowClient,
    /// The server is about to stop; resume elsewhere with the last cursor.
    GoingAway,
    /// A part this answer needs is away for the moment; retrying later helps.
    Unavailable,
    /// A dead letter whose payload was cut cannot be sent again.
    PayloadTruncated,
    /// Our own mistake; the logs have more.
    Internal,
}

impl Code {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::BadUserInput => "BAD_USER_INPUT",
            Self::TooManyRows => "TOO_MANY_ROWS",
            Self::QueryTimeout => "QUERY_TIMEOUT",
            Self::NotFound => "NOT_FOUND",
            Self::ResumeGap => "RESUME_GAP",
            Self::SlowClient => "SLOW_CLIENT",
            Self::GoingAway => "GOING_AWAY",
            Self::Unavailable => "UNAVAILABLE",
            Self::PayloadTruncated => "PAYLOAD_TRUNCATED",
            Self::Internal => "INTERNAL",
        }
    }

    pub fn error(self, message: impl Into<String>) -> Error {
        Error::new(message).extend_with(|_, extensions| extensions.set("code", self.as_str()))
    }
}
