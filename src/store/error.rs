//! What a failed connection or statement means for a batch: retry, look for the bad record, or
//! stop.

use std::error::Error as _;
use std::io;

use tokio_postgres::error::SqlState;

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    #[error("cannot set up tls for {url}: {why}")]
    Tls { url: String, why: String },
    #[error("cannot connect to {url}: {}", describe(.source))]
    Postgres {
        url: String,
        source: tokio_postgres::Error,
    },
}

impl ConnectError {
    /// What to do, where that is known.
    pub fn advice(&self) -> Option<&'static str> {
        match self {
            Self::Tls { .. } => None,
            Self::Postgres { source, .. } => advice(source).strip_prefix("; "),
        }
    }
}

/// Why a batch was not stored. Every message says what happens next or what to do.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WriteError {
    /// Postgres is unavailable, busy or read-only: reconnect and write the same batch again.
    #[error("postgres cannot take the batch; retrying: {0}")]
    Retry(String),
    /// A statement or a lock took longer than Postgres lets it: the same, in smaller parts.
    #[error("postgres is too slow for the batch; retrying in smaller parts: {0}")]
    TooSlow(String),
    /// Postgres has less than it had confirmed. What is missing has to be read from Kafka again, so
    /// partitions have to be claimed again.
    #[error("postgres lost confirmed data: {0}")]
    WentBack(String),
    /// An error of which it is not known whether trying again helps: try again for a while.
    #[error("postgres refuses the batch; retrying for some minutes: {0}")]
    Unknown(String),
    /// The data itself is refused. The writer splits such a batch; callers of `Writer` never see it.
    #[error("postgres refuses the data: {0}")]
    Poisoned(String),
    /// Trying again cannot help: stop and say why.
    #[error("postgres refuses the request: {0}")]
    Fatal(String),
}

impl WriteError {
    /// Trying again cannot help.
    pub fn is_final(&self) -> bool {
        matches!(self, Self::Poisoned(_) | Self::Fatal(_))
    }
}

impl From<tokio_postgres::Error> for WriteError {
    fn from(error: tokio_postgres::Error) -> Self {
        outcome(&error)(format!("{}{}", describe(&error), advice(&error)))
    }
}

impl From<ConnectError> for WriteError {
    fn from(error: ConnectError) -> Self {
        let text = error.to_string();
        match &error {
            // A file that is being replaced cannot be read for a moment.
            ConnectError::Tls { .. } => Self::Unknown(text),
            ConnectError::Postgres { source, .. } => outcome(source)(format!("{text}{}", advice(source))),
        }
    }
}

/// The kind of error, as the constructor of its variant.
fn outcome(error: &tokio_postgres::Error) -> fn(String) -> WriteError {
    let Some(state) = error.code() else {
        return if is_connection_loss(error) {
            WriteError::Retry
        } else {
            WriteError::Unknown
        };
    };
    match state.code().get(..2).unwrap_or_default() {
        _ if *state == SqlState::QUERY_CANCELED => WriteError::TooSlow,
        _ if *state == SqlState::LOCK_NOT_AVAILABLE => WriteError::TooSlow,
        "08" | "40" | "53" | "57" => WriteError::Retry,
        // 54: a value is too large for what holds it, such as a key for its index.
        "22" | "54" => WriteError::Poisoned,
        _ if *state == SqlState::CHECK_VIOLATION => WriteError::Poisoned,
        _ if *state == SqlState::READ_ONLY_SQL_TRANSACTION => WriteError::Retry,
        // The server ended the session because this process was suspended for too long.
        _ if *state == SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT => WriteError::Retry,
        // Among them a disk that failed for a moment, a password that is being changed and a table
        // that is being restored.
        _ => WriteError::Unknown,
    }
}

/// The server's own message, or the causes of a local error; never the statement's data.
pub(super) fn describe(error: &tokio_postgres::Error) -> String {
    if let Some(db) = error.as_db_error() {
        return format!("{} ({})", db.message(), db.code().code());
    }
    match error.source() {
        Some(cause) => format!("{error}: {cause}"),
        None => error.to_string(),
    }
}

/// True when nothing but the connection is at fault.
fn is_connection_loss(error: &tokio_postgres::Error) -> bool {
    if error.is_closed() {
        return true;
    }
    let mut cause = error.source();
    while let Some(inner) = cause {
        if inner.is::<io::Error>() {
            return true;
        }
        cause = inner.source();
    }
    // The client offers no kind for its connect time-out and for a handshake that breaks off.
    let text = error.to_string();
    [
        "timeout",
        "connecting to server",
        "tls handshake",
        "communicating with the server",
    ]
    .iter()
    .any(|sign| text.contains(sign))
}

fn advice(error: &tokio_postgres::Error) -> &'static str {
    match error.code().map(SqlState::code) {
        Some("42P01" | "42703" | "42883") => "; run `streamsync migrate`",
        Some("42501") => {
            "; grant this user select, insert, update and delete on all tables, temp on the \
             database, create on the schema, and make it the owner of points and of the rollups"
        }
        Some("3D000") => "; create the database first",
        Some("28P01" | "28000") => "; check user and password in the database url",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_certificate_that_cannot_be_read_is_not_the_end() {
        let (url, why) = ("host=db".to_owned(), "no such file".to_owned());
        let error = WriteError::from(ConnectError::Tls { url, why });
        assert!(!error.is_final(), "{error}");
    }
}
