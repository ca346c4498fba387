//! Valid single-character changes, made without a document: an author needs to know the heads, and the greatest
//! operation counter, and types after its own last letter.

use std::num::NonZeroU64;

use automerge::legacy::{ElementId, Key, ObjectId, Op, OpId, OpType, SortedVec};
use automerge::{ActorId, Change, ChangeHash, ExpandedChange, ScalarValue};

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
    pub(crate) fn wrote(&self, change: &Change) -> bool {
        *change.actor_id() == self.actor
    }

    /// Takes in what another typed.
    pub(crate) fn see(&mut self, change: &Change) {
        self.heads.retain(|head| !change.deps().contains(head));
        let place = self.heads.partition_point(|head| *head < change.hash());
        self.heads.insert(place, change.hash());
        self.max_op = self.max_op.max(change.start_op().get() + change.len() as u64 - 1);
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
