//! Credentials that were refused, by the address they came from. After a few failures in a minute further
//! ones of that address are not looked at for a time that grows.
//!
//! Others may be behind the same address: a credential that was good before is always looked at, and of
//! unknown ones a few each second, so that nobody can keep new users out for long.

use std::collections::{HashMap, HashSet};
use std::hash::{BuildHasher, RandomState};
use std::num::NonZeroU32;
use std::time::{Duration, Instant};

use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};
use parking_lot::Mutex;

use crate::access::credential::Credential;
use crate::data::ClientKey;

/// Failures of an address in a minute that have no consequence.
const FREE: u32 = 5;
const MINUTE: Duration = Duration::from_secs(60);
/// After the first failure too many; twice as long after each further one.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// Addresses, and credentials that were good before; some 10 MB together.
const ADDRESSES_MAX: usize = 50_000;
const GOOD_MAX: usize = 100_000;

/// Unknown credentials of an address that are looked at each second while it waits.
const LOOKED_AT: NonZeroU32 = NonZeroU32::MIN.saturating_add(4);

#[derive(Debug)]
pub struct Attempts {
    failed: Mutex<HashMap<ClientKey, Failed>>,
    good: Mutex<Good>,
    /// Nobody can choose credentials with the same hash.
    hasher: RandomState,
}

#[derive(Debug)]
struct Failed {
    count: u32,
    last: Instant,
    until: Instant,
    rate: DefaultDirectRateLimiter,
}

/// Hashes, those of the last time and those before.
#[derive(Debug, Default)]
struct Good {
    now: HashSet<u64>,
    before: HashSet<u64>,
}

impl Attempts {
    pub fn new() -> Self {
        Self {
            failed: Mutex::default(),
            good: Mutex::default(),
            hasher: RandomState::new(),
        }
    }

    /// # Errors
    /// How long the address must wait; the credential must not be looked at.
    pub fn may(&self, address: ClientKey, credential: &Credential, now: Instant) -> Result<(), Duration> {
        let failed = self.failed.lock();
        let Some(own) = failed.get(&address).filter(|own| now < own.until) else {
            return Ok(());
        };
        if self.good.lock().contains(self.hasher.hash_one(credential)) || own.rate.check().is_ok() {
            return Ok(());
        }
        Err(own.until - now)
    }

    /// How long credentials of this address are refused, unless they were good before.
    pub fn pause(&self, address: ClientKey, now: Instant) -> Duration {
        let until = self.failed.lock().get(&address).map(|own| own.until);
        until.map_or(Duration::ZERO, |until| until.saturating_duration_since(now))
    }

    pub fn succeeded(&self, credential: &Credential) {
        self.good.lock().add(self.hasher.hash_one(credential));
    }

    /// Returns how long the address must wait now, if it must.
    pub fn failed(&self, address: ClientKey, now: Instant) -> Option<Duration> {
        let mut failed = self.failed.lock();
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
            rate: RateLimiter::direct(Quota::per_second(LOOKED_AT)),
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

impl Good {
    fn contains(&self, hash: u64) -> bool {
        self.now.contains(&hash) || self.before.contains(&hash)
    }

    fn add(&mut self, hash: u64) {
        if self.now.len() >= GOOD_MAX / 2 {
            self.before = std::mem::take(&mut self.now);
        }
        self.now.insert(hash);
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;

    fn at(n: u32) -> ClientKey {
        IpAddr::from(n.to_be_bytes()).into()
    }

    fn key(text: &str) -> Credential {
        Credential::of(&format!("ss_{text}"))
    }

    #[test]
    fn failures_make_the_address_wait_longer_and_longer_and_a_quiet_minute_ends_it() {
        let attempts = Attempts::new();
        let begin = Instant::now();
        let pauses: Vec<_> = (0..13)
            .map(|_| attempts.failed(at(1), begin).map_or(0, |pause| pause.as_secs()))
            .collect();
        assert_eq!(pauses, [0, 0, 0, 0, 0, 1, 2, 4, 8, 16, 32, 60, 60]);
        assert_eq!(attempts.failed(at(2), begin), None);
        assert_eq!(attempts.failed(at(1), begin + 2 * MINUTE), None);
    }

    #[test]
    fn while_it_waits_few_unknown_credentials_are_looked_at_and_those_that_were_good_always() {
        let attempts = Attempts::new();
        let now = Instant::now();
        attempts.succeeded(&key("good"));
        for _ in 0..10 {
            attempts.failed(at(1), now);
        }
        let tried: Vec<_> = (0..20)
            .map(|n| attempts.may(at(1), &key(&n.to_string()), now).is_ok())
            .collect();
        let looked_at = tried.iter().filter(|ok| **ok).count();
        assert!((5..10).contains(&looked_at), "{looked_at}");
        assert!(!tried[19]);
        for _ in 0..20 {
            assert_eq!(attempts.may(at(1), &key("good"), now), Ok(()));
            assert_eq!(attempts.may(at(2), &key("unknown"), now), Ok(()));
        }
        let later = now + LONGEST_PAUSE;
        assert_eq!(attempts.may(at(1), &key("unknown"), later), Ok(()));
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let attempts = Attempts::new();
        let begin = Instant::now();
        for n in 0..=ADDRESSES_MAX {
            let now = begin + Duration::from_micros(n as u64);
            attempts.failed(at(n as u32), now);
        }
        assert!(attempts.failed.lock().len() <= ADDRESSES_MAX);
        for n in 0..2 * GOOD_MAX {
            attempts.succeeded(&key(&n.to_string()));
        }
        let good = attempts.good.lock();
        assert!(good.now.len() + good.before.len() <= GOOD_MAX);
    }
}
