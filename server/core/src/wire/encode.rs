//! What we say. A frame for many ends with `targetId`, the only part that differs between receivers, so that it is encoded
//! once: see [`Frame`].

use bytes::Bytes;
use minicbor::{Decoder, Encoder};

use super::{Ephemeral, Frame, PROTOCOL_VERSION};
use crate::id::{DocumentId, PeerId, StorageId};

/// What completes an [`Frame::Addressed`] for this peer.
#[must_use]
pub fn target_suffix(peer: &PeerId) -> Bytes {
    encode(|e| e.str(peer.as_str()).map(drop)).into()
}

pub(super) type EncodeResult = Result<(), minicbor::encode::Error<std::convert::Infallible>>;

pub(super) fn encode(write: impl FnOnce(&mut Encoder<&mut Vec<u8>>) -> EncodeResult) -> Vec<u8> {
    let mut out = Vec::with_capacity(128);
    if let Err(error) = write(&mut Encoder::new(&mut out)) {
        unreachable!("writing to memory cannot fail: {error}");
    }
    out
}

/// `peer`, the answer to `join`.
#[must_use]
pub fn peer(us: &PeerId, storage: &StorageId) -> Frame {
    Frame::Addressed(
        encode(|e| {
            e.map(5)?.str("type")?.str("peer")?;
            e.str("senderId")?.str(us.as_str())?;
            e.str("peerMetadata")?.map(2)?;
            e.str("storageId")?
                .str(storage.as_str())?
                .str("isEphemeral")?
                .bool(false)?;
            e.str("selectedProtocolVersion")?.str(PROTOCOL_VERSION)?;
            e.str("targetId")?.ok()
        })
        .into(),
    )
}

/// `error`, before the server closes a socket that has not joined.
#[must_use]
pub fn error(us: &PeerId, message: &str) -> Frame {
    Frame::Addressed(
        encode(|e| {
            e.map(4)?.str("type")?.str("error")?;
            e.str("senderId")?.str(us.as_str())?;
            e.str("message")?.str(message)?;
            e.str("targetId")?.ok()
        })
        .into(),
    )
}

/// `sync`. `data` is copied once, into the frame.
#[must_use]
pub fn sync(us: &PeerId, document: DocumentId, data: &[u8]) -> Frame {
    let mut out = Vec::with_capacity(data.len() + 160 + us.as_str().len());
    let written: EncodeResult = (|| {
        let mut e = Encoder::new(&mut out);
        e.map(5)?.str("type")?.str("sync")?;
        e.str("senderId")?.str(us.as_str())?;
        e.str("documentId")?.str(&document.to_string())?;
        e.str("data")?.bytes(data)?;
        e.str("targetId")?.ok()
    })();
    debug_assert!(written.is_ok());
    Frame::Addressed(out.into())
}

/// `doc-unavailable`.
#[must_use]
pub fn unavailable(us: &PeerId, document: DocumentId) -> Frame {
    Frame::Addressed(
        encode(|e| {
            e.map(4)?.str("type")?.str("doc-unavailable")?;
            e.str("senderId")?.str(us.as_str())?;
            e.str("documentId")?.str(&document.to_string())?;
            e.str("targetId")?.ok()
        })
        .into(),
    )
}

/// `ephemeral`, in its maker's name.
#[must_use]
pub fn ephemeral(message: &Ephemeral) -> Frame {
    Frame::Addressed(
        encode(|e| {
            e.map(7)?.str("type")?.str("ephemeral")?;
            e.str("senderId")?.str(message.sender.as_str())?;
            e.str("documentId")?.str(&message.document.to_string())?;
            e.str("sessionId")?.str(&message.session)?;
            e.str("count")?.u32(message.count)?;
            e.str("data")?.bytes(&message.data)?;
            e.str("targetId")?.ok()
        })
        .into(),
    )
}

