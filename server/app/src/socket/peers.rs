//! Whose peer ids are whose (C5): a stranger must not evict anybody by guessing one.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use fieldbook_core::id::{PeerId, SocketId, UserId};

use super::Outbox;

struct Binding {
    user: UserId,
    socket: Option<(SocketId, Outbox)>,
    last_seen: Instant,
}

/// The peer ids that have been used on this node.
pub(super) struct Peers {
    binding_time: Duration,
    /// Bindings that one user may hold; the oldest that is not in use goes first.
    per_user: usize,
    bindings: Mutex<HashMap<PeerId, Binding>>,
}

/// The peer id belongs to somebody else.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Taken;

impl Peers {
    pub(super) fn new(binding_time: Duration, per_user: usize) -> Self {
        Self {
            binding_time,
            per_user,
            bindings: Mutex::default(),
        }
    }

    /// Binds a peer id to its user; a socket of the same user that had it is closed.
    pub(super) fn join(&self, peer: &PeerId, user: UserId, socket: SocketId, outbox: &Outbox) -> Result<(), Taken> {
        let mut bindings = self.bindings.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(bound) = bindings.get(peer) {
            let expired = bound.socket.is_none() && bound.last_seen.elapsed() >= self.binding_time;
            if bound.user != user && !expired {
                return Err(Taken);
            }
            if let Some((_, before)) = &bound.socket {
                before.close(
                    4409,
                    "this peer id has connected again; only its newest socket is served",
                );
            }
        } else {
            self.make_room(&mut bindings, user);
        }
        let binding = Binding {
            user,
            socket: Some((socket, outbox.clone())),
            last_seen: Instant::now(),
        };
        bindings.insert(peer.clone(), binding);
        Ok(())
    }

    /// The socket is gone; the peer id stays bound for a while.
    pub(super) fn leave(&self, peer: &PeerId, socket: SocketId) {
        let mut bindings = self.bindings.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(bound) = bindings.get_mut(peer)
            && bound.socket.as_ref().is_some_and(|(current, _)| *current == socket)
        {
            bound.socket = None;
            bound.last_seen = Instant::now();
        }
    }

    fn make_room(&self, bindings: &mut HashMap<PeerId, Binding>, user: UserId) {
        let of_user = bindings.values().filter(|bound| bound.user == user).count();
        if of_user < self.per_user {
            return;
        }
        bindings.retain(|_, bound| bound.socket.is_some() || bound.last_seen.elapsed() < self.binding_time);
        let oldest = bindings
            .iter()
            .filter(|(_, bound)| bound.user == user && bound.socket.is_none())
            .min_by_key(|(_, bound)| bound.last_seen)
            .map(|(peer, _)| peer.clone());
        if let Some(oldest) = oldest {
            bindings.remove(&oldest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::socket::outbox;

    fn user(n: u128) -> UserId {
        UserId(uuid::Uuid::from_u128(n))
    }

    #[test]
    fn the_same_user_takes_over_and_a_stranger_does_not() {
        let peers = Peers::new(Duration::from_secs(3600), 10);
        let peer = PeerId::new("phone").unwrap();
        let [(first, _a), (second, _b), (third, _c)] = [(); 3].map(|()| outbox::new(1_000));
        assert_eq!(peers.join(&peer, user(1), SocketId(1), &first), Ok(()));
        assert_eq!(peers.join(&peer, user(2), SocketId(2), &second), Err(Taken));
        assert!(!first.is_closed());
        assert_eq!(peers.join(&peer, user(1), SocketId(3), &third), Ok(()));
        assert!(first.is_closed() && !third.is_closed());
        peers.leave(&peer, SocketId(1));
        peers.leave(&peer, SocketId(3));
        assert_eq!(
            peers.join(&peer, user(2), SocketId(4), &second),
            Err(Taken),
            "still bound after the last socket"
        );
    }

    #[test]
    fn a_binding_ends() {
        let peers = Peers::new(Duration::ZERO, 10);
        let peer = PeerId::new("phone").unwrap();
        let (outbox, _rest) = outbox::new(1_000);
        peers.join(&peer, user(1), SocketId(1), &outbox).unwrap();
        peers.leave(&peer, SocketId(1));
        assert_eq!(peers.join(&peer, user(2), SocketId(2), &outbox), Ok(()));
    }

    #[test]
    fn one_user_holds_so_many_bindings() {
        let peers = Peers::new(Duration::from_secs(3600), 10);
        let (outbox, _rest) = outbox::new(1_000);
        for n in 0..20 {
            let peer = PeerId::new(&format!("peer {n}")).unwrap();
            peers.join(&peer, user(1), SocketId(n), &outbox).unwrap();
            peers.leave(&peer, SocketId(n));
        }
        assert_eq!(peers.bindings.lock().unwrap().len(), 10);
    }
}
