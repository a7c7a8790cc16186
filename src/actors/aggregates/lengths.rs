//! Which lengths of windows there may be. Round ones are always allowed. Of others there is a limit for
//! each client and one for all, so that no client can take everything.

use crate::data::{ClientKey, Step, Tally};

/// By unit in microseconds: milliseconds, seconds, minutes, hours and days.
const ROUND: [(i64, &[i64]); 5] = [
    (1_000, &[100, 200, 250, 500]),
    (1_000_000, &[1, 2, 5, 10, 15, 20, 30]),
    (60_000_000, &[1, 2, 3, 5, 10, 15, 20, 30]),
    (3_600_000_000, &[1, 2, 3, 4, 6, 8, 12]),
    (86_400_000_000, &[1, 2, 7, 30]),
];
/// Other lengths of one client, and of all clients.
const OWN_MAX: usize = 8;
const ALL_MAX: usize = 128;

/// The lengths in use that are not round.
#[derive(Debug, Default)]
pub struct Lengths {
    by_client: Tally<ClientKey, Step>,
    all: Tally<(), Step>,
}

impl Lengths {
    /// Another subscription of this length, until [`Self::leave`]; false when that is not allowed.
    pub fn enter(&mut self, client: Option<ClientKey>, step: Step) -> bool {
        if is_round(step) {
            return true;
        }
        let all = self.all.enter((), step);
        let own = client.map(|client| self.by_client.enter(client, step));
        own.is_none_or(|own| own <= OWN_MAX) && all <= ALL_MAX
    }

    /// To be called after every `enter`, also one that returned false.
    pub fn leave(&mut self, client: Option<ClientKey>, step: Step) {
        self.all.leave(&(), &step);
        if let Some(client) = client {
            self.by_client.leave(&client, &step);
        }
    }
}

fn is_round(step: Step) -> bool {
    let is_of = |(unit, counts): &(i64, &[i64])| {
        step.micros() % unit == 0 && counts.contains(&(step.micros() / unit))
    };
    ROUND.iter().any(is_of)
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