/// Somebody who is here, as `fb` frames tell it.
#[derive(Debug, Clone, Copy)]
pub struct PersonView<'a> {
    /// The device's peer id.
    pub key: &'a str,
    /// The person, as authenticated.
    pub user: &'a str,
    /// Their name.
    pub name: &'a str,
    /// Shown as reconnecting?
    pub reconnecting: bool,
    /// Cursor and state; `None`: unchanged.
    pub data: Option<&'a [u8]>,
}

fn people(e: &mut Encoder<&mut Vec<u8>>, list: &[PersonView<'_>]) -> EncodeResult {
    e.str("people")?.array(list.len() as u64)?;
    for person in list {
        e.map(4 + u64::from(person.data.is_some()))?;
        e.str("key")?.str(person.key)?.str("userId")?.str(person.user)?;
        e.str("name")?.str(person.name)?;
        e.str("state")?
            .str(if person.reconnecting { "reconnecting" } else { "here" })?;
        if let Some(data) = person.data {
            e.str("data")?.bytes(data)?;
        }
    }
    Ok(())
}

fn extension(kind: &str, fields: u64, write: impl FnOnce(&mut Encoder<&mut Vec<u8>>) -> EncodeResult) -> Frame {
    Frame::Plain(
        encode(|e| {
            e.map(2 + fields)?.str("type")?.str("fb")?.str("kind")?.str(kind)?;
            write(e)
        })
        .into(),
    )
}

/// `fb` `pong`.
#[must_use]
pub fn pong(id: u32) -> Frame {
    extension("pong", 1, |e| e.str("id")?.u32(id)?.ok())
}

/// `fb` `role`.
#[must_use]
pub fn role(document: DocumentId, role: &str) -> Frame {
    extension("role", 2, |e| {
        e.str("documentId")?
            .str(&document.to_string())?
            .str("role")?
            .str(role)?
            .ok()
    })
}

/// `fb` `store`.
#[must_use]
pub fn store(document: DocumentId, ok: bool) -> Frame {
    extension("store", 2, |e| {
        e.str("documentId")?
            .str(&document.to_string())?
            .str("ok")?
            .bool(ok)?
            .ok()
    })
}

/// `fb` `refused`.
#[must_use]
pub fn refused(document: DocumentId, hashes: &[automerge::ChangeHash], rule: &str, text: &str) -> Frame {
    extension("refused", 4, |e| {
        e.str("documentId")?
            .str(&document.to_string())?
            .str("hashes")?
            .array(hashes.len() as u64)?;
        for hash in hashes {
            e.str(&hex::encode(hash.0))?;
        }
        e.str("rule")?.str(rule)?.str("text")?.str(text)?.ok()
    })
}

/// `fb` `roster`.
#[must_use]
pub fn roster(document: DocumentId, list: &[PersonView<'_>]) -> Frame {
    extension("roster", 2, |e| {
        e.str("documentId")?.str(&document.to_string())?;
        people(e, list)
    })
}

/// `fb` `presence`: what changed since the last tick.
#[must_use]
pub fn presence(document: DocumentId, list: &[PersonView<'_>], gone: &[&str]) -> Frame {
    extension("presence", 3, |e| {
        e.str("documentId")?.str(&document.to_string())?;
        people(e, list)?;
        e.str("gone")?.array(gone.len() as u64)?;
        for key in gone {
            e.str(key)?;
        }
        Ok(())
    })
}

/// Does an ephemeral payload belong to stock presence (`{__presence: …}`)?
#[must_use]
pub fn is_stock_presence(data: &[u8]) -> bool {
    let mut d = Decoder::new(data);
    matches!(d.map(), Ok(Some(1..) | None)) && matches!(d.str(), Ok("__presence"))
}

/// The payload of stock presence's `goodbye`.
#[must_use]
pub fn stock_goodbye() -> Bytes {
    encode(|e| e.map(1)?.str("__presence")?.map(1)?.str("type")?.str("goodbye")?.ok()).into()
}
