//! Whose peer ids are whose (C5): a stranger must not evict anybody by guessing one.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use fieldbook_core::id::{PeerId, SocketId, UserId};

use super::Outbox;

struct Binding {
    user: UserId,
    state: Bound,
}

enum Bound {
    InUse(SocketId, Outbox),
    /// Since when; a number tells those of one moment apart.
    Idle(Instant, u64),
}

/// The peer ids that have been used on this node.
pub(super) struct Peers {
    binding_time: Duration,
    /// Bindings that one user may hold; the oldest that is not in use goes first.
    per_user: usize,
    register: Mutex<Register>,
}

#[derive(Default)]
struct Register {
    bindings: HashMap<PeerId, Binding>,
    users: HashMap<UserId, Holder>,
    next: u64,
}

/// What one user holds.
#[derive(Default)]
struct Holder {
    bindings: usize,
    /// Those that are not in use, oldest first.
    idle: BTreeMap<(Instant, u64), PeerId>,
}

/// The peer id belongs to somebody else.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Taken;

impl Peers {
    pub(super) fn new(binding_time: Duration, per_user: usize) -> Self {
        Self {
            binding_time,
            per_user,
            register: Mutex::default(),
        }
    }

    /// Binds a peer id to its user; a socket of the same user that had it is closed.
    pub(super) fn join(&self, peer: &PeerId, user: UserId, socket: SocketId, outbox: &Outbox) -> Result<(), Taken> {
        let mut register = self.lock();
        if let Some(bound) = register.bindings.get(peer) {
            match &bound.state {
                Bound::InUse(..) if bound.user != user => return Err(Taken),
                Bound::Idle(since, _) if bound.user != user && since.elapsed() < self.binding_time => {
                    return Err(Taken);
                }
                Bound::InUse(_, before) => before.close(
                    4409,
                    "this peer id has connected again; only its newest socket is served",
                ),
                Bound::Idle(..) => {}
            }
            register.release(peer);
        }
        self.make_room(&mut register, user);
        register.users.entry(user).or_default().bindings += 1;
        let state = Bound::InUse(socket, outbox.clone());
        register.bindings.insert(peer.clone(), Binding { user, state });
        Ok(())
    }

    /// The socket is gone; the peer id stays bound for a while.
    pub(super) fn leave(&self, peer: &PeerId, socket: SocketId) {
        let mut register = self.lock();
        let since = (Instant::now(), register.next);
        let Some(bound) = register.bindings.get_mut(peer) else {
            return;
        };
        if matches!(bound.state, Bound::InUse(current, _) if current == socket) {
            bound.state = Bound::Idle(since.0, since.1);
            let user = bound.user;
            register.next += 1;
            register.users.entry(user).or_default().idle.insert(since, peer.clone());
        }
    }

    /// Lets go of what the user holds no longer, and of the oldest if that is not enough.
    fn make_room(&self, register: &mut Register, user: UserId) {
        while let Some(holder) = register.users.get(&user)
            && let Some(((since, _), oldest)) = holder.idle.first_key_value()
            && (holder.bindings >= self.per_user || since.elapsed() >= self.binding_time)
        {
            let oldest = oldest.clone();
            register.release(&oldest);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Register> {
        self.register.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Register {
    fn release(&mut self, peer: &PeerId) {
        let Some(Binding { user, state }) = self.bindings.remove(peer) else {
            return;
        };
        if let Entry::Occupied(mut holder) = self.users.entry(user) {
            holder.get_mut().bindings -= 1;
            if let Bound::Idle(since, number) = state {
                holder.get_mut().idle.remove(&(since, number));
            }
            if holder.get().bindings == 0 {
                holder.remove();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Limits;
    use crate::socket::memory::Memory;
    use crate::socket::outbox;

    fn user(n: u128) -> UserId {
        UserId(uuid::Uuid::from_u128(n))
    }

    fn an_outbox() -> (Outbox, std::sync::Arc<outbox::Shared>) {
        outbox::new(&Limits::default(), &Memory::new(usize::MAX))
    }

    #[test]
    fn the_same_user_takes_over_and_a_stranger_does_not() {
        let peers = Peers::new(Duration::from_secs(3600), 10);
        let peer = PeerId::new("phone").unwrap();
        let [(first, _a), (second, _b), (third, _c)] = [(); 3].map(|()| an_outbox());
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
        let (outbox, _rest) = an_outbox();
        peers.join(&peer, user(1), SocketId(1), &outbox).unwrap();
        peers.leave(&peer, SocketId(1));
        assert_eq!(peers.join(&peer, user(2), SocketId(2), &outbox), Ok(()));
    }

    #[test]
    fn one_user_holds_so_many_bindings() {
        let peers = Peers::new(Duration::from_secs(3600), 10);
        let (outbox, _rest) = an_outbox();
        for n in 0..20 {
            let peer = PeerId::new(&format!("peer {n}")).unwrap();
            peers.join(&peer, user(1), SocketId(n), &outbox).unwrap();
            peers.leave(&peer, SocketId(n));
        }
        let register = peers.lock();
        assert_eq!(register.bindings.len(), 10);
        let holder = &register.users[&user(1)];
        assert_eq!((holder.bindings, holder.idle.len()), (10, 10));
        assert!(register.bindings.contains_key(&PeerId::new("peer 10").unwrap()));
        assert!(!register.bindings.contains_key(&PeerId::new("peer 9").unwrap()));
    }

    #[test]
    fn what_is_in_use_is_nobody_elses_however_many_there_are() {
        let peers = Peers::new(Duration::from_secs(3600), 2);
        let (outbox, _rest) = an_outbox();
        let names = ["a", "b", "c"].map(|name| PeerId::new(name).unwrap());
        for (number, name) in (0..).zip(&names) {
            peers.join(name, user(1), SocketId(number), &outbox).unwrap();
        }
        for name in &names {
            assert_eq!(peers.join(name, user(2), SocketId(9), &outbox), Err(Taken));
        }
        // Coming back is no second binding.
        peers.leave(&names[0], SocketId(0));
        peers.join(&names[0], user(1), SocketId(3), &outbox).unwrap();
        let register = peers.lock();
        let holder = &register.users[&user(1)];
        assert_eq!((holder.bindings, holder.idle.len()), (3, 0));
    }
}
