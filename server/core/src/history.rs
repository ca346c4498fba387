//! A document's changes: the archive (known by its metadata alone) and the entries after it.
//!
//! Positions 1, 2, 3 … count admitted changes. `entries` holds those after `base`; what lies before is in the archive,
//! and its effect is known by the heads at `base`. Operations are held against the admission index, which is searched and
//! never walked, so a change costs the same whatever came before it (R3).

mod admission;
mod ancestry;
mod index;
mod rules;
mod weight;

use std::collections::{BTreeSet, HashMap, HashSet, VecDeque};

use automerge::ChangeHash;
use bytes::Bytes;

use crate::change::Change;
use crate::id::SocketId;

pub use admission::{Admission, MAX_BRANCHES, MAX_HEADS, extend_index};
pub use ancestry::Lacks;
pub use index::{Index, IndexError};
pub use rules::MAX_MARK_STEPS;
pub use weight::{ENTRIES_PER_BYTE, MAX_AHEAD, MAX_FREE_ENTRIES, MAX_FREE_OPS, MAX_GAPS, OPS_PER_BYTE};

/// A change, and where it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Placed {
    /// The change.
    pub hash: ChangeHash,
    /// Its position in the document.
    pub position: u64,
}

/// From where changes inside the archive are still at hand as rows.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct RetainedFrom {
    /// Position of the first retained change (`position + 1` of the archive when there is none).
    pub position: u64,
    /// The document's heads just before that position.
    pub heads: Vec<ChangeHash>,
}

/// What is known of an archive without reading it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArchiveMeta {
    /// The archive holds exactly the changes at positions 1 ..= `position`.
    pub position: u64,
    /// Its heads, sorted by hash.
    pub heads: Vec<Placed>,
    /// For each actor (raw bytes) that wrote in it, its greatest sequence number.
    pub clock: Vec<(Vec<u8>, u64)>,
    /// Size of its bytes.
    pub bytes: u64,
    /// Where the retained changes begin.
    pub retained: RetainedFrom,
    /// The admission index of its changes, as [`Index::encode`] writes it. Read when the first change is to be admitted.
    pub index: Bytes,
}

/// A change at its position.
#[derive(Debug, Clone)]
pub struct Entry {
    /// The change's name.
    pub hash: ChangeHash,
    /// What it was made on top of.
    pub deps: Box<[ChangeHash]>,
    /// The chunk.
    pub bytes: Bytes,
    /// The socket that brought it, if it came in since this room was loaded.
    pub author: Option<SocketId>,
}

/// The changes of one document.
#[derive(Debug, Default)]
pub struct History {
    archive: Option<ArchiveMeta>,
    base: u64,
    base_heads: BTreeSet<ChangeHash>,
    entries: VecDeque<Entry>,
    positions: HashMap<ChangeHash, u64>,
    clock: HashMap<Box<[u8]>, u64>,
    /// Positions of changes inside the archive that somebody named and the store has confirmed.
    confirmed: HashMap<ChangeHash, u64>,
    /// Work that admitting has been since [`History::take_work`].
    work: u64,
    /// Made when the first change is to be admitted; goes up to the last change from then on.
    index: Option<Box<Index>>,
    heads: BTreeSet<ChangeHash>,
    stored: u64,
    stored_heads: BTreeSet<ChangeHash>,
}

impl History {
    /// Begins behind an archive. The tail is then given to [`History::admit`], in order, and [`History::store_up_to`].
    #[must_use]
    pub fn behind(archive: Option<ArchiveMeta>) -> Self {
        let Some(meta) = archive else { return Self::default() };
        let heads: BTreeSet<_> = meta.heads.iter().map(|head| head.hash).collect();
        Self {
            base: meta.position,
            base_heads: heads.clone(),
            clock: meta
                .clock
                .iter()
                .map(|(actor, seq)| (actor.as_slice().into(), *seq))
                .collect(),
            confirmed: meta.heads.iter().map(|head| (head.hash, head.position)).collect(),
            heads: heads.clone(),
            stored: meta.position,
            stored_heads: heads,
            archive: Some(meta),
            ..Self::default()
        }
    }

