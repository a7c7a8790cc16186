//! One limit for each client and one for all together, in connections or in bytes.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;

use crate::data::{Budget, ClientKey, Reserved};
use crate::http::error::HttpError;

#[derive(Debug)]
pub struct ClientLimiter {
    all: Arc<Budget>,
    /// Of one client; 0 for no limit.
    most: usize,
    held: Mutex<HashMap<ClientKey, usize>>,
}

/// The part of a client's share that one connection has taken, until this is dropped.
#[derive(Debug)]
pub struct ClientPermit {
    of: Arc<ClientLimiter>,
    client: ClientKey,
    taken: Reserved,
}

/// Which bound is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Full {
    Client,
    All,
}

impl Full {
    pub(in crate::http) const fn http_error(self) -> HttpError {
        match self {
            Self::Client => HttpError::OwnShare,
            Self::All => HttpError::Overloaded,
        }
    }

    /// The message for memory limits.
    pub const fn why(self) -> &'static str {
        match self {
            Self::Client => {
                "your requests and answers on their way take as much as one client's may; try again in a moment"
            }
            Self::All => "requests and answers on their way take as much as they may; try again in a moment",
        }
    }
}

impl ClientLimiter {
    /// `most` of one client (0 for no limit), `all` of all of them.
    pub fn new(most: usize, all: usize) -> Arc<Self> {
        Arc::new(Self {
            all: Budget::new(all),
            most,
            held: Mutex::default(),
        })
    }

    /// What one client may have.
    pub fn most(&self) -> usize {
        match self.most {
            0 => self.all.limit(),
            most => most,
        }
    }

    /// # Errors
    /// The client, or all clients together, would have more than they may.
    pub fn take(self: &Arc<Self>, client: ClientKey, amount: usize) -> Result<ClientPermit, Full> {
        let mut permit = ClientPermit {
            of: Arc::clone(self),
            client,
            taken: self.all.reserve(0).ok_or(Full::All)?,
        };
        permit.resize(amount)?;
        Ok(permit)
    }
}

impl ClientPermit {
    /// # Errors
    /// Not enough is left to grow; it stays as it was.
    pub fn resize(&mut self, amount: usize) -> Result<(), Full> {
        let before = self.taken.amount();
        let mut held = (self.of.most > 0).then(|| self.of.held.lock());
        let others = match &held {
            Some(held) => held.get(&self.client).copied().unwrap_or(0) - before,
            None => 0,
        };
        if self.of.most > 0 && amount > before && others + amount > self.of.most {
            return Err(Full::Client);
        }
        if !self.taken.resize(amount) {
            return Err(Full::All);
        }
        if let Some(held) = &mut held {
            match others + amount {
                0 => held.remove(&self.client),
                sum => held.insert(self.client, sum),
            };
        }
        Ok(())
    }
}

impl Drop for ClientPermit {
    fn drop(&mut self) {
        // Shrinking is never refused.
        let _ = self.resize(0);
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;

    fn at(address: &str) -> ClientKey {
        address.parse::<IpAddr>().unwrap().into()
    }

    #[test]
    fn each_client_has_so_much_and_all_have_no_more_than_there_is() {
        let limiter = ClientLimiter::new(3, 5);
        let (a, b) = (at("10.0.0.1"), at("10.0.0.2"));
        let mut first = limiter.take(a, 2).unwrap();
        let second = limiter.take(a, 1).unwrap();
        assert_eq!(limiter.take(a, 1).unwrap_err(), Full::Client);
        assert_eq!(first.resize(3), Err(Full::Client));
        let _other = limiter.take(b, 2).unwrap();
        assert_eq!(limiter.take(b, 1).unwrap_err(), Full::All);
        drop(second);
        assert_eq!(first.resize(3), Ok(()));
        assert_eq!(first.resize(0), Ok(()));
        assert_eq!(limiter.all.used(), 2);
    }

    #[test]
    fn what_is_given_back_leaves_nothing() {
        let limiter = ClientLimiter::new(3, 5);
        drop(limiter.take(at("10.0.0.1"), 3).unwrap());
        assert_eq!(limiter.take(at("10.0.0.1"), 4).unwrap_err(), Full::Client);
        assert!(limiter.held.lock().is_empty());
        assert_eq!(limiter.all.used(), 0);
    }

    #[test]
    fn without_a_limit_by_client_only_the_whole_counts() {
        let limiter = ClientLimiter::new(0, 5);
        let _held: Vec<ClientPermit> = (0..5).map(|_| limiter.take(at("10.0.0.1"), 1).unwrap()).collect();
        assert!(limiter.held.lock().is_empty());
        assert_eq!(limiter.take(at("10.0.0.1"), 1).unwrap_err(), Full::All);
    }
}
