//! The automerge sync message, as far as a server needs it: `0x42`/`0x43` | heads | need | have | changes | flags.
//!
//! A client's filters are skipped, never evaluated, and we never send one: see rule S3 in `docs/protocol.md`.

use automerge::ChangeHash;
use bytes::Bytes;

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

/// Why a message could not be read. The socket is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum MessageError {
    /// Neither V1 nor V2.
    #[error("a sync message begins with 0x42 or 0x43, not {0:#04x}")]
    Version(u8),
    /// A list or a number is broken.
    #[error("the sync message cannot be read: {0}")]
    Read(#[from] ReadError),
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
    pub fn decode(bytes: &Bytes, most_hashes: usize) -> Result<Self, MessageError> {
        let mut reader = Reader::new(bytes);
        match reader.byte()? {
            V1 | V2 => {}
            other => return Err(MessageError::Version(other)),
        }
        let heads = reader.hashes(most_hashes)?;
        let need = reader.hashes(most_hashes)?;
        let (last_sync, empty_have) = read_have(&mut reader, most_hashes)?;
        let count = reader.unsigned()?;
        let mut changes = Vec::new();
        for _ in 0..count {
            changes.push(bytes.slice_ref(reader.prefixed()?));
        }
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

fn read_have(reader: &mut Reader<'_>, most: usize) -> Result<(Vec<ChangeHash>, bool), ReadError> {
    let count = reader.unsigned()?;
    if count > MAX_HAVE {
        return Err(ReadError::ListTooLong);
    }
    let mut last_sync = Vec::new();
    let mut filters = false;
    for _ in 0..count {
        last_sync.extend(reader.hashes(most)?);
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

    fn hash(n: u8) -> ChangeHash {
        ChangeHash([n; 32])
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
            changes: ChunkList::from(vec![vec![1, 2, 3], vec![]]),
            flags: Some(bits),
            version: MessageVersion::V2,
        };
        let read = SyncMessage::decode(&message.encode().into(), 10).unwrap();
        assert_eq!(read.heads, [hash(1), hash(2)]);
        assert_eq!(read.need, [hash(3)]);
        assert_eq!(read.last_sync, [hash(4)]);
        assert_eq!(read.changes, [Bytes::from_static(&[1, 2, 3]), Bytes::new()]);
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
        let message = |bytes: &[u8]| SyncMessage::decode(&Bytes::copy_from_slice(bytes), 10);
        assert_eq!(message(&[0x41]), Err(MessageError::Version(0x41)));
        assert_eq!(message(&[]), Err(MessageError::Read(ReadError::TooShort)));
        assert_eq!(message(&[0x42, 0x0b]), Err(MessageError::Read(ReadError::ListTooLong)));
        assert_eq!(
            message(&[0x42, 0, 0, 0x41]),
            Err(MessageError::Read(ReadError::ListTooLong))
        );
        assert_eq!(
            message(&[0x42, 0, 0, 0, 0xff, 0xff, 0x03]),
            Err(MessageError::Read(ReadError::TooShort))
        );
        assert_eq!(message(&[0x42, 0, 0, 0, 0, 0, 9]), Err(MessageError::Trailing));
        // The filter that divides by zero where it is evaluated (S3: here it never is).
        assert!(message(&[0x42, 0, 0, 1, 0, 3, 1, 0, 7, 0]).is_ok());
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
        assert!(
            SyncMessage::decode(&message.clone().encode().into(), 10)
                .unwrap()
                .is_reset()
        );
        message.have[0].last_sync = vec![hash(1)];
        assert!(!SyncMessage::decode(&message.encode().into(), 10).unwrap().is_reset());
    }
}