    /// Position of the last admitted change.
    #[must_use]
    pub fn last(&self) -> u64 {
        self.base + self.entries.len() as u64
    }

    /// Position of the last durable change.
    #[must_use]
    pub fn stored(&self) -> u64 {
        self.stored
    }

    /// Heads of the document as far as it is durable, sorted.
    #[must_use]
    pub fn stored_heads(&self) -> Vec<ChangeHash> {
        self.stored_heads.iter().copied().collect()
    }

    /// Heads of the document as of a position that is in memory (or just before), sorted. Walks what is in memory up to it.
    #[must_use]
    pub fn heads_at(&self, position: u64) -> Vec<ChangeHash> {
        let mut heads = self.base_heads.clone();
        for entry in self.entries(self.base, position) {
            advance(&mut heads, &entry.hash, &entry.deps);
        }
        heads.into_iter().collect()
    }

    /// What is in the archive, if there is one.
    #[must_use]
    pub fn archive(&self) -> Option<&ArchiveMeta> {
        self.archive.as_ref()
    }

    /// Position after which changes are in memory.
    #[must_use]
    pub fn base(&self) -> u64 {
        self.base
    }

    /// How many changes are in memory.
    #[must_use]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Is no change in memory?
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// How many changes lie after the archive.
    #[must_use]
    pub fn tail_len(&self) -> u64 {
        self.last() - self.archive_position()
    }

    /// Position up to which the archive goes (0: none).
    #[must_use]
    pub fn archive_position(&self) -> u64 {
        self.archive.as_ref().map_or(0, |archive| archive.position)
    }

    /// The changes at `after + 1 ..= up_to`; `after` must not be below [`History::base`].
    pub fn entries(
        &self,
        after: u64,
        up_to: u64,
    ) -> impl DoubleEndedIterator<Item = &Entry> + ExactSizeIterator + Clone {
        debug_assert!(after >= self.base && up_to <= self.last());
        let from = after.max(self.base) - self.base;
        let to = up_to.min(self.last()).max(self.base) - self.base;
        self.entries.range(from.min(to) as usize..to as usize)
    }

    /// Is this change admitted here, as far as can be said without asking the store?
    #[must_use]
    pub fn knows(&self, hash: &ChangeHash) -> bool {
        self.positions.contains_key(hash) || self.confirmed.contains_key(hash)
    }

    /// Could the store know a change that [`History::knows`] does not? Without an archive it cannot.
    #[must_use]
    pub fn may_be_archived(&self) -> bool {
        self.base > 0
    }

    /// The store says that its archive contains these changes.
    pub fn confirm(&mut self, found: impl IntoIterator<Item = Placed>) {
        self.confirmed
            .extend(found.into_iter().map(|change| (change.hash, change.position)));
    }

    /// Everything up to this position is durable.
    pub fn store_up_to(&mut self, position: u64) {
        let position = position.min(self.last());
        while self.stored < position {
            let index = (self.stored - self.base) as usize;
            let entry = &self.entries[index];
            advance(&mut self.stored_heads, &entry.hash, &entry.deps);
            self.stored += 1;
        }
    }

    /// The store has put an archive up to `meta.position` in place.
    pub fn archived(&mut self, mut meta: ArchiveMeta) {
        self.confirmed
            .extend(meta.heads.iter().map(|head| (head.hash, head.position)));
        if self.index.is_some() {
            meta.index = Bytes::new();
        }
        self.archive = Some(meta);
    }

    /// Are there changes in memory that the archive has and that are not retained?
    #[must_use]
    pub fn may_trim(&self) -> bool {
        self.base < self.trim_to()
    }

