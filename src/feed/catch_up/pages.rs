//! The lane for pages: clients take turns. The next read is for the question of the next client that
//! waited longest, and for all questions nearby, with the series of all of them. Every subscriber that
//! stands within the page gets it and then stands at its end. So they go on together.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::Instant;

use super::lane::{self, LaneContext, SERIES_MAX, away, gather};
use super::rounds::Rounds;
use crate::data::stored::Range;
use crate::data::{Positions, SeriesId, StoredPoint, StoredSeries};
use crate::feed::error::FeedError;
use crate::live::Page;
use crate::store::tail::{Horizon, Names, TailError, Want};

#[cfg(test)]
mod tests;

/// Points of a page.
const ROWS: usize = 5_000;
/// How far apart two may stand for one read, until the length of a page is known.
const REACH: i64 = 100_000;
/// What is kept of the last pages for later questions.
const KEPT_BYTES: usize = 16 << 20;
/// What a page counts for at least, so that there are not too many to search.
const PAGE_BYTES: usize = 16 << 10;
const KEPT_FOR: Duration = Duration::from_secs(30);
/// Those who reached the end of a partition ask for the next one within this time.
const TRAVEL: Duration = Duration::from_secs(1);
/// Names kept from one read to the next.
const NAMES_MAX: usize = 100_000;

/// A page from Postgres, complete for its range and its series.
#[derive(Debug)]
pub struct CatchUpPage {
    pub page: Arc<Page>,
    pub range: Range,
    /// Read after the page: what it says of the range holds for the page.
    pub horizon: Arc<Horizon>,
    only: Only,
    read: Instant,
}

/// From where to read, and what had been committed before the names were looked up.
pub type Question = lane::Question<Range, Arc<CatchUpPage>>;

/// A question that waits.
#[derive(Debug)]
struct Rider {
    question: Question,
    /// A read for it began before it, for others, and may not have come as far.
    passed_over: bool,
    /// The last plan included it.
    planned: bool,
}

/// Some series, or all.
#[derive(Clone, Debug, PartialEq)]
enum Only {
    These(HashSet<SeriesId>),
    All,
}

/// The questions that wait, and the last pages, each with the series of those who got it.
#[derive(Debug)]
struct Waiting {
    riders: VecDeque<Rider>,
    rounds: Rounds,
    kept: VecDeque<(Arc<CatchUpPage>, Only)>,
    kept_bytes: usize,
    reach: i64,
    /// The series of those who reached the end of a partition, and when the last one did. They will ask
    /// for the next partition.
    arrived: (Only, Instant),
}

/// What the next statement reads.
#[derive(Clone, Debug, PartialEq)]
struct Plan {
    range: Range,
    only: Only,
}

pub async fn serve(lane: &LaneContext, asked: &mut mpsc::Receiver<Question>) {
    let mut waiting = Waiting::default();
    let mut names = Names::default();
    let mut new = Vec::new();
    loop {
        if !gather(asked, &mut new, waiting.riders.is_empty()).await {
            return;
        }
        waiting.forget_old();
        for question in new.drain(..) {
            waiting.add(question);
        }
        let Some(plan) = waiting.plan() else { continue };
        match read(lane, plan, &mut names).await {
            Ok(page) => waiting.settle(&Arc::new(page)),
            Err(error) => {
                let all = matches!(error, TailError::Connect(_));
                waiting.fail(&away(&error), all);
            }
        }
        if names.len() > NAMES_MAX {
            names.clear();
        }
    }
}

async fn read(lane: &LaneContext, plan: Plan, names: &mut Names) -> Result<CatchUpPage, TailError> {
    let only: Option<Vec<SeriesId>> = match &plan.only {
        Only::These(ids) => Some(ids.iter().copied().collect()),
        Only::All => None,
    };
    let want = Want {
        only: only.as_deref(),
        rows: ROWS,
    };
    let at = |offset| Positions::from([(plan.range.partition_id, offset)]);
    let (from, upto) = (at(plan.range.from), at(plan.range.to));
    lane.count("page");
    let stored = lane.tail.page(&from, &upto, want, names).await?;
    let stored = stored.unwrap_or_default();
    // Read after the page, so that it proves the page complete: no gap, no new epoch.
    let horizon = lane.tail.horizon().await?;
    Ok(CatchUpPage {
        range: stored.ranges.first().copied().unwrap_or(plan.range),
        page: Page::new(Arc::new(stored)),
        horizon: Arc::new(horizon),
        only: plan.only,
        read: Instant::now(),
    })
}

impl Only {
    fn none() -> Self {
        Self::These(HashSet::new())
    }

    /// The series of a question; without names: all.
    fn add(&mut self, names: Option<&Arc<Names>>) {
        self.extend(names.map(|names| names.keys()));
    }

    fn unite(&mut self, other: &Self) {
        match other {
            Self::These(ids) => self.extend(Some(ids.iter())),
            Self::All => *self = Self::All,
        }
    }

    fn extend<'a>(&mut self, more: Option<impl ExactSizeIterator<Item = &'a SeriesId>>) {
        match (&mut *self, more) {
            (Self::These(ids), Some(more)) if ids.len() + more.len() <= SERIES_MAX => ids.extend(more),
            _ => *self = Self::All,
        }
    }
}

