//! Credentials that were not valid, by the address they came from.
//!
//! Nobody guesses 256 random bits or a signature, and others may be behind the same address. So a valid
//! credential never waits for those that failed. After a few failures in a minute further ones are told to wait for a
//! time that grows. What costs something is the signature of a token: while its address waits, a bounded
//! number of unknown ones is verified each second.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::time::{Duration, Instant};

use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use parking_lot::Mutex;

use crate::data::ClientKey;

/// Failures of an address in a minute that have no consequence.
const FREE: u32 = 5;
const MINUTE: Duration = Duration::from_secs(60);
/// After the first failure too many; twice as long after each further one.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// Some 5 MB.
const ADDRESSES_MAX: usize = 50_000;

/// Unknown tokens of an address that are verified each second while it waits, which takes a few
/// hundredths of a core.
const VERIFIED: NonZeroU32 = NonZeroU32::MIN.saturating_add(199);

#[derive(Debug, Default)]
pub struct Attempts(Mutex<HashMap<ClientKey, Failed>>);

#[derive(Debug)]
struct Failed {
    count: u32,
    last: Instant,
    until: Instant,
    verified: DefaultDirectRateLimiter,
}

impl Attempts {
    /// Whether too many have failed at this address.
    pub fn waits(&self, address: ClientKey, now: Instant) -> bool {
        self.0.lock().get(&address).is_some_and(|own| now < own.until)
    }

    /// Whether an address that waits may have the signature of an unknown token verified.
    pub fn may_verify(&self, address: ClientKey) -> bool {
        let failed = self.0.lock();
        failed
            .get(&address)
            .is_none_or(|own| own.verified.check().is_ok())
    }

    /// Returns how long the address must wait now, if it must.
    pub fn failed(&self, address: ClientKey, now: Instant) -> Option<Duration> {
        let mut failed = self.0.lock();
        if failed.len() >= ADDRESSES_MAX && !failed.contains_key(&address) {
            make_room(&mut failed, now);
        }
        let own = failed.entry(address).or_insert_with(|| Failed::new(now));
        if own.is_over(now) {
            *own = Failed::new(now);
        }
        own.last = now;
        own.count = own.count.saturating_add(1);
        let beyond = own.count.checked_sub(FREE + 1)?;
        let pause = FIRST_PAUSE.saturating_mul(1 << beyond.min(10)).min(LONGEST_PAUSE);
        own.until = now + pause;
        Some(pause)
    }
}

impl Failed {
    fn new(now: Instant) -> Self {
        Self {
            count: 0,
            last: now,
            until: now,
            verified: RateLimiter::direct(Quota::per_second(VERIFIED)),
        }
    }

    /// Nothing has failed for a minute after the last pause.
    fn is_over(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.last.max(self.until)) >= MINUTE
    }
}

/// Forgets those whose time is over, else the half that failed the longest ago.
fn make_room(failed: &mut HashMap<ClientKey, Failed>, now: Instant) {
    failed.retain(|_, own| !own.is_over(now));
    if failed.len() >= ADDRESSES_MAX {
        let mut times: Vec<Instant> = failed.values().map(|own| own.last).collect();
        let (_, middle, _) = times.select_nth_unstable(ADDRESSES_MAX / 2);
        let middle = *middle;
        failed.retain(|_, own| own.last > middle);
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;

    fn at(n: u32) -> ClientKey {
        IpAddr::from(n.to_be_bytes()).into()
    }

    #[test]
    fn failures_make_the_address_wait_longer_and_longer_and_a_quiet_minute_ends_it() {
        let attempts = Attempts::default();
        let begin = Instant::now();
        let pauses: Vec<_> = (0..13)
            .map(|_| attempts.failed(at(1), begin).map_or(0, |pause| pause.as_secs()))
            .collect();
        assert_eq!(pauses, [0, 0, 0, 0, 0, 1, 2, 4, 8, 16, 32, 60, 60]);
        assert_eq!(attempts.failed(at(2), begin), None);
        assert_eq!(attempts.failed(at(1), begin + 2 * MINUTE), None);
    }

    #[test]
    fn while_it_waits_a_bounded_number_of_unknown_tokens_is_verified_each_second() {
        let attempts = Attempts::default();
        let now = Instant::now();
        assert!(!attempts.waits(at(1), now));
        for _ in 0..20 {
            attempts.failed(at(1), now);
        }
        assert!(attempts.waits(at(1), now) && !attempts.waits(at(1), now + LONGEST_PAUSE));
        let verified = (0..10_000).filter(|_| attempts.may_verify(at(1))).count();
        // The bucket fills while this runs.
        assert!((200..2_000).contains(&verified), "{verified}");
        assert!(!attempts.waits(at(2), now) && attempts.may_verify(at(2)));
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let attempts = Attempts::default();
        let begin = Instant::now();
        for n in 0..=ADDRESSES_MAX {
            let now = begin + Duration::from_micros(n as u64);
            attempts.failed(at(n as u32), now);
        }
        assert!(attempts.0.lock().len() <= ADDRESSES_MAX);
    }
}
