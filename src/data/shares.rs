//! Turns at a scarce resource: the client with the fewest gets the next one.
//!
//! No client can have all turns. Expensive ones are limited to a part, so that cheap ones always pass.
//! Waiting is bounded in time and number.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::oneshot;

use super::client::ClientKey;

#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Turns at once, of all clients and of each. Only the first bound is for the program itself.
    pub all: usize,
    pub each: usize,
    /// Expensive ones among them, of all clients and of each.
    pub heavy: usize,
    pub heavy_each: usize,
    /// How many may wait, of all clients and of each.
    pub waiting: usize,
    pub waiting_each: usize,
    pub patience: Duration,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    Cheap,
    Heavy,
}

#[derive(Debug)]
pub struct Shares {
    limits: Limits,
    state: Mutex<State>,
}

/// One turn; dropping it ends it.
#[derive(Debug)]
pub struct Turn(Option<(Arc<Shares>, ClientKey, Class)>);

/// There is no turn at the moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("too many requests at once")]
pub struct Overloaded {
    /// This client's own requests are the reason.
    pub own_share: bool,
}

#[derive(Debug, Default)]
struct State {
    running: usize,
    heavy: usize,
    waiting: usize,
    clients: HashMap<ClientKey, Client>,
    /// Counts turns and arrivals.
    clock: u64,
}

#[derive(Debug, Default)]
struct Client {
    running: usize,
    heavy: usize,
    /// By class.
    queues: [VecDeque<oneshot::Sender<Turn>>; 2],
    /// When it had its last turn, or when it came.
    last: u64,
}

impl Shares {
    pub fn new(limits: Limits) -> Arc<Self> {
        Arc::new(Self {
            limits,
            state: Mutex::default(),
        })
    }

    /// # Errors
    /// When too many wait already, or the wait was too long.
    pub async fn turn(self: &Arc<Self>, client: ClientKey, class: Class) -> Result<Turn, Overloaded> {
        let turn = {
            let mut state = self.state.lock();
            // Nobody is overtaken: those who wait could not begin either.
            if state.may_begin(&self.limits, client, class) {
                state.begin(client, class);
                return Ok(Turn(Some((Arc::clone(self), client, class))));
            }
            state.wait(&self.limits, client, class)?
        };
        match tokio::time::timeout(self.limits.patience, turn).await {
            Ok(Ok(turn)) => Ok(turn),
            Ok(Err(_)) | Err(_) => Err(Overloaded {
                own_share: self.state.lock().has_any(client),
            }),
        }
    }

    fn end(self: &Arc<Self>, client: ClientKey, class: Class) {
        let mut state = self.state.lock();
        state.end(client, class);
        while state.waiting > 0
            && let Some((next, class)) = state.next(&self.limits)
        {
            let Some(waiter) = state.called(next, class) else {
                continue;
            };
            state.begin(next, class);
            let turn = Turn(Some((Arc::clone(self), next, class)));
            // The waiter has gone. Its turn must not end itself while the state is locked.
            if let Err(mut turn) = waiter.send(turn) {
                turn.0 = None;
                state.end(next, class);
            }
        }
    }
}

impl State {
    fn may_begin(&self, limits: &Limits, client: ClientKey, class: Class) -> bool {
        let own = self.clients.get(&client);
        let (running, heavy) = own.map_or((0, 0), |own| (own.running, own.heavy));
        self.running < limits.all
            && (running < limits.each || client == ClientKey::UNKNOWN)
            && (class == Class::Cheap || (self.heavy < limits.heavy && heavy < limits.heavy_each))
    }

    fn begin(&mut self, client: ClientKey, class: Class) {
        let heavy = usize::from(class == Class::Heavy);
        self.running += 1;
        self.heavy += heavy;
        let now = self.clock + 1;
        let own = self.client(client);
        own.last = now;
        own.running += 1;
        own.heavy += heavy;
    }

    fn client(&mut self, key: ClientKey) -> &mut Client {
        self.clock += 1;
        self.clients.entry(key).or_insert(Client {
            last: self.clock,
            ..Client::default()
        })
    }

