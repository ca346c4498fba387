//! `GET /sync`: from the upgrade to the end of the connection.

mod assembly;
mod frames;
mod memory;
mod outbox;
mod peers;
mod rate;
mod reader;
mod users;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use actix_web::body::BoxBody;
use actix_web::{HttpRequest, HttpResponse, web};
use fieldbook_core::access::Member;
use fieldbook_core::id::{PeerId, SocketId};

use crate::auth::{Identity, identify};
use crate::config::Config;
use crate::room::Rooms;
use crate::startup::State;

use frames::Frames;
pub use memory::{Charge, Memory};
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
    let mut handshake = actix_http::ws::handshake(request.head())?;
    let socket = state.sockets.next_id();
    let limits = &state.config.limits;
    let (outbox, mut outgoing) = outbox::new(limits, &place.share.memory);
    let [reads_no_more, mut gone] = outgoing.listeners();
    let frames = Frames::new(payload, reads_no_more, limits.frame_bytes);
    let response = handshake.message_body(BoxBody::new(outgoing))?;
    let leftovers = outbox.clone();
    let under_way = state.in_flight.enter();
    actix_web::rt::spawn(async move {
        let share = Arc::clone(&place.share);
        let rest = reader::Reader::new(socket, &identity, share, outbox, state.into_inner())
            .run(frames)
            .await;
        // What is still on its way out gets a moment, no more; what still comes in is not looked at. Boxed: it is for
        // the end, and a task keeps room for it from the start.
        let end = Box::pin(async {
            tokio::select! {
                _ = &mut gone => return,
                () = rest.discard() => {}
            }
            let _ = (&mut gone).await;
        });
        if tokio::time::timeout(outbox::LINGER, end).await.is_err() {
            leftovers.discard();
            drop(under_way);
            // A write that is under way cannot be taken back. Until the system gives up on it, the connection counts.
            let _ = gone.await;
        }
        drop(place);
    });
    Ok(response.into())
}

fn member(identity: &Identity) -> Member {
    Member {
        user: identity.user,
        name: identity.name.as_str().into(),
        workspace: identity.workspace,
        role: identity.role,
    }
}
