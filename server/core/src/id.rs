//! Names of things, parsed once at the door and trusted inside.

use std::fmt;
use std::str::FromStr;

/// Longest peer id or storage id that is accepted, in bytes of UTF-8.
pub const MAX_NAME_BYTES: usize = 256;

/// Why a name was refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IdError {
    /// Not the base58check text of 16 bytes.
    #[error("a document id is the base58check text of a UUID (what follows `automerge:` in its URL)")]
    NotADocumentId,
    /// 16 bytes that are no UUID: version and variant bits are missing.
    #[error("a document id must be a UUID with a valid version and variant; let automerge-repo make it")]
    NotAUuid,
    /// An empty or over-long peer or storage id.
    #[error("a peer or storage id has 1 to {MAX_NAME_BYTES} bytes")]
    NameLength,
}

/// A document: 16 bytes that form a valid UUID, written as base58check.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DocumentId([u8; 16]);

impl DocumentId {
    /// Checks version and variant, as stock automerge-repo does.
    ///
    /// # Errors
    /// [`IdError::NotAUuid`].
    pub fn from_bytes(bytes: [u8; 16]) -> Result<Self, IdError> {
        let id = uuid::Uuid::from_bytes(bytes);
        let valid = id.get_variant() == uuid::Variant::RFC4122 && (1..=8).contains(&id.get_version_num());
        if valid { Ok(Self(bytes)) } else { Err(IdError::NotAUuid) }
    }

    /// The raw 16 bytes.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl FromStr for DocumentId {
    type Err = IdError;

    /// Takes the bare id, or the URL form `automerge:<id>`.
    fn from_str(text: &str) -> Result<Self, IdError> {
        let text = text.strip_prefix("automerge:").unwrap_or(text);
        if text.len() > 64 {
            return Err(IdError::NotADocumentId);
        }
        let bytes = bs58::decode(text)
            .with_check(None)
            .into_vec()
            .map_err(|_| IdError::NotADocumentId)?;
        Self::from_bytes(bytes.try_into().map_err(|_| IdError::NotADocumentId)?)
    }
}

impl fmt::Display for DocumentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&bs58::encode(self.0).with_check().into_string())
    }
}

impl fmt::Debug for DocumentId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

macro_rules! name {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(std::sync::Arc<str>);

        impl $name {
            /// # Errors
            /// [`IdError::NameLength`].
            pub fn new(text: &str) -> Result<Self, IdError> {
                if text.is_empty() || text.len() > MAX_NAME_BYTES {
                    return Err(IdError::NameLength);
                }
                Ok(Self(text.into()))
            }

            /// The id as it is written on the wire.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

name!(
    /// One end of a connection, as it names itself in `join`.
    PeerId
);
name!(
    /// One durable store of documents, as a peer names it in its metadata.
    StorageId
);

macro_rules! uuid_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(pub uuid::Uuid);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;
            fn from_str(text: &str) -> Result<Self, uuid::Error> {
                text.parse().map(Self)
            }
        }
    };
}

uuid_id!(
    /// A person who may sign in, or for whom a token was made.
    UserId
);
uuid_id!(
    /// A region or a team: what documents belong to.
    WorkspaceId
);
uuid_id!(
    /// Some people of one workspace.
    GroupId
);

/// One WebSocket connection on this node; never reused while the process lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SocketId(pub u64);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_document_id_survives_its_text_form() {
        let id = DocumentId::from_bytes(*uuid::uuid!("8e2a7d04-31f5-4c57-9d6a-0f6f1c1f2a33").as_bytes()).unwrap();
        assert_eq!(id.to_string().parse(), Ok(id));
        assert_eq!(format!("automerge:{id}").parse(), Ok(id));
    }

    #[test]
    fn sixteen_bytes_that_are_no_uuid_are_refused() {
        assert_eq!(DocumentId::from_bytes([7; 16]), Err(IdError::NotAUuid));
        assert_eq!(DocumentId::from_bytes([0; 16]), Err(IdError::NotAUuid));
    }

    #[test]
    fn a_wrong_checksum_or_length_is_refused() {
        assert_eq!(
            "4NMNnkMhL8jXrdJ9jamS58PAVdXX".parse::<DocumentId>(),
            Err(IdError::NotADocumentId)
        );
        assert_eq!("".parse::<DocumentId>(), Err(IdError::NotADocumentId));
        assert_eq!("z".repeat(100_000).parse::<DocumentId>(), Err(IdError::NotADocumentId));
    }

    #[test]
    fn names_have_a_length() {
        assert!(PeerId::new("").is_err());
        assert!(PeerId::new(&"p".repeat(257)).is_err());
        assert!(PeerId::new("peer").is_ok());
    }
}
