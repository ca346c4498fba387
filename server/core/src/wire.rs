//! automerge-repo frames: one CBOR map each.

mod decode;
mod encode;

use bytes::Bytes;
use minicbor::decode::Error as CborError;

use crate::id::{DocumentId, IdError, PeerId, StorageId};

pub use decode::{MAX_DEPTH, MAX_VERSIONS, decode};
pub use encode::{
    PersonView, ephemeral, error, is_stock_presence, peer, pong, presence, refused, role, roster, stock_goodbye, store,
    sync, target_suffix, unavailable,
};

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

#[cfg(test)]
#[path = "wire/tests.rs"]
mod tests;
