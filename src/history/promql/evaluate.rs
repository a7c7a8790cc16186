//! Reads the series of an expression's selector and evaluates the expression.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::computing::{Abandoned, compute, core};
use super::expression::{Expression, Group, Source, Stage};
use super::selection::Selection;
use super::windows::Function;
use super::{Instants, Labels, PromqlError, Sample, Sampled, labels_of, sums};
use crate::data::{Columns, METRIC_NAME, Matched, Micros, Viewer};
use crate::history::Across;
use crate::store::read::Reader;

/// Points in all windows together, since long windows at a short step have each point many times. The
/// number is Prometheus' default for `--query.max-samples`.
const WINDOWED_MAX: usize = 50_000_000;

/// The series of the answer, sorted by labels; those without samples are left out. A scalar is one
/// series without labels.
pub async fn answer(
    reader: &Reader,
    viewer: &Viewer,
    expression: &Expression,
    instants: &Instants,
) -> Result<Vec<Sampled>, PromqlError> {
    let mut lines = match &expression.source {
        Source::Number(number) => vec![Sampled {
            labels: Labels::new(),
            samples: instants.iter().map(|at| (at, *number)).collect(),
        }],
        Source::Instant(selection) => at_instants(reader, viewer, selection, instants).await?,
        Source::Points(selection, range) => points(reader, viewer, selection, instants, *range).await?,
        Source::Window(selection, range, function) => {
            let lines = points(reader, viewer, selection, instants, *range).await?;
            let windows = Windows {
                instants: *instants,
                offset_micros: selection.offset_micros,
                range: *range,
                function: *function,
                most: reader.limits().rows,
            };
            let core = core(reader.client()).await.map_err(|why| reader.refused(why))?;
            compute(core, move |abandoned| windows.of_all(lines, abandoned)).await??
        }
    };
    for stage in &expression.stages {
        lines = match stage {
            Stage::Across { op, group } => across(lines, *op, group),
            Stage::Arithmetic {
                op,
                number,
                number_first,
            } => {
                for line in &mut lines {
                    line.labels.remove(METRIC_NAME);
                    for (_, value) in &mut line.samples {
                        *value = op.apply(*number, *value, *number_first);
                    }
                }
                distinct(lines)?
            }
        };
    }
    lines.sort_by(|a, b| a.labels.cmp(&b.labels));
    Ok(lines)
}

async fn at_instants(
    reader: &Reader,
    viewer: &Viewer,
    selection: &Selection,
    instants: &Instants,
) -> Result<Vec<Sampled>, PromqlError> {
    let series = reader
        .matching(&viewer.select(selection.selector.clone()))
        .await?;
    let shifted = |at: Micros| Micros(at.0.saturating_sub(selection.offset_micros));
    let (first, last) = (shifted(instants.first), shifted(instants.last));
    let lines = reader
        .instants(&series, first, last, instants.step, instants.lookback)
        .await?;
    let mut lines = named(&series, lines);
    for (at, _) in lines.iter_mut().flat_map(|line| &mut line.samples) {
        at.0 = at.0.saturating_add(selection.offset_micros);
    }
    distinct(lines)
}

/// All points of all windows.
async fn points(
    reader: &Reader,
    viewer: &Viewer,
    selection: &Selection,
    instants: &Instants,
    range: Duration,
) -> Result<Vec<Sampled>, PromqlError> {
    let series = reader
        .matching(&viewer.select(selection.selector.clone()))
        .await?;
    reader.instants_of(series.len(), instants.first, instants.last, instants.step)?;
    // A window is open on the left, a read on the right.
    let shifted = |at: Micros| Micros(at.0.saturating_sub(selection.offset_micros).saturating_add(1));
    let (from, to) = (shifted(instants.first).minus(range), shifted(instants.last));
    let lines = reader.stored(&series, from, to).await?;
    distinct(named(&series, lines))
}

fn named(of: &[Matched], lines: Vec<(i32, Columns)>) -> Vec<Sampled> {
    let mut of = of.iter();
    let line = |(id, line): (i32, Columns)| {
        let series = &of.find(|s| s.id == id)?.series;
        let values = line.columns.into_iter().next()?;
        let sample = |(at, value): (Micros, Option<f64>)| Some((at, value?));
        Some(Sampled {
            labels: labels_of(series),
            samples: line.times.into_iter().zip(values).filter_map(sample).collect(),
        })
    };
    lines.into_iter().filter_map(line).collect()
}

