//! What a client lacks, told from the heads that it names.

use std::collections::{BTreeSet, HashSet};

use automerge::ChangeHash;

use super::History;

/// What somebody who has certain changes, and all that came before them, does not have.
#[derive(Debug, PartialEq, Eq)]
pub enum Lacks {
    /// The changes at these positions, in order.
    Changes(Vec<u64>),
    /// More than memory can tell: the archive and everything after it.
    Everything,
}

impl History {
    /// What a client lacks, up to `up_to`, that has `named` and all their ancestors. Unknown names are ignored.
    /// Walks the changes in memory, so it is for the beginning of a session, not for each message.
    #[must_use]
    pub fn lacks<'a>(&self, named: impl IntoIterator<Item = &'a ChangeHash>, up_to: u64) -> Lacks {
        let mut has = vec![false; self.entries.len()];
        let mut before_base = BTreeSet::new();
        let mut stack: Vec<ChangeHash> = named.into_iter().copied().collect();
        while let Some(hash) = stack.pop() {
            match self.index(&hash) {
                Some(index) if !has[index] => {
                    has[index] = true;
                    stack.extend(self.entries[index].deps.iter().copied());
                }
                Some(_) => {}
                None => {
                    before_base.insert(hash);
                }
            }
        }
        if !self.base_heads.is_subset(&before_base) {
            return Lacks::Everything;
        }
        let positions = (self.base + 1..=up_to)
            .zip(&has)
            .filter(|(_, has)| !**has)
            .map(|(position, _)| position);
        Lacks::Changes(positions.collect())
    }

    /// Is everything in `wanted` one of `reported`, or an ancestor of one? Walks no further back than `wanted` lies.
    #[must_use]
    pub fn covers(&self, reported: &[ChangeHash], wanted: &[ChangeHash]) -> bool {
        let there: HashSet<&ChangeHash> = reported.iter().collect();
        let mut open: HashSet<&ChangeHash> = wanted.iter().filter(|hash| !there.contains(hash)).collect();
        let Some(floor) = open.iter().map(|hash| self.index(hash)).min() else {
            return true;
        };
        let Some(floor) = floor else { return false };
        let mut seen = HashSet::new();
        let mut stack: Vec<&ChangeHash> = reported.iter().collect();
        while let Some(hash) = stack.pop() {
            open.remove(hash);
            if open.is_empty() {
                return true;
            }
            match self.index(hash) {
                Some(index) if index > floor && seen.insert(index) => stack.extend(self.entries[index].deps.iter()),
                _ => {}
            }
        }
        false
    }

    /// Puts positions back into chunks.
    pub fn chunks<'a>(&'a self, positions: &'a [u64]) -> impl ExactSizeIterator<Item = &'a bytes::Bytes> + Clone + 'a {
        positions
            .iter()
            .map(|position| &self.entries[(position - self.base - 1) as usize].bytes)
    }

    fn index(&self, hash: &ChangeHash) -> Option<usize> {
        self.positions
            .get(hash)
            .map(|position| (position - self.base - 1) as usize)
    }
}
