//! Passwords: argon2id, and how hard new ones are to guess (zxcvbn); away from the threads that serve, a few at a time.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use tokio::sync::Semaphore;
use zxcvbn::{Score, zxcvbn};

use crate::config::Auth;

/// Each takes 19 MiB and tens of milliseconds of a core; more at once than cores would only slow each other down.
const MOST_AT_ONCE: usize = 4;
/// Who waits behind more than this would wait for seconds.
const MOST_WAITING: usize = 64;
/// So much of a password is judged: the time for it grows faster than the length. What comes after makes no password weaker.
const JUDGED_CHARACTERS: usize = 100;

/// Why a password was not hashed or checked.
#[derive(Debug, thiserror::Error)]
pub enum PasswordError {
    /// Too many wait for the same already.
    #[error("too many people are signing in at this moment; try again in a few seconds")]
    Busy,
    /// A new one is too short or too long.
    #[error("the password has {0} to {1} characters")]
    Length(usize, usize),
    /// A new one is easy to guess.
    #[error("the password is easy to guess: {0}")]
    Weak(String),
    /// It could not be done.
    #[error("the password cannot be hashed: {0}")]
    Unexpected(String),
}

/// Hashes and checks passwords.
#[derive(Debug)]
pub struct Passwords {
    rules: Auth,
    running: Arc<Semaphore>,
    asked: AtomicUsize,
    /// Checked against when there is no such account, so that the answer takes as long.
    nobody: std::sync::OnceLock<String>,
}

impl Passwords {
    /// With rules for new ones.
    #[must_use]
    pub fn new(rules: &Auth) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        Self {
            rules: rules.clone(),
            running: Arc::new(Semaphore::new(cores.min(MOST_AT_ONCE))),
            asked: AtomicUsize::new(0),
            nobody: std::sync::OnceLock::new(),
        }
    }

    /// The PHC string to store of a new password, if it is hard to guess for somebody who knows `known`: what its owner
    /// and their company are called.
    ///
    /// # Errors
    /// [`PasswordError`].
    pub async fn hash_new(&self, password: String, known: &[&str]) -> Result<String, PasswordError> {
        let (shortest, longest) = (self.rules.password_shortest, self.rules.password_longest);
        if !(shortest..=longest).contains(&password.chars().count()) {
            return Err(PasswordError::Length(shortest, longest));
        }
        let (least, known) = (self.rules.password_score, words_of(known));
        let work = move || {
            judge(&password, &known, least)?;
            hash(&password)
        };
        self.run(work).await?
    }

    /// Whether it is the password. Without a stored hash (no such account, or one that has no password), and for what is
    /// longer than any password, the answer is no, and takes as long.
    ///
    /// # Errors
    /// [`PasswordError`].
    pub async fn verify(&self, password: String, stored: Option<String>) -> Result<bool, PasswordError> {
        let longest = self.rules.password_longest;
        let exists = stored.is_some() && password.chars().nth(longest).is_none();
        let password: String = password.chars().take(longest).collect();
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

/// Names as they are, and their words: a password is often one of them.
fn words_of(known: &[&str]) -> Vec<String> {
    let words = known.iter().flat_map(|name| name.split_whitespace());
    words.chain(known.iter().copied()).map(str::to_owned).collect()
}

fn judge(password: &str, known: &[String], least_score: u64) -> Result<(), PasswordError> {
    let judged: String = password.chars().take(JUDGED_CHARACTERS).collect();
    let known: Vec<&str> = known.iter().map(String::as_str).collect();
    let entropy = zxcvbn(&judged, &known);
    if score(entropy.score()) >= least_score {
        return Ok(());
    }
    let feedback = entropy.feedback();
    let warning = feedback.and_then(zxcvbn::feedback::Feedback::warning);
    let mut words: Vec<String> = warning.iter().map(ToString::to_string).collect();
    words.extend(
        feedback
            .into_iter()
            .flat_map(|feedback| feedback.suggestions())
            .map(ToString::to_string),
    );
    if words.is_empty() {
        words.push("Add another word or two.".to_owned());
    }
    Err(PasswordError::Weak(words.join(" ")))
}

/// 0, the easiest to guess, to 4.
fn score(score: Score) -> u64 {
    u64::from(u8::from(score))
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
        let passwords = Passwords::new(&Auth::default());
        let hash = passwords.hash_new("correct horse".into(), &[]).await.unwrap();
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
    async fn what_is_longer_than_any_password_is_none() {
        let rules = Auth {
            password_longest: 20,
            ..Auth::default()
        };
        let passwords = Passwords::new(&rules);
        let hash = passwords.hash_new("correct horse stable".into(), &[]).await.unwrap();
        let longer = "correct horse stables".to_owned();
        assert!(!passwords.verify(longer.clone(), Some(hash)).await.unwrap());
        let refused = passwords.hash_new(longer, &[]).await;
        assert!(matches!(refused, Err(PasswordError::Length(10, 20))), "{refused:?}");
    }

    #[test]
    fn a_password_is_judged_by_what_an_acquaintance_knows() {
        let known = words_of(&["Zoltan Wigglesworth", "Fjordbank"]);
        for weak in ["password123", "aaaaaaaaaaaa", "Wigglesworth1", "fjordbankfjordbank"] {
            assert!(matches!(judge(weak, &known, 3), Err(PasswordError::Weak(_))), "{weak}");
        }
        assert!(judge("Wigglesworth1", &[], 3).is_ok());
        let long: String = (1..1_000_u32)
            .map(|n| char::from(b'0' + u8::try_from(n.wrapping_mul(2_654_435_761) >> 26).unwrap()))
            .collect();
        for strong in ["correct horse battery", "gräme tulip omnibus", &long] {
            assert!(judge(strong, &known, 3).is_ok(), "{strong}");
        }
    }

    #[test]
    fn who_is_refused_is_told_what_to_do() {
        let refused = judge("qwertyuiop", &[], 3).unwrap_err().to_string();
        assert!(refused.contains("Add another word or two"), "{refused}");
        // With a rule that is stricter than the crate's advice goes.
        let refused = judge("correct horse", &[], 5).unwrap_err().to_string();
        assert!(refused.ends_with("Add another word or two."), "{refused}");
    }

    #[tokio::test]
    async fn a_crowd_is_told_to_come_back() {
        let passwords = Arc::new(Passwords::new(&Auth::default()));
        let _all = Arc::clone(&passwords.running)
            .acquire_many_owned(passwords.running.available_permits() as u32)
            .await;
        let waiting: Vec<_> = (0..MOST_WAITING)
            .map(|_| {
                tokio::spawn({
                    let passwords = Arc::clone(&passwords);
                    async move { passwords.verify("x".into(), None).await }
                })
            })
            .collect();
        while passwords.asked.load(Ordering::Relaxed) < MOST_WAITING {
            tokio::task::yield_now().await;
        }
        assert!(matches!(
            passwords.verify("x".into(), None).await,
            Err(PasswordError::Busy)
        ));
        waiting.iter().for_each(tokio::task::JoinHandle::abort);
    }
}
