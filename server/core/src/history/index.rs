//! The admission index: what must be known of a document's past to say whether a change is harmless, without applying it.
//!
//! It keeps, run-length encoded, who made which changes and what they had seen ([`ancestors`]), and for each operation id
//! what it left behind: an element of a sequence, a value at a key or in an element, or nothing. A run of typing is one
//! entry, however long it is. Admitting a change takes time by its own operations and the logarithm of these entries.

mod ancestors;
mod codec;
mod order;

use std::collections::HashMap;
use std::sync::Arc;

pub use codec::IndexError;

use super::weight::Paid;

/// An operation's id: its counter, and its actor's number in the index.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct OpId {
    pub(super) counter: u32,
    pub(super) actor: u32,
}

/// The place before a sequence's first element.
pub(super) const HEAD: OpId = OpId { counter: 0, actor: 0 };
/// The number of the root object.
pub(super) const ROOT: u32 = 0;

/// What kind of object it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ObjectKind {
    Map,
    List,
    Text,
}

/// Where an operation left something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Slot {
    /// It is an element, inserted after another; those of a run each after the one before.
    Inserted { after: OpId },
    /// It is a value in an element; those of a run each in the element with the next counter.
    In { element: OpId },
    /// It is a value at a key of a map.
    At { key: u32 },
}

/// What an operation left there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Left {
    Value,
    Counter,
    /// An increment of a counter.
    Increment,
    /// A begin or an end of a mark.
    Mark,
}

/// Operations of one actor, with consecutive counters, that did alike.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct OpRun {
    start: u32,
    len: u32,
    object: u32,
    slot: Slot,
    left: Left,
}

/// What is known of one operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) object: u32,
    pub(super) slot: Slot,
    pub(super) left: Left,
}

/// What a change has in its past: everything up to a position, but of some actors only (or also) what is said of them.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct View {
    up_to: u32,
    /// (actor, its last sequence number seen), by actor.
    except: Option<Arc<[(u32, u32)]>>,
}

/// Changes of one actor at consecutive positions, each made on top of the one before, with equally many operations.
#[derive(Debug, Clone, PartialEq, Eq)]
struct ChangeRun {
    position: u32,
    count: u32,
    actor: u32,
    seq: u32,
    start_op: u32,
    /// Operations of each change.
    ops: u32,
    view: View,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Actor {
    id: Box<[u8]>,
    /// Its change runs, by number.
    changes: Vec<u32>,
    ops: Vec<OpRun>,
}

/// What a document's past says about operations to come.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Index {
    actors: Vec<Actor>,
    actor_numbers: HashMap<Box<[u8]>, u32>,
    changes: Vec<ChangeRun>,
    /// All but the root, which is number 0.
    objects: Vec<(OpId, ObjectKind)>,
    object_numbers: HashMap<OpId, u32>,
    keys: Vec<Box<str>>,
    key_numbers: HashMap<Box<str>, u32>,
    /// Op counters that were left out between changes and their dependencies ([`super::MAX_GAPS`]).
    gaps: u64,
    paid: Paid,
    /// What each counter has been incremented by, without signs.
    increments: HashMap<OpId, u64>,
    /// Greatest op counter of all changes.
    max_op: u32,
    /// Op runs of all actors.
    runs: usize,
}

/// Where the index stood before a change was begun.
#[derive(Debug)]
pub(super) struct Mark {
    actors: usize,
    objects: usize,
    keys: usize,
    author: u32,
    ops: usize,
    runs: usize,
    last_run: Option<OpRun>,
}

/// A change as the index keeps it.
#[derive(Debug, Clone, Copy)]
pub(super) struct ChangeAt {
    pub(super) actor: u32,
    pub(super) seq: u32,
    pub(super) start_op: u32,
    pub(super) ops: u32,
}

impl Index {
    /// Position of the last change in it.
    #[must_use]
    pub fn last(&self) -> u64 {
        self.changes
            .last()
            .map_or(0, |run| u64::from(run.position) + u64::from(run.count) - 1)
    }

    pub(super) fn gaps(&self) -> u64 {
        self.gaps
    }

    pub(super) fn paid(&self) -> Paid {
        self.paid
    }

    pub(super) fn pay(&mut self, paid: Paid) {
        self.paid = paid;
    }

    pub(super) fn increments(&self, counter: OpId) -> u64 {
        self.increments.get(&counter).copied().unwrap_or(0)
    }

    pub(super) fn count(&mut self, increments: HashMap<OpId, u64>) {
        self.increments.extend(increments);
    }

    pub(super) fn max_op(&self) -> u32 {
        self.max_op
    }

    /// Objects, runs of operations, and counters that were incremented: what takes room by what was written.
    pub(super) fn entries(&self) -> u64 {
        (self.objects.len() + self.runs + self.increments.len()) as u64
    }

    pub(super) fn add_gap(&mut self, gap: u64) {
        self.gaps += gap;
    }

    pub(super) fn actor(&self, id: &[u8]) -> Option<u32> {
        self.actor_numbers.get(id).copied()
    }

    pub(super) fn object(&self, id: OpId) -> Option<u32> {
        self.object_numbers.get(&id).copied()
    }

