//! Why there is no answer, as a client is told: a code it can act on, and the reason in words. GraphQL
//! and REST write it alike.

use serde::Serialize;
use serde_json::{Map, Value};

/// The vocabulary of `extensions.code`, documented in the README.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Code {
    /// The document does not parse, does not fit the schema, or is too large, deep or complex.
    GraphqlValidationFailed,
    /// A variable or an argument has an unusable value.
    BadUserInput,
    /// The answer would have more rows than the limit; ask for less or page through it.
    TooManyRows,
    /// The query ran into the statement time-out.
    QueryTimeout,
    /// Retention has dropped what the answer needs; `extensions.earliest` says from when on it can
    /// be given, `extensions.archived` whether the archive has the rest.
    NotAvailableAtThisAge,
    /// No such stream, dead letter, …
    NotFound,
    /// The cursor cannot be continued without a hole; `extensions.earliestCursor` can.
    ResumeGap,
    /// The subscriber could not keep up and chose (or left) `onOverflow: CLOSE`.
    SlowClient,
    /// The server is about to stop; resume elsewhere with the last cursor.
    GoingAway,
    /// A part that this answer needs is temporarily unavailable; retrying helps.
    Unavailable,
    /// Others, or this client itself, ask for too much at the moment; `extensions.retryAfter` says
    /// in how many seconds to come back.
    Overloaded,
    /// The stream is paused, because too many of its records failed: what is sent now would wait.
    StreamPaused,
    /// A dead letter whose payload was cut cannot be sent again.
    PayloadTruncated,
    /// Our own mistake; the logs have more.
    Internal,
}

impl Code {
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::GraphqlValidationFailed => "GRAPHQL_VALIDATION_FAILED",
            Self::BadUserInput => "BAD_USER_INPUT",
            Self::TooManyRows => "TOO_MANY_ROWS",
            Self::QueryTimeout => "QUERY_TIMEOUT",
            Self::NotAvailableAtThisAge => "NOT_AVAILABLE_AT_THIS_AGE",
            Self::NotFound => "NOT_FOUND",
            Self::ResumeGap => "RESUME_GAP",
            Self::SlowClient => "SLOW_CLIENT",
            Self::GoingAway => "GOING_AWAY",
            Self::Unavailable => "UNAVAILABLE",
            Self::Overloaded => "OVERLOADED",
            Self::StreamPaused => "STREAM_PAUSED",
            Self::PayloadTruncated => "PAYLOAD_TRUNCATED",
            Self::Internal => "INTERNAL",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Problem {
    #[serde(skip)]
    pub code: Code,
    pub message: String,
    /// The code among them.
    pub extensions: Map<String, Value>,
}

impl Problem {
    /// In seconds.
    pub const RETRY_AFTER: u32 = 1;

    pub fn new(code: Code, message: impl Into<String>) -> Self {
        let problem = Self {
            code,
            message: message.into(),
            extensions: Map::new(),
        };
        problem.with("code", code.as_str())
    }

    /// `OVERLOADED` with the seconds after which to come back.
    pub fn overloaded(why: impl Into<String>) -> Self {
        Self::new(Code::Overloaded, why).with("retryAfter", Self::RETRY_AFTER)
    }

    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.extensions.insert(name.to_owned(), value.into());
        self
    }
}
