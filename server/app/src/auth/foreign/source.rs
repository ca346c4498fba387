//! Where keys come from, and how they are renewed.

use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use tokio::io::AsyncReadExt;
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::keys::KeySet;
use crate::config::Tokens;

/// Where the keys are.
enum Place {
    /// Read once.
    Secret,
    File(PathBuf),
    Address(reqwest::Client, String),
}

/// The keys that are good now.
pub(super) struct Source {
    place: Place,
    current: RwLock<Arc<KeySet>>,
    /// When they were fetched last, with or without success. Who holds the lock fetches; the others wait for them.
    tried: Mutex<Option<Instant>>,
    most_bytes: usize,
    timeout: Duration,
    pause: Duration,
}

impl Source {
    /// `None`, if none is configured. A file must be good at the start; an address may be out of reach.
    ///
    /// # Errors
    /// In words.
    pub(super) async fn open(tokens: &Tokens) -> Result<Option<Self>, String> {
        let (place, keys) = if let Some(path) = &tokens.secret_file {
            let bytes = read_file(path, tokens.jwks_bytes).await?;
            let keys = KeySet::of_secret(&bytes).map_err(|reason| format!("{}: {reason}", path.display()))?;
            (Place::Secret, keys)
        } else if let Some(path) = &tokens.jwks_file {
            let bytes = read_file(path, tokens.jwks_bytes).await?;
            let keys = KeySet::of_jwks(&bytes).map_err(|reason| format!("{}: {reason}", path.display()))?;
            (Place::File(path.clone()), keys)
        } else if let Some(url) = &tokens.jwks_url {
            (Place::Address(client()?, url.clone()), KeySet::default())
        } else {
            return Ok(None);
        };
        Ok(Some(Self {
            place,
            current: RwLock::new(Arc::new(keys)),
            tried: Mutex::new(None),
            most_bytes: tokens.jwks_bytes,
            timeout: Duration::from_millis(tokens.jwks_timeout_ms),
            pause: Duration::from_secs(tokens.jwks_pause_s),
        }))
    }

    pub(super) fn current(&self) -> Arc<KeySet> {
        Arc::clone(&self.current.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Fetches the keys, unless that was tried a moment ago. When it fails, those that are known stay.
    pub(super) async fn renew(&self) {
        let mut tried = self.tried.lock().await;
        if tried.is_some_and(|at| at.elapsed() < self.pause) {
            return;
        }
        *tried = Some(Instant::now());
        let fetched = match tokio::time::timeout(self.timeout, self.fetch()).await {
            Ok(fetched) => fetched,
            Err(_) => Err("that took too long (tokens.jwks_timeout_ms)".to_owned()),
        };
        match fetched {
            Ok(Some(keys)) => *self.current.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(keys),
            Ok(None) => {}
            Err(reason) => {
                let known = self.current().len();
                tracing::warn!(
                    reason,
                    known,
                    "the keys for tokens could not be fetched; those that are known stay"
                );
            }
        }
    }

    async fn fetch(&self) -> Result<Option<KeySet>, String> {
        let bytes = match &self.place {
            Place::Secret => return Ok(None),
            Place::File(path) => read_file(path, self.most_bytes).await?,
            Place::Address(client, url) => download(client, url, self.most_bytes).await?,
        };
        KeySet::of_jwks(&bytes).map(Some)
    }
}

fn client() -> Result<reqwest::Client, String> {
    // Fails if it is installed already, which is as well.
    let _ = rustls::crypto::ring::default_provider().install_default();
    // Who answers for the address answers with the keys: nobody else is asked.
    let built = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .build();
    built.map_err(|error| format!("no client for tokens.jwks_url: {error}"))
}

async fn read_file(path: &std::path::Path, most_bytes: usize) -> Result<Vec<u8>, String> {
    let in_words = |error: std::io::Error| format!("{} cannot be read: {error}", path.display());
    let file = tokio::fs::File::open(path).await.map_err(in_words)?;
    let mut bytes = Vec::new();
    let most = most_bytes as u64;
    file.take(most + 1).read_to_end(&mut bytes).await.map_err(in_words)?;
    if bytes.len() > most_bytes {
        return Err(format!(
            "{} is longer than tokens.jwks_bytes, {most_bytes}",
            path.display()
        ));
    }
    Ok(bytes)
}

async fn download(client: &reqwest::Client, url: &str, most_bytes: usize) -> Result<Vec<u8>, String> {
    // Without its address: that may hold a secret.
    let in_words = |error: reqwest::Error| error.without_url().to_string();
    let mut answer = client.get(url).send().await.map_err(in_words)?;
    if answer.status() != reqwest::StatusCode::OK {
        return Err(format!("the answer is {}", answer.status()));
    }
    let mut bytes = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(in_words)? {
        bytes.extend_from_slice(&chunk);
        if bytes.len() > most_bytes {
            return Err(format!("the answer is longer than tokens.jwks_bytes, {most_bytes}"));
        }
    }
    Ok(bytes)
}
