//! automerge-repo frames: one CBOR map each. Decoding borrows from the frame and bounds depth before it looks.
//!
//! What we send ends with `targetId`, the only part that differs between receivers, so that a frame for many is encoded
//! once: see [`Frame`].

use bytes::Bytes;
use minicbor::data::Type;
use minicbor::decode::Error as CborError;
use minicbor::{Decoder, Encoder};

use crate::id::{DocumentId, IdError, PeerId, StorageId};

/// Nesting beyond this is refused; stock frames have three levels.
const MAX_DEPTH: u8 = 16;
/// Protocol versions that a `join` may list.
const MAX_VERSIONS: usize = 16;
/// The version we speak.
pub const PROTOCOL_VERSION: &str = "1";

/// Why a frame could not be read. Only its own socket is closed.
#[derive(Debug, thiserror::Error)]
pub enum WireError {
    /// Not one CBOR map.
    #[error("a frame is one CBOR map: {0}")]
    Cbor(String),
    /// Bytes after the map.
    #[error("there are bytes after the CBOR map")]
    Trailing,
    /// A field is missing or of the wrong type.
    #[error("`{frame}` frames need `{field}`")]
    Field {
        /// The frame's type.
        frame: &'static str,
        /// The field.
        field: &'static str,
    },
    /// An id that is none.
    #[error(transparent)]
    Id(#[from] IdError),
}

impl From<CborError> for WireError {
    fn from(error: CborError) -> Self {
        Self::Cbor(error.to_string())
    }
}

/// What a client may say.
#[derive(Debug, PartialEq)]
pub enum ClientFrame {
    /// The first frame of a socket.
    Join(Join),
    /// `sync` or `request`.
    Sync {
        /// `request`: "find it", rather than "here it is".
        request: bool,
        /// Who says so.
        sender: PeerId,
        /// Of which document.
        document: DocumentId,
        /// An automerge sync message.
        data: Bytes,
    },
    /// The client does not have a document that we asked for (we never ask).
    Unavailable,
    /// Something for those who have the document open now.
    Ephemeral(Ephemeral),
    /// Heads gossip, which a hub does not need.
    Gossip,
    /// A clean goodbye.
    Leave,
    /// The extension, from our own clients.
    Fieldbook(ClientExtension),
    /// A type that is not known here: ignored.
    Unknown,
}

/// `join`.
#[derive(Debug, PartialEq)]
pub struct Join {
    /// How the client names itself.
    pub sender: PeerId,
    /// Where it keeps documents, if it does.
    pub storage: Option<StorageId>,
    /// The protocol version in common; `None`: there is none.
    pub version_fits: bool,
    /// Does it speak the extension?
    pub fieldbook: bool,
}

/// A stock ephemeral message.
#[derive(Debug, Clone, PartialEq)]
pub struct Ephemeral {
    /// Who made it (not always who carries it).
    pub sender: PeerId,
    /// Of which document.
    pub document: DocumentId,
    /// The maker's session.
    pub session: String,
    /// Counts up within a session.
    pub count: u32,
    /// CBOR of the application.
    pub data: Bytes,
}

/// `fb` frames from clients.
#[derive(Debug, PartialEq)]
pub enum ClientExtension {
    /// Is this socket alive?
    Ping {
        /// Comes back in the answer.
        id: u32,
    },
    /// This device's cursor and state.
    Presence {
        /// In which document.
        document: DocumentId,
        /// Opaque; empty: no cursor.
        data: Bytes,
    },
    /// A kind that is not known here: ignored.
    Unknown,
}

/// A frame on its way to clients, encoded once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Frame {
    /// Everything but the value of `targetId`, which each socket appends for itself ([`target_suffix`]).
    Addressed(Bytes),
    /// Complete (`fb` frames carry no `targetId`).
    Plain(Bytes),
}

impl Frame {
    /// Bytes to hold, the receiver's name aside.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Addressed(bytes) | Self::Plain(bytes) => bytes.len(),
        }
    }

    /// Is it empty? (Never, in practice.)
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The bytes for one receiver.
    #[must_use]
    pub fn for_target(self, suffix: &[u8]) -> Bytes {
        match self {
            Self::Plain(bytes) => bytes,
            Self::Addressed(shared) => {
                let mut whole = Vec::with_capacity(shared.len() + suffix.len());
                whole.extend_from_slice(&shared);
                whole.extend_from_slice(suffix);
                whole.into()
            }
        }
    }
}

/// What completes an [`Frame::Addressed`] for this peer.
#[must_use]
pub fn target_suffix(peer: &PeerId) -> Bytes {
    encode(|e| e.str(peer.as_str()).map(drop)).into()
}

