//! Answers questions about the past: looks up the series, reads their points or aggregates, then groups,
//! fills and thins them. GraphQL and REST use it.

pub mod promql;
mod error;
mod question;
mod calendar;
mod round_widths;
mod group;
mod fill;
pub mod thin;
#[cfg(test)]
mod tests;

use std::collections::HashMap;

pub use error::HistoryError;
pub use question::{
    Across, Answer, AnswerLine, BadQuestion, CalendarUnit, Fill, Group, Question, Step, Subject, What,
};

use crate::data::{Columns, Grid, Matched, Micros, SeriesId};
use crate::store::read::{ReadError, Reader};

/// The whole answer or an error; an answer is never cut. One statement reads the series, and one the
/// points of all of them, unless they are thinned.
pub async fn answer(reader: &Reader, question: &Question) -> Result<Answer, HistoryError> {
    // Before anything is read.
    question.check()?;
    let series = reader.matching(&question.scoped).await?;
    answer_for(reader, question, series).await
}

/// The same for given series, in the order of their keys.
pub async fn answer_for(
    reader: &Reader,
    question: &Question,
    series: Vec<Matched>,
) -> Result<Answer, HistoryError> {
    question.check()?;
    // Nothing is stored beyond these.
    let from = question.from.max(Micros::FIRST);
    let to = question.to.min(Micros(Micros::LAST.0 + 1));
    let columns = question.what.columns();
    if from >= to {
        return Ok(Answer {
            columns,
            lines: Vec::new(),
        });
    }
    let (grid, read) = match &question.what {
        What::Buckets { step, aggregates } => {
            let grid = step.grid(from, to)?;
            let read = reader.aggregated(&series, from, to, &grid, aggregates).await?;
            (Some(grid), read)
        }
        What::Points { max: Some(most) } => (None, thin::read(reader, &series, (from, to), *most).await?),
        What::Points { max: None } => (None, reader.stored(&series, from, to).await?),
    };
    let by_id: HashMap<SeriesId, Matched> = series.into_iter().map(|s| (s.id, s)).collect();
    let mut lines = named(&by_id, question.group.as_ref(), read);
    if let Some(grid) = &grid {
        fill(question.fill, grid, (from, to), &mut lines, reader.limits().rows)?;
    }
    Ok(Answer { columns, lines })
}

fn named(
    series: &HashMap<SeriesId, Matched>,
    group: Option<&Group>,
    lines: Vec<(SeriesId, Columns)>,
) -> Vec<AnswerLine> {
    let lines = lines
        .into_iter()
        .filter_map(|(id, line)| Some((&**series.get(&id)?, line)));
    let lines: Vec<(Subject, Columns)> = match group {
        None => lines
            .map(|(of, line)| (Subject::Series(of.clone()), line))
            .collect(),
        Some(group) => {
            let groups = group.apply(lines).into_iter();
            groups.map(|(of, line)| (Subject::Group(of), line)).collect()
        }
    };
    let line = |(subject, line)| AnswerLine { subject, line };
    lines.into_iter().map(line).collect()
}

fn fill(
    fill: Fill,
    grid: &Grid,
    span: (Micros, Micros),
    lines: &mut [AnswerLine],
    limit: usize,
) -> Result<(), ReadError> {
    let mut left = limit;
    for AnswerLine { line, .. } in lines {
        let filled = fill.apply(std::mem::take(line), grid, span, left);
        *line = filled.ok_or(ReadError::TooManyRows { limit })?;
        left -= line.len();
    }
    Ok(())
}
