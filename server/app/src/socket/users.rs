//! Who has how many sockets open, and what all sockets of one user may send and ask for together.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use fieldbook_core::id::{DocumentId, UserId};

use tokio::sync::watch;

use super::memory::Memory;
use super::rate::Rate;
use crate::config::Limits;
use crate::http::ApiError;
use crate::room::Turns;

/// The users who have sockets, or had some a moment ago.
pub(super) struct Users {
    limits: Limits,
    register: Mutex<Register>,
}

#[derive(Default)]
struct Register {
    sockets: usize,
    users: HashMap<UserId, User>,
    /// Changes to memberships, anybody's: a user who was forgotten meanwhile goes on counting from there.
    changes: u64,
}

struct User {
    sockets: usize,
    share: Arc<Share>,
}

/// What one user's sockets have in common.
pub(super) struct Share {
    frames: Mutex<Rate>,
    bytes: Mutex<Rate>,
    ephemeral_bytes: Mutex<Rate>,
    /// At long work.
    pub(super) turns: Turns,
    /// For what waits.
    pub(super) memory: Arc<Memory>,
    /// The last change to their memberships; see [`Users::memberships_changed`].
    pub(super) memberships: watch::Sender<u64>,
    most_documents: usize,
    /// Those that are open, and on how many sockets.
    documents: Mutex<HashMap<DocumentId, usize>>,
}

/// A document that is open on one of the user's sockets, counted until it is dropped.
pub(super) struct OpenDocument {
    share: Arc<Share>,
    id: DocumentId,
}

/// One open socket, counted until it is dropped.
pub(super) struct Place {
    users: Arc<Users>,
    user: UserId,
    pub(super) share: Arc<Share>,
}

impl Users {
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            limits,
            register: Mutex::default(),
        }
    }

    /// Takes a place for one more socket of this user.
    ///
    /// # Errors
    /// 503 when the server has too many, 429 when the user has.
    pub(super) fn enter(self: &Arc<Self>, id: UserId) -> Result<Place, ApiError> {
        let mut register = self.lock();
        if register.sockets >= self.limits.sockets {
            let words = "the server has as many connections as limits.sockets allows; try again later";
            return Err(ApiError::Unavailable(words.to_owned()));
        }
        let changes = register.changes;
        let user = register.users.entry(id).or_insert_with(|| User {
            sockets: 0,
            share: Arc::new(Share::new(&self.limits, changes)),
        });
        if user.sockets >= self.limits.sockets_per_user {
            let words = "this user has as many connections as limits.sockets_per_user allows; close some";
            return Err(ApiError::TooManySockets(words.to_owned()));
        }
        user.sockets += 1;
        let share = Arc::clone(&user.share);
        register.sockets += 1;
        Ok(Place {
            users: Arc::clone(self),
            user: id,
            share,
        })
    }

    /// Tells a user's sockets that what they may do has changed in the store. The number of this change: what was read
    /// under a lower one may not know of it.
    pub(super) fn memberships_changed(&self, id: UserId) -> u64 {
        let mut register = self.lock();
        register.changes += 1;
        if let Some(user) = register.users.get(&id) {
            user.share.memberships.send_replace(register.changes);
        }
        register.changes
    }

    /// Forgets who has no socket and owes nothing: closing the last one does not make good what was sent too fast.
    pub(super) fn sweep(&self) {
        let (now, turns) = (Instant::now(), self.limits.long_work_per_user);
        let mut register = self.lock();
        register
            .users
            .retain(|_, user| user.sockets > 0 || !user.share.is_rested(now, turns));
        register.users.shrink_to_fit();
    }

    fn lock(&self) -> MutexGuard<'_, Register> {
        self.register.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut register = self.users.lock();
        register.sockets -= 1;
        if let Some(user) = register.users.get_mut(&self.user) {
            user.sockets -= 1;
        }
    }
}

impl Share {
    fn new(limits: &Limits, changes: u64) -> Self {
        let now = Instant::now();
        Self {
            frames: Mutex::new(Rate::new(limits.user_frames_per_second, now)),
            bytes: Mutex::new(Rate::new(limits.user_bytes_per_second, now)),
            ephemeral_bytes: Mutex::new(Rate::new(limits.user_ephemeral_bytes_per_second, now)),
            turns: Turns::new(limits.long_work_per_user),
            memory: Memory::new(limits.user_bytes),
            memberships: watch::Sender::new(changes),
            most_documents: limits.documents_per_user,
            documents: Mutex::default(),
        }
    }