    fn end(&mut self, client: ClientKey, class: Class) {
        let heavy = usize::from(class == Class::Heavy);
        self.running -= 1;
        self.heavy -= heavy;
        if let Some(own) = self.clients.get_mut(&client) {
            own.running -= 1;
            own.heavy -= heavy;
            if own.running == 0 && own.waiting() == 0 {
                self.clients.remove(&client);
            }
        }
    }

    fn wait(
        &mut self,
        limits: &Limits,
        client: ClientKey,
        class: Class,
    ) -> Result<oneshot::Receiver<Turn>, Overloaded> {
        let each = match client {
            ClientKey::UNKNOWN => limits.waiting,
            _ => limits.waiting_each,
        };
        let own = |state: &Self| state.clients.get(&client).map_or(0, Client::waiting);
        if self.waiting >= limits.waiting || own(self) >= each {
            self.forget_the_gone();
        }
        let own_share = own(self) >= each;
        if own_share || self.waiting >= limits.waiting {
            return Err(Overloaded { own_share });
        }
        let (turn, waiting) = oneshot::channel();
        let own = self.client(client);
        own.queues[class as usize].push_back(turn);
        self.waiting += 1;
        Ok(waiting)
    }

    /// Of the clients that wait and may begin, the one with the fewest turns, or the oldest last turn.
    fn next(&self, limits: &Limits) -> Option<(ClientKey, Class)> {
        let wants = |(key, own): (&ClientKey, &Client)| {
            let waits = |class: &Class| !own.queues[*class as usize].is_empty();
            let classes = [Class::Cheap, Class::Heavy].into_iter().filter(waits);
            let class = { classes }.find(|class| self.may_begin(limits, *key, *class))?;
            Some(((own.running, own.last), (*key, class)))
        };
        let wanting = self.clients.iter().filter_map(wants);
        wanting.min_by_key(|(order, _)| *order).map(|(_, next)| next)
    }

    fn called(&mut self, client: ClientKey, class: Class) -> Option<oneshot::Sender<Turn>> {
        let waiter = self.clients.get_mut(&client)?.queues[class as usize].pop_front()?;
        self.waiting -= 1;
        Some(waiter)
    }

    fn forget_the_gone(&mut self) {
        for own in self.clients.values_mut() {
            for queue in &mut own.queues {
                queue.retain(|waiter| !waiter.is_closed());
            }
        }
        self.clients.retain(|_, own| own.running + own.waiting() > 0);
        self.waiting = self.clients.values().map(Client::waiting).sum();
    }

    fn has_any(&self, client: ClientKey) -> bool {
        self.clients.get(&client).is_some_and(|own| own.running > 0)
    }
}

