//! Errors of reads, told apart by what a caller can do about them.

use crate::data::{Code, Micros, OverLimit, Overloaded, Problem};
use diesel::result::{DatabaseErrorKind, Error};

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// The statement ran into the time-out; asking for less helps.
    #[error("the query took longer than the statement time-out")]
    Timeout,
    /// No connection, or it broke; trying again later helps.
    #[error("postgres is unavailable: {0}")]
    Unavailable(String),
    /// Too many queries wait before this one. Postgres is fine, and trying again after a moment helps.
    /// `own_share`: those queries are the same client's.
    #[error("too many reads are running")]
    Overloaded { own_share: bool },
    /// A limit of the client's role.
    #[error(transparent)]
    OverLimit(#[from] OverLimit),
    /// The series times the instants, each an index lookup, are more than this.
    #[error("the series times the steps are more than {limit}")]
    TooManyInstants { limit: usize },
    /// The whole answer would have more rows than this; nothing was cut.
    #[error("the answer has more than {limit} rows")]
    TooManyRows { limit: usize },
    /// The selector matches more series than this.
    #[error("the selector matches more than {limit} series")]
    TooManySeries { limit: usize },
    /// Retention has dropped data that the answer needs; data from `earliest` on is there. `archived`:
    /// the archive has all that was dropped, so it can be restored.
    #[error("not available at this age; the earliest available time is {earliest}")]
    NotAvailable { earliest: Micros, archived: bool },
    #[error("postgres refused the query: {0}")]
    Other(String),
}

impl From<Overloaded> for ReadError {
    fn from(Overloaded { own_share }: Overloaded) -> Self {
        Self::Overloaded { own_share }
    }
}

/// What a client sees. Details that only the operator can act on are logged instead.
impl From<ReadError> for Problem {
    fn from(error: ReadError) -> Self {
        let too_many = |why: String| Self::new(Code::TooManyRows, why);
        match error {
            ReadError::Timeout => Self::new(
                Code::QueryTimeout,
                "the query took too long; ask for a shorter span, fewer series or a longer step",
            ),
            ReadError::Unavailable(why) => {
                tracing::warn!(%why, "a query could not reach postgres");
                Self::new(
                    Code::Unavailable,
                    "postgres is unavailable; try again in a moment",
                )
            }
            ReadError::Overloaded { own_share } => {
                let why = match own_share {
                    true => "you have too many queries running; try again in a moment",
                    false => "too many reads are running; try again in a moment",
                };
                Self::overloaded(why).with("ownShare", own_share)
            }
            ReadError::OverLimit(over) => over.into(),
            ReadError::TooManyInstants { limit } => too_many(format!(
                "the series times the steps are more than {limit}; ask for fewer series, a shorter span or \
                 a longer step"
            )),
            ReadError::TooManyRows { limit } => too_many(format!(
                "the answer has more than {limit} rows; ask for a shorter span, fewer series or a \
                 longer step, or page through points"
            )),
            ReadError::TooManySeries { limit } => too_many(format!(
                "the selector matches more than {limit} series; narrow it, or page through series"
            )),
            ReadError::NotAvailable { earliest, archived } => {
                let restore = match archived {
                    true => "; the archive has it, see `streamsync restore`",
                    false => "",
                };
                let why = format!("this data is kept only from {earliest}{restore}");
                Self::new(Code::NotAvailableAtThisAge, why)
                    .with("earliest", earliest.to_string())
                    .with("archived", archived)
            }
            ReadError::Other(why) => {
                tracing::error!(%why, "a query failed");
                Self::new(Code::Internal, "the query failed; the server's log says why")
            }
        }
    }
}

impl ReadError {
    /// `timed_out`: the statement had taken as long as the time-out when the error came. Diesel
    /// drops the SQLSTATE and the text is localised, so the clock tells a cancelled statement.
    pub(super) fn from_statement(error: Error, timed_out: bool) -> Self {
        match error {
            Error::DatabaseError(DatabaseErrorKind::Unknown, _) if timed_out => Self::Timeout,
            Error::DatabaseError(
                DatabaseErrorKind::UnableToSendCommand | DatabaseErrorKind::ClosedConnection,
                info,
            ) => Self::Unavailable(info.message().to_owned()),
            other => Self::Other(other.to_string()),
        }
    }
}
