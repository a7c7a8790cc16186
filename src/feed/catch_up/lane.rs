//! What the lanes have in common: questions that wait, and their answers.

use std::collections::{HashMap, VecDeque};
use std::hash::Hash;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures_util::FutureExt;
use tokio::sync::{mpsc, oneshot};

use super::rounds::Rounds;
use crate::data::ClientKey;
use crate::feed::error::FeedError;
use crate::store::tail::{Names, Tail, TailError};
use crate::telemetry::Metrics;

/// Questions that may wait in a lane; further ones wait to be taken.
pub const WAITING_MAX: usize = 16_384;
/// If a selector selects more series than this, its pages have all series.
pub const SERIES_MAX: usize = 20_000;

/// What a lane works with.
pub struct LaneContext {
    pub tail: Tail,
    pub metrics: Arc<Metrics>,
}

/// Equal keys have the same answer.
#[derive(Debug)]
pub struct Question<K, A> {
    pub key: K,
    /// The series of the selector, where they are known.
    pub names: Option<Arc<Names>>,
    pub client: ClientKey,
    pub reply: oneshot::Sender<Result<A, FeedError>>,
}

/// The last answers, for later questions.
struct Kept<K, A> {
    answers: HashMap<K, A>,
    order: VecDeque<K>,
}

impl LaneContext {
    pub fn count(&self, kind: &'static str) {
        self.metrics
            .add(&self.metrics.catch_up_reads, &[("kind", kind)], 1);
    }
}

/// Serves until nobody can ask any more. After a panic only the questions that waited get no answer.
pub async fn lane<C, Q>(
    name: &str,
    context: &C,
    mut asked: mpsc::Receiver<Q>,
    serve: impl AsyncFn(&C, &mut mpsc::Receiver<Q>),
) {
    while AssertUnwindSafe(serve(context, &mut asked))
        .catch_unwind()
        .await
        .is_err()
    {
        tracing::error!(lane = name, "a catch-up lane failed and restarts");
    }
}

/// Takes the questions that are there, and waits for one if the lane is `idle`. False when nobody can
/// ask any more.
pub async fn gather<Q>(asked: &mut mpsc::Receiver<Q>, waiting: &mut Vec<Q>, idle: bool) -> bool {
    if idle && asked.recv_many(waiting, WAITING_MAX).await == 0 {
        return false;
    }
    while waiting.len() < WAITING_MAX
        && let Ok(question) = asked.try_recv()
    {
        waiting.push(question);
    }
    true
}

/// One read at a time; clients take turns. All questions with the same key get the answer, also those
/// that come while it is among the kept ones.
pub async fn in_turns<K: Clone + Eq + Hash, A: Clone>(
    asked: &mut mpsc::Receiver<Question<K, A>>,
    most_kept: usize,
    read: impl AsyncFn(&K, Option<&Names>) -> Result<A, TailError>,
) {
    let mut kept: Kept<K, A> = Kept {
        answers: HashMap::new(),
        order: VecDeque::new(),
    };
    let mut rounds = Rounds::default();
    let mut waiting: Vec<Question<K, A>> = Vec::new();
    loop {
        let idle = waiting.is_empty();
        if !gather(asked, &mut waiting, idle).await {
            return;
        }
        waiting.retain(|question| !question.reply.is_closed());
        for question in waiting.extract_if(.., |question| kept.answers.contains_key(&question.key)) {
            let known = kept.answers.get(&question.key).cloned();
            let _ = question.reply.send(known.ok_or(FeedError::PostgresAway));
        }
        let Some(next) = rounds.next(waiting.iter().map(|question| question.client)) else {
            continue;
        };
        let (key, names) = (waiting[next].key.clone(), waiting[next].names.clone());
        let found = read(&key, names.as_deref()).await;
        // Without a connection all would fail alike.
        let all = matches!(found, Err(TailError::Connect(_)));
        let found = found.map_err(|error| away(&error));
        let alike = waiting.extract_if(.., |question| all || question.key == key);
        answer(alike, &found);
        if let Ok(found) = found {
            kept.keep(key, found, most_kept);
        }
    }
}

impl<K: Clone + Eq + Hash, A> Kept<K, A> {
    fn keep(&mut self, key: K, answer: A, most: usize) {
        if self.answers.insert(key.clone(), answer).is_none() {
            self.order.push_back(key);
        }
        while self.order.len() > most {
            self.order.pop_front().map(|oldest| self.answers.remove(&oldest));
        }
    }
}

pub fn answer<K, A: Clone>(
    questions: impl IntoIterator<Item = Question<K, A>>,
    answer: &Result<A, FeedError>,
) {
    for question in questions {
        let _ = question.reply.send(answer.clone());
    }
}

/// Logged here, once for all who asked.
pub fn away(error: &TailError) -> FeedError {
    tracing::warn!(%error, "cannot read from postgres for subscribers that catch up");
    FeedError::PostgresAway
}
