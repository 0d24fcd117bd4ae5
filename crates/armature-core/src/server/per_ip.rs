//! `limits.connectionsPerIp`: how many connections each address has.
//!
//! The table has an entry for each address that has a connection, and no other: so it is bounded by `limits.connections`. Loops
//! share it, in parts with a lock each; it is touched when a connection opens and when it closes, and not at all without the
//! limit.

use std::collections::HashMap;
use std::collections::hash_map::{Entry, RandomState};
use std::hash::BuildHasher;
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};

const PARTS: usize = 16;

/// Whose connections are counted together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum Client {
    V4(u32),
    /// A /64 network: what one customer gets, who has all addresses in it.
    V6(u64),
}

impl From<IpAddr> for Client {
    fn from(ip: IpAddr) -> Self {
        match ip.to_canonical() {
            IpAddr::V4(ip) => Self::V4(ip.to_bits()),
            IpAddr::V6(ip) => Self::V6((ip.to_bits() >> 64) as u64),
        }
    }
}

#[derive(Debug)]
pub(super) struct PerIp {
    limit: u32,
    parts: [Mutex<HashMap<Client, u32>>; PARTS],
    hasher: RandomState,
}

impl PerIp {
    pub fn new(limit: usize) -> Self {
        Self {
            limit: u32::try_from(limit).unwrap_or(u32::MAX),
            parts: Default::default(),
            hasher: RandomState::new(),
        }
    }

    /// Counts a connection; false when `client` has as many as it may.
    pub fn enter(&self, client: Client) -> bool {
        match self.part(client).entry(client) {
            Entry::Occupied(mut count) if *count.get() < self.limit => {
                *count.get_mut() += 1;
                true
            }
            Entry::Occupied(_) => false,
            Entry::Vacant(free) => {
                free.insert(1);
                true
            }
        }
    }

    /// Whether `client` has fewer than it may.
    pub fn has_room(&self, client: Client) -> bool {
        self.part(client).get(&client).is_none_or(|count| *count < self.limit)
    }

    /// A connection that was counted has closed.
    pub fn leave(&self, client: Client) {
        let mut part = self.part(client);
        if let Entry::Occupied(mut count) = part.entry(client) {
            match count.get() {
                0 | 1 => drop(count.remove()),
                _ => *count.get_mut() -= 1,
            }
        }
    }

    fn part(&self, client: Client) -> MutexGuard<'_, HashMap<Client, u32>> {
        let part = self.hasher.hash_one(client) as usize % PARTS;
        self.parts[part].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(ip: &str) -> Client {
        ip.parse::<IpAddr>().unwrap().into()
    }

    #[test]
    fn who_is_counted_together() {
        let same = [
            ("10.0.0.1", "10.0.0.1", true),
            ("10.0.0.1", "10.0.0.2", false),
            ("10.0.0.1", "::ffff:10.0.0.1", true),
            ("2001:db8:1:2::1", "2001:db8:1:2:ffff::2", true),
            ("2001:db8:1:2::1", "2001:db8:1:3::1", false),
            ("::", "0.0.0.0", false),
        ];
        for (one, other, expected) in same {
            assert_eq!(client(one) == client(other), expected, "{one} {other}");
        }
    }

    #[test]
    fn counts_up_to_the_limit_and_forgets_who_has_none() {
        let table = PerIp::new(2);
        let (a, b) = (client("10.0.0.1"), client("2001:db8::1"));
        assert!(table.enter(a) && table.enter(a) && table.enter(b));
        assert!(!table.enter(a) && !table.enter(a));
        table.leave(a);
        assert!(table.enter(a) && !table.enter(a));
        for client in [a, a, b] {
            table.leave(client);
        }
        // Whoever was never counted, or was refused, takes nothing away.
        table.leave(a);
        assert!(table.parts.iter().all(|part| part.lock().unwrap().is_empty()));
    }
}
