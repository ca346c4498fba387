//! Changes whose columns say in a few bytes that there are very many operations.

use bytes::Bytes;
use fieldbook_core::change::{Change, Refusal};
use fieldbook_core::limits::Limits;
use fieldbook_core::reader::write_unsigned;

use crate::change::sealed_within;

/// A column's specification and its bytes (automerge.org/automerge-binary-format-spec).
type Column = (u64, Vec<u8>);

const OBJECT_ACTOR: u64 = 0x01;
const OBJECT_COUNTER: u64 = 0x02;
const KEY_ACTOR: u64 = 0x11;
const KEY_COUNTER: u64 = 0x13;
const KEY_STRING: u64 = 0x15;
const INSERT: u64 = 0x34;
const ACTION: u64 = 0x42;
const VALUE_META: u64 = 0x56;
const VALUE: u64 = 0x57;
const PREDECESSOR_COUNT: u64 = 0x70;
const PREDECESSOR_ACTOR: u64 = 0x71;
const PREDECESSOR_COUNTER: u64 = 0x73;

/// A list, and so many nulls in it, each inserted after the one before the last: no two are a run.
#[must_use]
pub fn strides(count: u64) -> Bytes {
    let key_actors = [nulls(3), same(count - 2, 0)].concat();
    let key_counters = [nulls(1), same(2, 0), literal(&[2]), same(count - 3, 1)].concat();
    let columns = list(
        count,
        [(KEY_ACTOR, key_actors), (KEY_COUNTER, key_counters)],
        (0, Vec::new()),
    );
    chunk(1, 1, None, &columns)
}

/// A list, and so many elements in it, each a letter, after the one before.
#[must_use]
pub fn page(count: u64) -> Bytes {
    let key_actors = [nulls(2), same(count - 1, 0)].concat();
    let key_counters = [nulls(1), literal(&[0, 2]), same(count - 2, 1)].concat();
    let letters = vec![b'x'; usize::try_from(count).expect("it fits into memory")];
    let columns = list(
        count,
        [(KEY_ACTOR, key_actors), (KEY_COUNTER, key_counters)],
        (0x16, letters),
    );
    chunk(1, 1, None, &columns)
}

/// So many maps, all at one key.
#[must_use]
pub fn makes(count: u64) -> Bytes {
    let columns = [
        (KEY_STRING, [signed(count), text("key")].concat()),
        (INSERT, unsigned(count)),
        (ACTION, same(count, 0)),
        (VALUE_META, same(count, 0)),
        (PREDECESSOR_COUNT, same(count, 0)),
    ];
    chunk(1, 1, None, &columns)
}

/// After [`page`], and perhaps others by the same actor, of which `last` is the last: its elements are deleted.
#[must_use]
pub fn clearing(last: &Change, count: u64) -> Bytes {
    let elements = [literal(&[2]), same(count - 1, 1)].concat();
    let columns = [
        (OBJECT_ACTOR, same(count, 0)),
        (OBJECT_COUNTER, same(count, 1)),
        (KEY_ACTOR, same(count, 0)),
        (KEY_COUNTER, elements.clone()),
        (INSERT, unsigned(count)),
        (ACTION, same(count, 3)),
        (VALUE_META, same(count, 0)),
        (PREDECESSOR_COUNT, same(count, 1)),
        (PREDECESSOR_ACTOR, same(count, 0)),
        (PREDECESSOR_COUNTER, elements),
    ];
    chunk(last.seq + 1, last.max_op + 1, Some(last), &columns)
}

/// Reads a change under the default limits.
///
/// # Errors
/// [`Refusal`].
pub fn read(chunk: &Bytes) -> Result<Change, Refusal> {
    Change::parse(chunk.clone(), &Limits::default())
}

/// The list itself at a key of the root, and what is inserted into it.
fn list(count: u64, keys: [Column; 2], (meta, values): (u64, Vec<u8>)) -> Vec<Column> {
    let [key_actors, key_counters] = keys;
    let metas = if meta == 0 {
        same(count + 1, 0)
    } else {
        [literal(&[0]), signed(count), unsigned(meta)].concat()
    };
    let columns = [
        (OBJECT_ACTOR, [nulls(1), same(count, 0)].concat()),
        (OBJECT_COUNTER, [nulls(1), same(count, 1)].concat()),
        key_actors,
        key_counters,
        (KEY_STRING, [vec![0x7f], text("list"), nulls(count)].concat()),
        (INSERT, [unsigned(1), unsigned(count)].concat()),
        (ACTION, [literal(&[2]), same(count, 1)].concat()),
        (VALUE_META, metas),
        (VALUE, values),
        (PREDECESSOR_COUNT, same(count + 1, 0)),
    ];
    columns.into_iter().filter(|(_, bytes)| !bytes.is_empty()).collect()
}

fn chunk(seq: u64, start_op: u64, after: Option<&Change>, columns: &[Column]) -> Bytes {
    let mut body = unsigned(after.iter().count() as u64);
    body.extend(after.iter().flat_map(|change| change.hash.0));
    body.extend([1, 7]); // the actor
    body.extend([seq, start_op, 0, 0, 0, columns.len() as u64].map(unsigned).concat());
    for (specification, bytes) in columns {
        body.extend([*specification, bytes.len() as u64].map(unsigned).concat());
    }
    body.extend(columns.iter().flat_map(|(_, bytes)| bytes));
    let mut chunk = vec![0x85, 0x6f, 0x4a, 0x83, 0, 0, 0, 0, 1];
    write_unsigned(&mut chunk, body.len() as u64);
    chunk.extend(body);
    sealed_within(&chunk, &Limits::default()).expect("it is whole")
}

/// A run of equal values of one byte (below 64, so that they look the same signed).
fn same(count: u64, value: u8) -> Vec<u8> {
    [signed(count), vec![value]].concat()
}

fn nulls(count: u64) -> Vec<u8> {
    [vec![0], unsigned(count)].concat()
}

/// Values that differ.
fn literal(values: &[u8]) -> Vec<u8> {
    let count = u8::try_from(values.len()).expect("a few");
    [&[0x80 - count], values].concat()
}

fn text(text: &str) -> Vec<u8> {
    [&[text.len() as u8], text.as_bytes()].concat()
}

fn unsigned(number: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    write_unsigned(&mut bytes, number);
    bytes
}

/// A number that is not negative, as a signed one: its highest bit is not set.
fn signed(number: u64) -> Vec<u8> {
    let mut bytes = unsigned(number);
    if let Some(last) = bytes.last_mut().filter(|last| **last & 0x40 != 0) {
        *last |= 0x80;
        bytes.push(0);
    }
    bytes
}
