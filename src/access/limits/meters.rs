//! The meters of those who were let in lately, one for each principal, bounded in number.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::data::meter::OnRefusal;
use crate::data::{Allowance, ClientKey, Meter};

/// Some 50 MB.
const MOST: usize = 100_000;
/// After this time without a request everything that was used is there again.
const FORGET: Duration = Duration::from_secs(3_600);
const CLEAN_EVERY: Duration = Duration::from_secs(60);

pub struct Meters {
    by_client: Mutex<Known>,
    on_refusal: OnRefusal,
}

struct Known {
    meters: HashMap<(ClientKey, Allowance), Entry>,
    cleaned: Instant,
}

struct Entry {
    meter: Arc<Meter>,
    used: Instant,
}

impl Meters {
    pub fn new(on_refusal: OnRefusal) -> Self {
        let known = Known {
            meters: HashMap::new(),
            cleaned: Instant::now(),
        };
        Self {
            by_client: Mutex::new(known),
            on_refusal,
        }
    }

    /// The meter of a client that asks now. With another allowance, by another role, it has another meter,
    /// and comes back to what it had used of this one.
    pub fn of(&self, client: ClientKey, allowance: Allowance) -> Arc<Meter> {
        self.of_at(client, allowance, Instant::now())
    }

    fn of_at(&self, client: ClientKey, allowance: Allowance, now: Instant) -> Arc<Meter> {
        let mut known = self.by_client.lock();
        if let Some(entry) = known.meters.get_mut(&(client, allowance)) {
            entry.used = now;
            return Arc::clone(&entry.meter);
        }
        known.make_room(now);
        let meter = Arc::new(Meter::new(client, allowance, Arc::clone(&self.on_refusal)));
        let entry = Entry {
            meter: Arc::clone(&meter),
            used: now,
        };
        known.meters.insert((client, allowance), entry);
        meter
    }
}

impl Known {
    fn make_room(&mut self, now: Instant) {
        let full = self.meters.len() >= MOST;
        if !full && now.duration_since(self.cleaned) < CLEAN_EVERY {
            return;
        }
        self.cleaned = now;
        // What a connection still uses has another owner.
        let in_use = |entry: &Entry| Arc::strong_count(&entry.meter) > 1;
        self.meters
            .retain(|_, entry| in_use(entry) || now.duration_since(entry.used) < FORGET);
        if self.meters.len() < MOST {
            return;
        }
        // So many have come in an hour: those who have asked for the longest time begin anew.
        let mut times: Vec<Instant> = self.meters.values().map(|entry| entry.used).collect();
        let (_, cut, _) = times.select_nth_unstable(MOST / 10);
        let cut = *cut;
        self.meters.retain(|_, entry| entry.used > cut);
    }
}

impl std::fmt::Debug for Meters {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let known = self.by_client.lock().meters.len();
        f.debug_struct("Meters").field("known", &known).finish()
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use super::*;

    const ALLOWANCE: Allowance = Allowance {
        requests_per_second: NonZeroU32::new(1),
        cost_per_minute: None,
        subscriptions: None,
        heavy_reads: None,
        new_series_per_hour: None,
        kib_out_per_minute: None,
        sign_ins_per_minute: None,
    };

    fn meters() -> Meters {
        Meters::new(Arc::new(|_| {}))
    }

    fn client(n: usize) -> ClientKey {
        ClientKey::of_subject(&n.to_string())
    }

    #[test]
    fn a_principal_has_one_meter_for_each_of_its_limits() {
        let meters = meters();
        meters.of(client(1), ALLOWANCE).request().unwrap();
        assert!(meters.of(client(1), ALLOWANCE).request().is_err());
        meters.of(client(2), ALLOWANCE).request().unwrap();
        meters.of(client(1), Allowance::default()).request().unwrap();
        assert!(meters.of(client(1), ALLOWANCE).request().is_err());
    }

    #[test]
    fn a_meter_that_nobody_has_used_for_an_hour_is_forgotten() {
        let meters = meters();
        let begin = Instant::now();
        let held = meters.of_at(client(1), ALLOWANCE, begin);
        meters.of_at(client(2), ALLOWANCE, begin);
        meters.of_at(client(3), ALLOWANCE, begin + FORGET);
        assert_eq!(meters.by_client.lock().meters.len(), 2);
        let again = meters.of_at(client(1), ALLOWANCE, begin + FORGET);
        assert!(Arc::ptr_eq(&held, &again));
    }

    #[test]
    fn their_number_is_bounded_and_the_latest_stay() {
        let meters = meters();
        let begin = Instant::now();
        let at = |n: usize| begin + Duration::from_micros(n as u64);
        for n in 0..=MOST {
            meters.of_at(client(n), ALLOWANCE, at(n));
        }
        let known = meters.by_client.lock();
        assert!(known.meters.len() <= MOST);
        assert!(known.meters.contains_key(&(client(MOST), ALLOWANCE)));
        assert!(!known.meters.contains_key(&(client(0), ALLOWANCE)));
    }
}
