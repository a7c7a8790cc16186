//! What the lanes have in common: how questions come in and wait, and how answers go out.

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

/// Questions that may wait to be looked at; whoever asks beyond waits with its own.
pub const WAITING_MAX: usize = 16_384;
/// Beyond this many series of a selector a page brings all there are.
pub const SERIES_MAX: usize = 20_000;

pub type Reply<A> = oneshot::Sender<Result<A, FeedError>>;

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
    pub reply: Reply<A>,
}

/// The last answers, for whoever comes later.
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

/// Serves until nobody can ask any more. A mistake of ours costs those who waited then an answer, not
/// everybody for as long as this process lives.
pub async fn lane<Q>(name: &str, mut asked: mpsc::Receiver<Q>, serve: impl AsyncFn(&mut mpsc::Receiver<Q>)) {
    while AssertUnwindSafe(serve(&mut asked)).catch_unwind().await.is_err() {
        tracing::error!(lane = name, "a catch-up lane failed and restarts");
    }
}

pub async fn ask<Q, A>(lane: &mpsc::Sender<Q>, question: impl FnOnce(Reply<A>) -> Q) -> Result<A, FeedError> {
    let (reply, answer) = oneshot::channel();
    let sent = lane.send(question(reply)).await;
    sent.map_err(|_| FeedError::PostgresAway)?;
    answer.await.map_err(|_| FeedError::PostgresAway)?
}

/// Takes what is asked by now; waits for a question while the lane is `idle`. False when nobody can
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

/// One read at a time, in turns of the clients. Whoever waits for the same gets the same, and so does
/// whoever comes while it is among the last answers, as many as are kept.
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
        let known: Vec<_> = waiting
            .extract_if(.., |question| kept.answers.contains_key(&question.key))
            .collect();
        for question in known {
            if let Some(known) = kept.answers.get(&question.key) {
                let known = Ok(known.clone());
                answer([question], &known);
            }
        }
        let Some(next) = rounds.next(waiting.iter().map(|question| question.client)) else {
            continue;
        };
        let (key, names) = (waiting[next].key.clone(), waiting[next].names.clone());
        let found = read(&key, names.as_deref()).await;
        // Nobody waits for the same failure again.
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
