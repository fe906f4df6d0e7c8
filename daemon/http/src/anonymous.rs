//! Anonymous connections are limited in number and time, so that one is always free for a caller
//! who authenticates. An authenticated connection has no time limit.

use std::{
    collections::{HashMap, VecDeque},
    net::IpAddr,
    sync::{
        Arc, Mutex, OnceLock, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use tokio_util::sync::CancellationToken;
use vine_domain::WorkerId;

/// The most anonymous connections from one address, and from all of them. A browser opens six, a
/// platform's servers a few dozen.
const OF_ONE: usize = 128;
const OF_ALL: usize = 512;

/// One connection.
#[derive(Debug, Clone, Default)]
pub struct AnonymousConnection(Arc<PoolState>);

#[derive(Debug, Default)]
struct PoolState {
    /// A caller authenticated on it.
    is_known: AtomicBool,
    /// The worker that called over it.
    worker: OnceLock<WorkerId>,
    /// A request on it is being answered.
    is_served: AtomicBool,
    is_gone: AtomicBool,
    closed: CancellationToken,
}

impl AnonymousConnection {
    /// A caller has authenticated.
    pub fn is_known_now(&self) {
        self.0.is_known.store(true, Ordering::Relaxed);
    }

    /// A worker has authenticated.
    pub fn is_of_worker(&self, worker: WorkerId) {
        self.is_known_now();
        // Another worker behind the same proxy may use it too: the first counts.
        let _first_counts = self.0.worker.set(worker);
    }

    /// The worker that called over it.
    pub fn worker(&self) -> Option<WorkerId> {
        self.0.worker.get().copied()
    }

    /// Whether a caller has authenticated.
    pub fn is_known(&self) -> bool {
        self.0.is_known.load(Ordering::Relaxed)
    }

    /// A request on it starts or ends.
    pub fn is_served(&self, is: bool) {
        self.0.is_served.store(is, Ordering::Relaxed);
    }

    /// The connection has ended.
    pub fn leaves(&self) {
        self.0.is_gone.store(true, Ordering::Relaxed);
    }

    /// Resolves when it must make room for others.
    pub async fn closed(&self) {
        self.0.closed.cancelled().await;
    }

    fn is_stranger(&self) -> bool {
        !self.is_known() && !self.0.is_gone.load(Ordering::Relaxed)
    }
}

/// All connections on which no caller has authenticated, the oldest first.
#[derive(Debug, Default)]
pub struct AnonymousPool(Mutex<VecDeque<(IpAddr, AnonymousConnection)>>);

impl AnonymousPool {
    /// Adds a new connection. If its address, or all of them, have too many, another one is closed.
    pub fn admit(&self, from: IpAddr) -> AnonymousConnection {
        let mut strangers = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        strangers.retain(|(_, guest)| guest.is_stranger());
        let mut counts = HashMap::<IpAddr, usize>::new();
        for (address, _) in strangers.iter() {
            *counts.entry(*address).or_default() += 1;
        }
        let crowded = match counts.get(&from) {
            Some(count) if *count >= OF_ONE => Some(from),
            _ if strangers.len() >= OF_ALL => counts
                .into_iter()
                .max_by_key(|(_, count)| *count)
                .map(|(address, _)| address),
            _ => None,
        };
        if let Some(address) = crowded {
            let of_it = |(other, _): &(IpAddr, AnonymousConnection)| *other == address;
            let is_idle = |guest: &AnonymousConnection| !guest.0.is_served.load(Ordering::Relaxed);
            let idle = |one: &(IpAddr, AnonymousConnection)| of_it(one) && is_idle(&one.1);
            let place = strangers
                .iter()
                .position(idle)
                .or_else(|| strangers.iter().position(of_it));
            if let Some((_, guest)) = place.and_then(|place| strangers.remove(place)) {
                guest.0.closed.cancel();
            }
        }
        let guest = AnonymousConnection::default();
        strangers.push_back((from, guest.clone()));
        guest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_closed(guest: &AnonymousConnection) -> bool {
        guest.0.closed.is_cancelled()
    }

    #[test]
    fn strangers_make_room_for_each_other_and_never_take_that_of_who_is_known() {
        let guests = AnonymousPool::default();
        let here = IpAddr::from([10, 0, 0, 1]);
        let known: Vec<AnonymousConnection> = (0..1000)
            .map(|_| {
                let guest = guests.admit(here);
                guest.is_known_now();
                guest
            })
            .collect();
        let served = guests.admit(here);
        served.is_served(true);
        let idle: Vec<AnonymousConnection> = (1..OF_ONE).map(|_| guests.admit(here)).collect();
        let elsewhere = guests.admit(IpAddr::from([10, 0, 0, 2]));
        let new = guests.admit(here);
        assert!(is_closed(&idle[0]), "the oldest idle one is closed");
        assert!(
            !idle[1..]
                .iter()
                .chain([&served, &elsewhere, &new])
                .any(is_closed)
        );
        assert!(!known.iter().any(is_closed));
    }

    #[test]
    fn many_addresses_together_hold_no_more_and_the_greediest_gives() {
        let guests = AnonymousPool::default();
        let greedy: Vec<AnonymousConnection> = (0..OF_ONE)
            .map(|_| guests.admit(IpAddr::from([10, 0, 0, 1])))
            .collect();
        let others: Vec<AnonymousConnection> = (0..OF_ALL as u32)
            .map(|number| guests.admit(IpAddr::from((0x0b00_0000 + number).to_be_bytes())))
            .collect();
        let closed = greedy.iter().filter(|guest| is_closed(guest)).count();
        assert!(closed >= OF_ONE - 2, "{closed}");
        let open = others.iter().filter(|guest| !is_closed(guest)).count();
        assert!(open + OF_ONE - closed <= OF_ALL);
    }

    #[test]
    fn who_has_left_takes_no_place() {
        let guests = AnonymousPool::default();
        let here = IpAddr::from([10, 0, 0, 1]);
        for _ in 0..10 * OF_ONE {
            let guest = guests.admit(here);
            guest.leaves();
            assert!(!is_closed(&guest));
        }
        assert_eq!(guests.0.lock().expect("whole").len(), 1);
    }
}
