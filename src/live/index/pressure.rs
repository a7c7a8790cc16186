//! One bound for what all outboxes hold. Beyond it the client that holds most gives way, its fullest
//! subscription first. Clients that hold little do not notice.
//!
//! A batch in several outboxes counts once, and each is charged its share. The sum needs a look at every
//! outbox. So it is taken only when the pushes since the last time may have filled the rest.

use std::collections::{BinaryHeap, HashMap};

use crate::data::ClientKey;
use crate::live::outbox::{Holding, Sender};

/// A batch with its texts takes so many times its points: a guess until it is measured.
const WRITTEN: usize = 4;

#[derive(Debug)]
pub struct Pressure {
    limit: usize,
    /// The outboxes hold no more than this.
    at_most: usize,
}

struct Client {
    bytes: usize,
    /// Its outboxes, the fullest last.
    outboxes: Vec<(usize, usize)>,
}

impl Pressure {
    pub fn new(limit: usize) -> Self {
        Self { limit, at_most: 0 }
    }

    /// A page was pushed, which added so many bytes. True when it is time to [`Self::settle`].
    pub fn grew(&mut self, page: usize, pushed: usize) -> bool {
        self.at_most += WRITTEN * page + pushed;
        self.at_most > self.limit
    }

    pub fn settle<'a>(&mut self, outboxes: impl Iterator<Item = (Option<ClientKey>, &'a Sender)>) {
        let outboxes: Vec<_> = outboxes.collect();
        let holdings: Vec<Holding> = outboxes.iter().map(|(_, outbox)| outbox.holding()).collect();
        // How many outboxes hold a page, and what it takes with all of its texts.
        let mut pages: HashMap<usize, (usize, usize)> = HashMap::new();
        for (page, bytes) in holdings.iter().flat_map(|holding| &holding.pages) {
            let (holders, most) = pages.entry(*page).or_default();
            *holders += 1;
            *most = (*most).max(*bytes);
        }
        let shared: usize = pages.values().map(|(_, bytes)| bytes).sum();
        self.at_most = shared + holdings.iter().map(|holding| holding.own).sum::<usize>();
        if self.at_most <= self.limit {
            return;
        }
        let share = |holding: &Holding| {
            let share_of = |(page, _): &(usize, usize)| pages[page].1 / pages[page].0;
            holding.own + holding.pages.iter().map(share_of).sum::<usize>()
        };
        // Each outbox of the program itself counts as a client.
        let mut clients: HashMap<Result<ClientKey, usize>, Client> = HashMap::new();
        for (nth, ((client, _), holding)) in outboxes.iter().zip(&holdings).enumerate() {
            let bytes = share(holding);
            let client = clients.entry(client.ok_or(nth)).or_insert(Client {
                bytes: 0,
                outboxes: Vec::new(),
            });
            client.bytes += bytes;
            client.outboxes.push((bytes, nth));
        }
        let mut clients: Vec<_> = clients.into_values().collect();
        for client in &mut clients {
            client.outboxes.sort_unstable();
        }
        let mut fullest: BinaryHeap<_> = (0..).zip(&clients).map(|(at, c)| (c.bytes, at)).collect();
        // Some room, so that the next batch does not settle again.
        let goal = self.limit - self.limit / 8;
        while self.at_most > goal
            && let Some((bytes, at)) = fullest.pop()
        {
            let client: &mut Client = &mut clients[at];
            let Some((held, nth)) = client.outboxes.pop() else {
                continue;
            };
            let freed = held.saturating_sub(outboxes[nth].1.give_way());
            self.at_most = self.at_most.saturating_sub(freed);
            fullest.push((bytes - held, at));
        }
    }
}
