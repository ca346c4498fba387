//! The automerge sync message, as far as a server needs it: `0x42`/`0x43` | heads | need | have | changes | flags.
//!
//! A client's filters are skipped, never evaluated, and we never send one: see rule S3 in `docs/protocol.md`.

use automerge::ChangeHash;
use bytes::Bytes;

use crate::limits::Limits;
use crate::reader::{ReadError, Reader, write_hashes, write_unsigned};

const V1: u8 = 0x42;
const V2: u8 = 0x43;

/// Flag bits; see `automerge::sync::MessageFlags`.
pub mod flags {
    /// The receiver forgets what it has sent in this session and offers it again.
    pub const SYNC_RESET: u8 = 1;
    /// The sender does not apply changes.
    pub const READ_ONLY: u8 = 1 << 1;
    /// The sender understands [`SYNC_RESET`].
    pub const SUPPORTS_SYNC_RESET: u8 = 1 << 2;
}

/// `have` entries in one message at most; stock clients send one.
pub const MAX_HAVE: u64 = 64;

/// A chunk has magic bytes, a checksum, a type and a length; its body may be empty.
const SHORTEST_CHUNK: usize = 4 + 4 + 1 + 1;

/// Why a message could not be read. The socket is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MessageError {
    /// Neither V1 nor V2.
    #[error("a sync message begins with 0x42 or 0x43, not {0:#04x}")]
    Version(u8),
    /// A list or a number is broken.
    #[error("the sync message cannot be read: {0}")]
    Read(#[from] ReadError),
    /// More than [`Limits::message_changes`].
    #[error("the sync message carries more changes than limits.message_changes allows; send fewer at once")]
    TooManyChanges,
    /// A byte string among the changes is too short for any.
    #[error("the sync message carries bytes that are shorter than an automerge chunk can be")]
    NoChunk,
    /// There are bytes after its end.
    #[error("there are bytes after the sync message")]
    Trailing,
}

/// What a client said.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SyncMessage {
    /// Its heads.
    pub heads: Vec<ChangeHash>,
    /// Changes that it asks for by name.
    pub need: Vec<ChangeHash>,
    /// Changes that it knows we share (all `have` entries together).
    pub last_sync: Vec<ChangeHash>,
    /// One `have` without `last_sync` and with an empty filter: "start again".
    pub empty_have: bool,
    /// Byte strings that hold chunks; slices of the frame.
    pub changes: Vec<Bytes>,
    /// See [`flags`]; `None` when there is no such section.
    pub flags: Option<u8>,
}

impl SyncMessage {
    /// # Errors
    /// [`MessageError`].
    pub fn decode(bytes: &Bytes, limits: &Limits) -> Result<Self, MessageError> {
        let most_hashes = limits.message_hashes;
        let mut reader = Reader::new(bytes);
        match reader.byte()? {
            V1 | V2 => {}
            other => return Err(MessageError::Version(other)),
        }
        let heads = reader.hashes(most_hashes)?;
        let need = reader.hashes(most_hashes)?;
        let (last_sync, empty_have) = read_have(&mut reader, most_hashes)?;
        let changes = read_changes(&mut reader, bytes, limits.message_changes)?;
        let flags = if reader.is_empty() {
            None
        } else {
            Some(read_flags(reader.prefixed()?))
        };
        if !reader.is_empty() {
            return Err(MessageError::Trailing);
        }
        Ok(Self {
            heads,
            need,
            last_sync,
            empty_have,
            changes,
            flags,
        })
    }

    /// Lets go of the changes, and with them of the frame, when they are from somebody whose changes are not taken.
    pub fn forget_changes(&mut self) {
        self.empty_have &= self.changes.is_empty();
        self.changes = Vec::new();
    }

    /// Bytes that it takes to keep, roughly.
    #[must_use]
    pub fn weight(&self) -> usize {
        let hashes = self.heads.len() + self.need.len() + self.last_sync.len();
        let changes: usize = self.changes.iter().map(Bytes::len).sum();
        size_of::<Self>() + hashes * size_of::<ChangeHash>() + self.changes.len() * size_of::<Bytes>() + changes
    }

    /// Does the client ask to begin again (rule S8)?
    #[must_use]
    pub fn is_reset(&self) -> bool {
        self.empty_have && self.changes.is_empty()
    }

    /// Must the client be told again what it lacks? It asks to begin again, or says that it has nothing, or asks for
    /// changes by name, which it need not when it has what it was sent.
    #[must_use]
    pub fn begins_again(&self) -> bool {
        let resets = self.flags.is_some_and(|bits| bits & flags::SYNC_RESET != 0);
        resets || self.is_reset() || self.heads.is_empty() || !self.need.is_empty()
    }

    /// Does the client say that it applies nothing?
    #[must_use]
    pub fn is_read_only(&self) -> bool {
        self.flags.is_some_and(|bits| bits & flags::READ_ONLY != 0)
    }
}