    pub(super) fn kind(&self, object: u32) -> ObjectKind {
        match object {
            ROOT => ObjectKind::Map,
            other => self.objects[other as usize - 1].1,
        }
    }

    /// What an operation left; `None` if it left nothing, or does not exist.
    pub(super) fn find(&self, id: OpId) -> Option<Found> {
        let (run, offset) = self.run(id)?;
        let slot = match run.slot {
            Slot::Inserted { after } if offset == 0 => Slot::Inserted { after },
            Slot::Inserted { .. } => Slot::Inserted {
                after: OpId {
                    counter: id.counter - 1,
                    ..id
                },
            },
            Slot::In { element } => Slot::In {
                element: OpId {
                    counter: element.counter + offset,
                    ..element
                },
            },
            Slot::At { key } => Slot::At { key },
        };
        Some(Found {
            object: run.object,
            slot,
            left: run.left,
        })
    }

    fn run(&self, id: OpId) -> Option<(&OpRun, u32)> {
        let runs = &self.actors.get(id.actor as usize)?.ops;
        let run = &runs[runs.partition_point(|run| run.start <= id.counter).checked_sub(1)?];
        let offset = id.counter - run.start;
        (offset < run.len).then_some((run, offset))
    }

    /// A change of this actor begins.
    pub(super) fn begin(&mut self, actor: &[u8]) -> (u32, Mark) {
        let actors = self.actors.len();
        let author = self.actor(actor).unwrap_or_else(|| {
            let number = actors as u32;
            self.actor_numbers.insert(actor.into(), number);
            self.actors.push(Actor {
                id: actor.into(),
                changes: Vec::new(),
                ops: Vec::new(),
            });
            number
        });
        let ops = &self.actors[author as usize].ops;
        let mark = Mark {
            actors,
            objects: self.objects.len(),
            keys: self.keys.len(),
            author,
            ops: ops.len(),
            runs: self.runs,
            last_run: ops.last().copied(),
        };
        (author, mark)
    }

    /// The change is not to be: everything is as it was before.
    pub(super) fn take_back(&mut self, mark: Mark) {
        let ops = &mut self.actors[mark.author as usize].ops;
        ops.truncate(mark.ops);
        self.runs = mark.runs;
        if let (Some(last), Some(before)) = (ops.last_mut(), mark.last_run) {
            *last = before;
        }
        for (id, _) in self.objects.drain(mark.objects..) {
            self.object_numbers.remove(&id);
        }
        for key in self.keys.drain(mark.keys..) {
            self.key_numbers.remove(&key);
        }
        for actor in self.actors.drain(mark.actors..) {
            self.actor_numbers.remove(&actor.id);
        }
    }

    /// The number of a key, which it gets if it has none.
    pub(super) fn key(&mut self, key: &str) -> u32 {
        if let Some(number) = self.key_numbers.get(key) {
            return *number;
        }
        let number = self.keys.len() as u32;
        self.keys.push(key.into());
        self.key_numbers.insert(key.into(), number);
        number
    }

    pub(super) fn add_object(&mut self, id: OpId, kind: ObjectKind) {
        self.objects.push((id, kind));
        self.object_numbers.insert(id, self.objects.len() as u32);
    }

    /// An operation left something.
    pub(super) fn add_op(&mut self, id: OpId, found: Found) {
        let ops = &mut self.actors[id.actor as usize].ops;
        if let Some(last) = ops.last_mut()
            && last.continues_with(id, &found)
        {
            last.len += 1;
            return;
        }
        self.runs += 1;
        ops.push(OpRun {
            start: id.counter,
            len: 1,
            object: found.object,
            slot: found.slot,
            left: found.left,
        });
    }

    /// The change is admitted. `follows`: it was made on top of the change before it, and of nothing else.
    pub(super) fn add_change(&mut self, change: ChangeAt, view: View, follows: bool) {
        self.max_op = self.max_op.max(change.start_op + change.ops - 1);
        if follows
            && let Some(last) = self.changes.last_mut()
            && last.continues_with(change)
        {
            last.count += 1;
            return;
        }
        let number = self.changes.len() as u32;
        self.changes.push(ChangeRun {
            position: self.last() as u32 + 1,
            count: 1,
            actor: change.actor,
            seq: change.seq,
            start_op: change.start_op,
            ops: change.ops,
            view,
        });
        self.actors[change.actor as usize].changes.push(number);
    }
}

impl OpRun {
    fn continues_with(&self, id: OpId, next: &Found) -> bool {
        if self.start + self.len != id.counter || self.object != next.object || self.left != next.left {
            return false;
        }
        match (self.slot, next.slot) {
            (Slot::Inserted { .. }, Slot::Inserted { after }) => {
                after.actor == id.actor && after.counter + 1 == id.counter
            }
            (Slot::In { element }, Slot::In { element: next }) => {
                element.actor == next.actor && element.counter + self.len == next.counter
            }
            (Slot::At { key }, Slot::At { key: next }) => key == next,
            _ => false,
        }
    }
}

impl ChangeRun {
    fn continues_with(&self, change: ChangeAt) -> bool {
        self.actor == change.actor
            && self.seq + self.count == change.seq
            && self.ops == change.ops
            && self.start_op + self.count * self.ops == change.start_op
    }
}
