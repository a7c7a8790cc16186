//! How many live connections each address has, over all workers.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::data::ClientKey;

#[derive(Debug, Default)]
pub struct Crowd {
    /// 0 for no limit.
    most: usize,
    counts: Mutex<HashMap<ClientKey, usize>>,
}

/// One connection's place; dropping it gives it back.
#[derive(Debug)]
pub struct Place(Option<(Arc<Crowd>, ClientKey)>);

impl Crowd {
    /// At most so many for each address; 0 for no limit.
    pub fn new(most: usize) -> Arc<Self> {
        Arc::new(Self {
            most,
            counts: Mutex::default(),
        })
    }

    /// # Errors
    /// The limit, when it is reached.
    pub fn enter(self: &Arc<Self>, peer: Option<SocketAddr>) -> Result<Place, usize> {
        let Some(peer) = peer.filter(|_| self.most > 0) else {
            return Ok(Place(None));
        };
        let address = ClientKey::from(peer.ip());
        let mut counts = self.lock();
        let count = counts.entry(address).or_default();
        if *count >= self.most {
            return Err(self.most);
        }
        *count += 1;
        Ok(Place(Some((Arc::clone(self), address))))
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<ClientKey, usize>> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let Some((crowd, address)) = &self.0 else {
            return;
        };
        let mut counts = crowd.lock();
        if let Some(count) = counts.get_mut(address) {
            *count -= 1;
            if *count == 0 {
                counts.remove(address);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(address: &str) -> Option<SocketAddr> {
        Some(SocketAddr::new(address.parse().unwrap(), 1))
    }

    #[test]
    fn each_address_has_so_many_places_and_gets_them_back() {
        let crowd = Crowd::new(2);
        let first = crowd.enter(at("10.0.0.1")).unwrap();
        let _second = crowd.enter(at("::ffff:10.0.0.1")).unwrap();
        assert_eq!(crowd.enter(at("10.0.0.1")).unwrap_err(), 2);
        let _other = crowd.enter(at("10.0.0.2")).unwrap();
        drop(first);
        assert!(crowd.enter(at("10.0.0.1")).is_ok());
    }

    #[test]
    fn a_network_of_ipv6_counts_as_one_address() {
        let crowd = Crowd::new(1);
        let place = crowd.enter(at("2001:db8::1")).unwrap();
        assert!(crowd.enter(at("2001:db8::2")).is_err());
        assert!(crowd.enter(at("2001:db8:0:1::1")).is_ok());
        drop(place);
        assert!(crowd.lock().is_empty());
    }

    #[test]
    fn without_a_limit_nobody_is_counted() {
        let crowd = Crowd::new(0);
        let _places: Vec<Place> = (0..9).map(|_| crowd.enter(at("10.0.0.1")).unwrap()).collect();
        assert!(crowd.lock().is_empty());
    }
}
