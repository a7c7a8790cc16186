//! The client of a request, as shares and limits distinguish clients: the principal where there is access
//! control, else the network address.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use sha2::{Digest, Sha256};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ClientKey(Key);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Key {
    /// The address of IPv4 or the network (/64) of IPv6 that a request comes from.
    Address(IpAddr),
    /// The beginning of the hash of a principal's subject.
    Subject([u8; 16]),
}

impl ClientKey {
    /// Clients whose address is not known, and the program itself.
    pub const UNKNOWN: Self = Self(Key::Address(IpAddr::V4(Ipv4Addr::UNSPECIFIED)));

    /// A principal, wherever it asks from.
    pub fn of_subject(subject: &str) -> Self {
        let hash = Sha256::digest(subject);
        let mut key = [0; 16];
        key.copy_from_slice(&hash[..16]);
        Self(Key::Subject(key))
    }
}

/// How many of each thing every owner has.
#[derive(Debug)]
pub struct Tally<O, K>(HashMap<O, HashMap<K, u32>>);

impl<O, K> Default for Tally<O, K> {
    fn default() -> Self {
        Self(HashMap::new())
    }
}

impl<O: Eq + Hash, K: Eq + Hash> Tally<O, K> {
    pub fn of(&self, owner: &O) -> Option<&HashMap<K, u32>> {
        self.0.get(owner)
    }

    /// Returns how many different things the owner has now.
    pub fn enter(&mut self, owner: O, thing: K) -> usize {
        let own = self.0.entry(owner).or_default();
        *own.entry(thing).or_default() += 1;
        own.len()
    }

    pub fn leave(&mut self, owner: &O, thing: &K) {
        if let Some(own) = self.0.get_mut(owner)
            && let Some(count) = own.get_mut(thing)
        {
            *count -= 1;
            if *count == 0 {
                own.remove(thing);
            }
            if own.is_empty() {
                self.0.remove(owner);
            }
        }
    }
}

impl From<IpAddr> for ClientKey {
    /// A client with one IPv6 address usually has all 2^64 of its network.
    fn from(address: IpAddr) -> Self {
        Self(Key::Address(match address.to_canonical() {
            IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() & !u128::from(u64::MAX)).into(),
            v4 @ IpAddr::V4(_) => v4,
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(address: &str) -> ClientKey {
        ClientKey::from(address.parse::<IpAddr>().unwrap())
    }

    #[test]
    fn a_network_of_ipv6_is_one_client_and_an_address_of_ipv4_is_one_however_written() {
        assert_eq!(at("2001:db8::1"), at("2001:db8::ffff:1"));
        assert_ne!(at("2001:db8::1"), at("2001:db8:0:1::1"));
        assert_eq!(at("10.0.0.1"), at("::ffff:10.0.0.1"));
        assert_ne!(at("10.0.0.1"), at("10.0.0.2"));
    }

    #[test]
    fn a_principal_is_one_client_whatever_its_address() {
        assert_eq!(ClientKey::of_subject("key:a"), ClientKey::of_subject("key:a"));
        assert_ne!(ClientKey::of_subject("key:a"), ClientKey::of_subject("key:b"));
    }
}