    /// Counts a document as open on one more socket. `None`: the user has as many others open as they may.
    pub(super) fn open(self: &Arc<Self>, id: DocumentId) -> Option<OpenDocument> {
        let mut documents = lock(&self.documents);
        if documents.len() >= self.most_documents && !documents.contains_key(&id) {
            return None;
        }
        *documents.entry(id).or_default() += 1;
        let share = Arc::clone(self);
        Some(OpenDocument { share, id })
    }

    /// Takes from what all sockets of the user may say that is not kept, if there is enough left.
    pub(super) fn try_take_ephemeral(&self, bytes: usize, now: Instant) -> bool {
        lock(&self.ephemeral_bytes).try_take(bytes, now)
    }

    /// Takes from what all sockets of the user have together, and says how long this one has to wait.
    pub(super) fn take(&self, frames: usize, bytes: usize, now: Instant) -> Duration {
        let wait = |rate: &Mutex<Rate>, amount| {
            if amount == 0 {
                return Duration::ZERO;
            }
            lock(rate).take(amount, now)
        };
        wait(&self.frames, frames).max(wait(&self.bytes, bytes))
    }

    fn is_rested(&self, now: Instant, turns: usize) -> bool {
        let is_full = |rate: &Mutex<Rate>| lock(rate).is_full(now);
        is_full(&self.frames)
            && is_full(&self.bytes)
            && is_full(&self.ephemeral_bytes)
            && self.turns.free() >= turns
            && self.memory.used() == 0
    }
}

impl Drop for OpenDocument {
    fn drop(&mut self) {
        let mut documents = lock(&self.share.documents);
        if let Entry::Occupied(mut sockets) = documents.entry(self.id) {
            *sockets.get_mut() -= 1;
            if *sockets.get() == 0 {
                sockets.remove();
            }
        }
    }
}

fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn users(limits: Limits) -> Arc<Users> {
        Arc::new(Users::new(limits))
    }

    fn user(n: u128) -> UserId {
        UserId(uuid::Uuid::from_u128(n))
    }

    #[test]
    fn places_are_counted_for_each_user_and_for_all() {
        let users = users(Limits {
            sockets: 3,
            sockets_per_user: 2,
            ..Limits::default()
        });
        let places = [users.enter(user(1)), users.enter(user(1)), users.enter(user(2))];
        assert!(places.iter().all(Result::is_ok));
        assert!(matches!(users.enter(user(3)), Err(ApiError::Unavailable(_))));
        let [first, second, third] = places;
        drop(third);
        assert!(matches!(users.enter(user(1)), Err(ApiError::TooManySockets(_))));
        drop((first, second));
        assert!(users.enter(user(1)).is_ok());
    }

    #[test]
    fn who_comes_back_at_once_still_owes_what_they_sent() {
        let users = users(Limits {
            user_frames_per_second: 10,
            ..Limits::default()
        });
        let place = users.enter(user(1)).ok().unwrap();
        assert_eq!(place.share.take(30, 0, Instant::now()).as_secs(), 2);
        drop(place);
        users.sweep();
        let place = users.enter(user(1)).ok().unwrap();
        assert!(!place.share.take(1, 0, Instant::now()).is_zero());
        let place_of_another = users.enter(user(2)).ok().unwrap();
        assert!(place_of_another.share.take(10, 0, Instant::now()).is_zero());
        drop(place_of_another);
        users.sweep();
        assert_eq!(users.lock().users.len(), 2, "the frames of both are still counted");
    }

    #[test]
    fn who_is_gone_and_owes_nothing_is_forgotten() {
        let users = users(Limits::default());
        drop(users.enter(user(1)));
        users.sweep();
        assert!(users.lock().users.is_empty());
    }

    #[test]
    fn a_document_on_many_sockets_is_one() {
        let users = users(Limits {
            documents_per_user: 2,
            ..Limits::default()
        });
        let share = Arc::clone(&users.enter(user(1)).ok().unwrap().share);
        let [first, second, third] = [1, 2, 3].map(|n| {
            let id = uuid::Builder::from_random_bytes([n; 16]).into_uuid();
            DocumentId::from_bytes(id.into_bytes()).unwrap()
        });
        let (phone, tablet) = (share.open(first), share.open(first));
        let other = share.open(second);
        assert!(phone.is_some() && tablet.is_some() && other.is_some());
        assert!(share.open(third).is_none());
        drop(phone);
        assert!(share.open(third).is_none(), "it is open on the tablet");
        drop(tablet);
        assert!(share.open(third).is_some());
    }
}
