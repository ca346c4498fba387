//! What a document's changes may mean, by the bytes that they are.
//!
//! A run-length encoded column says "the same, two million times" in four bytes; but every operation takes its place in
//! each client that loads the document, and what it leaves behind may take a place of its own in the admission index,
//! which is read at every open. So a document's changes pay for their operations with their bytes, inflated as they are.
//! Who types pays for each key a hundred times over, and a page that is pasted pays for being deleted again. A list of a
//! hundred thousand nulls, which is next to no bytes, is free; a hundred of these are not.
//!
//! The account is the document's, in the order of admission.

use super::index::Index;
use crate::change::Refusal;

/// Operations of a document that nothing need pay for.
pub const MAX_FREE_OPS: u64 = 4_000_000;
/// Operations, and op counters left out, that each byte of a document's changes pays for.
pub const OPS_PER_BYTE: u64 = 4;
/// Entries of a document's admission index (objects, and runs of operations that did alike) that nothing need pay for.
pub const MAX_FREE_ENTRIES: u64 = 200_000;
/// Entries that each byte of a document's changes pays for.
pub const ENTRIES_PER_BYTE: u64 = 2;
/// Op counters that all of a document's changes together may leave out between their dependencies and their start without
/// paying for them. A client leaves some out only when it writes on top of an old state, and then no more than have come
/// since. Who left out as many as they like would use up the counters that all need; and automerge sets memory aside for
/// each of them when it loads a document in a browser.
pub const MAX_GAPS: u64 = 4_000_000;
/// How far a change may start beyond all of the document's op counters: so many may be on their way from somebody who
/// wrote on top of an old state. More would let one small change use up what all may leave out.
pub const MAX_AHEAD: u64 = 100_000;

/// May a change leave out so many op counters? `max_op` and `gaps`: the document's greatest counter, and what its changes
/// have left out so far.
pub(super) fn may_leave_out(index: &Index, gap: u64, start_op: u64) -> bool {
    let most = MAX_GAPS + OPS_PER_BYTE * index.paid().bytes;
    gap == 0 || (index.gaps() + gap <= most && start_op <= u64::from(index.max_op()) + 1 + MAX_AHEAD)
}

/// What a document's changes have brought.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Paid {
    /// Their bytes, inflated.
    pub(super) bytes: u64,
    /// Their operations.
    pub(super) ops: u64,
}

impl Paid {
    /// With one more change.
    ///
    /// # Errors
    /// [`Refusal::Weight`]: it means too much.
    pub(super) fn with(self, change: Self) -> Result<Self, Refusal> {
        let sum = Self {
            bytes: self.bytes + change.bytes,
            ops: self.ops + change.ops,
        };
        if sum.ops <= MAX_FREE_OPS + OPS_PER_BYTE * sum.bytes {
            Ok(sum)
        } else {
            Err(Refusal::Weight)
        }
    }

    /// How many entries the index may have.
    pub(super) fn entries(self) -> u64 {
        MAX_FREE_ENTRIES + ENTRIES_PER_BYTE * self.bytes
    }
}
