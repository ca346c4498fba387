//! One automerge change: split off, bounded, its checksum verified, its metadata read. No operation is looked at.
//!
//! The format is automerge's binary format (automerge.org/automerge-binary-format-spec): a chunk is the magic bytes, the
//! first four bytes of the SHA-256, a type, a length, a body.

use std::io::Read;

use automerge::ChangeHash;
use bytes::Bytes;
use sha2::{Digest, Sha256};

use crate::limits::Limits;
use crate::reader::{ReadError, Reader, write_unsigned};

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
    /// A start op that is not above every op it depends on, or beyond what automerge can count.
    #[error("the start op is not above the ops that the change depends on")]
    StartOp,
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
        let (checksum, kind, body) = open_chunk(&bytes).map_err(|_| Refusal::Malformed)?;
        let inflated;
        let body = match kind {
            1 => body,
            2 => {
                inflated = inflate(body, limits.change_bytes)?;
                &inflated
            }
            _ => return Err(Refusal::Malformed),
        };
        if body.len() > limits.change_bytes {
            return Err(Refusal::TooLarge);
        }
        let hash = hash_of(body);
        if hash.0[..4] != *checksum {
            return Err(Refusal::Checksum);
        }
        let parts = read_body(body, limits)?;
        Ok(Self {
            hash,
            deps: parts.deps,
            actor: parts.actor,
            seq: parts.seq,
            start_op: parts.start_op,
            max_op: parts.max_op,
            bytes,
        })
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

struct Parts {
    deps: Vec<ChangeHash>,
    actor: Box<[u8]>,
    seq: u64,
    start_op: u64,
    max_op: u64,
}

fn read_body(body: &[u8], limits: &Limits) -> Result<Parts, Refusal> {
    let mut reader = Reader::new(body);
    let malformed = |_| Refusal::Malformed;
    let deps = reader.hashes(limits.message_hashes).map_err(malformed)?;
    let actor: Box<[u8]> = reader.prefixed().map_err(malformed)?.into();
    let seq = reader.unsigned().map_err(malformed)?;
    let start_op = reader.unsigned().map_err(malformed)?;
    reader.signed().map_err(malformed)?; // time
    let message = reader.prefixed().map_err(malformed)?;
    std::str::from_utf8(message).map_err(|_| Refusal::Malformed)?;
    let others = reader.unsigned().map_err(malformed)?;
    for _ in 0..others {
        reader.prefixed().map_err(malformed)?;
    }
    let ops = count_ops(&mut reader, limits).map_err(|error| error.unwrap_or(Refusal::Malformed))?;
    if seq == 0 || actor.is_empty() {
        return Err(Refusal::Sequence);
    }
    if start_op == 0 || start_op > MAX_OP || start_op + ops > MAX_OP {
        return Err(Refusal::StartOp);
    }
    Ok(Parts {
        deps,
        actor,
        seq,
        start_op,
        max_op: start_op + ops - 1,
    })
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
mod tests {
    use automerge::transaction::Transactable;
    use automerge::{AutoCommit, ObjType, ROOT};

    use super::*;

    fn sample() -> Vec<automerge::Change> {
        let mut document = AutoCommit::new();
        let text = document.put_object(ROOT, "text", ObjType::Text).unwrap();
        document.commit();
        for length in [1, 3, 5_000] {
            document.splice_text(&text, 0, 0, &"abc".repeat(length)).unwrap();
            document.put(ROOT, "n", length as i64).unwrap();
            document.commit();
        }
        document.splice_text(&text, 2, 7, "").unwrap();
        document.commit();
        document.empty_change(automerge::transaction::CommitOptions::default());
        document.get_changes(&[])
    }

    #[test]
    fn metadata_equals_what_automerge_reads() {
        for change in sample() {
            let plain = Bytes::copy_from_slice(change.raw_bytes());
            let deflated = Bytes::from(change.clone().bytes().to_vec());
            for bytes in [plain, deflated] {
                let chunks = split(&bytes).unwrap();
                assert_eq!(chunks, [Chunk::Change(bytes.clone())]);
                let parsed = Change::parse(bytes, &Limits::default()).unwrap();
                assert_eq!(parsed.hash, change.hash());
                assert_eq!(parsed.deps, change.deps());
                assert_eq!(&*parsed.actor, change.actor_id().to_bytes());
                assert_eq!(parsed.seq, change.seq());
                assert_eq!(parsed.start_op, change.start_op().get());
                assert_eq!(parsed.max_op, change.max_op());
            }
        }
    }

    #[test]
    fn several_chunks_in_a_row_are_split() {
        let bytes: Bytes = sample()
            .iter()
            .flat_map(|c| c.raw_bytes().to_vec())
            .collect::<Vec<_>>()
            .into();
        assert_eq!(split(&bytes).unwrap().len(), sample().len());
        assert!(matches!(
            split(&bytes.slice(..bytes.len() - 1)),
            Err(ChunkError::Read(_))
        ));
        let mut trailing = bytes.to_vec();
        trailing.push(0);
        assert!(split(&trailing.into()).is_err());
    }

    #[test]
    fn a_flipped_bit_is_refused() {
        let change = &sample()[1];
        for position in 4..change.raw_bytes().len() {
            let mut bytes = change.raw_bytes().to_vec();
            bytes[position] ^= 1;
            assert!(
                split(&bytes.clone().into()).is_err() || Change::parse(bytes.into(), &Limits::default()).is_err(),
                "byte {position}"
            );
        }
    }

    #[test]
    fn an_inflation_bomb_stops_at_the_limit() {
        use std::io::Write;
        let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::best());
        for _ in 0..64 {
            encoder.write_all(&[0; 1 << 20]).unwrap();
        }
        let body = encoder.finish().unwrap();
        let mut chunk = MAGIC.to_vec();
        chunk.extend([0; 4]);
        chunk.push(2);
        write_unsigned(&mut chunk, body.len() as u64);
        chunk.extend(body);
        assert_eq!(Change::parse(chunk.into(), &Limits::default()), Err(Refusal::TooLarge));
    }

    #[test]
    fn a_column_that_says_millions_is_refused() {
        // A run of 2^40 "set" actions in six bytes.
        let column = [0x80, 0x80, 0x80, 0x80, 0x80, 0x20, 0x01];
        assert_eq!(count_run_length(&column, 1_000_000), Err(Some(Refusal::TooManyOps)));
    }

    #[test]
    fn bundles_are_refused() {
        let mut bytes = sample()[0].raw_bytes().to_vec();
        bytes[8] = 3;
        assert_eq!(split(&bytes.into()), Err(ChunkError::Type(3)));
    }
}
