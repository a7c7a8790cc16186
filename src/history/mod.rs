//! A question about the past, and what it comes to: the series are looked up, their points or
//! aggregates read, then grouped, filled and thinned. GraphQL and HTTP ask alike.

pub mod promql;
mod question;

pub use question::{
    Across, Answer, AnswerLine, BadQuestion, CalendarUnit, Fill, Group, Question, Step, Subject, What,
};

use crate::data::StoredSeries;
use crate::store::read::{ReadError, Reader};

#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum HistoryError {
    #[error(transparent)]
    Bad(#[from] BadQuestion),
    #[error(transparent)]
    Read(#[from] ReadError),
}

/// The whole answer, or an error; never a cut one.
pub async fn answer(reader: &Reader, question: &Question) -> Result<Answer, HistoryError> {
    let series = reader.matching(&question.selector).await?;
    answer_for(reader, question, series).await
}

/// The same for series that are known already, in the order of their keys.
pub async fn answer_for(
    reader: &Reader,
    question: &Question,
    series: Vec<StoredSeries>,
) -> Result<Answer, HistoryError> {
    let ids: Vec<_> = series.iter().map(|s| s.id).collect();
    let (from, to) = (question.from, question.to);
    let lines = match &question.what {
        What::Points { .. } => reader.stored(&ids, from, to).await?,
        What::Buckets { step, aggregates } => {
            let grid = step.grid(from, to)?;
            reader.aggregated(&ids, from, to, &grid, aggregates).await?
        }
    };
    let mut series = series.into_iter();
    let line = |(id, line)| {
        let of = series.find(|s| s.id == id)?;
        Some(AnswerLine {
            subject: Subject::Series(of),
            line,
        })
    };
    Ok(Answer {
        columns: question.what.columns(),
        lines: lines.into_iter().filter_map(line).collect(),
    })
}
