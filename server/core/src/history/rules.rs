//! The rules of admission for operations (R4): a change that keeps them is harmless for every automerge client, now and
//! after save and load.
//!
//! Automerge itself trusts a change whose hash is right. An operation on an object that does not exist, a deletion of
//! nothing, a mark that ends before it begins: each is applied, or panics, and the document that was saved afterwards does
//! not load. Here each operation is held against the admission index, and against nothing else.

use std::collections::HashMap;

use super::index::{ChangeAt, Found, HEAD, Index, Left, ObjectKind, OpId, ROOT, Slot, View};
use super::weight::Paid;
use crate::change::{Action, BYTES_PER_WORK, Change, Key, MAX_INCREMENTS, Op, OpRef, Refusal};

/// Steps that finding out the order of marks may take in one change: each is a run of insertions on the way up.
/// In a recorded paper of 260,000 keystrokes, the way up is 90 steps at the most.
pub const MAX_MARK_STEPS: u32 = 100_000;

/// A change that is being held against the rules.
struct Trial<'i> {
    index: &'i mut Index,
    view: View,
    author: u32,
    /// Index numbers of the actors that the change lists.
    others: Vec<u32>,
    /// The mark that began with the operation before.
    open_mark: Option<(u32, OpId)>,
    mark_steps: u32,
    /// What the counters that it increments have been incremented by, with it and without signs.
    increments: HashMap<OpId, u64>,
    /// What the document's changes have brought, with this one.
    paid: Paid,
}

/// Adds the change to the index, or leaves the index as it was. Its sequence number and start op have been checked.
/// `follows`: see [`Index::add_change`]. What it took is added to `work`.
pub(super) fn add(
    index: &mut Index,
    change: &Change,
    view: View,
    follows: bool,
    work: &mut u64,
) -> Result<(), Refusal> {
    let (author, before) = index.begin(&change.actor);
    let mut trial = Trial {
        paid: index.paid(),
        index,
        view,
        author,
        others: Vec::new(),
        open_mark: None,
        mark_steps: MAX_MARK_STEPS,
        increments: HashMap::new(),
    };
    let outcome = trial.hear(change, work);
    *work += u64::from(MAX_MARK_STEPS - trial.mark_steps);
    let Trial {
        index,
        view,
        increments,
        paid,
        ..
    } = trial;
    match outcome {
        Ok(()) => {
            let at = change_at(change, author);
            index.add_change(at, view, follows);
            index.count(increments);
            index.pay(paid);
            Ok(())
        }
        Err(refusal) => {
            index.take_back(before);
            Err(refusal)
        }
    }
}

/// Adds a change of which the operations could not be understood: nothing can refer to them.
pub(super) fn add_without_operations(index: &mut Index, change: &Change, view: View) {
    let (author, _) = index.begin(&change.actor);
    index.add_change(change_at(change, author), view, false);
    let brought = brought(change, change.bytes.len());
    if let Ok(paid) = index.paid().with(brought) {
        index.pay(paid);
    }
}

fn brought(change: &Change, inflated: usize) -> Paid {
    Paid {
        bytes: inflated as u64,
        ops: change.max_op + 1 - change.start_op,
    }
}

/// Counters were checked to be small when the change was read, and sequence numbers have come one by one.
fn change_at(change: &Change, actor: u32) -> ChangeAt {
    ChangeAt {
        actor,
        seq: change.seq as u32,
        start_op: change.start_op as u32,
        ops: (change.max_op + 1 - change.start_op) as u32,
    }
}

