//! Errors a client can act on: each carries a code in `extensions.code`.

use async_graphql::{Error, ErrorExtensionValues, ErrorExtensions, Response, ServerError};

use super::limits::{ERRORS_MAX, MESSAGE_MAX};

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
    /// A part this answer needs is away for the moment; retrying later helps.
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

    pub fn error(self, message: impl Into<String>) -> Error {
        Error::new(message).extend_with(|_, extensions| extensions.set("code", self.as_str()))
    }
}

/// Gives a code to the errors that async-graphql raised by itself: with a path they are about an
/// argument, without one about the whole document. (An extension could do the same, but would cost
/// every field of every row.) Of a document that was not executed only the first are told.
pub fn complete(response: &mut Response) {
    let executed = response.errors.iter().any(|error| !error.path.is_empty());
    if !executed {
        response.errors.truncate(ERRORS_MAX);
    }
    response.errors.iter_mut().for_each(complete_one);
}

/// The response to what is not executed.
pub fn refused(errors: Vec<ServerError>) -> Response {
    Response::from_errors(complete_all(errors))
}

pub fn complete_all(mut errors: Vec<ServerError>) -> Vec<ServerError> {
    errors.truncate(ERRORS_MAX);
    errors.iter_mut().for_each(complete_one);
    errors
}

fn complete_one(error: &mut ServerError) {
    if error.message.len() > MESSAGE_MAX {
        let end = (0..=MESSAGE_MAX)
            .rev()
            .find(|at| error.message.is_char_boundary(*at));
        error.message.truncate(end.unwrap_or_default());
        error.message.push('…');
    }
    let code = match error.path.is_empty() {
        true => Code::GraphqlValidationFailed,
        false => Code::BadUserInput,
    };
    let extensions = error.extensions.get_or_insert_with(ErrorExtensionValues::default);
    if extensions.get("code").is_none() {
        extensions.set("code", code.as_str());
    }
}
