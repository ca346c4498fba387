//! Admission: what must hold of a change before it becomes part of the document.
//!
//! Its checksum and its size ([`Change::parse`]); its dependencies, its (actor, seq) and its start op (here); each of its
//! operations ([`super::rules`]). The admission index is extended on the way, or left as it was.

use std::collections::BTreeSet;

use automerge::ChangeHash;
use bytes::Bytes;

use super::index::{Index, IndexError, View};
use super::{Entry, History, advance, rules, weight};
use crate::change::{BYTES_PER_WORK, Change, Refusal, WORK_OF_A_CHANGE};
use crate::id::SocketId;
use crate::limits::Limits;

/// How many actors' changes may differ from "everything up to then" in a change's past.
pub const MAX_BRANCHES: usize = 1_000;

/// How many heads a document may have, and so how many changes one may be made on top of. Who has everything writes on
/// top of all heads and leaves one; each head makes every message of everybody longer.
pub const MAX_HEADS: usize = 1_000;

/// Which bounds hold that go by the order in which changes come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Branching {
    /// Those of a change that somebody sends.
    Bounded,
    /// None: the changes were admitted before, perhaps in another order.
    Any,
}

/// What became of a change.
#[derive(Debug, PartialEq)]
pub enum Admission {
    /// It is part of the document now, at this position.
    Admitted(u64),
    /// It was before.
    Known,
    /// It waits for changes that are not known (yet); the change is handed back.
    Waits {
        /// The change.
        change: Change,
        /// What it waits for.
        missing: Vec<ChangeHash>,
    },
    /// It will never be.
    Refused(Refusal),
    /// Whether it may be cannot be told: what the store has of the document's past is not readable.
    Unreadable(IndexError),
}

impl History {
    /// Admits a change, or says why not.
    pub fn admit(&mut self, change: Change, author: Option<SocketId>) -> Admission {
        self.admit_with(change, author, Branching::Bounded)
    }

    fn admit_with(&mut self, change: Change, author: Option<SocketId>, branching: Branching) -> Admission {
        if self.knows(&change.hash) {
            return Admission::Known;
        }
        let missing: Vec<_> = change.deps.iter().filter(|dep| !self.knows(dep)).copied().collect();
        if !missing.is_empty() {
            return Admission::Waits { change, missing };
        }
        self.work += WORK_OF_A_CHANGE / 2;
        if let Err(error) = self.prepare_index() {
            return Admission::Unreadable(error);
        }
        if let Err(refusal) = self.check(&change, branching) {
            return Admission::Refused(refusal);
        }
        self.push(change, author);
        Admission::Admitted(self.last())
    }

    /// The history of a whole document's changes, each after those that it depends on; every one of them is held against
    /// the rules, except that it may branch as much as it likes: how much that is goes by the order, which need not be the
    /// one in which they were admitted.
    ///
    /// # Errors
    /// The first change that would not be admitted (as it names itself, as far as it can be read), and why.
    pub fn of_stored(changes: impl IntoIterator<Item = Bytes>) -> Result<Self, (ChangeHash, String)> {
        let mut history = Self::default();
        for bytes in changes {
            let name = Change::name(&bytes, &Limits::of_stored()).unwrap_or(ChangeHash([0; 32]));
            let change = Change::parse(bytes, &Limits::of_stored()).map_err(|refusal| (name, refusal.to_string()))?;
            let words = match history.admit_with(change, None, Branching::Any) {
                Admission::Admitted(_) => continue,
                Admission::Known => "it is there twice".to_owned(),
                Admission::Waits { .. } => "what it depends on is not there".to_owned(),
                Admission::Refused(refusal) => refusal.to_string(),
                Admission::Unreadable(error) => error.to_string(),
            };
            return Err((name, words));
        }
        Ok(history)
    }

