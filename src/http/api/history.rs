//! `GET /api/v1/history`: aggregates over buckets, or points thinned to what a chart can show.
//!
//! Without `group_by` it reads some series at a time, and parts of the span where a single series has
//! more rows than one read may return. So every answer can be streamed.

use std::collections::VecDeque;
use std::sync::Arc;

use actix_web::{HttpRequest, HttpResponse, web};
use futures_util::stream::{self, StreamExt};

use super::answer::{Of, Result, Shape, not_acceptable, or_failed, reader, respond};
use super::memory::Blocks;
use super::params::{Asked, Params, bad};
use crate::data::{self, Aggregate, Matched, Micros, Viewer};
use crate::formats::Block;
use crate::graphql::Operations;
use crate::history::{self, Across, Answer, Fill, Group, HistoryError, Question, Step, Subject, What};
use crate::store::read::{ReadError, Reader};
use crate::telemetry::Status;

pub(super) const OWN: [&str; 7] = [
    "step",
    "timezone",
    "aggregate",
    "max_points",
    "group_by",
    "across",
    "fill",
];
const AGGREGATES_MAX: usize = 32;
const POINTS_MAX: usize = 100_000;
/// Series that are looked up and read at once; and the fewest, for many buckets.
const SERIES: usize = 256;
const SERIES_MIN: usize = 16;

pub(super) async fn get<E: Operations>(
    request: HttpRequest,
    worker: Of<E>,
    status: web::Data<Status>,
) -> HttpResponse {
    let answer = async {
        let params = Params::of(&request, &OWN)?;
        let asked = params.asked(request.headers())?;
        let (format, times) = (asked.format, asked.times);
        let ask = question(&params, asked)?;
        let Some(format) = format else {
            return Ok(not_acceptable());
        };
        let (reader, viewer) = reader(&request, &worker, &status)?;
        let question = ask(&viewer);
        let shape = Shape {
            format,
            times,
            columns: question.what.columns(),
            from: depends_from(&question),
            to: question.to,
        };
        let blocks = Walk::new(reader.clone(), question).blocks();
        respond(&request, (&reader, &viewer), shape, blocks).await
    };
    or_failed(answer.await)
}

/// Returns the question without its viewer.
fn question(params: &Params, asked: Asked) -> Result<impl FnOnce(&Viewer) -> Question> {
    let step = params.one("step")?;
    let zone = params.one("timezone")?;
    let aggregates = params.list("aggregate")?;
    let max = params.count("max_points", POINTS_MAX)?;
    if step.is_none() && zone.is_some() {
        return Err(bad("timezone needs step"));
    }
    let what = match (step, max) {
        (Some(_), Some(_)) => return Err(bad("step and max_points exclude each other")),
        (None, None) => {
            return Err(bad(
                "give step or max_points; all stored points are at /api/v1/points",
            ));
        }
        (None, Some(_)) if aggregates.is_none() => What::Points { max },
        (None, Some(max)) => What::Buckets {
            step: Step::Fit(max),
            aggregates: named(aggregates)?,
        },
        (Some(step), None) => What::Buckets {
            step: Step::parse(step, zone.unwrap_or("UTC")).map_err(|error| bad(error.to_string()))?,
            aggregates: named(aggregates)?,
        },
    };
    let group = group(params)?;
    let fill = params.one("fill")?.map(fill).transpose()?.unwrap_or_default();
    let is_buckets = matches!(what, What::Buckets { .. });
    if !is_buckets && (group.is_some() || fill != Fill::None) {
        return Err(bad("group_by and fill need buckets: give step or aggregate"));
    }
    Ok(move |viewer: &Viewer| Question {
        scoped: viewer.select(asked.selector),
        from: asked.from,
        to: asked.to,
        what,
        group,
        fill,
    })
}

fn named(aggregates: Option<Vec<&str>>) -> Result<Vec<Aggregate>> {
    let names = aggregates.unwrap_or_else(|| vec!["avg"]);
    if names.len() > AGGREGATES_MAX {
        return Err(bad(format!("more than {AGGREGATES_MAX} aggregates")));
    }
    let mut all: Vec<Aggregate> = Vec::new();
    for name in names {
        let aggregate = Aggregate::from_name(name).ok_or_else(|| {
            bad("aggregate must be avg, min, max, sum, count, first, last, stddev, increase, rate, delta or a percentile such as p99")
        })?;
        if all.contains(&aggregate) {
            return Err(bad(format!("aggregate: '{aggregate}' is given more than once")));
        }
        all.push(aggregate);
    }
    Ok(all)
}

fn group(params: &Params) -> Result<Option<Group>> {
    let across = params.one("across")?;
    let Some(by) = params.list("group_by")? else {
        return match across {
            Some(_) => Err(bad("across needs group_by")),
            None => Ok(None),
        };
    };
    let across = Across::from_name(across.unwrap_or("avg"))
        .ok_or_else(|| bad("across must be sum, avg, min, max or count"))?;
    let by = by.into_iter().filter(|label| !label.is_empty());
    let by = by.map(str::to_owned).collect();
    Ok(Some(Group { by, across }))
}

fn fill(text: &str) -> Result<Fill> {
    Ok(match text {
        "none" => Fill::None,
        "null" => Fill::Null,
        "previous" => Fill::Previous,
        "linear" => Fill::Linear,
        number => {
            let value = number.parse().ok().filter(|value: &f64| value.is_finite());
            Fill::Value(value.ok_or_else(|| bad("fill must be none, null, previous, linear or a number"))?)
        }
    })
}

