//! The lane for small questions: where everything stands, and which series a selector selects.
//! Everyone who waits for the horizon gets the same one; selectors are looked up side by side.

use std::collections::HashMap;
use std::sync::Arc;

use tokio::sync::mpsc;

use super::{Desk, Reply, WAITING_MAX, away};
use crate::data::Selector;
use crate::store::tail::{Horizon, Names};

/// Selectors that one statement looks up.
const SELECTORS: usize = 500;

#[derive(Debug)]
pub enum Lookup {
    Horizon(Reply<Arc<Horizon>>),
    Matching(Selector, Reply<Arc<Names>>),
}

/// The same questions together.
#[derive(Default)]
struct Asked {
    horizons: Vec<Reply<Arc<Horizon>>>,
    selectors: HashMap<Selector, Vec<Reply<Arc<Names>>>>,
}

pub async fn serve(desk: Desk, mut asked: mpsc::Receiver<Lookup>) {
    let mut waiting = Vec::new();
    while asked.recv_many(&mut waiting, WAITING_MAX).await > 0 {
        let Asked { horizons, selectors } = waiting.drain(..).collect();
        if !horizons.is_empty() {
            desk.count("horizon");
            let horizon = desk.tail.horizon().await;
            answer(horizons, horizon.map(Arc::new).map_err(|error| away(&error)));
        }
        let mut selectors: Vec<_> = selectors.into_iter().collect();
        while !selectors.is_empty() {
            let some = selectors.split_off(selectors.len().saturating_sub(SELECTORS));
            let (some, replies): (Vec<_>, Vec<_>) = some.into_iter().unzip();
            desk.count("series");
            match desk.tail.matching_each(&some).await {
                Ok(found) => {
                    for (replies, names) in replies.into_iter().zip(found) {
                        answer(replies, Ok(Arc::new(names)));
                    }
                }
                Err(error) => {
                    let away = away(&error);
                    let rest = selectors.drain(..).map(|(_, replies)| replies);
                    for replies in replies.into_iter().chain(rest) {
                        answer(replies, Err(away));
                    }
                }
            }
        }
    }
}

impl FromIterator<Lookup> for Asked {
    fn from_iter<I: IntoIterator<Item = Lookup>>(lookups: I) -> Self {
        let mut asked = Self::default();
        for lookup in lookups {
            match lookup {
                Lookup::Horizon(reply) => asked.horizons.push(reply),
                Lookup::Matching(selector, reply) => {
                    asked.selectors.entry(selector).or_default().push(reply);
                }
            }
        }
        asked
    }
}

fn answer<A: Clone>(replies: Vec<Reply<A>>, answer: Result<A, super::Away>) {
    for reply in replies {
        let _ = reply.send(answer.clone());
    }
}
