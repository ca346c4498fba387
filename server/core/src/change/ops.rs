//! The operations of a change, one after the other, read from its columns without being laid out in memory.

use super::columns::{Booleans, Delta, NotCanonical, RunLength};
use super::metadata::check_footer;
use super::{Change, Refusal};
use crate::reader::Reader;

/// Operations that one operation may replace: as many as people have written the same place at the same time.
pub const MAX_PREDECESSORS: u64 = 10_000;
/// A counter begins, and each increment lies, at most so far from 0. With [`MAX_INCREMENTS`] a counter stays below 2^53 - 1,
/// whatever order its increments come in: from there on a JavaScript client takes it for no number any more, and fails.
pub const MAX_COUNTER: i64 = 1 << 52;
/// All increments of one counter together, without their signs.
pub const MAX_INCREMENTS: u64 = (1 << 52) - 2;

/// An operation's id inside a change. Actor 0 is the change's own, the others are those that it lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct OpRef {
    pub(crate) counter: u32,
    pub(crate) actor: u32,
}

/// Where in its object an operation writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Key<'a> {
    /// A map's key.
    Map(&'a str),
    /// The start of a sequence.
    Head,
    /// An element of a sequence, or the place after it (for an insertion).
    Element(OpRef),
}

/// What an operation does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Action<'a> {
    MakeMap,
    MakeList,
    MakeText,
    Set,
    SetCounter,
    Delete,
    /// By so much, without the sign.
    Increment(u64),
    MarkBegin(&'a str),
    MarkEnd,
}

/// One operation. Its id is the change's actor and the next counter.
#[derive(Debug)]
pub(crate) struct Op<'a, 'p> {
    /// `None` is the root.
    pub(crate) object: Option<OpRef>,
    pub(crate) key: Key<'a>,
    pub(crate) insert: bool,
    pub(crate) action: Action<'a>,
    /// What it replaces.
    pub(crate) predecessors: &'p [OpRef],
}

/// The operations of one change.
#[derive(Debug)]
pub(crate) struct Ops<'a> {
    /// Actors that the operations name, besides the change's own; sorted.
    pub(crate) others: Vec<&'a [u8]>,
    named: Vec<bool>,
    columns: Columns<'a>,
    left: u64,
    predecessors: Vec<OpRef>,
    predecessors_left: u64,
}

#[derive(Debug)]
struct Columns<'a> {
    object_actor: RunLength<'a, u64>,
    object_counter: RunLength<'a, u64>,
    key_actor: RunLength<'a, u64>,
    key_counter: Delta<'a>,
    key_string: RunLength<'a, &'a str>,
    insert: Booleans<'a>,
    action: RunLength<'a, u64>,
    value_meta: RunLength<'a, u64>,
    value: Reader<'a>,
    predecessor_count: RunLength<'a, u64>,
    predecessor_actor: RunLength<'a, u64>,
    predecessor_counter: Delta<'a>,
    expand: Option<Booleans<'a>>,
    mark_name: RunLength<'a, &'a str>,
}

/// Column specifications (id, type) in the order in which they stand in a change.
const SPECIFICATIONS: [u64; 14] = [
    0x01, 0x02, 0x11, 0x13, 0x15, 0x34, 0x42, 0x56, 0x57, 0x70, 0x71, 0x73, 0x94, 0xa5,
];

impl<'a> Ops<'a> {
    /// Reads from the body of a change, whose metadata has been read before.
    pub(super) fn new(change: &Change, mut body: Reader<'a>) -> Result<Self, Refusal> {
        let count = change.max_op + 1 - change.start_op;
        let others = read_others(&mut body).map_err(|_| Refusal::Encoding)?;
        let sorted = others.windows(2).all(|pair| pair[0] < pair[1]);
        if !sorted || others.contains(&&*change.actor) {
            return Err(Refusal::Encoding);
        }
        let columns = Columns::read(&mut body, count).map_err(|_| Refusal::Encoding)?;
        check_footer(body, change.seq)?;
        Ok(Self {
            named: vec![false; others.len()],
            others,
            columns,
            left: count,
            predecessors: Vec::new(),
            predecessors_left: count.saturating_add(MAX_PREDECESSORS),
        })
    }

