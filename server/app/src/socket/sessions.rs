//! Which sockets were opened with which session, so that they end with it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use fieldbook_store::SessionId;
use tokio::sync::watch;

/// The sessions that have sockets.
#[derive(Default)]
pub struct SessionSockets {
    sessions: Mutex<HashMap<SessionId, watch::Sender<bool>>>,
}

/// A socket's side: it hears when its session ends. Kept as long as the socket is open.
pub(super) struct SessionWatch {
    all: Arc<SessionSockets>,
    /// `None` for a socket without a session, which ends with its token.
    watched: Option<(SessionId, watch::Receiver<bool>)>,
}

impl SessionSockets {
    /// Begins to listen. The caller looks after this whether the session is still good: it may have ended in between.
    pub(super) fn watch(self: &Arc<Self>, session: Option<SessionId>) -> SessionWatch {
        let watched = session.map(|id| {
            let mut sessions = self.lock();
            let sender = sessions.entry(id).or_insert_with(|| watch::channel(false).0);
            (id, sender.subscribe())
        });
        SessionWatch {
            all: Arc::clone(self),
            watched,
        }
    }

    /// Closes the sockets of a session that the store has no more.
    pub fn end(&self, id: SessionId) {
        if let Some(sender) = self.lock().remove(&id) {
            sender.send_replace(true);
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<SessionId, watch::Sender<bool>>> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl SessionWatch {
    /// Comes back when the session has ended; never for a socket that has none.
    pub(super) async fn ended(&mut self) {
        match &mut self.watched {
            // The sender goes only when it has said so.
            Some((_, ended)) => drop(ended.wait_for(|ended| *ended).await),
            None => std::future::pending().await,
        }
    }
}

impl Drop for SessionWatch {
    fn drop(&mut self) {
        let Some((id, receiver)) = self.watched.take() else {
            return;
        };
        let mut sessions = self.all.lock();
        drop(receiver);
        if sessions.get(&id).is_some_and(|sender| sender.receiver_count() == 0) {
            sessions.remove(&id);
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    #[test]
    fn a_session_that_ends_is_heard_by_its_own_sockets_only_and_nothing_is_left_behind() {
        let all = Arc::new(SessionSockets::default());
        let (one, two) = (SessionId(uuid::Uuid::from_u128(1)), SessionId(uuid::Uuid::from_u128(2)));
        let mut first = all.watch(Some(one));
        let mut second = all.watch(Some(one));
        let mut other = all.watch(Some(two));
        let mut without = all.watch(None);
        assert!(first.ended().now_or_never().is_none());
        all.end(one);
        assert!(first.ended().now_or_never().is_some());
        assert!(second.ended().now_or_never().is_some());
        assert!(other.ended().now_or_never().is_none());
        assert!(without.ended().now_or_never().is_none());
        // One that ended does not take a newer one of the same name with it.
        let again = all.watch(Some(one));
        drop((first, second));
        assert_eq!(all.lock().len(), 2);
        drop((again, other, without));
        assert!(all.lock().is_empty());
    }
}
