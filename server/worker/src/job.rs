//! What a child can be asked, and what it answers.

use automerge::ChangeHash;
use bytes::Bytes;

/// One thing to do with one document. `archive` is a saved document, `tail` the change chunks that come after it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Job {
    /// Makes one archive of both, loads it again, and compares. Answered by [`Outcome::Compacted`].
    Compact {
        /// The saved document so far.
        archive: Option<Bytes>,
        /// The changes to add to it.
        tail: Vec<Bytes>,
        /// The heads that the result must have, in any order.
        expected_heads: Vec<ChangeHash>,
    },
    /// Takes a saved document apart. Answered by [`Outcome::Expanded`].
    Expand {
        /// One document chunk.
        bytes: Bytes,
        /// Greatest number of changes it may hold.
        max_changes: u64,
        /// Greatest size of all its changes together, uncompressed.
        max_total_bytes: u64,
    },
    /// Reads what a list shows of the document. Answered by [`Outcome::Summary`].
    Summarise {
        /// The saved document so far.
        archive: Option<Bytes>,
        /// The changes to add to it.
        tail: Vec<Bytes>,
    },
    /// Looks whether all of it loads, can be saved, loads again, and can be read. Answered by [`Outcome::Verified`].
    Verify {
        /// The saved document so far.
        archive: Option<Bytes>,
        /// The changes to add to it.
        tail: Vec<Bytes>,
    },
    /// Makes one `.automerge` file of both. Answered by [`Outcome::Exported`].
    Export {
        /// The saved document so far.
        archive: Option<Bytes>,
        /// The changes to add to it.
        tail: Vec<Bytes>,
    },
}

/// A child's answer when the job could be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Of [`Job::Compact`].
    Compacted {
        /// One document chunk that holds every change.
        bytes: Bytes,
        /// The greatest sequence number of each actor (raw bytes), sorted by actor.
        clock: Vec<(Vec<u8>, u64)>,
        /// See [`Outcome::Summary`].
        title: Option<String>,
    },
    /// Of [`Job::Expand`].
    Expanded {
        /// Each change as one chunk with a valid checksum; each after those that it depends on.
        changes: Vec<Bytes>,
    },
    /// Of [`Job::Summarise`].
    Summary {
        /// `meta.title` of the document: one line of at most 200 characters. `None` if it has none.
        title: Option<String>,
    },
    /// Of [`Job::Verify`].
    Verified {
        /// The document's heads, sorted.
        heads: Vec<ChangeHash>,
        /// How many changes it holds.
        changes: u64,
    },
    /// Of [`Job::Export`].
    Exported {
        /// One document chunk that holds every change.
        bytes: Bytes,
    },
}

/// What goes over the pipe.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Answer {
    Done(Outcome),
    /// The document is not in order; in words.
    Refused(String),
    /// Reading the document panicked; where.
    Panicked(String),
}

impl Job {
    /// Bytes of documents in it.
    pub(crate) fn bytes(&self) -> usize {
        match self {
            Self::Expand { bytes, .. } => bytes.len(),
            Self::Compact { archive, tail, .. }
            | Self::Summarise { archive, tail }
            | Self::Verify { archive, tail }
            | Self::Export { archive, tail } => {
                archive.as_ref().map_or(0, Bytes::len) + tail.iter().map(Bytes::len).sum::<usize>()
            }
        }
    }

    pub(crate) fn is_answered_by(&self, outcome: &Outcome) -> bool {
        matches!(
            (self, outcome),
            (Self::Compact { .. }, Outcome::Compacted { .. })
                | (Self::Expand { .. }, Outcome::Expanded { .. })
                | (Self::Summarise { .. }, Outcome::Summary { .. })
                | (Self::Verify { .. }, Outcome::Verified { .. })
                | (Self::Export { .. }, Outcome::Exported { .. })
        )
    }
}
