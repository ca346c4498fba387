//! One automerge change: split off, bounded, its checksum verified, its metadata read; its operations one by one ([`ops`]).
//!
//! The format is automerge's binary format (automerge.org/automerge-binary-format-spec): a chunk is the magic bytes, the
//! first four bytes of the SHA-256, a type, a length, a body.

mod columns;
mod metadata;
mod ops;
mod work;

use std::borrow::Cow;
use std::io::Read;

use automerge::ChangeHash;
use bytes::Bytes;
use sha2::{Digest, Sha256};

use crate::limits::Limits;
use crate::reader::{ReadError, Reader, write_unsigned};

use metadata::Metadata;
pub use metadata::{MAX_ACTOR_BYTES, MAX_AUTHOR_BYTES, MAX_TIME};
pub(crate) use ops::{Action, Key, Op, OpRef, Ops};
pub use ops::{MAX_COUNTER, MAX_INCREMENTS, MAX_PREDECESSORS};
pub(crate) use work::{BYTES_PER_WORK, WORK_OF_A_CHANGE, work_of};

const MAGIC: [u8; 4] = [0x85, 0x6f, 0x4a, 0x83];
/// Column id and type of an operation's action: id 4, unsigned run-length encoded.
const ACTION_COLUMN: u64 = 0x42;
/// Set in a column's specification when the column is compressed, which a change's columns never are.
const COLUMN_DEFLATED: u64 = 0x08;
/// Greatest op counter that is admitted. Automerge packs counters into 32 bits; half of them leave room for what others
/// write on top.
pub const MAX_OP: u64 = (u32::MAX / 2) as u64;

/// What kind of chunk it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Chunk {
    /// A whole saved document: many changes, compressed. Opaque here.
    Document(Bytes),
    /// One change, as it came (deflated or not).
    Change(Bytes),
}

/// Why bytes are not chunks. The sender is at fault and nothing of the message is used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ChunkError {
    /// The bytes do not begin with automerge's magic.
    #[error("this is not an automerge chunk: the magic bytes are missing")]
    Magic,
    /// A chunk type that is not taken here (bundles among them).
    #[error("chunks of type {0} are not accepted")]
    Type(u8),
    /// The bytes end early.
    #[error(transparent)]
    Read(#[from] ReadError),
}

/// Why a change was not admitted, by rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The checksum is not that of the contents.
    #[error("the checksum does not fit the contents")]
    Checksum,
    /// Larger than `limits.change_bytes` once inflated.
    #[error("the change is larger than limits.change_bytes allows")]
    TooLarge,
    /// More operations than `limits.change_ops`.
    #[error("the change has more operations than limits.change_ops allows")]
    TooManyOps,
    /// The metadata cannot be read.
    #[error("the change cannot be read")]
    Malformed,
    /// A sequence number that does not follow that actor's last.
    #[error("the sequence number does not follow the actor's last one")]
    Sequence,
    /// A sequence number that the actor used before, for another change.
    #[error("the actor used this sequence number for another change")]
    Fork,
    /// A start op that is not above every op it depends on, far above all, or beyond what automerge can count.
    #[error("the start op does not follow the ops that the change depends on")]
    StartOp,
    /// A time that is further away than numbers count one by one.
    #[error("the change's time is too far away")]
    Time,
    /// Something behind the operations that is not one author's name in an actor's first change.
    #[error("what follows the operations is not an author's name, or this is not its actor's first change")]
    Author,
    /// One head more than a document may have, or a past that differs from everybody else's in too many people's changes.
    #[error("the document, or the change's past, has too many branches; merge them first")]
    Branches,
    /// Automerge would have encoded it in another way: a document that is saved with it would not load.
    #[error("the change is not encoded as automerge encodes it")]
    Encoding,
    /// An actor that has made nothing which the operations could name.
    #[error("an operation names an actor who is not in the change's past")]
    Actor,
    /// An operation of an unknown kind.
    #[error("an operation is of a kind that is not accepted")]
    Action,
    /// An object that is not in the change's past.
    #[error("an operation names an object that is not in the change's past")]
    Object,
    /// A key in a list or a text, an element in a map.
    #[error("an operation's key does not fit its object")]
    Key,
    /// An element that is not in the change's past, or not in this object.
    #[error("an operation names an element that is not in its object in the change's past")]
    Element,
    /// A predecessor that is not in the change's past or in another place; a deletion or increment of nothing.
    #[error("an operation replaces something that is not in its place in the change's past")]
    Predecessor,
    /// More than all increments of a counter together may come to.
    #[error("the increments of a counter are more than can be counted")]
    Counter,
    /// A value that is not what its type says.
    #[error("an operation's value is malformed, or not for this operation")]
    Value,
    /// More operations than the document's changes pay for with their bytes.
    #[error("the change means more operations than the bytes of the document's changes pay for")]
    Weight,
    /// A mark without an end, outside a text, or one that ends before it begins.
    #[error("a mark is not a begin and an end, one after the other, in one text")]
    Mark,
}

