//! Valid single-character changes, made without a document: an author needs to know the heads, and the greatest
//! operation counter, and types after its own last letter.

use std::num::NonZeroU64;

use anyhow::{Context, Result};
use automerge::legacy::{ElementId, Key, ObjectId, Op, OpId, OpType, SortedVec};
use automerge::{ActorId, Change, ChangeHash, ExpandedChange, ScalarValue};
use sha2::{Digest, Sha256};

/// Where a chunk says what it is: 0 a whole document, 1 a change, 2 a deflated change.
const CHUNK_TYPE: usize = 8;

/// What everybody who begins to type must know of a document.
#[derive(Clone)]
pub(crate) struct Basis {
    /// Its id.
    pub(crate) document: String,
    /// The operation that made its text.
    pub(crate) text: OpId,
    /// Its heads.
    pub(crate) heads: Vec<ChangeHash>,
    /// Its greatest operation counter.
    pub(crate) max_op: u64,
}

/// One author of one document, and what it has seen.
pub(crate) struct Author {
    actor: ActorId,
    seq: u64,
    text: OpId,
    cursor: ElementId,
    heads: Vec<ChangeHash>,
    max_op: u64,
}

impl Author {
    pub(crate) fn new(basis: &Basis) -> Self {
        Self {
            actor: ActorId::random(),
            seq: 0,
            text: basis.text.clone(),
            cursor: ElementId::Head,
            heads: basis.heads.clone(),
            max_op: basis.max_op,
        }
    }

    /// What somebody who begins now must know.
    pub(crate) fn basis(self, document: String) -> Basis {
        Basis {
            document,
            text: self.text,
            heads: self.heads,
            max_op: self.max_op,
        }
    }

    /// Heads of all that it has seen and typed, sorted.
    pub(crate) fn heads(&self) -> &[ChangeHash] {
        &self.heads
    }

    /// Is it its own?
    pub(crate) fn wrote(&self, header: &Header) -> bool {
        header.actor == self.actor.to_bytes()
    }

    /// Takes in what another typed: one letter, in this chunk.
    pub(crate) fn see(&mut self, header: &Header, chunk: &[u8]) {
        let hash = header
            .hash
            .unwrap_or_else(|| ChangeHash(Sha256::digest(&chunk[CHUNK_TYPE..]).into()));
        self.heads.retain(|head| !header.deps.contains(head));
        let place = self.heads.partition_point(|head| *head < hash);
        self.heads.insert(place, hash);
        self.max_op = self.max_op.max(header.start_op);
    }

    /// Takes the heads as they are: a reader has all that they stand for.
    pub(crate) fn take_heads(&mut self, heads: &[ChangeHash]) {
        heads.clone_into(&mut self.heads);
    }

    /// Types a letter on top of all it has seen; the change bears this time.
    pub(crate) fn type_letter(&mut self, time: i64) -> Change {
        self.seq += 1;
        self.max_op += 1;
        let operation = Op {
            action: OpType::Put(ScalarValue::Str("x".into())),
            obj: ObjectId::Id(self.text.clone()),
            key: Key::Seq(self.cursor.clone()),
            pred: SortedVec::new(),
            insert: true,
        };
        let change = Change::from(ExpandedChange {
            operations: vec![operation],
            actor_id: self.actor.clone(),
            hash: None,
            seq: self.seq,
            start_op: NonZeroU64::new(self.max_op).expect("counted up from 0"),
            time,
            message: None,
            deps: std::mem::take(&mut self.heads),
            extra_bytes: Vec::new(),
            author: None,
        });
        self.heads = vec![change.hash()];
        self.cursor = ElementId::Id(OpId(self.max_op, self.actor.clone()));
        change
    }
}

/// What stands before the operations of a change.
pub(crate) struct Header {
    pub(crate) deps: Vec<ChangeHash>,
    pub(crate) actor: Vec<u8>,
    pub(crate) seq: u64,
    pub(crate) start_op: u64,
    pub(crate) time: i64,
    /// Known if all of the change had to be read.
    hash: Option<ChangeHash>,
}

impl Header {
    /// Reads the header of a chunk; `None`: it is a whole document.
    pub(crate) fn read(chunk: &[u8]) -> Result<Option<Self>> {
        match chunk.get(CHUNK_TYPE).context("a chunk is cut off")? {
            0 => Ok(None),
            1 => Self::read_body(chunk).context("a change is cut off").map(Some),
            _ => Ok(Some(Self::of(&Change::from_bytes(chunk.to_vec())?))),
        }
    }

    fn of(change: &Change) -> Self {
        Self {
            deps: change.deps().to_vec(),
            actor: change.actor_id().to_bytes().to_vec(),
            seq: change.seq(),
            start_op: change.start_op().get(),
            time: change.timestamp(),
            hash: Some(change.hash()),
        }
    }

    fn read_body(chunk: &[u8]) -> Option<Self> {
        let mut rest = &chunk[CHUNK_TYPE + 1..];
        unsigned(&mut rest)?;
        let deps = (0..unsigned(&mut rest)?)
            .map(|_| Some(ChangeHash(take(&mut rest, 32)?.try_into().ok()?)))
            .collect::<Option<_>>()?;
        let length = usize::try_from(unsigned(&mut rest)?).ok()?;
        let actor = take(&mut rest, length)?.to_vec();
        let (seq, start_op, time) = (unsigned(&mut rest)?, unsigned(&mut rest)?, signed(&mut rest)?);
        Some(Self {
            deps,
            actor,
            seq,
            start_op,
            time,
            hash: None,
        })
    }
}

fn take<'a>(rest: &mut &'a [u8], length: usize) -> Option<&'a [u8]> {
    let (taken, after) = rest.split_at_checked(length)?;
    *rest = after;
    Some(taken)
}

/// An unsigned LEB128 number.
fn unsigned(rest: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let byte = take(rest, 1)?[0];
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(value);
        }
    }
    None
}

/// A signed LEB128 number.
fn signed(rest: &mut &[u8]) -> Option<i64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let byte = take(rest, 1)?[0];
        value |= i64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            let unused = 63_u32.saturating_sub(shift + 6);
            return Some(value << unused >> unused);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_header_says_what_automerge_says() {
        let basis = Basis {
            document: String::new(),
            text: OpId(1, ActorId::random()),
            heads: vec![ChangeHash([7; 32])],
            max_op: 300,
        };
        for time in [0, 63, 64, -1, -65, 1_000_000, i64::MIN, i64::MAX] {
            let change = Author::new(&basis).type_letter(time);
            let header = Header::read(change.raw_bytes()).unwrap().expect("it is a change");
            let all = Header::of(&change);
            assert_eq!(
                (header.deps, header.actor, header.seq, header.start_op, header.time),
                (all.deps, all.actor, all.seq, all.start_op, all.time)
            );
            let mut reader = Author::new(&basis);
            reader.see(&Header::read(change.raw_bytes()).unwrap().unwrap(), change.raw_bytes());
            assert_eq!(reader.heads(), [change.hash()]);
        }
    }
}
