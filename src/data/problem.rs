//! Why a client gets no answer: a code it can act on, and the reason in words. GraphQL and REST write it
//! alike.

use serde::Serialize;
use serde_json::{Map, Value};

use super::words::words;

words! {
    /// The vocabulary of `extensions.code`. `docs/graphql.md` lists it; `tests/specs/schema.rs` compares.
    pub enum Code, as_str {
        /// The document does not parse, does not fit the schema, or is too large, deep or complex.
        GraphqlValidationFailed = "GRAPHQL_VALIDATION_FAILED",
        /// A variable or an argument has an unusable value.
        BadUserInput = "BAD_USER_INPUT",
        /// The answer would have more rows than the limit; ask for less or page through it.
        TooManyRows = "TOO_MANY_ROWS",
        /// The query ran into the statement time-out.
        QueryTimeout = "QUERY_TIMEOUT",
        /// Retention has dropped what the answer needs. `extensions.earliest` is the first time that can
        /// be asked for, `extensions.archived` says whether the archive has the rest.
        NotAvailableAtThisAge = "NOT_AVAILABLE_AT_THIS_AGE",
        /// No such stream, dead letter, … that the client may know of.
        NotFound = "NOT_FOUND",
        /// There is no valid credential; signing in helps.
        Unauthenticated = "UNAUTHENTICATED",
        /// The role of the client does not allow it.
        Forbidden = "FORBIDDEN",
        /// The cursor cannot be continued without a gap; `extensions.earliestCursor` can.
        ResumeGap = "RESUME_GAP",
        /// The subscriber could not keep up and had `onOverflow: CLOSE`, which is the default.
        SlowClient = "SLOW_CLIENT",
        /// The server is about to stop; resume elsewhere with the last cursor.
        GoingAway = "GOING_AWAY",
        /// A part that this answer needs is temporarily unavailable; retrying helps.
        Unavailable = "UNAVAILABLE",
        /// This client or others ask for too much at the moment; `extensions.retryAfter` says in how many
        /// seconds to come back.
        Overloaded = "OVERLOADED",
        /// The stream is paused, because too many of its records failed: new records would wait.
        StreamPaused = "STREAM_PAUSED",
        /// A dead letter whose payload was cut cannot be sent again.
        PayloadTruncated = "PAYLOAD_TRUNCATED",
        /// Our own mistake; the logs have more.
        Internal = "INTERNAL",
        /// The document of this hash or id is not known; for a hash, sending it once helps.
        PersistedQueryNotFound = "PERSISTED_QUERY_NOT_FOUND",
        PersistedQueryNotSupported = "PERSISTED_QUERY_NOT_SUPPORTED",
        /// Of one WebSocket.
        TooManyOperations = "TOO_MANY_OPERATIONS",
        /// Of the plain WebSocket, as the next one.
        BadMessage = "BAD_MESSAGE",
        DuplicateId = "DUPLICATE_ID",
        /// From here on of HTTP requests as a whole.
        BadRequest = "BAD_REQUEST",
        ForbiddenHost = "FORBIDDEN_HOST",
        ForbiddenOrigin = "FORBIDDEN_ORIGIN",
        MethodNotAllowed = "METHOD_NOT_ALLOWED",
        NotAcceptable = "NOT_ACCEPTABLE",
        RequestTimeout = "REQUEST_TIMEOUT",
        PayloadTooLarge = "PAYLOAD_TOO_LARGE",
        UnsupportedMediaType = "UNSUPPORTED_MEDIA_TYPE",
        UpgradeRequired = "UPGRADE_REQUIRED",
        TooManyConnections = "TOO_MANY_CONNECTIONS",
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
