//! Why a question about the past has no answer.

use super::question::BadQuestion;
use crate::data::{Code, Problem};
use crate::store::read::ReadError;

#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum HistoryError {
    #[error(transparent)]
    Bad(#[from] BadQuestion),
    #[error(transparent)]
    Read(#[from] ReadError),
}

impl From<HistoryError> for Problem {
    fn from(error: HistoryError) -> Self {
        match error {
            HistoryError::Bad(bad) => bad.into(),
            HistoryError::Read(error) => error.into(),
        }
    }
}

impl From<BadQuestion> for Problem {
    fn from(bad: BadQuestion) -> Self {
        Self::new(Code::BadUserInput, bad.to_string())
    }
}
