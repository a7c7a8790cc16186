//! The lanes for small questions: where everything stands, and which series a selector selects.
//! Everyone who waits for the horizon gets the same one; selectors of a metric are looked up side by
//! side, those that take a look at every series one by one, and nobody waits for either who only
//! wants to know the horizon.

use std::collections::HashMap;
use std::sync::Arc;

use tokio::sync::mpsc;

use super::rounds::Rounds;
use super::{Desk, Reply, SERIES_MAX, Unanswered, WAITING_MAX, away};
use crate::data::{ClientKey, Scoped};
use crate::store::tail::{Horizon, Names};

/// Selectors that one statement looks up.
const SELECTORS: usize = 500;

/// `None`: more than [`SERIES_MAX`].
pub type Matching = Option<Arc<Names>>;

pub async fn horizons(desk: &Desk, asked: &mut mpsc::Receiver<Reply<Arc<Horizon>>>) {
    let mut waiting = Vec::new();
    while asked.recv_many(&mut waiting, WAITING_MAX).await > 0 {
        desk.count("horizon");
        let horizon = desk.tail.horizon().await;
        let horizon = horizon.map(Arc::new).map_err(|error| away(&error));
        answer(waiting.drain(..), &horizon);
    }
}

#[derive(Debug)]
pub struct Question {
    pub scoped: Scoped,
    pub client: ClientKey,
    pub reply: Reply<Matching>,
}

/// Selectors of a metric, many by one statement. Those that select so many that they must be looked
/// up one by one go to the lane of `scans`.
pub async fn series(desk: &Desk, asked: &mut mpsc::Receiver<Question>, scans: &mpsc::Sender<Question>) {
    let mut waiting = Vec::new();
    while asked.recv_many(&mut waiting, SELECTORS).await > 0 {
        #[allow(clippy::mutable_key_type, reason = "what is compiled is no part of the key")]
        let mut questions: HashMap<Scoped, Vec<(ClientKey, Reply<Matching>)>> = HashMap::new();
        for Question {
            scoped,
            client,
            reply,
        } in waiting.drain(..)
        {
            questions.entry(scoped).or_default().push((client, reply));
        }
        let (questions, replies): (Vec<_>, Vec<_>) = questions.into_iter().unzip();
        desk.count("series");
        match desk.tail.matching_together(&questions, SERIES_MAX).await {
            Ok(Some(found)) => {
                for (replies, names) in replies.into_iter().zip(found) {
                    let replies = replies.into_iter().map(|(_, reply)| reply);
                    answer(replies, &Ok(names.map(Arc::new)));
                }
            }
            Ok(None) => {
                for (scoped, replies) in questions.into_iter().zip(replies) {
                    for (client, reply) in replies {
                        let question = Question {
                            scoped: scoped.clone(),
                            client,
                            reply,
                        };
                        if let Err(full) = scans.try_send(question) {
                            answer([full.into_inner().reply], &Err(Unanswered::Overloaded));
                        }
                    }
                }
            }
            Err(error) => {
                let replies = replies.into_iter().flatten().map(|(_, reply)| reply);
                answer(replies, &Err(away(&error)));
            }
        }
    }
}

/// Selectors that are looked up one by one, in turns of the clients: each is a look at all series,
/// or at very many.
pub async fn scans(desk: &Desk, asked: &mut mpsc::Receiver<Question>) {
    let mut waiting: Vec<Question> = Vec::new();
    let mut rounds = Rounds::default();
    loop {
        if waiting.is_empty() && asked.recv_many(&mut waiting, WAITING_MAX).await == 0 {
            return;
        }
        while waiting.len() < WAITING_MAX
            && let Ok(question) = asked.try_recv()
        {
            waiting.push(question);
        }
        waiting.retain(|question| !question.reply.is_closed());
        let Some(next) = rounds.next(waiting.iter().map(|question| question.client)) else {
            continue;
        };
        let scoped = waiting[next].scoped.clone();
        desk.count("series");
        let found = desk.tail.matching(&scoped, SERIES_MAX).await;
        let found = found
            .map(|names| names.map(Arc::new))
            .map_err(|error| away(&error));
        let alike = waiting.extract_if(.., |question| question.scoped == scoped);
        answer(alike.map(|question| question.reply), &found);
    }
}

fn answer<A: Clone>(replies: impl IntoIterator<Item = Reply<A>>, answer: &Result<A, Unanswered>) {
    for reply in replies {
        let _ = reply.send(answer.clone());
    }
}
