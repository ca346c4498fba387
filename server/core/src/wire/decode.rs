//! What clients say. Borrows from the frame, and bounds depth before it looks.

use bytes::Bytes;
use minicbor::Decoder;
use minicbor::data::Type;
use minicbor::decode::Error as CborError;

use super::{ClientExtension, ClientFrame, Ephemeral, Join, PROTOCOL_VERSION, WireError};
use crate::id::{DocumentId, PeerId, StorageId};

/// Nesting beyond this is refused; stock frames have three levels.
pub const MAX_DEPTH: u8 = 16;
/// Protocol versions that a `join` may list.
pub const MAX_VERSIONS: usize = 16;

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
                id: self.id.ok_or(missing("ping", "id: a whole number below 2^32"))?,
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
pub(super) fn read_count(d: &mut Decoder<'_>) -> Result<Option<u32>, CborError> {
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
    let length = match d.datatype()? {
        Type::Array => d.array()?,
        Type::Null | Type::Undefined => return skip(d, 0).map(|()| None),
        _ => None,
    };
    let length = length.ok_or_else(|| CborError::message("`supportedProtocolVersions` is a list of texts"))?;
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
