//! From an HTTP request to a socket: who asks for it, and the handshake.
//!
//! Actix hands a connection over once it asks for an upgrade. It is not served by `actix_ws::handle`, whose connection
//! stays a response under way: with two buffers of 8 KiB, a copy of each frame more, and writes that cannot be broken off.

use std::convert::Infallible;
use std::sync::Arc;

use actix_codec::Framed;
use actix_http::body::{BodySize, to_bytes_limited};
use actix_http::h1::{self, Message};
use actix_http::{ConnectionType, Request, ws};
use actix_web::http::header::{self, HeaderValue};
use actix_web::{HttpResponse, web};
use futures_util::SinkExt;
use tokio::io::{AsyncWriteExt, WriteHalf};
use tokio::sync::watch;

use super::frames::{Connection, Frames};
use super::outbox;
use super::outgoing::Outgoing;
use super::reader::Reader;
use super::sessions::SessionWatch;
use super::users::Place;
use crate::auth::{AuthError, Identity, identify, own_origin};
use crate::http::{self, ApiError};
use crate::startup::{InFlight, State};

/// Where sockets are.
const PATH: &str = "/sync";
/// Longest answer to who is refused, in bytes: a problem in words.
const MOST_REFUSAL_BYTES: usize = 16 << 10;

/// Upgrades to a WebSocket, if the request shows who sends it (C1, C2); else answers 401 or 403 without a good identity,
/// 404 elsewhere than at `/sync`, 429 or 503 when there are too many sockets, and closes the connection.
pub async fn upgrade<T: Connection>(
    state: web::Data<State>,
    request: Request,
    framed: Framed<T, h1::Codec>,
) -> Result<(), Infallible> {
    let under_way = state.in_flight.enter();
    let answered = match admit(&request, &state).await {
        Ok(admitted) => accept(&request, framed)
            .await
            .map(|framed| begin(framed, admitted, state.into_inner(), under_way)),
        Err(refused) => refuse(&request, &state, &refused, framed).await,
    };
    if let Err(reason) = answered {
        tracing::debug!(%reason, "a connection was gone before its handshake was answered");
    }
    Ok(())
}

/// What is asked of `/sync` without an upgrade.
///
/// # Errors
/// Always: it is told what is missing.
pub async fn not_an_upgrade(
    request: actix_web::HttpRequest,
    state: web::Data<State>,
) -> Result<HttpResponse, actix_web::Error> {
    identify(request.head(), &state).await?;
    ws::handshake(request.head())?;
    // It asks for an upgrade, and actix did not hand the connection over: HTTP/2.
    Err(
        ApiError::Invalid("sync is spoken over a WebSocket; connect by HTTP/1.1 with `Upgrade: websocket`".to_owned())
            .into(),
    )
}

/// Whoever may have a socket.
struct Admitted {
    identity: Identity,
    place: Place,
    session: SessionWatch,
    /// Counts changes to the person's memberships.
    memberships: watch::Receiver<u64>,
}

async fn admit(request: &Request, state: &State) -> Result<Admitted, actix_web::Error> {
    let head = request.head();
    own_origin(head, &state.config.server).map_err(AuthError::HostRefused)?;
    if request.path() != PATH {
        return Err(ApiError::NotFound(format!("there is no WebSocket here; it is at {PATH}")).into());
    }
    let mut identity = identify(head, state).await?;
    ws::verify_handshake(head)?;
    let place = state.sockets.users.enter(identity.user)?;
    let session = state.sockets.sessions.watch(identity.session);
    let memberships = place.share.memberships.subscribe();
    if identity.session.is_some() {
        // From here on the socket hears of its end. It may have ended since it was looked up.
        identify(head, state).await?;
    }
    // And of changes to what its person may do.
    let as_of = *memberships.borrow();
    let renewed = identity.renewed(state.store.as_ref(), as_of).await;
    identity.subject = renewed.map_err(AuthError::from)?;
    Ok(Admitted {
        identity,
        place,
        session,
        memberships,
    })
}

async fn accept<T: Connection>(
    request: &Request,
    mut framed: Framed<T, h1::Codec>,
) -> std::io::Result<Framed<T, h1::Codec>> {
    let mut accepted = ws::handshake_response(request.head()).finish().drop_body();
    http::set_headers(accepted.headers_mut(), None);
    let head = Message::Item((accepted, BodySize::None));
    framed.send(head).await.map_err(std::io::Error::other)?;
    Ok(framed)
}

/// What actix holds for a connection ends here; what we hold begins. As little as can be: most sockets are idle most of the
/// time, and a task keeps room for everything that is alive while it waits.
fn begin<T: Connection>(framed: Framed<T, h1::Codec>, admitted: Admitted, state: Arc<State>, under_way: InFlight) {
    let Admitted {
        identity,
        place,
        session,
        memberships,
    } = admitted;
    let (frames, output) = take_over(framed, state.config.limits.frame_bytes);
    let (outbox, waiting) = outbox::new(&state.config.limits, &place.share.memory);
    let mut writing = actix_web::rt::spawn(Outgoing::new(waiting).write_to(output));
    let socket = state.sockets.next_id();
    let reader = Reader::new(
        socket,
        identity,
        Arc::clone(&place.share),
        outbox,
        state,
        memberships,
        session,
    );
    let reading = Box::pin(reader.run(frames));
    actix_web::rt::spawn(async move {
        let frames = reading.await;
        // What is still on its way out gets a moment, no more; what still comes in is not looked at.
        let end = Box::pin(async { tokio::join!(&mut writing, frames.discard()) });
        if tokio::time::timeout(outbox::LINGER, end).await.is_err() {
            writing.abort();
        }
        drop((place, under_way));
    });
}

/// The connection alone, without what actix needed for it.
fn take_over<T: Connection>(framed: Framed<T, h1::Codec>, most_frame_bytes: usize) -> (Frames<T>, WriteHalf<T>) {
    let parts = framed.into_parts();
    let (input, output) = tokio::io::split(parts.io);
    (Frames::new(input, &parts.read_buf, most_frame_bytes), output)
}

/// Answers as the rest of the server does, and closes the connection.
async fn refuse<T: Connection>(
    request: &Request,
    state: &State,
    refused: &actix_web::Error,
    mut framed: Framed<T, h1::Codec>,
) -> std::io::Result<()> {
    let mut answer = refused.error_response();
    let own = own_origin(request.head(), &state.config.server).ok();
    http::set_headers(answer.headers_mut(), own.as_ref());
    let no_store = HeaderValue::from_static("no-store");
    answer.headers_mut().insert(header::CACHE_CONTROL, no_store);
    answer.head_mut().set_connection_type(ConnectionType::Close);
    let (head, body) = actix_http::Response::from(answer).into_parts();
    let body = match to_bytes_limited(body, MOST_REFUSAL_BYTES).await {
        Ok(Ok(body)) => body,
        _ => return Err(std::io::Error::other("a refusal has a short body")),
    };
    let size = BodySize::Sized(body.len() as u64);
    for message in [
        Message::Item((head, size)),
        Message::Chunk(Some(body)),
        Message::Chunk(None),
    ] {
        framed.send(message).await.map_err(std::io::Error::other)?;
    }
    framed.into_parts().io.shutdown().await
}