/// Sets aside room for as many as the bytes can hold, whatever number they say.
fn read_changes(reader: &mut Reader<'_>, frame: &Bytes, most: usize) -> Result<Vec<Bytes>, MessageError> {
    let count = usize::try_from(reader.unsigned()?).map_err(|_| MessageError::TooManyChanges)?;
    if count > most {
        return Err(MessageError::TooManyChanges);
    }
    let fit = reader.rest().len() / (SHORTEST_CHUNK + 1);
    let mut changes = Vec::with_capacity(count.min(fit));
    for _ in 0..count {
        let chunk = reader.prefixed()?;
        if chunk.len() < SHORTEST_CHUNK {
            return Err(MessageError::NoChunk);
        }
        changes.push(frame.slice_ref(chunk));
    }
    let used: usize = changes.iter().map(Bytes::len).sum();
    if used < frame.len() / 2 {
        // Who waits with a small change must not keep a large frame in memory.
        changes
            .iter_mut()
            .for_each(|change| *change = Bytes::copy_from_slice(change));
    }
    Ok(changes)
}

/// What all `have` entries name together is bounded as one list.
fn read_have(reader: &mut Reader<'_>, most: usize) -> Result<(Vec<ChangeHash>, bool), ReadError> {
    let count = reader.unsigned()?;
    if count > MAX_HAVE {
        return Err(ReadError::ListTooLong);
    }
    let mut last_sync = Vec::new();
    let mut filters = false;
    for _ in 0..count {
        last_sync.extend(reader.hashes(most - last_sync.len())?);
        filters |= !reader.prefixed()?.is_empty();
    }
    let empty = count == 1 && last_sync.is_empty() && !filters;
    Ok((last_sync, empty))
}

fn read_flags(bytes: &[u8]) -> u8 {
    bytes
        .iter()
        .filter(|byte| **byte & 0x80 != 0)
        .fold(0, |bits, byte| bits | (byte & 0x7f))
}

/// What we say. Heads are told as both heads and `last_sync` (rule S3).
#[derive(Debug, Clone, Copy)]
pub struct Reply<'a> {
    /// Heads as of the last change that the client has once it has read this message.
    pub heads: &'a [ChangeHash],
    /// Changes that we ask for by name.
    pub need: &'a [ChangeHash],
    /// Said to sessions that may not write, and when a role rises.
    pub flags: Option<u8>,
    /// `false` for a client that applies nothing: it would not know a `last_sync`.
    pub applies: bool,
}

