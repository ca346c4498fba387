//! The index as bytes, as it is kept beside an archive.
//!
//! A version, the sum of gaps, what the changes have paid and brought, then actors, keys, objects, change runs, each
//! actor's op runs, and what counters were incremented by. All numbers are LEB128; what follows from what stands before it (positions, sequence numbers, where the next run of an actor can begin at the earliest) is not
//! written. The bytes are the server's own; whatever is wrong with them is an error and nothing worse.

use std::collections::HashMap;

use super::{Actor, ChangeRun, Index, Left, ObjectKind, OpId, OpRun, Slot, View};
use crate::history::weight::Paid;
use crate::reader::{ReadError, Reader, write_unsigned};

const VERSION: u64 = 3;
/// Written before increments were counted: they count from there on.
const WITHOUT_INCREMENTS: u64 = 2;

/// The stored index cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the document's admission index cannot be read: {0}")]
pub struct IndexError(pub(in crate::history) &'static str);

impl From<ReadError> for IndexError {
    fn from(_: ReadError) -> Self {
        Self("it ends too early, or a number in it is too long")
    }
}

type Result<T> = std::result::Result<T, IndexError>;

impl Index {
    /// The index as bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::new();
        put(&mut out, VERSION);
        put(&mut out, self.gaps);
        put(&mut out, self.paid.bytes);
        put(&mut out, self.paid.ops);
        put(&mut out, self.actors.len());
        for actor in &self.actors {
            put(&mut out, actor.id.len());
            out.extend_from_slice(&actor.id);
        }
        put(&mut out, self.keys.len());
        for key in &self.keys {
            put(&mut out, key.len());
            out.extend_from_slice(key.as_bytes());
        }
        put(&mut out, self.objects.len());
        for (id, kind) in &self.objects {
            put_id(&mut out, *id);
            put(&mut out, *kind as u8);
        }
        self.put_changes(&mut out);
        for actor in &self.actors {
            put_ops(&mut out, &actor.ops);
        }
        self.put_increments(&mut out);
        out
    }

    fn put_increments(&self, out: &mut Vec<u8>) {
        let mut increments: Vec<_> = self.increments.iter().collect();
        increments.sort_unstable();
        put(out, increments.len());
        for (counter, sum) in increments {
            put_id(out, *counter);
            put(out, *sum);
        }
    }

    fn put_changes(&self, out: &mut Vec<u8>) {
        put(out, self.changes.len());
        let mut max_ops = vec![0; self.actors.len()];
        for run in &self.changes {
            let max_op = &mut max_ops[run.actor as usize];
            put(out, run.actor);
            put(out, run.count);
            put(out, run.start_op - *max_op - 1);
            put(out, run.ops);
            put(out, run.position - 1 - run.view.up_to);
            let exceptions = run.view.except.as_deref().unwrap_or_default();
            put(out, exceptions.len());
            for (actor, seen) in exceptions {
                put(out, *actor);
                put(out, *seen);
            }
            *max_op = run.start_op + run.count * run.ops - 1;
        }
    }

    /// Reads what [`Index::encode`] wrote.
    ///
    /// # Errors
    /// [`IndexError`].
    pub fn decode(bytes: &[u8]) -> Result<Self> {
        let mut reader = Reader::new(bytes);
        let version = reader.unsigned()?;
        if ![VERSION, WITHOUT_INCREMENTS].contains(&version) {
            return Err(IndexError("it is of another version"));
        }
        let mut index = Self {
            gaps: account(&mut reader)?,
            paid: Paid {
                bytes: account(&mut reader)?,
                ops: account(&mut reader)?,
            },
            ..Self::default()
        };
        for number in 0..reader.unsigned()? {
            let id: Box<[u8]> = reader.prefixed()?.into();
            index.actor_numbers.insert(id.clone(), number as u32);
            index.actors.push(Actor {
                id,
                changes: Vec::new(),
                ops: Vec::new(),
            });
        }
        for number in 0..reader.unsigned()? {
            let key = std::str::from_utf8(reader.prefixed()?).map_err(|_| IndexError("a key is no text"))?;
            index.key_numbers.insert(key.into(), number as u32);
            index.keys.push(key.into());
        }
        for number in 1..=reader.unsigned()? {
            let id = index.id(&mut reader)?;
            let kind = match reader.byte()? {
                0 => ObjectKind::Map,
                1 => ObjectKind::List,
                2 => ObjectKind::Text,
                _ => return Err(IndexError("an object is of no known kind")),
            };
            index.object_numbers.insert(id, number as u32);
            index.objects.push((id, kind));
        }
        index.read_changes(&mut reader)?;
        for actor in 0..index.actors.len() {
            let ops = index.read_ops(&mut reader)?;
            index.runs += ops.len();
            index.actors[actor].ops = ops;
        }
        let counted = if version == WITHOUT_INCREMENTS {
            0
        } else {
            reader.unsigned()?
        };
        for _ in 0..counted {
            let counter = index.id(&mut reader)?;
            index.increments.insert(counter, account(&mut reader)?);
        }
        if reader.is_empty() && index.is_consistent() {
            Ok(index)
        } else {
            Err(IndexError("its parts do not fit together"))
        }
    }

    fn read_changes(&mut self, reader: &mut Reader<'_>) -> Result<()> {
        let mut clocks: HashMap<u32, (u32, u32)> = HashMap::new();
        let mut position = 1u32;
        for number in 0..reader.unsigned()? {
            let actor = self.number(reader, self.actors.len())?;
            let count = small(reader)?;
            let (seq, max_op) = clocks.get(&actor).copied().unwrap_or_default();
            let start_op = sum(max_op, sum(small(reader)?, 1)?)?;
            let ops = small(reader)?;
            let up_to = (position - 1).checked_sub(small(reader)?).ok_or(BEYOND)?;
            let exceptions: Vec<_> = (0..reader.unsigned()?)
                .map(|_| Ok((self.number(reader, self.actors.len())?, small(reader)?)))
                .collect::<Result<_>>()?;
            let made = count.checked_mul(ops).ok_or(BEYOND)?;
            let max_op = sum(start_op, made)? - 1;
            self.max_op = self.max_op.max(max_op);
            clocks.insert(actor, (sum(seq, count)?, max_op));
            self.actors[actor as usize].changes.push(number as u32);
            self.changes.push(ChangeRun {
                position,
                count,
                actor,
                seq: seq + 1,
                start_op,
                ops,
                view: View {
                    up_to,
                    except: (!exceptions.is_empty()).then(|| exceptions.into()),
                },
            });
            position = sum(position, count)?;
        }
        Ok(())
    }

    fn read_ops(&self, reader: &mut Reader<'_>) -> Result<Vec<OpRun>> {
        let mut free = 1u32;
        let mut runs = Vec::new();
        for _ in 0..reader.unsigned()? {
            let start = sum(free, small(reader)?)?;
            let len = small(reader)?;
            let object = self.number(reader, self.objects.len() + 1)?;
            let form = reader.byte()?;
            let slot = match form / 4 {
                0 => Slot::Inserted {
                    after: self.id(reader)?,
                },
                1 => Slot::In {
                    element: self.id(reader)?,
                },
                2 => Slot::At {
                    key: self.number(reader, self.keys.len())?,
                },
                _ => return Err(IndexError("an operation is of no known form")),
            };
            let left = match form % 4 {
                0 => Left::Value,
                1 => Left::Counter,
                2 => Left::Increment,
                _ => Left::Mark,
            };
            free = sum(start, len)?;
            runs.push(OpRun {
                start,
                len,
                object,
                slot,
                left,
            });
        }
        Ok(runs)
    }

    fn id(&self, reader: &mut Reader<'_>) -> Result<OpId> {
        let counter = small(reader)?;
        // The place before the first element names no actor that must exist.
        let actor = self.number(reader, self.actors.len().max(1))?;
        Ok(OpId { counter, actor })
    }

    fn number(&self, reader: &mut Reader<'_>, end: usize) -> Result<u32> {
        let number = small(reader)?;
        if (number as usize) < end {
            Ok(number)
        } else {
            Err(BEYOND)
        }
    }

    fn is_consistent(&self) -> bool {
        let exceptions_sorted = |run: &ChangeRun| {
            let exceptions = run.view.except.as_deref().unwrap_or_default();
            exceptions.windows(2).all(|pair| pair[0].0 < pair[1].0)
        };
        self.actor_numbers.len() == self.actors.len()
            && self.key_numbers.len() == self.keys.len()
            && self.object_numbers.len() == self.objects.len()
            && self.changes.iter().all(|run| run.count > 0 && exceptions_sorted(run))
            && self.actors.iter().flat_map(|actor| &actor.ops).all(|run| run.len > 0)
    }
}