impl CatchUpPage {
    fn answers(&self, question: &Question) -> bool {
        let missing = question.key;
        self.range.partition_id == missing.partition_id
            && (self.range.from..self.range.to).contains(&missing.from)
            && match (&self.only, &question.names) {
                (Only::All, _) => true,
                (Only::These(_), None) => false,
                (Only::These(ids), Some(names)) => names.keys().all(|id| ids.contains(id)),
            }
    }

    fn bytes(&self) -> usize {
        let stored = &self.page.stored;
        // Once for the page, once for those it was given to.
        let ids = match &self.only {
            Only::These(ids) => 2 * ids.len(),
            Only::All => 0,
        };
        stored.points.len() * size_of::<StoredPoint>()
            + stored.series.len() * size_of::<StoredSeries>()
            + ids * size_of::<SeriesId>()
            + PAGE_BYTES
    }
}

impl Default for Waiting {
    fn default() -> Self {
        Self {
            riders: VecDeque::new(),
            rounds: Rounds::default(),
            kept: VecDeque::new(),
            kept_bytes: 0,
            reach: REACH,
            arrived: (Only::none(), Instant::now()),
        }
    }
}

impl Waiting {
    fn add(&mut self, question: Question) {
        let mut kept = self.kept.iter_mut().rev();
        match kept.find(|(page, _)| page.answers(&question)) {
            Some((page, given)) => {
                let page = Arc::clone(page);
                given.add(question.names.as_ref());
                self.arrived(&page, &question);
                let _ = question.reply.send(Ok(page));
            }
            None => self.riders.push_back(Rider {
                question,
                passed_over: false,
                planned: false,
            }),
        }
    }

    fn arrived(&mut self, page: &CatchUpPage, question: &Question) {
        if page.range.to >= question.key.to {
            self.arrived.0.add(question.names.as_ref());
            self.arrived.1 = Instant::now();
        }
    }

    /// For the question of the next client that waited longest. It begins at the first position that
    /// waits a little before it.
    fn plan(&mut self) -> Option<Plan> {
        self.riders.retain(|rider| !rider.question.reply.is_closed());
        let clients = self.riders.iter().map(|rider| rider.question.client);
        let next = self.rounds.next(clients)?;
        let head = &mut self.riders[next];
        let missing = head.question.key;
        // A read may begin before it once, not twice.
        let back = if std::mem::replace(&mut head.passed_over, true) {
            0
        } else {
            self.reach
        };
        let near = missing.from.saturating_sub(back)..=missing.from.saturating_add(self.reach);
        let mut plan = Plan {
            range: missing,
            only: Only::none(),
        };
        for rider in &mut self.riders {
            let range = rider.question.key;
            rider.planned = range.partition_id == missing.partition_id && near.contains(&range.from);
            if !rider.planned {
                continue;
            }
            plan.range.from = plan.range.from.min(range.from);
            plan.range.to = plan.range.to.max(range.to);
            plan.only.add(rider.question.names.as_ref());
        }
        // Those who got the page before this one will ask as well.
        for (page, given) in &self.kept {
            if page.range.partition_id == missing.partition_id && page.range.to == plan.range.from {
                plan.only.unite(given);
            }
        }
        if self.arrived.1.elapsed() > TRAVEL {
            self.arrived.0 = Only::none();
        } else if plan.range.to - plan.range.from <= self.reach {
            plan.only.unite(&self.arrived.0);
        }
        Some(plan)
    }

    /// Gives the page to all whose question it answers, and keeps it.
    fn settle(&mut self, page: &Arc<CatchUpPage>) {
        let length = page.range.to - page.range.from;
        // A page that is not full does not show how far one can go.
        self.reach = if page.page.stored.points.len() < ROWS / 2 {
            self.reach.max(length)
        } else {
            length
        };
        let mut given = Only::none();
        for rider in std::mem::take(&mut self.riders) {
            let question = &rider.question;
            if page.answers(question) {
                self.arrived(page, question);
                given.add(question.names.as_ref());
                let _ = rider.question.reply.send(Ok(Arc::clone(page)));
            } else {
                self.riders.push_back(rider);
            }
        }
        self.kept_bytes += page.bytes();
        self.kept.push_back((Arc::clone(page), given));
        while self.kept_bytes > KEPT_BYTES {
            self.forget_oldest();
        }
    }

    /// Those whom the plan included get the error, or `all` when everybody would get the same one.
    fn fail(&mut self, why: &FeedError, all: bool) {
        for rider in std::mem::take(&mut self.riders) {
            if all || rider.planned {
                let _ = rider.question.reply.send(Err(why.clone()));
            } else {
                self.riders.push_back(rider);
            }
        }
    }

    /// A page is not kept long: series may be deleted.
    fn forget_old(&mut self) {
        let is_old = |(page, _): &(Arc<CatchUpPage>, Only)| page.read.elapsed() > KEPT_FOR;
        while self.kept.front().is_some_and(is_old) {
            self.forget_oldest();
        }
    }

    fn forget_oldest(&mut self) {
        let oldest = self.kept.pop_front();
        self.kept_bytes -= oldest.map_or(self.kept_bytes, |(page, _)| page.bytes());
    }
}
