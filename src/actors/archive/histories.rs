//! The lane for backfills: dashboards that open alike read the same chapters, one after the other
//! or side by side.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use tokio::sync::mpsc;

use super::{Desk, Reply, WAITING_MAX, away};
use crate::data::{Micros, Positions, Selector, SeriesId};
use crate::live::Page;
use crate::store::tail::Names;

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
    pub selector: Selector,
    pub since: Micros,
    pub done: Option<(SeriesId, Micros)>,
    pub seam: Positions,
}

#[derive(Debug)]
pub struct Question {
    pub key: Key,
    pub names: Arc<Names>,
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
    let mut waiting = Vec::new();
    while asked.recv_many(&mut waiting, WAITING_MAX).await > 0 {
        let mut away = None;
        for Question { key, names, reply } in waiting.drain(..) {
            let answer = match (kept.chapters.get(&key), away) {
                (Some(answer), _) => Ok(answer.clone()),
                (None, Some(away)) => Err(away),
                // Whoever asked has gone.
                (None, None) if reply.is_closed() => continue,
                (None, None) => read(desk, &key, &names).await,
            };
            match &answer {
                Ok(answer) => kept.keep(key, answer),
                // Those who waited with it need not wait for the same again.
                Err(error) => away = Some(*error),
            }
            let _ = reply.send(answer);
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

async fn read(desk: &Desk, key: &Key, names: &Names) -> Result<Answer, super::Away> {
    desk.count("history");
    let page = desk.tail.backfill(key.since, key.done, &key.seam, ROWS, names);
    let page = page.await.map_err(|error| away(&error))?;
    Ok(page.map(|(stored, done)| {
        let page = Page::new(Arc::new(stored));
        Arc::new(Chapter { page, done })
    }))
}