    /// Puts back what was admitted before and is durable: nothing is checked again but that it comes once.
    ///
    /// # Errors
    /// Why it cannot be right.
    pub fn restore(&mut self, change: Change) -> Result<(), &'static str> {
        if self.knows(&change.hash) {
            return Err("it is there twice");
        }
        self.index = None;
        self.push(change, None);
        Ok(())
    }

    /// Makes room for this many more changes, and no more.
    pub fn reserve(&mut self, changes: usize) {
        self.entries.reserve_exact(changes);
        self.positions.reserve(changes);
    }

    fn push(&mut self, change: Change, author: Option<SocketId>) {
        let (entry, actor, seq) = Entry::new(change, author);
        self.clock.insert(actor, seq);
        advance(&mut self.heads, &entry.hash, &entry.deps);
        self.positions.insert(entry.hash, self.last() + 1);
        self.entries.push_back(entry);
    }

    /// Has this (actor, seq) been used? A change of which that is true, and which is not in memory, is an old one or a
    /// fork: the store must say which.
    #[must_use]
    pub fn has_passed(&self, change: &Change) -> bool {
        self.clock.get(&change.actor).is_some_and(|last| change.seq <= *last)
    }

    fn check(&mut self, change: &Change, branching: Branching) -> Result<(), Refusal> {
        let last_seq = self.clock.get(&change.actor).copied().unwrap_or(0);
        if change.seq <= last_seq {
            return Err(Refusal::Fork);
        }
        if change.seq != last_seq + 1 {
            return Err(Refusal::Sequence);
        }
        if branching == Branching::Bounded && self.branches_too_much(change) {
            return Err(Refusal::Branches);
        }
        let (positions, confirmed) = (&self.positions, &self.confirmed);
        let place = |dep: &ChangeHash| positions.get(dep).or_else(|| confirmed.get(dep)).copied();
        let index = self.index.get_or_insert_default();
        try_to_add(index, change, &self.heads, branching, place, &mut self.work)
    }

    /// A merge always fits: it leaves no more heads than there were.
    fn branches_too_much(&self, change: &Change) -> bool {
        let merges = || change.deps.iter().any(|dep| self.heads.contains(dep));
        change.deps.len() > MAX_HEADS || (self.heads.len() >= MAX_HEADS && !merges())
    }

    /// How much work admitting has been since this was last asked; in units of an operation.
    pub(crate) fn take_work(&mut self) -> u64 {
        std::mem::take(&mut self.work)
    }

    /// Must the index be made before a change can be admitted? That is work by its size, and by the length of the tail.
    pub(crate) fn must_prepare(&self) -> bool {
        self.index.is_none() && self.last() > 0
    }

    /// Names inside the archive that must be [confirmed](History::confirm) before a change can be admitted: what the
    /// changes that were read back depend on.
    pub fn unplaced(&self) -> impl Iterator<Item = ChangeHash> + '_ {
        let tail = self
            .index
            .is_none()
            .then(|| self.entries(self.archive_position(), self.last()));
        let deps = tail.into_iter().flatten().flat_map(|entry| entry.deps.iter().copied());
        deps.filter(|dep| !self.knows(dep))
    }

    /// Makes the admission index: of what the archive brought, and of the changes behind it.
    fn prepare_index(&mut self) -> Result<(), IndexError> {
        if self.index.is_some() {
            return Ok(());
        }
        let mut index = Index::default();
        let mut heads = BTreeSet::new();
        if let Some(archive) = &mut self.archive {
            index = Index::decode(&archive.index)?;
            self.work += archive.index.len() as u64 / BYTES_PER_WORK;
            if index.last() != archive.position {
                return Err(IndexError("it does not go as far as the archive"));
            }
            heads = archive.heads.iter().map(|head| head.hash).collect();
            archive.index = Bytes::new();
        }
        let mut work = 0;
        for entry in self.entries(self.archive_position(), self.last()) {
            let place = |dep: &ChangeHash| self.positions.get(dep).or_else(|| self.confirmed.get(dep)).copied();
            add_stored(&mut index, entry.bytes.clone(), &mut heads, place, &mut work)?;
        }
        self.work += work;
        self.index = Some(Box::new(index));
        Ok(())
    }
}

