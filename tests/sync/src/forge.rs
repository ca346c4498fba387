//! Sync messages and changes that no honest client sends.

use std::io::Write;
use std::num::NonZeroU64;

use automerge::legacy::OpType;
use automerge::sync::{ChunkList, Have, Message, MessageFlags, MessageVersion};
use automerge::{ActorId, Automerge, Change, ChangeHash, ExpandedChange, ROOT, transaction::Transactable};
use sha2::{Digest, Sha256};

/// A sync message with these heads and chunks, and nothing known of the other side.
#[must_use]
pub fn message(heads: Vec<ChangeHash>, chunks: Vec<Vec<u8>>) -> Vec<u8> {
    let version = MessageVersion::V1;
    let (need, have, flags) = (Vec::new(), vec![Have::default()], Some(MessageFlags::new()));
    Message {
        heads,
        need,
        have,
        changes: ChunkList::from(chunks),
        flags,
        version,
    }
    .encode()
}

/// A message that brings one change, as its heads say.
#[must_use]
pub fn message_with(change: &Change) -> Vec<u8> {
    message(vec![change.hash()], vec![change.raw_bytes().to_vec()])
}

/// A message that brings these bytes as a chunk, under heads that nobody has.
#[must_use]
pub fn message_with_chunk(chunk: Vec<u8>) -> Vec<u8> {
    message(vec![ChangeHash([0xab; 32])], vec![chunk])
}

/// A healthy small change that depends on nothing.
#[must_use]
pub fn change() -> Change {
    let mut doc = Automerge::new();
    let mut edit = doc.transaction();
    edit.put(ROOT, "key", "value").expect("the root is a map");
    edit.commit();
    doc.get_last_local_change().expect("it has just been made")
}

/// The same change with something in it altered, under its right hash and checksum.
#[must_use]
pub fn altered(change: &Change, alter: impl FnOnce(&mut ExpandedChange)) -> Change {
    let mut expanded = change.decode();
    expanded.hash = None;
    alter(&mut expanded);
    Change::from(expanded)
}

/// A change of its own actor that depends on one that does not exist.
#[must_use]
pub fn orphan(number: u64) -> Change {
    let mut hash = [0xcd; 32];
    hash[..8].copy_from_slice(&number.to_be_bytes());
    altered(&change(), |change| {
        change.actor_id = ActorId::from(number.to_be_bytes().as_slice());
        change.deps = vec![ChangeHash(hash)];
        change.start_op = NonZeroU64::new(7).expect("7 is not 0");
    })
}

/// A chunk of this type: magic bytes, a checksum of its own choosing, length, body.
#[must_use]
pub fn chunk(kind: u8, checksum: [u8; 4], body: &[u8]) -> Vec<u8> {
    let mut chunk = vec![0x85, 0x6f, 0x4a, 0x83];
    chunk.extend(checksum);
    chunk.push(kind);
    chunk.extend(leb128(body.len() as u64));
    chunk.extend(body);
    chunk
}

/// A change by an actor of its own that claims so many operations (of 64 or more) in some 80 bytes: nothing, at one key of
/// the root, over and over. Its hash and its chunk.
///
/// # Panics
/// If automerge does not take it for a change.
#[must_use]
pub fn claiming(operations: u64, actor: u8) -> (ChangeHash, Vec<u8>) {
    let signed = |number: u64| {
        let mut bytes = leb128(number);
        if let Some(last) = bytes.last_mut().filter(|last| **last & 0x40 != 0) {
            *last |= 0x80;
            bytes.push(0);
        }
        bytes
    };
    let always = |value: &[u8]| [&signed(operations), value].concat();
    let columns: [(u8, Vec<u8>); 5] = [
        (0x15, always(b"\x03key")),
        (0x34, leb128(operations)),
        (0x42, always(&[1])),
        (0x56, always(&[0])),
        (0x70, always(&[0])),
    ];
    // No dependencies; the actor; sequence number 1, start op 1; no time, no message, no other actors; five columns.
    let mut body = vec![0, 2, 0xc1, actor, 1, 1, 0, 0, 0, 5];
    for (specification, bytes) in &columns {
        body.extend([*specification, u8::try_from(bytes.len()).expect("a few")]);
    }
    body.extend(columns.iter().flat_map(|(_, bytes)| bytes));
    let hashed = [&[1], leb128(body.len() as u64).as_slice(), &body].concat();
    let hash = ChangeHash(Sha256::digest(hashed).into());
    let checksum = [hash.0[0], hash.0[1], hash.0[2], hash.0[3]];
    (hash, chunk(1, checksum, &body))
}

/// Deflated zeros: this many bytes when inflated.
#[must_use]
pub fn deflated_zeros(size: usize) -> Vec<u8> {
    let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::fast());
    let block = vec![0; 1 << 20];
    for _ in 0..size >> 20 {
        encoder.write_all(&block).expect("writing to memory does not fail");
    }
    encoder.finish().expect("writing to memory does not fail")
}

/// A change of its own actor, on top of nothing, that is sound, small, and this many bytes when inflated.
#[must_use]
pub fn bulky_change(number: u64, size: usize) -> Change {
    altered(&change(), |change| {
        change.actor_id = ActorId::from(number.to_be_bytes().as_slice());
        for operation in &mut change.operations {
            operation.action = OpType::Put("x".repeat(size).into());
        }
    })
}

/// An unsigned number as Automerge writes it.
#[must_use]
pub fn leb128(mut number: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let low = u8::try_from(number & 0x7f).expect("seven bits");
        number >>= 7;
        if number == 0 {
            bytes.push(low);
            return bytes;
        }
        bytes.push(low | 0x80);
    }
}