impl Reply<'_> {
    /// Changes as separate chunks (V1).
    #[must_use]
    pub fn with_changes<'c>(&self, changes: impl ExactSizeIterator<Item = &'c Bytes> + Clone) -> Vec<u8> {
        let size: usize = changes.clone().map(|c| c.len() + 4).sum();
        let mut out = self.begin(V1, size);
        write_unsigned(&mut out, changes.len() as u64);
        for change in changes {
            write_unsigned(&mut out, change.len() as u64);
            out.extend_from_slice(change);
        }
        self.end(out)
    }

    /// A saved document and the changes after it, in one piece (V2).
    #[must_use]
    pub fn with_document<'c>(&self, archive: &[u8], tail: impl Iterator<Item = &'c Bytes> + Clone) -> Vec<u8> {
        let size = archive.len() + tail.clone().map(Bytes::len).sum::<usize>();
        let mut out = self.begin(V2, size);
        write_unsigned(&mut out, 1);
        write_unsigned(&mut out, size as u64);
        out.extend_from_slice(archive);
        for change in tail {
            out.extend_from_slice(change);
        }
        self.end(out)
    }

    fn begin(&self, version: u8, changes_size: usize) -> Vec<u8> {
        let hashes = self.heads.len() * 2 + self.need.len();
        let mut out = Vec::with_capacity(changes_size + hashes * 32 + 48);
        out.push(version);
        write_hashes(&mut out, self.heads.iter());
        write_hashes(&mut out, self.need.iter());
        write_unsigned(&mut out, 1);
        write_hashes(&mut out, if self.applies { self.heads } else { &[] }.iter());
        write_unsigned(&mut out, 0);
        out
    }

    fn end(&self, mut out: Vec<u8>) -> Vec<u8> {
        if let Some(bits) = self.flags {
            out.extend([0x02, 0x02, 0x80 | bits]);
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use automerge::sync::{BloomFilter, ChunkList, Have, Message, MessageFlags, MessageVersion};

    use super::*;

    const CHUNK: [u8; SHORTEST_CHUNK] = [1; SHORTEST_CHUNK];

    fn hash(n: u8) -> ChangeHash {
        ChangeHash([n; 32])
    }

    fn decode(bytes: Vec<u8>) -> Result<SyncMessage, MessageError> {
        let limits = Limits {
            message_hashes: 10,
            message_changes: 3,
            ..Limits::default()
        };
        SyncMessage::decode(&bytes.into(), &limits)
    }

    #[test]
    fn what_automerge_encodes_is_read() {
        let mut bits = MessageFlags::new();
        bits.set(MessageFlags::READ_ONLY);
        let message = Message {
            heads: vec![hash(1), hash(2)],
            need: vec![hash(3)],
            have: vec![Have {
                last_sync: vec![hash(4)],
                bloom: BloomFilter::from_hashes([hash(9)].iter()),
            }],
            changes: ChunkList::from(vec![CHUNK.to_vec(), vec![2; 20]]),
            flags: Some(bits),
            version: MessageVersion::V2,
        };
        let read = decode(message.encode()).unwrap();
        assert_eq!(read.heads, [hash(1), hash(2)]);
        assert_eq!(read.need, [hash(3)]);
        assert_eq!(read.last_sync, [hash(4)]);
        assert_eq!(read.changes, [Bytes::from_static(&CHUNK), vec![2; 20].into()]);
        assert!(read.is_read_only() && !read.is_reset());
    }

    #[test]
    fn what_we_encode_automerge_reads() {
        let heads = [hash(1), hash(2)];
        let reply = Reply {
            heads: &heads,
            need: &[hash(7)],
            flags: Some(flags::SYNC_RESET),
            applies: true,
        };
        let changes = [Bytes::from_static(b"one"), Bytes::from_static(b"three")];
        let read = Message::decode(&reply.with_changes(changes.iter())).unwrap();
        assert_eq!(read.heads, heads);
        assert_eq!(read.need, [hash(7)]);
        assert_eq!(
            read.have,
            [Have {
                last_sync: heads.to_vec(),
                bloom: BloomFilter::default()
            }]
        );
        assert_eq!(read.changes.iter().collect::<Vec<_>>(), [&b"one"[..], b"three"]);
        assert!(read.flags.unwrap().contains(MessageFlags::SYNC_RESET));
        let read = Message::decode(&reply.with_document(b"archive", changes.iter())).unwrap();
        assert_eq!(read.changes.iter().collect::<Vec<_>>(), [&b"archiveonethree"[..]]);
        assert_eq!(read.version, MessageVersion::V2);
    }

    #[test]
    fn lists_have_a_limit_and_garbage_an_error() {
        let message = |bytes: &[u8]| decode(bytes.to_vec());
        assert_eq!(message(&[0x41]), Err(MessageError::Version(0x41)));
        assert_eq!(message(&[]), Err(MessageError::Read(ReadError::TooShort)));
        assert_eq!(message(&[0x42, 0x0b]), Err(MessageError::Read(ReadError::ListTooLong)));
        assert_eq!(
            message(&[0x42, 0, 0, 0x41]),
            Err(MessageError::Read(ReadError::ListTooLong))
        );
        assert_eq!(
            message(&[0x42, 0, 0, 0, 3]),
            Err(MessageError::Read(ReadError::TooShort))
        );
        assert_eq!(
            message(&[0x42, 0, 0, 0, 0xff, 0xff, 0x03]),
            Err(MessageError::TooManyChanges)
        );
        assert_eq!(message(&[0x42, 0, 0, 0, 0, 0, 9]), Err(MessageError::Trailing));
        // The filter that divides by zero where it is evaluated (S3: here it never is).
        assert!(message(&[0x42, 0, 0, 1, 0, 3, 1, 0, 7, 0]).is_ok());
    }

    #[test]
    fn changes_are_bounded_in_number_and_each_is_long_enough_to_be_one() {
        let with = |lengths: &[usize]| {
            let mut bytes = vec![0x42, 0, 0, 0];
            write_unsigned(&mut bytes, lengths.len() as u64);
            for length in lengths {
                write_unsigned(&mut bytes, *length as u64);
                bytes.extend(vec![7; *length]);
            }
            decode(bytes).map(|message| message.changes.len())
        };
        assert_eq!(with(&[SHORTEST_CHUNK; 3]), Ok(3));
        assert_eq!(with(&[SHORTEST_CHUNK; 4]), Err(MessageError::TooManyChanges));
        assert_eq!(with(&[SHORTEST_CHUNK - 1]), Err(MessageError::NoChunk));
        assert_eq!(with(&[SHORTEST_CHUNK, 0]), Err(MessageError::NoChunk));
    }

    #[test]
    fn a_reset_is_recognised() {
        let mut message = Message {
            heads: vec![hash(1)],
            need: vec![],
            have: vec![Have::default()],
            changes: ChunkList::empty(),
            flags: Some(MessageFlags::new()),
            version: MessageVersion::V1,
        };
        assert!(decode(message.clone().encode()).unwrap().is_reset());
        message.have[0].last_sync = vec![hash(1)];
        assert!(!decode(message.encode()).unwrap().is_reset());
    }
}