impl Trial<'_> {
    fn hear(&mut self, change: &Change, work: &mut u64) -> Result<(), Refusal> {
        let body = change.body()?;
        *work += body.len() as u64 / BYTES_PER_WORK;
        self.paid = self.paid.with(brought(change, body.len()))?;
        let most_entries = self.paid.entries();
        let mut ops = change.ops(&body)?;
        for other in &ops.others {
            self.others.push(self.index.actor(other).ok_or(Refusal::Actor)?);
        }
        let mut id = OpId {
            counter: change.start_op as u32,
            actor: self.author,
        };
        while let Some(op) = ops.next()? {
            *work += 1;
            self.judge(id, &op)?;
            if self.index.entries() + self.increments.len() as u64 > most_entries {
                return Err(Refusal::Weight);
            }
            id.counter += 1;
        }
        if self.open_mark.is_some() {
            return Err(Refusal::Mark);
        }
        Ok(())
    }

    fn judge(&mut self, id: OpId, op: &Op<'_, '_>) -> Result<(), Refusal> {
        let object = match op.object {
            None => ROOT,
            Some(object) => {
                let object = self.seen(id, object).ok_or(Refusal::Object)?;
                self.index.object(object).ok_or(Refusal::Object)?
            }
        };
        let kind = self.index.kind(object);
        let slot = self.slot(id, op, object, kind)?;
        let counters = self.predecessors(id, op, object, slot)?;
        self.mark(id, op, object, kind)?;
        let made = match op.action {
            Action::MakeMap => Some(ObjectKind::Map),
            Action::MakeList => Some(ObjectKind::List),
            Action::MakeText => Some(ObjectKind::Text),
            _ => None,
        };
        let left = match op.action {
            // What is written into an element replaces what is there; without that, automerge panics at times.
            _ if matches!(slot, Slot::In { .. }) && op.predecessors.is_empty() => return Err(Refusal::Predecessor),
            Action::Delete if op.insert || op.predecessors.is_empty() => return Err(Refusal::Predecessor),
            Action::Delete => return Ok(()),
            Action::Increment(_) if op.insert || !counters => return Err(Refusal::Predecessor),
            Action::Increment(by) => {
                self.increment(id, op, by)?;
                Left::Increment
            }
            Action::SetCounter => Left::Counter,
            Action::MarkBegin(_) | Action::MarkEnd => Left::Mark,
            _ => Left::Value,
        };
        if let Some(kind) = made {
            self.index.add_object(id, kind);
        }
        self.index.add_op(id, Found { object, slot, left });
        if op.action == Action::MarkEnd {
            self.check_mark_order(id)?;
        }
        Ok(())
    }

    /// Where the operation leaves something.
    fn slot(&mut self, id: OpId, op: &Op<'_, '_>, object: u32, kind: ObjectKind) -> Result<Slot, Refusal> {
        match (kind, op.key, op.insert) {
            (ObjectKind::Map, Key::Map(key), false) => Ok(Slot::At {
                key: self.index.key(key),
            }),
            (ObjectKind::List | ObjectKind::Text, Key::Head, true) => Ok(Slot::Inserted { after: HEAD }),
            (ObjectKind::List | ObjectKind::Text, Key::Element(element), insert) => {
                let element = self.element(id, element, object)?;
                Ok(if insert {
                    Slot::Inserted { after: element }
                } else {
                    Slot::In { element }
                })
            }
            _ => Err(Refusal::Key),
        }
    }

    fn element(&self, id: OpId, element: OpRef, object: u32) -> Result<OpId, Refusal> {
        let element = self.seen(id, element).ok_or(Refusal::Element)?;
        let found = self.index.find(element).ok_or(Refusal::Element)?;
        if found.object == object && matches!(found.slot, Slot::Inserted { .. }) {
            Ok(element)
        } else {
            Err(Refusal::Element)
        }
    }

    /// Each predecessor must be in the same place. Is one of them a counter?
    fn predecessors(&self, id: OpId, op: &Op<'_, '_>, object: u32, slot: Slot) -> Result<bool, Refusal> {
        if op.insert && !op.predecessors.is_empty() {
            return Err(Refusal::Predecessor);
        }
        let mut counters = false;
        let mut last: Option<OpId> = None;
        for predecessor in op.predecessors {
            let predecessor = self.seen(id, *predecessor).ok_or(Refusal::Predecessor)?;
            let found = self.index.find(predecessor).ok_or(Refusal::Predecessor)?;
            let same_place = match (found.slot, slot) {
                (Slot::Inserted { .. }, Slot::In { element }) => predecessor == element,
                (theirs, ours) => theirs == ours,
            };
            let in_order = last.is_none_or(|last| self.index.greater(predecessor, last));
            if found.object != object || !same_place || !in_order || found.left == Left::Mark {
                return Err(Refusal::Predecessor);
            }
            counters |= found.left == Left::Counter;
            last = Some(predecessor);
        }
        Ok(counters)
    }

    /// Of concurrent counters in one place, each is incremented.
    fn increment(&mut self, id: OpId, op: &Op<'_, '_>, by: u64) -> Result<(), Refusal> {
        for predecessor in op.predecessors {
            let counter = self.seen(id, *predecessor).ok_or(Refusal::Predecessor)?;
            if self
                .index
                .find(counter)
                .is_some_and(|found| found.left == Left::Counter)
            {
                let before = self.index.increments(counter);
                let sum = self.increments.entry(counter).or_insert(before);
                *sum += by;
                if *sum > MAX_INCREMENTS {
                    return Err(Refusal::Counter);
                }
            }
        }
        Ok(())
    }

    /// A mark is two insertions into a text, one after the other: its begin and its end.
    fn mark(&mut self, id: OpId, op: &Op<'_, '_>, object: u32, kind: ObjectKind) -> Result<(), Refusal> {
        let is_mark = matches!(op.action, Action::MarkBegin(_) | Action::MarkEnd);
        if is_mark && !(op.insert && kind == ObjectKind::Text) {
            return Err(Refusal::Mark);
        }
        match (op.action, self.open_mark) {
            (Action::MarkBegin(_), None) => self.open_mark = Some((object, id)),
            (Action::MarkEnd, Some((begun_in, _))) if begun_in == object => {}
            (Action::MarkEnd, _) | (_, Some(_)) => return Err(Refusal::Mark),
            (_, None) => {}
        }
        Ok(())
    }

    /// Its end must come after its begin in the text, too.
    fn check_mark_order(&mut self, end: OpId) -> Result<(), Refusal> {
        let Some((_, begin)) = self.open_mark.take() else {
            return Err(Refusal::Mark);
        };
        match self.index.precedes(begin, end, &mut self.mark_steps) {
            Some(true) => Ok(()),
            _ => Err(Refusal::Mark),
        }
    }

    /// The operation that is named, if it comes before this one and is in its past.
    fn seen(&self, id: OpId, named: OpRef) -> Option<OpId> {
        let actor = match named.actor {
            0 => self.author,
            other => self.others[other as usize - 1],
        };
        let named = OpId {
            counter: named.counter,
            actor,
        };
        let before = named.counter < id.counter;
        (before && self.index.sees(&self.view, self.author, named)).then_some(named)
    }
}
