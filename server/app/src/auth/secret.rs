//! Secrets that travel in links and cookies, of which only the SHA-256 is stored.

use std::fmt;

use sha2::{Digest, Sha256};

/// Random bytes from the system.
///
/// # Panics
/// If the system has no randomness to give; nothing safe can be done then.
#[must_use]
pub fn fresh_bytes<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).expect("the system gives random bytes");
    bytes
}

/// The text of a secret. It is never shown by `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// 32 random bytes, as base58: no character of it is mistaken for another or ends a link.
    #[must_use]
    pub fn fresh() -> Self {
        Self::from_bytes(&fresh_bytes::<32>())
    }

    /// The text form of bytes that are secret already.
    #[must_use]
    pub fn from_bytes(bytes: &[u8; 32]) -> Self {
        Self(bs58::encode(bytes).into_string())
    }

    /// What somebody sent.
    #[must_use]
    pub fn received(text: &str) -> Self {
        Self(text.to_owned())
    }

    /// For the link, the cookie.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// For the store. The store finds a row by this: how long that takes says nothing about a secret of 256 random
    /// bits, and what is stored opens nothing.
    #[must_use]
    pub fn hash(&self) -> [u8; 32] {
        Sha256::digest(self.0.as_bytes()).into()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}