/// Reads one frame.
///
/// # Errors
/// [`WireError`].
pub fn decode(frame: &Bytes) -> Result<ClientFrame, WireError> {
    let mut decoder = Decoder::new(frame);
    let mut fields = Fields::default();
    let length = decoder.map()?;
    let mut read = 0u64;
    loop {
        match length {
            Some(length) if read == length => break,
            None if decoder.datatype()? == Type::Break => {
                decoder.set_position(decoder.position() + 1);
                break;
            }
            _ => fields.read_one(&mut decoder)?,
        }
        read += 1;
    }
    if decoder.position() != frame.len() {
        return Err(WireError::Trailing);
    }
    fields.into_frame(frame)
}

/// The known fields of a frame, in whatever order they came. A field of an unexpected type counts as missing: whether
/// that matters depends on the frame's type, which may come last.
#[derive(Default)]
struct Fields<'a> {
    kind: Option<&'a str>,
    sender: Option<&'a str>,
    document: Option<&'a str>,
    data: Option<&'a [u8]>,
    session: Option<&'a str>,
    count: Option<u32>,
    storage: Option<&'a str>,
    versions: Option<bool>,
    fieldbook: bool,
    extension: Option<&'a str>,
    id: Option<u32>,
}

impl<'a> Fields<'a> {
    fn read_one(&mut self, d: &mut Decoder<'a>) -> Result<(), WireError> {
        if !matches!(d.datatype()?, Type::String) {
            skip(d, 0)?;
            return Ok(skip(d, 0)?);
        }
        match d.str()? {
            "type" => self.kind = read_text(d)?,
            "senderId" => self.sender = read_text(d)?,
            "documentId" => self.document = read_text(d)?,
            "data" => self.data = read_bytes(d)?,
            "sessionId" => self.session = read_text(d)?,
            "count" => self.count = read_count(d)?,
            "peerMetadata" => self.storage = read_storage(d)?,
            "supportedProtocolVersions" => self.versions = read_versions(d)?,
            "fieldbook" => self.fieldbook = read_count(d)? == Some(1),
            "kind" => self.extension = read_text(d)?,
            "id" => self.id = read_count(d)?,
            _ => skip(d, 0)?,
        }
        Ok(())
    }

    fn into_frame(self, frame: &Bytes) -> Result<ClientFrame, WireError> {
        match self.kind.ok_or(missing("known", "type"))? {
            "join" => Ok(ClientFrame::Join(Join {
                sender: self.sender("join")?,
                storage: self.storage.map(StorageId::new).transpose()?,
                version_fits: self.versions.unwrap_or(true),
                fieldbook: self.fieldbook,
            })),
            "sync" => self.sync(false, "sync", frame),
            "request" => self.sync(true, "request", frame),
            "doc-unavailable" => Ok(ClientFrame::Unavailable),
            "ephemeral" => Ok(ClientFrame::Ephemeral(Ephemeral {
                sender: self.sender("ephemeral")?,
                document: self.document("ephemeral")?,
                session: self
                    .session
                    .ok_or(missing("ephemeral", "sessionId"))?
                    .chars()
                    .take(128)
                    .collect(),
                count: self.count.ok_or(missing("ephemeral", "count"))?,
                data: self.data("ephemeral", frame)?,
            })),
            "remote-subscription-change" | "remote-heads-changed" => Ok(ClientFrame::Gossip),
            "leave" => Ok(ClientFrame::Leave),
            "fb" => self.extension(frame).map(ClientFrame::Fieldbook),
            _ => Ok(ClientFrame::Unknown),
        }
    }

    fn sync(&self, request: bool, name: &'static str, frame: &Bytes) -> Result<ClientFrame, WireError> {
        Ok(ClientFrame::Sync {
            request,
            sender: self.sender(name)?,
            document: self.document(name)?,
            data: self.data(name, frame)?,
        })
    }

    fn extension(&self, frame: &Bytes) -> Result<ClientExtension, WireError> {
        match self.extension.ok_or(missing("fb", "kind"))? {
            "ping" => Ok(ClientExtension::Ping {
                id: self.id.ok_or(missing("ping", "id"))?,
            }),
            "presence" => Ok(ClientExtension::Presence {
                document: self.document("presence")?,
                data: self.data("presence", frame)?,
            }),
            _ => Ok(ClientExtension::Unknown),
        }
    }

    fn sender(&self, frame: &'static str) -> Result<PeerId, WireError> {
        Ok(PeerId::new(self.sender.ok_or(missing(frame, "senderId"))?)?)
    }

