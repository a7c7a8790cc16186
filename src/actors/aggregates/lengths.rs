//! Which lengths of windows there may be: round ones always, others so many for each client and so
//! many in all, so that nobody takes the room of everybody.

use std::collections::HashMap;

use crate::data::{ClientKey, Step};

/// In milliseconds.
const ROUND: [i64; 30] = [
    100,
    200,
    250,
    500,
    1_000,
    2_000,
    5_000,
    10_000,
    15_000,
    20_000,
    30_000,
    60_000,
    120_000,
    180_000,
    300_000,
    600_000,
    900_000,
    1_200_000,
    1_800_000,
    3_600_000,
    7_200_000,
    10_800_000,
    14_400_000,
    21_600_000,
    28_800_000,
    43_200_000,
    86_400_000,
    172_800_000,
    604_800_000,
    2_592_000_000,
];
/// Other lengths of one client, and of all.
const OWN_MAX: usize = 8;
const ALL_MAX: usize = 128;

/// The lengths in use that are not round.
#[derive(Debug, Default)]
pub struct Lengths {
    by_client: HashMap<ClientKey, HashMap<Step, u32>>,
    in_use: HashMap<Step, u32>,
}

impl Lengths {
    /// Another subscription of this length, until [`Self::leave`]; false when it may not be.
    pub fn enter(&mut self, client: Option<ClientKey>, step: Step) -> bool {
        if is_round(step) {
            return true;
        }
        *self.in_use.entry(step).or_default() += 1;
        let own = client.map(|client| {
            let own = self.by_client.entry(client).or_default();
            *own.entry(step).or_default() += 1;
            own.len()
        });
        own.is_none_or(|own| own <= OWN_MAX) && self.in_use.len() <= ALL_MAX
    }

    /// Also for one that might not be.
    pub fn leave(&mut self, client: Option<ClientKey>, step: Step) {
        take_one(&mut self.in_use, step);
        if let Some(client) = client
            && let Some(own) = self.by_client.get_mut(&client)
        {
            take_one(own, step);
            if own.is_empty() {
                self.by_client.remove(&client);
            }
        }
    }
}

fn take_one(counts: &mut HashMap<Step, u32>, step: Step) {
    if let Some(count) = counts.get_mut(&step) {
        *count -= 1;
        if *count == 0 {
            counts.remove(&step);
        }
    }
}

fn is_round(step: Step) -> bool {
    step.micros() % 1_000 == 0 && ROUND.contains(&(step.micros() / 1_000))
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, Ipv4Addr};
    use std::time::Duration;

    use super::*;

    fn client(n: u32) -> Option<ClientKey> {
        Some(IpAddr::V4(Ipv4Addr::from_bits(n + 1)).into())
    }

    fn odd(n: u64) -> Step {
        Step::new(Duration::from_millis(60_001 + n)).unwrap()
    }

    #[test]
    fn one_client_leaves_room_for_others_and_round_lengths_are_for_all() {
        let mut lengths = Lengths::default();
        let greedy = (0..64).filter(|n| lengths.enter(client(1), odd(*n))).count();
        assert_eq!(greedy, OWN_MAX);
        for n in OWN_MAX as u64..64 {
            lengths.leave(client(1), odd(n));
        }
        assert!(lengths.enter(client(2), odd(100)));
        assert!(lengths.enter(client(1), odd(3)), "it has this one already");
        let minute = Step::new(Duration::from_secs(60)).unwrap();
        assert!(lengths.enter(client(1), minute));
        lengths.leave(client(1), minute);
        lengths.leave(client(1), odd(0));
        assert!(lengths.enter(client(1), odd(200)));
        for n in 0..200 {
            lengths.enter(client(10 + n / 4), odd(1_000 + u64::from(n)));
        }
        assert!(
            !lengths.enter(client(99), odd(5_000)),
            "all together have too many"
        );
        assert!(lengths.enter(client(99), minute));
    }
}
