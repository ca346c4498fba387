//! The ceiling: a bare actix-ws relay. Each binary frame goes to all others in its room; no CRDT, no permission, no disk.
//! Its sockets are set as Fieldbook's are: what is sent is sent at once.
//!
//! It speaks as much of the protocol as the generator needs: `join` is answered with `peer`; the first frame after that
//! names the document, which is the room, and is echoed. A frame of the type `reply` is read and dropped: clients of the
//! stock protocol answer what they are sent, and the ceiling has to read those answers, too.

use std::collections::HashMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use actix_ws::{Message, MessageStream, Session};
use bytes::Bytes;
use fieldbook_harness::Value;
use futures_util::StreamExt;

/// How a frame of the type `reply` begins, after the byte that counts its fields.
const REPLY: &[u8] = b"\x64type\x65reply";

type Room = Arc<Mutex<Vec<(usize, Session)>>>;

#[derive(Default)]
struct Relay {
    rooms: Mutex<HashMap<String, Room>>,
    next_id: AtomicUsize,
}

#[actix_web::main]
async fn main() -> std::io::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [address, workers] = arguments.as_slice() else {
        panic!("usage: fieldbook-load-relay ADDRESS:PORT WORKERS");
    };
    let workers = workers.parse().expect("WORKERS is a number");
    let relay = web::Data::new(Relay::default());
    HttpServer::new(move || App::new().app_data(relay.clone()).route("/sync", web::get().to(sync)))
        .workers(workers)
        .tcp_nodelay(true)
        .backlog(8192)
        .bind(address)?
        .run()
        .await
}

async fn sync(
    request: HttpRequest,
    payload: web::Payload,
    relay: web::Data<Relay>,
) -> Result<HttpResponse, actix_web::Error> {
    let (response, session, stream) = actix_ws::handle(&request, payload)?;
    actix_web::rt::spawn(async move {
        let _ = serve(&relay, session, stream).await;
    });
    Ok(response)
}

/// Serves one socket until it ends.
async fn serve(relay: &Relay, mut session: Session, mut stream: MessageStream) -> Option<()> {
    let join = Value::decode(&next(&mut session, &mut stream).await?).ok()?;
    session.binary(welcome(&join)).await.ok()?;
    let opening = next(&mut session, &mut stream).await?;
    let document = Value::decode(&opening).ok()?.text("documentId").to_owned();
    let room = {
        let mut rooms = relay.rooms.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(rooms.entry(document).or_default())
    };
    let id = relay.next_id.fetch_add(1, Ordering::Relaxed);
    members(&room).push((id, session.clone()));
    session.binary(opening).await.ok()?;
    while let Some(frame) = next(&mut session, &mut stream).await {
        if frame.get(1..).is_some_and(|frame| frame.starts_with(REPLY)) {
            continue;
        }
        let everybody = members(&room).clone();
        for (_, mut other) in everybody.into_iter().filter(|(other, _)| *other != id) {
            let _ = other.binary(frame.clone()).await;
        }
    }
    members(&room).retain(|(member, _)| *member != id);
    Some(())
}

fn members(room: &Room) -> std::sync::MutexGuard<'_, Vec<(usize, Session)>> {
    room.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The next binary frame; pings are answered.
async fn next(session: &mut Session, stream: &mut MessageStream) -> Option<Bytes> {
    loop {
        match stream.next().await?.ok()? {
            Message::Binary(bytes) => return Some(bytes),
            Message::Ping(payload) => session.pong(&payload).await.ok()?,
            Message::Close(_) => return None,
            _ => {}
        }
    }
}

fn welcome(join: &Value) -> Vec<u8> {
    Value::frame("peer")
        .with("senderId", "relay")
        .with("targetId", join.text("senderId"))
        .with("selectedProtocolVersion", "1")
        .encode()
}