/// From when on points matter: some answers depend on points before the span.
fn depends_from(question: &Question) -> Micros {
    let aggregates = match &question.what {
        What::Buckets { aggregates, .. } => &aggregates[..],
        What::Points { .. } => &[],
    };
    let look_back = [Aggregate::Increase, Aggregate::Rate, Aggregate::Delta];
    let fills = matches!(question.fill, Fill::Previous | Fill::Linear);
    match fills || aggregates.iter().any(|aggregate| look_back.contains(aggregate)) {
        true => Micros::FIRST,
        false => question.from,
    }
}

/// Asks a question part by part.
struct Walk {
    reader: Reader,
    question: Question,
    /// Looked up, but not completely answered yet.
    waiting: VecDeque<Matched>,
    /// The key of the last series looked up.
    after: Option<String>,
    all_known: bool,
    /// Series asked for at once.
    width: usize,
    /// How much of the span is read at once; `None`: all of it.
    window: Option<i64>,
    /// Where the next part begins.
    since: Micros,
}

impl Walk {
    fn new(reader: Reader, question: Question) -> Self {
        let mut width = SERIES;
        if let Some(step) = even_step(&question) {
            let buckets = question.to.0.saturating_sub(question.from.0) / step.micros() + 2;
            let all = i64::try_from(reader.limits().rows).unwrap_or(i64::MAX) / buckets;
            width = usize::try_from(all).unwrap_or(SERIES).clamp(SERIES_MIN, SERIES);
        }
        Self {
            since: question.from,
            reader,
            question,
            waiting: VecDeque::new(),
            after: None,
            all_known: false,
            width,
            window: None,
        }
    }

    fn blocks(self) -> Blocks {
        if self.question.group.is_some() {
            let whole = async move { Ok(blocks(history::answer(&self.reader, &self.question).await?)) };
            return stream::once(whole).boxed_local();
        }
        let next = |mut walk: Self| async move { Ok(walk.next().await?.map(|blocks| (blocks, walk))) };
        stream::try_unfold(self, next).boxed_local()
    }

    async fn next(&mut self) -> Result<Option<Vec<Block>>, HistoryError> {
        loop {
            if self.waiting.is_empty() && !self.look_up().await? {
                return Ok(None);
            }
            let series: Vec<_> = self.waiting.iter().take(self.width).cloned().collect();
            let count = series.len();
            let part = self.part();
            match history::answer_for(&self.reader, &part, series).await {
                Err(error @ HistoryError::Read(ReadError::TooManyRows { .. })) => {
                    if !self.ask_for_less(count, &part) {
                        return Err(error);
                    }
                }
                answer => {
                    let blocks = blocks(answer?);
                    self.answered(count, part.to, &blocks);
                    if !blocks.is_empty() {
                        return Ok(Some(blocks));
                    }
                }
            }
        }
    }

    /// Reads fewer series at once, or less of the span of a single one. False if neither is possible.
    fn ask_for_less(&mut self, count: usize, part: &Question) -> bool {
        if count > 1 {
            self.width = count / 2;
            return true;
        }
        let Some(step) = even_step(part) else {
            return false;
        };
        let half = (part.to.0 - step.bucket(part.from).0) / 2;
        self.window = Some(half - half % step.micros());
        // A filled bucket may depend on all others.
        half >= step.micros() && self.question.fill == Fill::None
    }

    /// False if there are no more series.
    async fn look_up(&mut self) -> Result<bool, HistoryError> {
        while self.waiting.is_empty() && !self.all_known {
            let (scoped, after) = (&self.question.scoped, self.after.as_deref());
            let page = self.reader.series(scoped, after, SERIES).await?;
            self.all_known = !page.more;
            self.after = page.rows.last().map(|last| last.series.key.to_string());
            self.waiting.extend(page.rows);
        }
        Ok(!self.waiting.is_empty())
    }

    /// The question for the next part of the span, cut between buckets.
    fn part(&self) -> Question {
        let mut part = self.question.clone();
        part.from = self.since;
        if let (Some(window), Some(step)) = (self.window, even_step(&part)) {
            let end = step.bucket(self.since).0.saturating_add(window);
            part.to = part.to.min(Micros(end));
        }
        part
    }

    fn answered(&mut self, count: usize, until: Micros, blocks: &[Block]) {
        let rows: usize = blocks.iter().map(|block| block.line.len()).sum();
        if rows < self.reader.limits().rows / 4 {
            self.window = self.window.map(|window| window.saturating_mul(2));
        }
        if until < self.question.to {
            self.since = until;
            return;
        }
        self.since = self.question.from;
        self.waiting.drain(..count);
    }
}

fn even_step(question: &Question) -> Option<data::Step> {
    match &question.what {
        What::Buckets {
            step: Step::Even(step),
            ..
        } => Some(*step),
        _ => None,
    }
}

fn blocks(answer: Answer) -> Vec<Block> {
    let block = |line: history::AnswerLine| Block {
        series: match line.subject {
            Subject::Series(stored) => stored.series,
            Subject::Group(group) => Arc::new(group),
        },
        line: line.line,
    };
    answer.lines.into_iter().map(block).collect()
}
