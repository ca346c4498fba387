//! Who has how many sockets open, and what all sockets of one user may send and ask for together.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use fieldbook_core::id::UserId;

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
}

struct User {
    sockets: usize,
    share: Arc<Share>,
}

/// What one user's sockets have in common.
pub(super) struct Share {
    frames: Mutex<Rate>,
    bytes: Mutex<Rate>,
    /// At long work.
    pub(super) turns: Turns,
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
        let user = register.users.entry(id).or_insert_with(|| User {
            sockets: 0,
            share: Arc::new(Share::new(&self.limits)),
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
    fn new(limits: &Limits) -> Self {
        let now = Instant::now();
        Self {
            frames: Mutex::new(Rate::new(limits.user_frames_per_second, now)),
            bytes: Mutex::new(Rate::new(limits.user_bytes_per_second, now)),
            turns: Turns::new(limits.long_work_per_user),
        }
    }

    /// Takes from what all sockets of the user have together, and says how long this one has to wait.
    pub(super) fn take(&self, frames: usize, bytes: usize, now: Instant) -> Duration {
        let wait = |rate: &Mutex<Rate>, amount| lock(rate).take(amount, now);
        wait(&self.frames, frames).max(wait(&self.bytes, bytes))
    }

    fn is_rested(&self, now: Instant, turns: usize) -> bool {
        let is_full = |rate: &Mutex<Rate>| lock(rate).is_full(now);
        is_full(&self.frames) && is_full(&self.bytes) && self.turns.free() >= turns
    }
}

fn lock(rate: &Mutex<Rate>) -> MutexGuard<'_, Rate> {
    rate.lock().unwrap_or_else(PoisonError::into_inner)
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
        assert!(!place.share.take(0, 0, Instant::now()).is_zero());
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
}