    /// The next operation; `None` after the last, once it is sure that nothing is left over.
    pub(crate) fn next(&mut self) -> Result<Option<Op<'a, '_>>, Refusal> {
        if self.left == 0 {
            let used = self.named.iter().all(|named| *named);
            return match self.columns.finish() {
                Ok(()) if used => Ok(None),
                _ => Err(Refusal::Encoding),
            };
        }
        self.left -= 1;
        let encoding = |_: NotCanonical| Refusal::Encoding;
        let object = self.object().map_err(encoding)?;
        let key = self.key().map_err(encoding)?;
        let insert = self.columns.insert.next().map_err(encoding)?;
        let action = self.action()?;
        self.read_predecessors()?;
        Ok(Some(Op {
            object,
            key,
            insert,
            action,
            predecessors: &self.predecessors,
        }))
    }

    fn object(&mut self) -> Result<Option<OpRef>, NotCanonical> {
        let (actor, counter) = (self.columns.object_actor.next()?, self.columns.object_counter.next()?);
        match (actor, counter) {
            (None, None) => Ok(None),
            (Some(actor), Some(counter)) => self.reference(actor, counter).map(Some),
            _ => Err(NotCanonical),
        }
    }

    fn key(&mut self) -> Result<Key<'a>, NotCanonical> {
        let actor = self.columns.key_actor.next()?;
        let counter = self.columns.key_counter.next()?;
        match (self.columns.key_string.next()?, actor, counter) {
            (Some(key), None, None) => Ok(Key::Map(key)),
            (None, None, Some(0)) => Ok(Key::Head),
            (None, Some(actor), Some(counter)) => {
                let counter = u64::try_from(counter).map_err(|_| NotCanonical)?;
                self.reference(actor, counter).map(Key::Element)
            }
            _ => Err(NotCanonical),
        }
    }

    fn action(&mut self) -> Result<Action<'a>, Refusal> {
        let columns = &mut self.columns;
        let encoding = |_: NotCanonical| Refusal::Encoding;
        let action = columns.action.next_value().map_err(encoding)?;
        let meta = columns.value_meta.next_value().map_err(encoding)?;
        let raw = columns.value.take(meta >> 4).map_err(|_| Refusal::Encoding)?;
        let value = Value::read(meta & 0xf, raw)?;
        let expand = match &mut columns.expand {
            Some(expand) => expand.next().map_err(encoding)?,
            None => false,
        };
        let mark_name = columns.mark_name.next().map_err(encoding)?;
        if action != 7 && (expand || mark_name.is_some()) {
            return Err(Refusal::Mark);
        }
        match (action, value) {
            (0, Value::Null) => Ok(Action::MakeMap),
            (2, Value::Null) => Ok(Action::MakeList),
            (4, Value::Null) => Ok(Action::MakeText),
            (1, Value::Counter) => Ok(Action::SetCounter),
            (1, _) => Ok(Action::Set),
            (3, Value::Null) => Ok(Action::Delete),
            (5, Value::Integer(by)) => Ok(Action::Increment(by)),
            (7, _) if mark_name.is_some() => Ok(Action::MarkBegin(mark_name.unwrap_or_default())),
            (7, Value::Null) => Ok(Action::MarkEnd),
            (0 | 2..=5 | 7, _) => Err(Refusal::Value),
            _ => Err(Refusal::Action),
        }
    }

    fn read_predecessors(&mut self) -> Result<(), Refusal> {
        self.predecessors.clear();
        let encoding = |_: NotCanonical| Refusal::Encoding;
        let count = self.columns.predecessor_count.next_value().map_err(encoding)?;
        if count > MAX_PREDECESSORS || count > self.predecessors_left {
            return Err(Refusal::TooManyOps);
        }
        self.predecessors_left -= count;
        for _ in 0..count {
            let actor = self.columns.predecessor_actor.next_value().map_err(encoding)?;
            let counter = self.columns.predecessor_counter.next().map_err(encoding)?;
            let counter = counter.and_then(|counter| u64::try_from(counter).ok());
            let id = self
                .reference(actor, counter.ok_or(Refusal::Encoding)?)
                .map_err(encoding)?;
            self.predecessors.push(id);
        }
        Ok(())
    }

    fn reference(&mut self, actor: u64, counter: u64) -> Result<OpRef, NotCanonical> {
        let actor = u32::try_from(actor).map_err(|_| NotCanonical)?;
        if actor > 0 {
            *self.named.get_mut(actor as usize - 1).ok_or(NotCanonical)? = true;
        }
        match u32::try_from(counter) {
            Ok(counter) if counter > 0 => Ok(OpRef { counter, actor }),
            _ => Err(NotCanonical),
        }
    }
}

