//! The lane for backfills: dashboards that open alike read the same chapters, one after the other
//! or side by side.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use tokio::sync::mpsc;

use super::rounds::Rounds;
use super::{Desk, Reply, WAITING_MAX, away};
use crate::data::{ClientKey, Micros, Positions, Scoped, SeriesId};
use crate::live::Page;
use crate::store::tail::{Names, TailError};

/// Points of a chapter, and how many chapters are kept for whoever comes later.
const ROWS: usize = 1_000;
const KEPT: usize = 256;

/// Some of the history, in the order (series, time), and how far it comes.
#[derive(Debug)]
pub struct Chapter {
    pub page: Arc<Page>,
    pub done: (SeriesId, Micros),
}

/// Equal keys have the same answer: whatever was committed later lies behind the seam.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Key {
    pub scoped: Scoped,
    pub since: Micros,
    pub done: Option<(SeriesId, Micros)>,
    pub seam: Positions,
}

#[derive(Debug)]
pub struct Question {
    pub key: Key,
    pub names: Arc<Names>,
    pub client: ClientKey,
    pub reply: Reply<Option<Arc<Chapter>>>,
}

type Answer = Option<Arc<Chapter>>;

#[derive(Default)]
struct Kept {
    chapters: HashMap<Key, Answer>,
    order: VecDeque<Key>,
}

pub async fn serve(desk: &Desk, asked: &mut mpsc::Receiver<Question>) {
    let mut kept = Kept::default();
    let mut rounds = Rounds::default();
    let mut waiting: Vec<Question> = Vec::new();
    loop {
        if waiting.is_empty() && asked.recv_many(&mut waiting, WAITING_MAX).await == 0 {
            return;
        }
        while waiting.len() < WAITING_MAX
            && let Ok(question) = asked.try_recv()
        {
            waiting.push(question);
        }
        for known in waiting.extract_if(.., |question| kept.chapters.contains_key(&question.key)) {
            let answer = kept.chapters.get(&known.key).cloned().flatten();
            let _ = known.reply.send(Ok(answer));
        }
        waiting.retain(|question| !question.reply.is_closed());
        let Some(next) = rounds.next(waiting.iter().map(|question| question.client)) else {
            continue;
        };
        let Question { key, names, .. } = &waiting[next];
        let (key, names) = (key.clone(), Arc::clone(names));
        match read(desk, &key, &names).await {
            // Whoever waits for the same gets it in the next round.
            Ok(answer) => kept.keep(key, &answer),
            Err(error) => {
                // Those who waited with it need not wait for the same again.
                let all = matches!(error, TailError::Connect(_));
                let away = away(&error);
                for failed in waiting.extract_if(.., |question| all || question.key == key) {
                    let _ = failed.reply.send(Err(away));
                }
            }
        }
    }
}

impl Kept {
    fn keep(&mut self, key: Key, answer: &Answer) {
        if self.chapters.insert(key.clone(), answer.clone()).is_none() {
            self.order.push_back(key);
        }
        while self.order.len() > KEPT {
            self.order.pop_front().map(|oldest| self.chapters.remove(&oldest));
        }
    }
}

async fn read(desk: &Desk, key: &Key, names: &Names) -> Result<Answer, TailError> {
    desk.count("history");
    let page = desk.tail.backfill(key.since, key.done, &key.seam, ROWS, names);
    Ok(page.await?.map(|(stored, done)| {
        let page = Page::new(Arc::new(stored));
        Arc::new(Chapter { page, done })
    }))
}