impl Client {
    fn waiting(&self) -> usize {
        self.queues.iter().map(VecDeque::len).sum()
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if let Some((shares, client, class)) = self.0.take() {
            shares.end(client, class);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use futures_util::FutureExt;
    use futures_util::future::BoxFuture;

    use super::*;

    const LIMITS: Limits = Limits {
        all: 4,
        each: 3,
        heavy: 3,
        heavy_each: 2,
        waiting: 6,
        waiting_each: 4,
        patience: Duration::from_secs(5),
    };

    fn client(n: u8) -> ClientKey {
        IpAddr::from([10, 0, 0, n]).into()
    }

    type Waiting = BoxFuture<'static, Result<Turn, Overloaded>>;

    fn asked(shares: &Arc<Shares>, n: u8, class: Class) -> Waiting {
        let shares = Arc::clone(shares);
        async move { shares.turn(client(n), class).await }.boxed()
    }

    /// At once.
    fn turn(shares: &Arc<Shares>, n: u8, class: Class) -> Turn {
        is_ready(&mut asked(shares, n, class)).expect("a turn")
    }

    fn turns(shares: &Arc<Shares>, n: u8, class: Class, count: usize) -> Vec<Turn> {
        (0..count).map(|_| turn(shares, n, class)).collect()
    }

    fn waits(shares: &Arc<Shares>, n: u8, class: Class) -> Waiting {
        let mut waiting = asked(shares, n, class);
        assert!(is_ready(&mut waiting).is_none(), "it waits");
        waiting
    }

    fn is_ready(waiting: &mut Waiting) -> Option<Turn> {
        waiting.now_or_never().map(|turn| turn.expect("a turn"))
    }

    #[tokio::test]
    async fn no_client_has_all_and_the_next_turns_go_to_those_who_have_fewest() {
        let shares = Shares::new(LIMITS);
        let mut all: Vec<Turn> = turns(&shares, 1, Class::Cheap, 3);
        let mut own = waits(&shares, 1, Class::Cheap);
        all.push(turn(&shares, 2, Class::Cheap));
        let mut second = waits(&shares, 2, Class::Cheap);
        let mut third = waits(&shares, 3, Class::Cheap);
        // Of the second client and of the first.
        all.pop();
        all.pop();
        let others = (is_ready(&mut second), is_ready(&mut third));
        assert!(others.0.is_some() && others.1.is_some());
        assert!(is_ready(&mut own).is_none());
        drop(others);
        assert!(is_ready(&mut own).is_some());
    }

    #[tokio::test]
    async fn expensive_turns_leave_one_for_cheap_ones_and_one_for_another_client() {
        let shares = Shares::new(LIMITS);
        let _mine: Vec<Turn> = turns(&shares, 1, Class::Heavy, 2);
        let mut own = waits(&shares, 1, Class::Heavy);
        let other = turn(&shares, 2, Class::Heavy);
        let mut third = waits(&shares, 3, Class::Heavy);
        drop(turn(&shares, 4, Class::Cheap));
        assert!(is_ready(&mut third).is_none());
        drop(other);
        assert!(is_ready(&mut third).is_some());
        assert!(is_ready(&mut own).is_none(), "it has two already");
    }

    #[tokio::test]
    async fn only_so_many_wait_and_those_who_have_gone_do_not_count() {
        let shares = Shares::new(LIMITS);
        let _all = (turns(&shares, 1, Class::Cheap, 3), turn(&shares, 9, Class::Cheap));
        let mut waiting: Vec<_> = (0..4).map(|_| waits(&shares, 1, Class::Cheap)).collect();
        let refused = shares.turn(client(1), Class::Cheap).await.unwrap_err();
        assert!(refused.own_share);
        let _others: Vec<_> = (0..2).map(|_| waits(&shares, 2, Class::Cheap)).collect();
        let refused = shares.turn(client(3), Class::Cheap).await.unwrap_err();
        assert!(!refused.own_share);
        waiting.pop();
        let _third = waits(&shares, 3, Class::Cheap);
    }

    #[tokio::test]
    async fn a_wait_ends_after_the_patience_and_says_whose_share_was_used_up() {
        let patience = Duration::from_millis(5);
        let shares = Shares::new(Limits { patience, ..LIMITS });
        let all = (turns(&shares, 1, Class::Cheap, 3), turn(&shares, 9, Class::Cheap));
        let own = shares.turn(client(1), Class::Cheap).await.unwrap_err();
        let other = shares.turn(client(2), Class::Cheap).await.unwrap_err();
        assert_eq!((own.own_share, other.own_share), (true, false));
        drop(all);
        assert!(shares.state.lock().clients.is_empty());
        assert_eq!(shares.state.lock().waiting, 0);
    }

    #[tokio::test]
    async fn a_turn_that_comes_too_late_goes_to_the_next_one() {
        let shares = Shares::new(Limits {
            all: 1,
            each: 1,
            ..LIMITS
        });
        let first = turn(&shares, 1, Class::Cheap);
        let gone = waits(&shares, 2, Class::Cheap);
        let mut next = waits(&shares, 3, Class::Cheap);
        // Its turn is sent to it, and it never takes it.
        let given = waits(&shares, 4, Class::Cheap);
        drop(gone);
        drop(first);
        drop(is_ready(&mut next).expect("a turn"));
        drop(given);
        drop(turn(&shares, 5, Class::Cheap));
        assert!(shares.state.lock().clients.is_empty());
    }
}
