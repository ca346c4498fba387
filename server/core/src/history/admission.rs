//! Admission: what must hold of a change before it becomes part of the document.
//!
//! Checked here: checksum and size (by [`Change::parse`]), dependencies, (actor, seq), start op. The full check of R4 —
//! that every object, element and predecessor exists — has its place in [`History::admit`], after these.

use automerge::ChangeHash;

use super::{Entry, History, advance};
use crate::change::{Change, Refusal};
use crate::id::SocketId;

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
}

impl History {
    /// Admits a change, or says why not.
    pub fn admit(&mut self, change: Change, author: Option<SocketId>) -> Admission {
        if self.knows(&change.hash) {
            return Admission::Known;
        }
        let missing: Vec<_> = change.deps.iter().filter(|dep| !self.knows(dep)).copied().collect();
        if !missing.is_empty() {
            return Admission::Waits { change, missing };
        }
        if let Err(refusal) = self.check(&change) {
            return Admission::Refused(refusal);
        }
        self.push(change, author);
        Admission::Admitted(self.last())
    }

    /// Puts back what was admitted before and is durable: nothing is checked again but that it comes once.
    ///
    /// # Errors
    /// Why it cannot be right.
    pub fn restore(&mut self, change: Change) -> Result<(), &'static str> {
        if self.knows(&change.hash) {
            return Err("it is there twice");
        }
        self.push(change, None);
        Ok(())
    }

    fn push(&mut self, change: Change, author: Option<SocketId>) {
        let (entry, actor, seq) = Entry::new(change, author);
        self.clock.insert(actor, seq);
        advance(&mut self.heads, &entry);
        self.positions.insert(entry.hash, self.last() + 1);
        self.entries.push_back(entry);
    }

    /// Has this (actor, seq) been used? A change of which that is true, and which is not in memory, is an old one or a
    /// fork: the store must say which.
    #[must_use]
    pub fn has_passed(&self, change: &Change) -> bool {
        self.clock.get(&change.actor).is_some_and(|last| change.seq <= *last)
    }

    fn check(&self, change: &Change) -> Result<(), Refusal> {
        let last_seq = self.clock.get(&change.actor).copied().unwrap_or(0);
        if change.seq <= last_seq {
            return Err(Refusal::Fork);
        }
        if change.seq != last_seq + 1 {
            return Err(Refusal::Sequence);
        }
        let deps_max_op = change.deps.iter().map(|dep| self.max_op(dep)).max().unwrap_or(0);
        if change.start_op <= deps_max_op {
            return Err(Refusal::StartOp);
        }
        Ok(())
    }

    fn max_op(&self, hash: &ChangeHash) -> u64 {
        match self.positions.get(hash) {
            Some(position) => self.entries[(position - self.base - 1) as usize].max_op,
            None => self.confirmed.get(hash).copied().unwrap_or(0),
        }
    }
}