const BEYOND: IndexError = IndexError("a number in it points nowhere");

fn put_ops(out: &mut Vec<u8>, runs: &[OpRun]) {
    put(out, runs.len());
    let mut free = 1;
    for run in runs {
        put(out, run.start - free);
        put(out, run.len);
        put(out, run.object);
        match run.slot {
            Slot::Inserted { after } => {
                out.push(run.left as u8);
                put_id(out, after);
            }
            Slot::In { element } => {
                out.push(4 + run.left as u8);
                put_id(out, element);
            }
            Slot::At { key } => {
                out.push(8 + run.left as u8);
                put(out, key);
            }
        }
        free = run.start + run.len;
    }
}

fn put(out: &mut Vec<u8>, number: impl TryInto<u64>) {
    write_unsigned(out, number.try_into().unwrap_or(u64::MAX));
}

fn put_id(out: &mut Vec<u8>, id: OpId) {
    put(out, id.counter);
    put(out, id.actor);
}

fn small(reader: &mut Reader<'_>) -> Result<u32> {
    u32::try_from(reader.unsigned()?).map_err(|_| BEYOND)
}

/// A sum over a document's changes. It is far from overflowing, whatever comes to it.
fn account(reader: &mut Reader<'_>) -> Result<u64> {
    reader.unsigned().ok().filter(|sum| *sum < 1 << 60).ok_or(BEYOND)
}

fn sum(a: u32, b: u32) -> Result<u32> {
    a.checked_add(b).ok_or(BEYOND)
}
