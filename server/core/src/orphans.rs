//! Changes that wait for others. Each session's are bounded: one that offers too many loses its oldest.

use std::collections::{BTreeMap, HashMap, HashSet};

use automerge::ChangeHash;

use crate::change::Change;
use crate::id::SocketId;
use crate::limits::Limits;

struct Orphan {
    change: Change,
    socket: SocketId,
    missing: usize,
}

/// The waiting changes of one document.
#[derive(Default)]
pub struct Orphans {
    /// By arrival.
    waiting: BTreeMap<u64, Orphan>,
    by_missing: HashMap<ChangeHash, Vec<u64>>,
    held: HashMap<SocketId, Held>,
    names: HashSet<(SocketId, ChangeHash)>,
    next: u64,
}

#[derive(Default, Clone, Copy)]
struct Held {
    changes: usize,
    bytes: usize,
}

impl Orphans {
    /// Keeps a change until all of `missing` have been given to [`Orphans::release`]. `true`: others of its session had to
    /// go for it (or it has gone itself).
    pub fn keep(&mut self, change: Change, missing: &[ChangeHash], socket: SocketId, limits: &Limits) -> bool {
        if !self.names.insert((socket, change.hash)) {
            return false;
        }
        let id = self.next;
        self.next += 1;
        let held = self.held.entry(socket).or_default();
        held.changes += 1;
        held.bytes += weight(&change);
        for hash in missing {
            self.by_missing.entry(*hash).or_default().push(id);
        }
        self.waiting.insert(
            id,
            Orphan {
                change,
                socket,
                missing: missing.len(),
            },
        );
        self.shed(socket, limits)
    }

    /// A change has become known: those that waited for it alone are handed out.
    pub fn release(&mut self, known: &ChangeHash) -> Vec<(SocketId, Change)> {
        let mut free = Vec::new();
        for id in self.by_missing.remove(known).unwrap_or_default() {
            let Some(orphan) = self.waiting.get_mut(&id) else {
                continue;
            };
            orphan.missing -= 1;
            if orphan.missing == 0 {
                free.extend(self.remove(id));
            }
        }
        free
    }

    /// A session is over: what it brought and nobody could use is forgotten.
    pub fn forget(&mut self, socket: SocketId) {
        let ids: Vec<_> = self
            .waiting
            .iter()
            .filter(|(_, o)| o.socket == socket)
            .map(|(id, _)| *id)
            .collect();
        for id in ids {
            self.remove(id);
        }
        self.held.remove(&socket);
        self.by_missing
            .retain(|_, ids| ids.iter().any(|id| self.waiting.contains_key(id)));
    }

    /// What a session's waiting changes wait for, at most `most` of it, sorted.
    #[must_use]
    pub fn missing(&self, socket: SocketId, most: usize) -> Vec<ChangeHash> {
        if self.count(socket) == 0 {
            return Vec::new();
        }
        let of_socket = |ids: &Vec<u64>| {
            ids.iter()
                .any(|id| self.waiting.get(id).is_some_and(|o| o.socket == socket))
        };
        let mut missing: Vec<_> = self
            .by_missing
            .iter()
            .filter(|(hash, ids)| !self.names.contains(&(socket, **hash)) && of_socket(ids))
            .map(|(hash, _)| *hash)
            .take(most)
            .collect();
        missing.sort_unstable();
        missing
    }

    /// How many changes of this session wait.
    #[must_use]
    pub fn count(&self, socket: SocketId) -> usize {
        self.held.get(&socket).map_or(0, |held| held.changes)
    }

    /// Their bytes.
    #[must_use]
    pub fn bytes(&self, socket: SocketId) -> usize {
        self.held.get(&socket).map_or(0, |held| held.bytes)
    }

    fn shed(&mut self, socket: SocketId, limits: &Limits) -> bool {
        let mut shed = false;
        while self
            .held
            .get(&socket)
            .is_some_and(|h| h.changes > limits.orphans || h.bytes > limits.orphan_bytes)
        {
            let Some(oldest) = self.waiting.iter().find(|(_, o)| o.socket == socket).map(|(id, _)| *id) else {
                break;
            };
            self.remove(oldest);
            shed = true;
        }
        shed
    }

    fn remove(&mut self, id: u64) -> Option<(SocketId, Change)> {
        let orphan = self.waiting.remove(&id)?;
        self.names.remove(&(orphan.socket, orphan.change.hash));
        if let Some(held) = self.held.get_mut(&orphan.socket) {
            held.changes -= 1;
            held.bytes -= weight(&orphan.change);
        }
        Some((orphan.socket, orphan.change))
    }
}

fn weight(change: &Change) -> usize {
    change.bytes.len() + change.deps.len() * 32
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANN: SocketId = SocketId(1);
    const BEN: SocketId = SocketId(2);

    fn hash(n: u8) -> ChangeHash {
        ChangeHash([n; 32])
    }

    fn change(n: u8) -> Change {
        Change {
            hash: hash(n),
            deps: vec![],
            actor: Box::new([n]),
            seq: 1,
            start_op: 1,
            max_op: 1,
            bytes: vec![n; 100].into(),
        }
    }

    #[test]
    fn a_change_is_released_when_all_it_waits_for_is_known() {
        let mut orphans = Orphans::default();
        orphans.keep(change(9), &[hash(1), hash(2)], ANN, &Limits::default());
        assert_eq!(orphans.missing(ANN, 10), [hash(1), hash(2)]);
        assert_eq!(orphans.release(&hash(1)), []);
        assert_eq!(orphans.release(&hash(2)), [(ANN, change(9))]);
        assert_eq!(orphans.count(ANN), 0);
        assert!(orphans.missing(ANN, 10).is_empty());
    }

    #[test]
    fn what_waits_for_another_waiting_change_is_not_asked_for() {
        let mut orphans = Orphans::default();
        orphans.keep(change(8), &[hash(1)], ANN, &Limits::default());
        orphans.keep(change(9), &[hash(8)], ANN, &Limits::default());
        orphans.keep(change(9), &[hash(8)], ANN, &Limits::default());
        assert_eq!((orphans.missing(ANN, 10), orphans.count(ANN)), (vec![hash(1)], 2));
    }

    #[test]
    fn each_session_has_its_own_bound() {
        let limits = Limits {
            orphans: 3,
            orphan_bytes: 250,
            ..Limits::default()
        };
        let mut orphans = Orphans::default();
        orphans.keep(change(100), &[hash(0)], BEN, &limits);
        for n in 1..=5 {
            orphans.keep(change(n), &[hash(0)], ANN, &limits);
        }
        assert_eq!((orphans.count(ANN), orphans.count(BEN)), (2, 1));
        orphans.forget(ANN);
        assert_eq!(orphans.release(&hash(0)), [(BEN, change(100))]);
    }
}
