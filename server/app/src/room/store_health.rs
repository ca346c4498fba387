//! Whether changes can be stored, as the last append of each document shows. The log hears of it when that turns, and
//! now and then while it lasts: rooms try again every second, each for itself.

use std::collections::HashSet;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use fieldbook_core::id::DocumentId;
use fieldbook_store::StoreError;

/// How often the log is told that it still does not work.
const REMINDER: Duration = Duration::from_secs(30);

#[derive(Debug, Default)]
pub(super) struct StoreHealth(Mutex<Trouble>);

#[derive(Debug, Default)]
struct Trouble {
    /// Those whose last append failed.
    documents: HashSet<DocumentId>,
    reason: String,
    told: Option<Instant>,
}

impl StoreHealth {
    /// The document's changes were stored.
    pub(super) fn works(&self, id: DocumentId) {
        if self.lock().recover(id) {
            tracing::info!("changes are stored again");
        }
    }

    /// The document's changes were not stored; its room will try again.
    pub(super) fn failed(&self, id: DocumentId, error: &StoreError) {
        let mut trouble = self.lock();
        if trouble.fail(id, error.to_string(), Instant::now()) {
            let documents = trouble.documents.len();
            tracing::error!(documents, %error, "changes cannot be stored; they are not acknowledged");
        }
    }

    /// Why changes cannot be stored, as long as they cannot.
    pub(super) fn reason(&self) -> Option<String> {
        let trouble = self.lock();
        (!trouble.documents.is_empty()).then(|| trouble.reason.clone())
    }

    fn lock(&self) -> MutexGuard<'_, Trouble> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Trouble {
    /// Is the log to be told?
    fn fail(&mut self, id: DocumentId, reason: String, now: Instant) -> bool {
        self.documents.insert(id);
        self.reason = reason;
        let is_due = self.told.is_none_or(|told| now.duration_since(told) >= REMINDER);
        if is_due {
            self.told = Some(now);
        }
        is_due
    }

    /// Was this the last document that was in trouble?
    fn recover(&mut self, id: DocumentId) -> bool {
        let is_over = self.documents.remove(&id) && self.documents.is_empty();
        if is_over {
            *self = Self::default();
        }
        is_over
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn document(n: u128) -> DocumentId {
        let mut bytes = n.to_be_bytes();
        (bytes[6], bytes[8]) = (0x40, 0x80);
        DocumentId::from_bytes(bytes).unwrap()
    }

    #[test]
    fn the_log_is_told_when_it_turns_and_now_and_then_while_it_lasts() {
        let (mut trouble, start) = (Trouble::default(), Instant::now());
        let fail = |trouble: &mut Trouble, n, after| {
            trouble.fail(document(n), "disk full".to_owned(), start + Duration::from_secs(after))
        };
        assert!(fail(&mut trouble, 1, 0));
        assert!(!fail(&mut trouble, 2, 1));
        assert!(!fail(&mut trouble, 1, 29));
        assert!(fail(&mut trouble, 1, 30));
        assert!(!trouble.recover(document(1)), "the other still fails");
        assert!(!trouble.recover(document(1)));
        assert!(trouble.recover(document(2)));
        assert!(!trouble.recover(document(2)), "told once");
        assert!(fail(&mut trouble, 1, 31), "it turned again");
    }
}