    fn document(&self, frame: &'static str) -> Result<DocumentId, WireError> {
        Ok(self.document.ok_or(missing(frame, "documentId"))?.parse()?)
    }

    fn data(&self, frame: &'static str, whole: &Bytes) -> Result<Bytes, WireError> {
        let data = self.data.ok_or(missing(frame, "data"))?;
        Ok(if data.is_empty() {
            Bytes::new()
        } else {
            whole.slice_ref(data)
        })
    }
}

fn missing(frame: &'static str, field: &'static str) -> WireError {
    WireError::Field { frame, field }
}

fn read_text<'a>(d: &mut Decoder<'a>) -> Result<Option<&'a str>, CborError> {
    if d.datatype()? == Type::String {
        d.str().map(Some)
    } else {
        skip(d, 0).map(|()| None)
    }
}

/// Bytes, bare or under tag 64 (a `Uint8Array`).
fn read_bytes<'a>(d: &mut Decoder<'a>) -> Result<Option<&'a [u8]>, CborError> {
    if d.datatype()? == Type::Tag && d.probe().tag()?.as_u64() == 64 {
        d.tag()?;
    }
    if d.datatype()? == Type::Bytes {
        d.bytes().map(Some)
    } else {
        skip(d, 0).map(|()| None)
    }
}

/// A whole number below 2^32, however it is encoded.
fn read_count(d: &mut Decoder<'_>) -> Result<Option<u32>, CborError> {
    match d.datatype()? {
        Type::U8 | Type::U16 | Type::U32 | Type::U64 => Ok(u32::try_from(d.u64()?).ok()),
        Type::F16 | Type::F32 | Type::F64 => {
            let value = d.f64()?;
            let whole = value.fract() == 0.0 && (0.0..=f64::from(u32::MAX)).contains(&value);
            Ok(whole.then_some(value as u32))
        }
        _ => skip(d, 0).map(|()| None),
    }
}

fn read_storage<'a>(d: &mut Decoder<'a>) -> Result<Option<&'a str>, CborError> {
    let Some(length) = (if d.datatype()? == Type::Map { d.map()? } else { None }) else {
        return skip(d, 0).map(|()| None);
    };
    let mut storage = None;
    for _ in 0..length {
        if read_text(d)? == Some("storageId") {
            storage = read_text(d)?;
        } else {
            skip(d, 1)?;
        }
    }
    Ok(storage)
}

fn read_versions(d: &mut Decoder<'_>) -> Result<Option<bool>, CborError> {
    let Some(length) = (if d.datatype()? == Type::Array { d.array()? } else { None }) else {
        return skip(d, 0).map(|()| None);
    };
    let mut fits = false;
    for index in 0..length {
        if index >= MAX_VERSIONS as u64 {
            return Err(CborError::message("too many protocol versions"));
        }
        fits |= read_text(d)? == Some(PROTOCOL_VERSION);
    }
    Ok(Some(fits))
}

/// Steps over one value of any kind, without recursion deeper than [`MAX_DEPTH`].
fn skip(d: &mut Decoder<'_>, depth: u8) -> Result<(), CborError> {
    if depth > MAX_DEPTH {
        return Err(CborError::message("nested too deeply"));
    }
    match d.datatype()? {
        Type::Array => {
            let length = d.array()?.unwrap_or(0);
            (0..length).try_for_each(|_| skip(d, depth + 1))
        }
        Type::Map => {
            let length = d.map()?.unwrap_or(0);
            (0..length).try_for_each(|_| skip(d, depth + 1).and_then(|()| skip(d, depth + 1)))
        }
        Type::ArrayIndef | Type::MapIndef | Type::BytesIndef | Type::StringIndef => {
            d.set_position(d.position() + 1);
            while d.datatype()? != Type::Break {
                skip(d, depth + 1)?;
            }
            d.set_position(d.position() + 1);
            Ok(())
        }
        Type::Tag => {
            d.tag()?;
            skip(d, depth + 1)
        }
        Type::Bytes => d.bytes().map(drop),
        Type::String => d.str().map(drop),
        Type::Break | Type::Unknown(_) => Err(CborError::message("not a value")),
        _ => d.skip(),
    }
}

type EncodeResult = Result<(), minicbor::encode::Error<std::convert::Infallible>>;

fn encode(write: impl FnOnce(&mut Encoder<&mut Vec<u8>>) -> EncodeResult) -> Vec<u8> {
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

#[cfg(test)]
#[path = "wire_tests.rs"]
mod tests;
