//! `GET /sync`: from the upgrade to the end of the connection.

mod assembly;
mod frames;
mod memory;
mod outbox;
mod outgoing;
mod peers;
mod rate;
mod reader;
mod sessions;
mod upgrade;
mod users;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use fieldbook_core::id::{PeerId, SocketId};
use fieldbook_store::Touched;

use crate::config::Config;
use crate::room::Rooms;

pub use memory::{Charge, Memory};
pub use outbox::Outbox;
use peers::Peers;
pub use sessions::SessionSockets;
pub use upgrade::{not_an_upgrade, upgrade};
use users::Users;

/// What all sockets of this node share.
pub struct Sockets {
    /// This node's name towards clients.
    us: PeerId,
    rooms: Rooms,
    peers: Peers,
    users: Arc<Users>,
    /// Which of them end with which session.
    pub sessions: Arc<SessionSockets>,
    next_id: AtomicU64,
}

impl Sockets {
    /// No socket yet.
    #[must_use]
    pub fn new(us: PeerId, rooms: Rooms, config: &Config) -> Self {
        Self {
            us,
            rooms,
            peers: Peers::new(
                Duration::from_millis(config.sync.peer_binding_ms),
                config.limits.peer_ids_per_user,
            ),
            users: Arc::new(Users::new(config.limits.clone())),
            sessions: Arc::default(),
            next_id: AtomicU64::new(1),
        }
    }

    /// The documents in memory.
    #[must_use]
    pub fn rooms(&self) -> &Rooms {
        &self.rooms
    }

    /// Has sockets and rooms read again what a change in the store has touched. Whoever writes who may do what calls this
    /// after it.
    pub async fn access_changed(&self, touched: Touched) {
        let number = |user| (user, self.users.memberships_changed(user));
        let since: Vec<_> = touched.users.into_iter().map(number).collect();
        let tell = |id| self.rooms.access_changed(id, since.clone());
        let rooms = touched.documents.into_iter().map(tell);
        futures_util::future::join_all(rooms).await;
    }

    /// Forgets users who are gone. To be called now and then.
    pub fn sweep(&self) {
        self.users.sweep();
    }

    fn next_id(&self) -> SocketId {
        SocketId(self.next_id.fetch_add(1, Ordering::Relaxed))
    }
}
