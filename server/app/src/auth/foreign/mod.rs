//! Tokens that another application signed for its own people.

mod claims;
mod keys;
mod source;

use std::sync::Arc;
use std::time::Duration;

use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Header, Validation, decode_header};
use serde::Deserialize;
use tokio::runtime::Handle;

pub use claims::ForeignClaims;
use claims::Written;
use keys::{Found, Key, KeySet};
use source::Source;

use super::NameError;
use crate::config::Tokens;

/// Why another application's token is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ForeignError {
    /// It has no header that could be read, or one with demands.
    #[error("the token is not a signed JWT that this server can read")]
    Unreadable,
    /// No key has the name in its header.
    #[error("the token's key (kid) is not among the issuer's keys")]
    UnknownKey,
    /// It names no key.
    #[error("the token does not name its key (kid), and the issuer does not have exactly one for its alg")]
    UnnamedKey,
    /// Its header names an algorithm that the key is not for.
    #[error("the token's alg is not the one that its key is for")]
    Algorithm,
    /// Its time is over.
    #[error("the token has expired (exp)")]
    Expired,
    /// Its time has not come.
    #[error("the token is not good yet (nbf)")]
    NotYet,
    /// It is for somebody else.
    #[error("the token's aud is not this server's (tokens.audience)")]
    Audience,
    /// The signature is wrong.
    #[error("the token's signature is wrong")]
    Signature,
    /// A claim is missing, or is not what it should be.
    #[error("the token's claims cannot be read: {0}")]
    Claims(String),
    /// `sub` is not one.
    #[error("the claim sub has 1 to 255 bytes and no control characters")]
    Subject,
    /// The name is not one.
    #[error(transparent)]
    Name(NameError),
    /// Not the id of a workspace.
    #[error("the claim workspaces maps ids of workspaces (UUIDs) to roles")]
    WorkspaceId,
    /// Not the id of a document.
    #[error("the claim documents maps ids of documents to roles")]
    DocumentId,
    /// It names too much.
    #[error("the token names more than {0} workspaces or documents (tokens.entries)")]
    TooManyEntries(usize),
}

/// Checks the tokens of the application that is configured in `[tokens]`.
pub struct ForeignTokens {
    source: Arc<Source>,
    issuer: String,
    /// All but the algorithm, which the key says.
    rules: Validation,
    leeway_s: u64,
    most_entries: usize,
    refresh: Duration,
    runtime: Handle,
}

impl ForeignTokens {
    /// Reads the keys, as far as they are in files. `None`, if nothing is configured. Inside a tokio runtime, which
    /// fetches keys later.
    ///
    /// # Errors
    /// In words, if a file cannot be used.
    pub async fn open(tokens: &Tokens) -> Result<Option<Self>, String> {
        let (Some(issuer), Some(audience)) = (&tokens.issuer, &tokens.audience) else {
            return Ok(None);
        };
        let Some(source) = Source::open(tokens).await? else {
            return Ok(None);
        };
        let mut rules = Validation::default();
        rules.set_issuer(&[issuer]);
        rules.set_audience(&[audience]);
        rules.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        rules.validate_nbf = true;
        rules.leeway = tokens.leeway_s;
        Ok(Some(Self {
            source: Arc::new(source),
            issuer: issuer.clone(),
            rules,
            leeway_s: tokens.leeway_s,
            most_entries: tokens.entries,
            refresh: Duration::from_secs(tokens.jwks_refresh_s),
            runtime: Handle::current(),
        }))
    }

    /// Fetches the keys now, and again and again.
    pub async fn keep_keys(&self) {
        loop {
            self.source.renew().await;
            tokio::time::sleep(self.refresh).await;
        }
    }

    /// Whether a token says that it is from this issuer; whether it is, is not looked at.
    #[must_use]
    pub fn claims_to_be(&self, token: &str) -> bool {
        #[derive(Deserialize)]
        struct Issuer {
            iss: String,
        }
        jsonwebtoken::dangerous::insecure_decode_claims::<Issuer>(token).is_ok_and(|claims| claims.iss == self.issuer)
    }

    /// Checks a token, and says what is in it. A key that is not known is fetched first, if that was not tried a moment
    /// ago.
    ///
    /// # Errors
    /// [`ForeignError`].
    pub async fn read(&self, token: &str) -> Result<ForeignClaims, ForeignError> {
        let header = decode_header(token).map_err(|_| ForeignError::Unreadable)?;
        if header.crit.is_some() {
            return Err(ForeignError::Unreadable);
        }
        let known = self.source.current();
        if let Some(key) = find(&known, &header)? {
            return self.check(token, key);
        }
        // In a task of its own: whoever asks and goes away at once does not break the fetch off.
        let source = Arc::clone(&self.source);
        let _ = self.runtime.spawn(async move { source.renew().await }).await;
        let renewed = self.source.current();
        let key = find(&renewed, &header)?.ok_or(ForeignError::UnknownKey)?;
        self.check(token, key)
    }

    fn check(&self, token: &str, key: &Key) -> Result<ForeignClaims, ForeignError> {
        let mut rules = self.rules.clone();
        rules.algorithms = vec![key.algorithm];
        let decoded = jsonwebtoken::decode::<Written>(token, &key.checking, &rules);
        let claims = decoded.map_err(|error| in_words(error.kind()))?.claims;
        claims.parse(self.leeway_s, self.most_entries)
    }
}

/// `None`: no key of this name is known yet.
fn find<'a>(keys: &'a KeySet, header: &Header) -> Result<Option<&'a Key>, ForeignError> {
    match keys.find(header.kid.as_deref(), header.alg) {
        Found::Key(key) => Ok(Some(key)),
        Found::UnknownName => Ok(None),
        // Nothing was fetched so far.
        Found::Unnamed if keys.len() == 0 => Ok(None),
        Found::Unnamed => Err(ForeignError::UnnamedKey),
        Found::OtherAlgorithm => Err(ForeignError::Algorithm),
    }
}

fn in_words(kind: &ErrorKind) -> ForeignError {
    match kind {
        ErrorKind::ExpiredSignature => ForeignError::Expired,
        ErrorKind::ImmatureSignature => ForeignError::NotYet,
        ErrorKind::InvalidAudience => ForeignError::Audience,
        ErrorKind::InvalidAlgorithm => ForeignError::Algorithm,
        ErrorKind::MissingRequiredClaim(_) | ErrorKind::InvalidClaimFormat(_) | ErrorKind::Json(_) => {
            ForeignError::Claims(kind_in_words(kind))
        }
        _ => ForeignError::Signature,
    }
}

fn kind_in_words(kind: &ErrorKind) -> String {
    match kind {
        ErrorKind::MissingRequiredClaim(claim) => format!("{claim} is missing"),
        ErrorKind::InvalidClaimFormat(claim) => format!("{claim} is not what it should be"),
        ErrorKind::Json(error) => error.to_string(),
        _ => "one is not what it should be".to_owned(),
    }
}

impl std::fmt::Debug for ForeignTokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ForeignTokens")
            .field("issuer", &self.issuer)
            .finish_non_exhaustive()
    }
}