impl<'a> Columns<'a> {
    fn read(body: &mut Reader<'a>, count: u64) -> Result<Self, NotCanonical> {
        let mut lengths = [0u64; SPECIFICATIONS.len()];
        let columns = body.unsigned().map_err(|_| NotCanonical)?;
        let mut expected = SPECIFICATIONS.iter().enumerate();
        for _ in 0..columns {
            let specification = body.unsigned().map_err(|_| NotCanonical)?;
            let length = body.unsigned().map_err(|_| NotCanonical)?;
            // They come in this order, so each is searched for behind the one before.
            let (index, _) = expected
                .find(|(_, known)| **known == specification)
                .ok_or(NotCanonical)?;
            if length == 0 {
                return Err(NotCanonical);
            }
            lengths[index] = length;
        }
        let mut data = [&[][..]; SPECIFICATIONS.len()];
        for (column, length) in data.iter_mut().zip(lengths) {
            *column = body.take(length).map_err(|_| NotCanonical)?;
        }
        // A change without operations has no columns.
        if count == 0 && columns > 0 {
            return Err(NotCanonical);
        }
        Ok(Self {
            object_actor: RunLength::new(data[0]),
            object_counter: RunLength::new(data[1]),
            key_actor: RunLength::new(data[2]),
            key_counter: Delta::new(data[3]),
            key_string: RunLength::new(data[4]),
            insert: Booleans::new(data[5]),
            action: RunLength::new(data[6]),
            value_meta: RunLength::new(data[7]),
            value: Reader::new(data[8]),
            predecessor_count: RunLength::new(data[9]),
            predecessor_actor: RunLength::new(data[10]),
            predecessor_counter: Delta::new(data[11]),
            expand: (!data[12].is_empty()).then(|| Booleans::new(data[12])),
            mark_name: RunLength::new(data[13]),
        })
    }

    fn finish(&self) -> Result<(), NotCanonical> {
        self.object_actor.finish()?;
        self.object_counter.finish()?;
        self.key_actor.finish()?;
        self.key_counter.finish()?;
        self.key_string.finish()?;
        self.insert.finish()?;
        self.action.finish()?;
        self.value_meta.finish()?;
        self.predecessor_count.finish()?;
        self.predecessor_actor.finish()?;
        self.predecessor_counter.finish()?;
        self.mark_name.finish()?;
        if !self.value.is_empty() {
            return Err(NotCanonical);
        }
        match &self.expand {
            Some(expand) if !expand.has_true() => Err(NotCanonical),
            Some(expand) => expand.finish(),
            None => Ok(()),
        }
    }
}

/// What matters of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Value {
    Null,
    /// It may be added to a counter; without its sign.
    Integer(u64),
    Counter,
    Other,
}

impl Value {
    fn read(code: u64, raw: &[u8]) -> Result<Self, Refusal> {
        let mut reader = Reader::new(raw);
        let malformed = |_| Refusal::Value;
        let integer = |size: u64| {
            if size <= MAX_COUNTER.unsigned_abs() {
                Self::Integer(size)
            } else {
                Self::Other
            }
        };
        let value = match code {
            0 => Self::Null,
            1 | 2 => Self::Other,
            3 => integer(reader.unsigned().map_err(malformed)?),
            4 => integer(reader.signed().map_err(malformed)?.unsigned_abs()),
            5 => {
                reader.take(8).map_err(malformed)?;
                Self::Other
            }
            6 => {
                std::str::from_utf8(raw).map_err(|_| Refusal::Value)?;
                return Ok(Self::Other);
            }
            7 => return Ok(Self::Other),
            8 if matches!(
                integer(reader.signed().map_err(malformed)?.unsigned_abs()),
                Self::Integer(_)
            ) =>
            {
                Self::Counter
            }
            9 => {
                reader.signed().map_err(malformed)?;
                Self::Other
            }
            _ => return Err(Refusal::Value),
        };
        if reader.is_empty() {
            Ok(value)
        } else {
            Err(Refusal::Value)
        }
    }
}

fn read_others<'a>(body: &mut Reader<'a>) -> Result<Vec<&'a [u8]>, crate::reader::ReadError> {
    let count = body.unsigned()?;
    // Each takes two bytes at least.
    if count > body.rest().len() as u64 / 2 {
        return Err(crate::reader::ReadError::TooShort);
    }
    (0..count).map(|_| body.prefixed()).collect()
}
