//! Whose question is next, so that many questions of one client do not delay the others.

use std::collections::HashMap;

use crate::data::ClientKey;

/// Clients that are remembered. With more, all are forgotten.
const CLIENTS_MAX: usize = 1_024;

#[derive(Debug, Default)]
pub struct Rounds {
    served: HashMap<ClientKey, u64>,
    turns: u64,
}

impl Rounds {
    /// The index of the next question: the first one of the client that was served the longest time ago.
    pub fn next(&mut self, clients: impl Iterator<Item = ClientKey>) -> Option<usize> {
        let served = |client: &ClientKey| self.served.get(client).copied().unwrap_or(0);
        let (place, client) = clients.enumerate().min_by_key(|(_, client)| served(client))?;
        if self.served.len() >= CLIENTS_MAX {
            self.served.clear();
        }
        self.turns += 1;
        self.served.insert(client, self.turns);
        Some(place)
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;

    #[test]
    fn clients_take_turns_however_many_questions_each_has() {
        let client = |n: u8| ClientKey::from(IpAddr::from([10, 0, 0, n]));
        let mut waiting = vec![1, 1, 1, 1, 2, 2, 3];
        let mut rounds = Rounds::default();
        let mut order = Vec::new();
        while let Some(place) = rounds.next(waiting.iter().map(|n| client(*n))) {
            order.push(waiting.remove(place));
        }
        assert_eq!(order, [1, 2, 3, 1, 2, 1, 1]);
    }
}
