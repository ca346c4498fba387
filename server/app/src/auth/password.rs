//! Passwords: argon2id, away from the threads that serve, a few at a time.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use tokio::sync::Semaphore;

/// Each takes 19 MiB and tens of milliseconds of a core; more at once than cores would only slow each other down.
const MOST_AT_ONCE: usize = 4;
/// Who waits behind more than this would wait for seconds.
const MOST_WAITING: usize = 64;

/// Why a password was not hashed or checked.
#[derive(Debug, thiserror::Error)]
pub enum PasswordError {
    /// Too many wait for the same already.
    #[error("too many people are signing in at this moment; try again in a few seconds")]
    Busy,
    /// It could not be done.
    #[error("the password cannot be hashed: {0}")]
    Unexpected(String),
}

/// Hashes and checks passwords.
#[derive(Debug)]
pub struct Passwords {
    running: Arc<Semaphore>,
    asked: AtomicUsize,
    /// Checked against when there is no such account, so that the answer takes as long.
    nobody: std::sync::OnceLock<String>,
}

impl Default for Passwords {
    fn default() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Self {
            running: Arc::new(Semaphore::new(cores.min(MOST_AT_ONCE))),
            asked: AtomicUsize::new(0),
            nobody: std::sync::OnceLock::new(),
        }
    }
}

impl Passwords {
    /// The PHC string to store.
    ///
    /// # Errors
    /// [`PasswordError`].
    pub async fn hash(&self, password: String) -> Result<String, PasswordError> {
        self.run(move || hash(&password)).await?
    }

    /// Whether it is the password. Without a stored hash (no such account, or one that has no password) the answer
    /// is no, and takes as long.
    ///
    /// # Errors
    /// [`PasswordError`].
    pub async fn verify(&self, password: String, stored: Option<String>) -> Result<bool, PasswordError> {
        let exists = stored.is_some();
        // Made for everybody: the first who is asked for in vain would otherwise wait longer.
        let nobody = self.nobody().await?;
        let stored = stored.unwrap_or(nobody);
        let same = self.run(move || verify(&password, &stored)).await?;
        Ok(same && exists)
    }

    async fn nobody(&self) -> Result<String, PasswordError> {
        if let Some(hash) = self.nobody.get() {
            return Ok(hash.clone());
        }
        let hash = self.run(|| hash("nobody's password")).await??;
        Ok(self.nobody.get_or_init(|| hash).clone())
    }

    async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, PasswordError> {
        let _asked = Asked::enter(&self.asked).ok_or(PasswordError::Busy)?;
        let permit = Arc::clone(&self.running)
            .acquire_owned()
            .await
            .map_err(|_| PasswordError::Busy)?;
        let done = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            work()
        });
        done.await.map_err(|error| PasswordError::Unexpected(error.to_string()))
    }
}

/// One that was asked and has not been answered.
struct Asked<'a>(&'a AtomicUsize);

impl<'a> Asked<'a> {
    fn enter(count: &'a AtomicUsize) -> Option<Self> {
        let entered = Self(count);
        (count.fetch_add(1, Ordering::Relaxed) < MOST_WAITING).then_some(entered)
    }
}

impl Drop for Asked<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

fn hash(password: &str) -> Result<String, PasswordError> {
    let hash = Argon2::default().hash_password(password.as_bytes());
    hash.map(|hash| hash.to_string())
        .map_err(|error| PasswordError::Unexpected(error.to_string()))
}

/// The comparison of the hashes is constant-time (`password_hash::Output`).
fn verify(password: &str, stored: &str) -> bool {
    PasswordHash::new(stored)
        .is_ok_and(|stored| Argon2::default().verify_password(password.as_bytes(), &stored).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_right_password_is_told_from_a_wrong_one() {
        let passwords = Passwords::default();
        let hash = passwords.hash("correct horse".into()).await.unwrap();
        assert!(hash.starts_with("$argon2id$"), "{hash}");
        assert!(
            passwords
                .verify("correct horse".into(), Some(hash.clone()))
                .await
                .unwrap()
        );
        assert!(!passwords.verify("wrong horse".into(), Some(hash)).await.unwrap());
        assert!(!passwords.verify("nobody's password".into(), None).await.unwrap());
        assert!(!passwords.verify("x".into(), Some("not a hash".into())).await.unwrap());
    }

    #[tokio::test]
    async fn a_crowd_is_told_to_come_back() {
        let passwords = Arc::new(Passwords::default());
        let _all = Arc::clone(&passwords.running)
            .acquire_many_owned(passwords.running.available_permits() as u32)
            .await;
        let waiting: Vec<_> = (0..MOST_WAITING)
            .map(|_| {
                tokio::spawn({
                    let passwords = Arc::clone(&passwords);
                    async move { passwords.hash("x".into()).await }
                })
            })
            .collect();
        while passwords.asked.load(Ordering::Relaxed) < MOST_WAITING {
            tokio::task::yield_now().await;
        }
        assert!(matches!(passwords.hash("x".into()).await, Err(PasswordError::Busy)));
        waiting.iter().for_each(tokio::task::JoinHandle::abort);
    }
}