/// The admission index of a longer archive: the one that was stored with the archive before it (none: no bytes), and the
/// changes that have come since. `heads` are those of the archive before; `place` says where a change that is named lies.
///
/// # Errors
/// [`IndexError`]: what is stored is not what was admitted.
pub fn extend_index(
    before: &[u8],
    heads: impl IntoIterator<Item = ChangeHash>,
    changes: impl IntoIterator<Item = Bytes>,
    mut place: impl FnMut(&ChangeHash) -> Option<u64>,
) -> Result<Index, IndexError> {
    let mut index = if before.is_empty() {
        Index::default()
    } else {
        Index::decode(before)?
    };
    let mut heads = heads.into_iter().collect();
    for bytes in changes {
        add_stored(&mut index, bytes, &mut heads, &mut place, &mut 0)?;
    }
    Ok(index)
}

/// A change that was admitted before, under the rules of that time.
fn add_stored(
    index: &mut Index,
    bytes: Bytes,
    heads: &mut BTreeSet<ChangeHash>,
    place: impl FnMut(&ChangeHash) -> Option<u64>,
    work: &mut u64,
) -> Result<(), IndexError> {
    let change = Change::parse_counting(bytes, &Limits::of_stored(), work)
        .map_err(|_| IndexError("a stored change is not readable"))?;
    match try_to_add(index, &change, heads, Branching::Any, place, work) {
        Ok(()) => {}
        Err(Refusal::Sequence | Refusal::StartOp) => return Err(IndexError("stored changes do not follow each other")),
        Err(_) => rules::add_without_operations(index, &change, index.view_of_all()),
    }
    advance(heads, &change.hash, &change.deps);
    Ok(())
}

fn try_to_add(
    index: &mut Index,
    change: &Change,
    heads: &BTreeSet<ChangeHash>,
    branching: Branching,
    place: impl FnMut(&ChangeHash) -> Option<u64>,
    work: &mut u64,
) -> Result<(), Refusal> {
    let deps: Vec<u64> = change.deps.iter().filter_map(place).collect();
    if deps.len() != change.deps.len() {
        return Err(Refusal::Sequence);
    }
    let author = index.actor(&change.actor);
    let seen = author.and_then(|author| deps.iter().map(|dep| index.seen_by(*dep, author)).max());
    if u64::from(seen.unwrap_or(0)) + 1 != change.seq {
        return Err(Refusal::Sequence);
    }
    let deps_max_op = deps.iter().map(|dep| index.max_op_at(*dep)).max().unwrap_or(0);
    let gap = change.start_op.checked_sub(u64::from(deps_max_op) + 1);
    let gap = gap.ok_or(Refusal::StartOp)?;
    // An empty change's start op is not stored: automerge takes it to be the next.
    let has_ops = change.max_op >= change.start_op;
    if !weight::may_leave_out(index, gap, change.start_op) || (gap > 0 && !has_ops) {
        return Err(Refusal::StartOp);
    }
    let after_last = deps == [index.last()];
    let own_last = author
        .filter(|_| after_last)
        .and_then(|author| index.view_of_last(author));
    let follows = own_last.is_some();
    let view = own_last.unwrap_or_else(|| view(index, &change.deps, &deps, heads));
    if branching == Branching::Bounded && view.len() > MAX_BRANCHES {
        return Err(Refusal::Branches);
    }
    rules::add(index, change, view, follows, work)?;
    index.add_gap(gap);
    Ok(())
}

fn view(index: &Index, names: &[ChangeHash], deps: &[u64], heads: &BTreeSet<ChangeHash>) -> View {
    // Nearly everybody has everything. The names are sorted.
    if heads.iter().all(|head| names.binary_search(head).is_ok()) {
        index.view_of_all()
    } else {
        index.view_of(deps)
    }
}
