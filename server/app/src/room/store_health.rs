//! Whether the store works, as the last append and the last read of each document show. The log hears of it when that
//! turns: rooms try again every second, each for itself.

use std::collections::HashSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use fieldbook_core::id::DocumentId;
use fieldbook_store::StoreError;

/// What cannot be read as often as this is damaged. Before, it may be the disk: SQLite tells of EIO as of damage.
const DAMAGED_AFTER: u32 = 10;

/// Is it worth trying again, after so many attempts?
pub(super) fn may_pass(error: &StoreError, attempts: u32) -> bool {
    match error {
        StoreError::Unavailable(_) => true,
        StoreError::Damaged(_) => attempts < DAMAGED_AFTER,
        StoreError::Conflict(_) | StoreError::Taken(_) => false,
    }
}

#[derive(Debug, Default)]
pub(super) struct StoreHealth(Mutex<Trouble>);

/// What a room wanted of the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Access {
    Read,
    Append,
}

#[derive(Debug, Default)]
struct Trouble {
    /// What failed last, and for which document.
    failing: HashSet<(DocumentId, Access)>,
    reason: String,
}

impl StoreHealth {
    /// The store did it.
    pub(super) fn works(&self, id: DocumentId, access: Access) {
        if self.lock().recover(id, access) {
            tracing::info!("the store works again");
        }
    }

    /// The store did not do it; the document's room will try again.
    pub(super) fn failed(&self, id: DocumentId, access: Access, error: &StoreError) {
        if self.lock().fail(id, access, error.to_string()) {
            tracing::error!(document = %id, %error, "the store fails; nothing more is acknowledged, and it is tried again");
        }
    }

    /// Why the store fails, as long as it does.
    pub(super) fn reason(&self) -> Option<String> {
        let trouble = self.lock();
        (!trouble.failing.is_empty()).then(|| trouble.reason.clone())
    }

    fn lock(&self) -> MutexGuard<'_, Trouble> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Trouble {
    /// Is this the first?
    fn fail(&mut self, id: DocumentId, access: Access, reason: String) -> bool {
        let is_first = self.failing.is_empty();
        self.failing.insert((id, access));
        self.reason = reason;
        is_first
    }

    /// Was this the last?
    fn recover(&mut self, id: DocumentId, access: Access) -> bool {
        self.failing.remove(&(id, access)) && self.failing.is_empty()
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
    fn the_log_is_told_when_it_turns() {
        use Access::{Append, Read};
        let mut trouble = Trouble::default();
        let mut fail = |n, access| trouble.fail(document(n), access, "disk full".to_owned());
        assert!(fail(1, Append));
        assert!(!fail(2, Append) && !fail(1, Append) && !fail(1, Read));
        assert!(!trouble.recover(document(1), Append), "reading it still fails");
        assert!(!trouble.recover(document(1), Read), "the other still fails");
        assert!(trouble.recover(document(2), Append));
        assert!(!trouble.recover(document(2), Append), "told once");
        assert!(trouble.fail(document(1), Read, String::new()), "it turned again");
    }
}
