//! `GET /sync`: from the upgrade to the end of the connection.

mod assembly;
mod outbox;
mod peers;
mod rate;
mod reader;
mod users;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use actix_web::{HttpRequest, HttpResponse, web};
use fieldbook_core::access::Member;
use fieldbook_core::id::{PeerId, SocketId};

use crate::auth::{Identity, identify};
use crate::config::Config;
use crate::room::Rooms;
use crate::startup::State;

pub use outbox::Outbox;
use peers::Peers;
use users::Users;

/// What all sockets of this node share.
pub struct Sockets {
    /// This node's name towards clients.
    us: PeerId,
    rooms: Rooms,
    peers: Peers,
    users: Arc<Users>,
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
            next_id: AtomicU64::new(1),
        }
    }

    /// The documents in memory.
    #[must_use]
    pub fn rooms(&self) -> &Rooms {
        &self.rooms
    }

    /// Forgets users who are gone. To be called now and then.
    pub fn sweep(&self) {
        self.users.sweep();
    }

    fn next_id(&self) -> SocketId {
        SocketId(self.next_id.fetch_add(1, Ordering::Relaxed))
    }
}

/// Upgrades to a WebSocket, if the request shows who sends it (C1, C2).
///
/// # Errors
/// 401 or 403 without a good identity, 429 or 503 when there are too many sockets.
pub async fn sync(
    request: HttpRequest,
    payload: web::Payload,
    state: web::Data<State>,
) -> Result<HttpResponse, actix_web::Error> {
    let identity = identify(&request, &state).await?;
    let place = state.sockets.users.enter(identity.user)?;
    let (response, _, stream) = actix_ws::handle(&request, payload)?;
    let socket = state.sockets.next_id();
    let (outbox, outgoing) = outbox::new(state.config.limits.outbox_bytes);
    let (mut gone, leftovers) = (None, outbox.clone());
    let response = response.map_body(|_, body| {
        let (body, over) = outgoing.replace(body);
        gone = Some(over);
        body
    });
    let under_way = state.in_flight.enter();
    actix_web::rt::spawn(async move {
        reader::Reader::new(socket, &identity, Arc::clone(&place.share), outbox, state.into_inner())
            .run(stream)
            .await;
        // Nobody reads any more: what is still on its way out gets a moment, no more.
        let Some(mut gone) = gone else { return };
        if tokio::time::timeout(outbox::LINGER, &mut gone).await.is_err() {
            leftovers.discard();
            drop(under_way);
            // A write that is under way cannot be taken back. Until the system gives up on it, the connection counts.
            let _ = gone.await;
        }
        drop(place);
    });
    Ok(response)
}

fn member(identity: &Identity) -> Member {
    Member {
        user: identity.user,
        name: identity.name.as_str().into(),
        workspace: identity.workspace,
        role: identity.role,
    }
}