impl Refusal {
    /// The rule's name, for logs and for clients.
    #[must_use]
    pub fn rule(self) -> &'static str {
        match self {
            Self::Checksum => "checksum",
            Self::TooLarge => "change-bytes",
            Self::TooManyOps => "change-ops",
            Self::Malformed => "malformed",
            Self::Sequence => "sequence",
            Self::Fork => "fork",
            Self::StartOp => "start-op",
            Self::Time => "time",
            Self::Author => "author",
            Self::Branches => "branches",
            Self::Encoding => "encoding",
            Self::Actor => "actor",
            Self::Action => "action",
            Self::Object => "object",
            Self::Key => "key",
            Self::Element => "element",
            Self::Predecessor => "predecessor",
            Self::Value => "value",
            Self::Counter => "counter",
            Self::Weight => "weight",
            Self::Mark => "mark",
        }
    }
}

/// A change whose checksum is right and whose metadata is plausible in itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// SHA-256 of the inflated chunk.
    pub hash: ChangeHash,
    /// The changes it was made on top of.
    pub deps: Vec<ChangeHash>,
    /// Who made it: raw actor id.
    pub actor: Box<[u8]>,
    /// The actor's how-manieth change.
    pub seq: u64,
    /// Counter of its first operation.
    pub start_op: u64,
    /// Counter of its last operation (`start_op - 1` if it has none).
    pub max_op: u64,
    /// The chunk as it came: what is stored and sent on.
    pub bytes: Bytes,
}

/// Splits bytes into the chunks that they are.
///
/// # Errors
/// [`ChunkError`]: then none of it is used.
pub fn split(bytes: &Bytes) -> Result<Vec<Chunk>, ChunkError> {
    let mut chunks = Vec::with_capacity(1);
    let mut reader = Reader::new(bytes);
    while !reader.is_empty() {
        let start = reader.rest();
        if reader.take(4)? != MAGIC {
            return Err(ChunkError::Magic);
        }
        reader.take(4)?;
        let kind = reader.byte()?;
        reader.prefixed()?;
        let whole = bytes.slice_ref(&start[..start.len() - reader.rest().len()]);
        chunks.push(match kind {
            0 => Chunk::Document(whole),
            1 | 2 => Chunk::Change(whole),
            other => return Err(ChunkError::Type(other)),
        });
    }
    Ok(chunks)
}

impl Change {
    /// Reads a change chunk that [`split`] has cut out.
    ///
    /// # Errors
    /// [`Refusal`].
    pub fn parse(bytes: Bytes, limits: &Limits) -> Result<Self, Refusal> {
        Self::parse_counting(bytes, limits, &mut 0)
    }

    /// [`Change::parse`], adding to `work` what it took.
    pub(crate) fn parse_counting(bytes: Bytes, limits: &Limits, work: &mut u64) -> Result<Self, Refusal> {
        *work += WORK_OF_A_CHANGE / 2;
        let (checksum, kind, body) = open_chunk(&bytes).map_err(|_| Refusal::Malformed)?;
        let inflated;
        let body = match kind {
            1 => body,
            2 => {
                // In proportion to what comes of it; and of what is too large, it is as much as may be.
                *work += body.len() as u64 / BYTES_PER_WORK;
                inflated = inflate(body, limits.change_bytes).inspect_err(|refusal| {
                    if *refusal == Refusal::TooLarge {
                        *work += limits.change_bytes as u64 / BYTES_PER_WORK;
                    }
                })?;
                &inflated
            }
            _ => return Err(Refusal::Malformed),
        };
        if body.len() > limits.change_bytes {
            return Err(Refusal::TooLarge);
        }
        *work += body.len() as u64 / BYTES_PER_WORK;
        let hash = hash_of(body);
        if hash.0[..4] != *checksum {
            return Err(Refusal::Checksum);
        }
        let (metadata, ops) = read_body(body, limits)?;
        Ok(Self {
            hash,
            deps: metadata.deps,
            actor: metadata.actor,
            seq: metadata.seq,
            start_op: metadata.start_op,
            max_op: metadata.start_op + ops - 1,
            bytes,
        })
    }

