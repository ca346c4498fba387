//! Changes that wait for others. Each session's are bounded: one that offers too many loses its oldest.

use std::collections::hash_map::Entry;
use std::collections::{BTreeSet, HashMap, HashSet};

use automerge::ChangeHash;

use crate::change::Change;
use crate::id::SocketId;
use crate::limits::Limits;

struct Orphan {
    change: Change,
    socket: SocketId,
    /// What it still waits for.
    missing: Vec<ChangeHash>,
}

/// The waiting changes of one document, by arrival.
#[derive(Default)]
pub struct Orphans {
    waiting: HashMap<u64, Orphan>,
    by_missing: HashMap<ChangeHash, BTreeSet<u64>>,
    held: HashMap<SocketId, Held>,
    next: u64,
}

/// Those of one session.
#[derive(Default)]
struct Held {
    ids: BTreeSet<u64>,
    bytes: usize,
    names: HashSet<ChangeHash>,
    /// What they wait for, and how many of them wait for it.
    wanted: HashMap<ChangeHash, usize>,
    /// What they wait for that is not among them.
    missing: BTreeSet<ChangeHash>,
}

impl Held {
    fn add(&mut self, id: u64, orphan: &Orphan) {
        self.ids.insert(id);
        self.bytes += weight(&orphan.change);
        let name = orphan.change.hash;
        self.names.insert(name);
        self.missing.remove(&name);
        for hash in &orphan.missing {
            *self.wanted.entry(*hash).or_default() += 1;
            if !self.names.contains(hash) {
                self.missing.insert(*hash);
            }
        }
    }

    fn take(&mut self, id: u64, orphan: &Orphan) {
        self.ids.remove(&id);
        self.bytes -= weight(&orphan.change);
        let name = orphan.change.hash;
        self.names.remove(&name);
        if self.wanted.contains_key(&name) {
            self.missing.insert(name);
        }
        for hash in &orphan.missing {
            self.has_come(hash);
        }
    }

    /// One of them no longer waits for this.
    fn has_come(&mut self, hash: &ChangeHash) {
        if let Some(count) = self.wanted.get_mut(hash) {
            *count -= 1;
            if *count == 0 {
                self.wanted.remove(hash);
                self.missing.remove(hash);
            }
        }
    }
}

impl Orphans {
    /// Keeps a change until all of `missing` have been given to [`Orphans::release`]. `true`: others of its session had to
    /// go for it (or it has gone itself).
    pub fn keep(&mut self, change: Change, missing: &[ChangeHash], socket: SocketId, limits: &Limits) -> bool {
        let held = self.held.entry(socket).or_default();
        if held.names.contains(&change.hash) {
            return false;
        }
        let id = self.next;
        self.next += 1;
        let mut missing = missing.to_vec();
        missing.sort_unstable();
        missing.dedup();
        let orphan = Orphan {
            change,
            socket,
            missing,
        };
        held.add(id, &orphan);
        for hash in &orphan.missing {
            self.by_missing.entry(*hash).or_default().insert(id);
        }
        self.waiting.insert(id, orphan);
        self.shed(socket, limits)
    }

    /// A change has become known: those that waited for it alone are handed out.
    pub fn release(&mut self, known: &ChangeHash) -> Vec<(SocketId, Change)> {
        let mut free = Vec::new();
        for id in self.by_missing.remove(known).unwrap_or_default() {
            let Some(orphan) = self.waiting.get_mut(&id) else {
                continue;
            };
            orphan.missing.retain(|hash| hash != known);
            if let Some(held) = self.held.get_mut(&orphan.socket) {
                held.has_come(known);
            }
            if orphan.missing.is_empty() {
                free.extend(self.remove(id));
            }
        }
        free
    }

    /// A session is over: what it brought and nobody could use is forgotten.
    pub fn forget(&mut self, socket: SocketId) {
        while let Some(oldest) = self.oldest(socket) {
            self.remove(oldest);
        }
    }

    /// All that waiting changes depend on, whether it is known or not.
    #[must_use]
    pub fn deps(&self) -> HashSet<ChangeHash> {
        let orphans = self.waiting.values();
        orphans.flat_map(|orphan| orphan.change.deps.iter().copied()).collect()
    }

    /// What a session's waiting changes wait for, at most `most` of it, sorted.
    #[must_use]
    pub fn missing(&self, socket: SocketId, most: usize) -> Vec<ChangeHash> {
        let missing = self.held.get(&socket).into_iter().flat_map(|held| &held.missing);
        missing.take(most).copied().collect()
    }

    /// How many changes of this session wait.
    #[must_use]
    pub fn count(&self, socket: SocketId) -> usize {
        self.held.get(&socket).map_or(0, |held| held.ids.len())
    }

    /// Bytes that they take, roughly.
    #[must_use]
    pub fn bytes(&self, socket: SocketId) -> usize {
        self.held.get(&socket).map_or(0, |held| held.bytes)
    }

    fn shed(&mut self, socket: SocketId, limits: &Limits) -> bool {
        let mut shed = false;
        while self.count(socket) > limits.orphans || self.bytes(socket) > limits.orphan_bytes {
            let Some(oldest) = self.oldest(socket) else { break };
            self.remove(oldest);
            shed = true;
        }
        shed
    }

    fn oldest(&self, socket: SocketId) -> Option<u64> {
        self.held.get(&socket)?.ids.first().copied()
    }

    fn remove(&mut self, id: u64) -> Option<(SocketId, Change)> {
        let orphan = self.waiting.remove(&id)?;
        for hash in &orphan.missing {
            if let Entry::Occupied(mut waiting) = self.by_missing.entry(*hash) {
                waiting.get_mut().remove(&id);
                if waiting.get().is_empty() {
                    waiting.remove();
                }
            }
        }
        if let Entry::Occupied(mut held) = self.held.entry(orphan.socket) {
            held.get_mut().take(id, &orphan);
            if held.get().ids.is_empty() {
                held.remove();
            }
        }
        Some((orphan.socket, orphan.change))
    }
}

/// Bytes that one takes: its own, and its names in the tables above.
fn weight(change: &Change) -> usize {
    const TABLES: usize = 256;
    const EACH_MISSING: usize = 256;
    change.bytes.len() + TABLES + change.deps.len() * EACH_MISSING
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
            orphan_bytes: 2 * weight(&change(1)),
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

    #[test]
    fn what_is_shed_leaves_nothing_behind() {
        let limits = Limits {
            orphans: 3,
            ..Limits::default()
        };
        let mut orphans = Orphans::default();
        for n in 1..=100 {
            orphans.keep(change(n), &[hash(100 + n), hash(n - 1)], ANN, &limits);
        }
        let held = &orphans.held[&ANN];
        assert_eq!((orphans.waiting.len(), held.names.len(), held.ids.len()), (3, 3, 3));
        assert_eq!((orphans.by_missing.len(), held.wanted.len()), (6, 6));
        // The two younger wait for the one before them, too, which is there.
        let expected = [hash(97), hash(198), hash(199), hash(200)];
        assert_eq!(orphans.missing(ANN, 10), expected);
        assert_eq!(orphans.bytes(ANN), 3 * weight(&change(1)));
        assert!(orphans.release(&hash(98)).is_empty());
        assert_eq!(orphans.release(&hash(199)).len(), 1);
        orphans.forget(ANN);
        assert!(orphans.waiting.is_empty() && orphans.by_missing.is_empty() && orphans.held.is_empty());
    }
}