/// Without their metric, series may become identical.
fn distinct(lines: Vec<Sampled>) -> Result<Vec<Sampled>, PromqlError> {
    let seen: BTreeSet<&Labels> = lines.iter().map(|line| &line.labels).collect();
    if seen.len() < lines.len() {
        return Err(PromqlError::Failed(
            "vector cannot contain metrics with the same labelset".to_owned(),
        ));
    }
    Ok(lines)
}

struct Windows {
    instants: Instants,
    offset_micros: i64,
    range: Duration,
    function: Function,
    /// Values of all series together.
    most: usize,
}

impl Windows {
    fn of_all(&self, lines: Vec<Sampled>, abandoned: &Abandoned) -> Result<Vec<Sampled>, PromqlError> {
        let (mut windowed, mut values) = (0, 0);
        let mut answer = Vec::new();
        for line in lines {
            let mut samples = Vec::new();
            for (at, start, end, window) in self.slide(&line.samples) {
                if abandoned.is_set() {
                    return Err(PromqlError::Failed("nobody waits for the answer".to_owned()));
                }
                windowed += window.len();
                let value = self.function.of(window, start, end);
                samples.extend(value.map(|value| (at, value)));
                if windowed > WINDOWED_MAX || values + samples.len() > self.most {
                    return Err(PromqlError::Failed(format!(
                        "query processing would load too many samples into memory: more than \
                         {WINDOWED_MAX} in all windows or {} of the answer",
                        self.most
                    )));
                }
            }
            values += samples.len();
            let mut labels = line.labels;
            if !self.function.keeps_name() {
                labels.remove(METRIC_NAME);
            }
            if !samples.is_empty() {
                answer.push(Sampled { labels, samples });
            }
        }
        distinct(answer)
    }

    /// Each instant with the bounds of its window and the points in it, one or more.
    fn slide<'a>(
        &self,
        points: &'a [Sample],
    ) -> impl Iterator<Item = (Micros, Micros, Micros, &'a [Sample])> + use<'a> {
        let (offset, range) = (self.offset_micros, self.range);
        let (mut from, mut to) = (0, 0);
        self.instants.iter().filter_map(move |at| {
            let end = Micros(at.0.saturating_sub(offset));
            let start = end.minus(range);
            to += points[to..].iter().take_while(|(ts, _)| *ts <= end).count();
            from += points[from..to].iter().take_while(|(ts, _)| *ts <= start).count();
            let window = &points[from..to];
            (!window.is_empty()).then_some((at, start, end, window))
        })
    }
}

fn across(lines: Vec<Sampled>, op: Across, group: &Group) -> Vec<Sampled> {
    let mut groups: BTreeMap<Labels, Vec<Sample>> = BTreeMap::new();
    for mut line in lines {
        match group {
            Group::By(names) => line.labels.retain(|name, _| names.iter().any(|n| **n == **name)),
            Group::Without(names) => line
                .labels
                .retain(|name, _| &**name != METRIC_NAME && names.iter().all(|n| **n != **name)),
        }
        groups.entry(line.labels).or_default().append(&mut line.samples);
    }
    let one = |(labels, mut samples): (Labels, Vec<Sample>)| {
        samples.sort_by_key(|(at, _)| *at);
        let at_once = samples.chunk_by(|a, b| a.0 == b.0);
        Sampled {
            labels,
            samples: at_once.map(|of| (of[0].0, op.of(of))).collect(),
        }
    };
    groups.into_iter().map(one).collect()
}

impl Across {
    /// There is at least one value. As in Prometheus, NaN is neither least nor greatest if there is a
    /// number.
    fn of(self, samples: &[Sample]) -> f64 {
        let values = samples.iter().map(|(_, value)| *value);
        match self {
            Self::Sum => sums::sum(values),
            Self::Avg => sums::mean(values),
            Self::Min => values.fold(f64::NAN, f64::min),
            Self::Max => values.fold(f64::NAN, f64::max),
            Self::Count => samples.len() as f64,
        }
    }
}