    /// The inflated chunk's contents.
    pub(crate) fn body(&self) -> Result<Cow<'_, [u8]>, Refusal> {
        let (_, kind, body) = open_chunk(&self.bytes).map_err(|_| Refusal::Malformed)?;
        // Its size was bounded when it was read.
        match kind {
            2 => inflate(body, usize::MAX - 1).map(Cow::Owned),
            _ => Ok(Cow::Borrowed(body)),
        }
    }

    /// The operations, read from what [`Change::body`] gave.
    pub(crate) fn ops<'b>(&self, body: &'b [u8]) -> Result<Ops<'b>, Refusal> {
        let mut reader = Reader::new(body);
        Metadata::read(&mut reader, usize::MAX)?;
        Ops::new(self, reader)
    }

    /// The hash of a change chunk that may be wrong in any other way; `None` if it cannot be inflated within the bounds.
    #[must_use]
    pub fn name(bytes: &[u8], limits: &Limits) -> Option<ChangeHash> {
        let (_, kind, body) = open_chunk(bytes).ok()?;
        match kind {
            1 => Some(hash_of(body)),
            2 => inflate(body, limits.change_bytes).ok().map(|body| hash_of(&body)),
            _ => None,
        }
    }
}

fn open_chunk(bytes: &[u8]) -> Result<(&[u8], u8, &[u8]), ReadError> {
    let mut reader = Reader::new(bytes);
    reader.take(4)?;
    let checksum = reader.take(4)?;
    let kind = reader.byte()?;
    Ok((checksum, kind, reader.prefixed()?))
}

fn inflate(body: &[u8], most: usize) -> Result<Vec<u8>, Refusal> {
    let mut out = Vec::new();
    flate2::read::DeflateDecoder::new(body)
        .take(most as u64 + 1)
        .read_to_end(&mut out)
        .map_err(|_| Refusal::Malformed)?;
    if out.len() > most {
        Err(Refusal::TooLarge)
    } else {
        Ok(out)
    }
}

fn hash_of(body: &[u8]) -> ChangeHash {
    let mut head = Vec::with_capacity(11);
    head.push(1);
    write_unsigned(&mut head, body.len() as u64);
    let mut hasher = Sha256::new();
    hasher.update(&head);
    hasher.update(body);
    ChangeHash(hasher.finalize().into())
}

/// The metadata, and how many operations there are.
fn read_body(body: &[u8], limits: &Limits) -> Result<(Metadata, u64), Refusal> {
    let mut reader = Reader::new(body);
    let metadata = Metadata::read(&mut reader, limits.message_hashes)?;
    let others = reader.unsigned().map_err(|_| Refusal::Malformed)?;
    for _ in 0..others {
        reader.prefixed().map_err(|_| Refusal::Malformed)?;
    }
    let ops = count_ops(&mut reader, limits).map_err(|error| error.unwrap_or(Refusal::Malformed))?;
    let end = metadata.start_op.checked_add(ops).filter(|end| *end <= MAX_OP);
    if metadata.start_op == 0 || end.is_none() {
        return Err(Refusal::StartOp);
    }
    Ok((metadata, ops))
}

/// Counts a change's operations from its action column without expanding it. `Err(None)`: unreadable.
fn count_ops(reader: &mut Reader<'_>, limits: &Limits) -> Result<u64, Option<Refusal>> {
    let columns = reader.unsigned().map_err(|_| None)?;
    let mut action_bytes = 0..0u64;
    let mut offset = 0u64;
    let mut previous = None;
    for _ in 0..columns {
        let specification = reader.unsigned().map_err(|_| None)?;
        let length = reader.unsigned().map_err(|_| None)?;
        if specification & COLUMN_DEFLATED != 0 || previous.is_some_and(|p| p >= specification) {
            return Err(None);
        }
        previous = Some(specification);
        let end = offset.checked_add(length).ok_or(None)?;
        if specification == ACTION_COLUMN {
            action_bytes = offset..end;
        }
        offset = end;
    }
    let data = reader.take(offset).map_err(|_| None)?;
    let column = &data[action_bytes.start as usize..action_bytes.end as usize];
    count_run_length(column, limits.change_ops)
}

fn count_run_length(column: &[u8], most: u64) -> Result<u64, Option<Refusal>> {
    let mut reader = Reader::new(column);
    let mut count = 0u64;
    while !reader.is_empty() {
        let run = reader.signed().map_err(|_| None)?;
        let (rows, values) = match run {
            0 => (reader.unsigned().map_err(|_| None)?, 0),
            1.. => (run.unsigned_abs(), 1),
            _ => (run.unsigned_abs(), run.unsigned_abs()),
        };
        count = count.saturating_add(rows);
        if count > most {
            return Err(Some(Refusal::TooManyOps));
        }
        for _ in 0..values {
            reader.unsigned().map_err(|_| None)?;
        }
    }
    Ok(count)
}

#[cfg(test)]
#[path = "change_tests.rs"]
mod tests;
