//! `GET /sync`: from the upgrade to the end of the connection.

mod outbox;
mod peers;
mod rate;
mod reader;

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use actix_web::{HttpRequest, HttpResponse, web};
use fieldbook_core::access::Member;
use fieldbook_core::id::{PeerId, SocketId, UserId};

use crate::auth::{Identity, identify};
use crate::http::ApiError;
use crate::room::Rooms;
use crate::startup::State;

pub use outbox::Outbox;
use peers::Peers;

/// What all sockets of this node share.
pub struct Sockets {
    /// This node's name towards clients.
    us: PeerId,
    rooms: Rooms,
    peers: Peers,
    open: Mutex<HashMap<UserId, usize>>,
    next_id: AtomicU64,
}

impl Sockets {
    /// No socket yet.
    #[must_use]
    pub fn new(us: PeerId, rooms: Rooms, peer_binding_ms: u64) -> Self {
        Self {
            us,
            rooms,
            peers: Peers::new(std::time::Duration::from_millis(peer_binding_ms)),
            open: Mutex::default(),
            next_id: AtomicU64::new(1),
        }
    }

    /// The documents in memory.
    #[must_use]
    pub fn rooms(&self) -> &Rooms {
        &self.rooms
    }

    /// Takes a place for one more socket of this user, until the guard is dropped.
    fn enter(self: &Arc<Self>, user: UserId, state: &State) -> Result<Place, ApiError> {
        let limits = &state.config.limits;
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if open.values().sum::<usize>() >= limits.sockets {
            let words = "the server has as many connections as limits.sockets allows; try again later";
            return Err(ApiError::Unavailable(words.to_owned()));
        }
        let of_user = open.entry(user).or_insert(0);
        if *of_user >= limits.sockets_per_user {
            let words = "this user has as many connections as limits.sockets_per_user allows; close some";
            return Err(ApiError::TooManySockets(words.to_owned()));
        }
        *of_user += 1;
        Ok(Place {
            sockets: Arc::clone(self),
            user,
        })
    }

    fn next_id(&self) -> SocketId {
        SocketId(self.next_id.fetch_add(1, Ordering::Relaxed))
    }
}

/// One open socket, counted.
struct Place {
    sockets: Arc<Sockets>,
    user: UserId,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.sockets.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(of_user) = open.get_mut(&self.user) {
            *of_user -= 1;
            if *of_user == 0 {
                open.remove(&self.user);
            }
        }
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
    let place = state.sockets.enter(identity.user, &state)?;
    let (response, _, stream) = actix_ws::handle(&request, payload)?;
    let socket = state.sockets.next_id();
    let (outbox, outgoing) = outbox::new(state.config.limits.outbox_bytes);
    let mut gone = None;
    let response = response.map_body(|_, body| {
        let (body, over) = outgoing.replace(body);
        gone = Some(over);
        body
    });
    let under_way = state.in_flight.enter();
    actix_web::rt::spawn(async move {
        reader::Reader::new(socket, &identity, outbox, state.into_inner())
            .run(stream)
            .await;
        // Nobody reads any more: what is still on its way out gets a moment, no more.
        if let Some(gone) = gone {
            let _ = tokio::time::timeout(outbox::LINGER, gone).await;
        }
        drop((place, under_way));
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