    /// Lets these go, as far as all sessions have them (`all_have`). With `keep_names` one can still say that they, and
    /// what the store has confirmed, are known; without, of those that are `wanted` still.
    pub fn trim(&mut self, all_have: u64, keep_names: bool, wanted: impl FnOnce() -> HashSet<ChangeHash>) {
        let keep_after = self.trim_to().min(all_have);
        if keep_after <= self.base {
            return;
        }
        while self.base < keep_after {
            let Some(entry) = self.entries.pop_front() else { break };
            self.base += 1;
            self.positions.remove(&entry.hash);
            self.confirmed.insert(entry.hash, self.base);
            advance(&mut self.base_heads, &entry.hash, &entry.deps);
        }
        if !keep_names {
            let heads = self.archive.iter().flat_map(|archive| &archive.heads);
            let heads: BTreeSet<_> = heads.map(|head| head.hash).collect();
            let wanted = wanted();
            self.confirmed
                .retain(|hash, _| self.base_heads.contains(hash) || heads.contains(hash) || wanted.contains(hash));
        }
    }

    fn trim_to(&self) -> u64 {
        let before_retained = |archive: &ArchiveMeta| archive.retained.position.saturating_sub(1).min(archive.position);
        self.archive.as_ref().map_or(0, before_retained)
    }

    /// Where retained changes would begin if the archive went up to `position`: at most `changes` of them, with at most
    /// `bytes`.
    #[must_use]
    pub fn retain(&self, position: u64, changes: usize, bytes: usize) -> RetainedFrom {
        let mut size = 0;
        let kept = self
            .entries(self.base, position)
            .rev()
            .take(changes)
            .take_while(|entry| {
                size += entry.bytes.len();
                size <= bytes
            })
            .count() as u64;
        RetainedFrom {
            position: position - kept + 1,
            heads: self.heads_at(position - kept),
        }
    }

    /// Puts the retained changes, read from the store, before what is in memory. Does nothing if they are there already,
    /// or if they are those of another archive (which may have been put in place since this one was heard of).
    pub fn recall(&mut self, retained: Vec<Change>) {
        let Some(archive) = &self.archive else { return };
        let from = &archive.retained;
        if self.base != archive.position || from.position + retained.len() as u64 != archive.position + 1 {
            return;
        }
        let base_heads: BTreeSet<_> = from.heads.iter().copied().collect();
        let entries: Vec<_> = retained.into_iter().map(|change| Entry::new(change, None).0).collect();
        let mut heads = base_heads.clone();
        for entry in &entries {
            advance(&mut heads, &entry.hash, &entry.deps);
        }
        if heads != archive.heads.iter().map(|head| head.hash).collect() {
            return;
        }
        self.base_heads = base_heads;
        self.base = from.position - 1;
        for (index, entry) in entries.into_iter().enumerate().rev() {
            self.positions.insert(entry.hash, self.base + 1 + index as u64);
            self.entries.push_front(entry);
        }
    }

    /// Are there changes that [`History::recall`] could bring?
    #[must_use]
    pub fn can_recall(&self) -> bool {
        self.archive
            .as_ref()
            .is_some_and(|archive| self.base == archive.position && archive.retained.position <= archive.position)
    }
}

impl Entry {
    /// Also the actor and its sequence number, which only admission needs.
    fn new(change: Change, author: Option<SocketId>) -> (Self, Box<[u8]>, u64) {
        let entry = Self {
            hash: change.hash,
            deps: change.deps.into(),
            bytes: change.bytes,
            author,
        };
        (entry, change.actor, change.seq)
    }
}

fn advance(heads: &mut BTreeSet<ChangeHash>, hash: &ChangeHash, deps: &[ChangeHash]) {
    for dep in deps {
        heads.remove(dep);
    }
    heads.insert(*hash);
}

#[cfg(test)]
#[path = "history_tests.rs"]
mod tests;
