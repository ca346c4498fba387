//! What one socket says: decoded, bounded, and handed to the rooms.

mod rooms;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use actix_ws::{CloseCode, Message};
use bytes::Bytes;
use fieldbook_core::id::{DocumentId, PeerId, SocketId};
use fieldbook_core::receipt::Receipt;
use fieldbook_core::wire::{self, ClientFrame, Join};
use tokio::sync::watch;

use super::assembly::Assembly;
use super::frames::{Connection, Frames};
use super::memory::Charge;
use super::sessions::SessionWatch;
use super::users::{OpenDocument, Share};
use super::{Outbox, rate::Rate};
use crate::auth::{Identity, now_ms};
use crate::config::Sync;
use crate::room::Mailbox;
use crate::startup::State;

/// Pings that may stay unanswered (C6).
const MISSED_PINGS: u32 = 2;
/// A sign-in that lasts longer is looked at again then: timers do not go further.
const LONGEST_WAIT: Duration = Duration::from_secs(86_400 * 365);

/// One socket, from its upgrade to its end.
pub(super) struct Reader {
    socket: SocketId,
    identity: Identity,
    /// Counts changes to what its person is in their workspaces.
    memberships: watch::Receiver<u64>,
    session: SessionWatch,
    clock: Clock,
    outbox: Outbox,
    state: Arc<State>,
    joined: Option<Joined>,
    documents: HashMap<DocumentId, Opened>,
    parts: Assembly,
    /// What has come of a message that is not whole.
    unfinished: Charge,
    /// When that began.
    unfinished_since: Option<Instant>,
    frames: Rate,
    bytes: Rate,
    /// What all sockets of this user may send.
    share: Arc<Share>,
    ephemerals: Rate,
    presence: Rate,
    unanswered: u32,
}

/// What the socket has of a document that it has opened.
struct Opened {
    mailbox: Mailbox,
    receipt: Arc<Receipt>,
    _place: OpenDocument,
}

struct Joined {
    peer: PeerId,
    extended: bool,
}

/// When what is due.
struct Clock {
    ping: tokio::time::Instant,
    /// `None`: it has joined.
    join_deadline: Option<tokio::time::Instant>,
    expiry: tokio::time::Instant,
}

impl Clock {
    fn new(identity: &Identity, sync: &Sync) -> Self {
        let now = tokio::time::Instant::now();
        let expires_in = Duration::from_millis(u64::try_from(identity.expires_at_ms - now_ms()).unwrap_or(0));
        Self {
            ping: now + Duration::from_millis(sync.ping_interval_ms),
            join_deadline: Some(now + Duration::from_millis(sync.join_deadline_ms)),
            expiry: now + expires_in.min(LONGEST_WAIT),
        }
    }

    fn next(&self) -> tokio::time::Instant {
        let soonest = self.ping.min(self.expiry);
        self.join_deadline.map_or(soonest, |deadline| soonest.min(deadline))
    }
}

/// How a socket ended.
#[derive(Debug, Clone, PartialEq, Eq)]
enum End {
    /// The client closed it, or we did.
    Clean(&'static str),
    /// It broke off, or stopped answering.
    Lost(&'static str),
    /// The client did something that is not allowed; it is told.
    Refused(u16, String),
}

impl Reader {
    pub(super) fn new(
        socket: SocketId,
        identity: Identity,
        share: Arc<Share>,
        outbox: Outbox,
        state: Arc<State>,
        memberships: watch::Receiver<u64>,
        session: SessionWatch,
    ) -> Self {
        let (limits, now) = (&state.config.limits, Instant::now());
        Self {
            socket,
            clock: Clock::new(&identity, &state.config.sync),
            identity,
            memberships,
            session,
            outbox,
            joined: None,
            documents: HashMap::new(),
            parts: Assembly::new(limits.frame_bytes, limits.frame_parts),
            unfinished: share.memory.charge(),
            unfinished_since: None,
            share,
            frames: Rate::new(limits.frames_per_second, now),
            bytes: Rate::new(limits.bytes_per_second, now),
            ephemerals: Rate::new(limits.ephemeral_per_second, now),
            presence: Rate::new(limits.presence_per_second, now),
            unanswered: 0,
            state,
        }
    }

    /// Listens until the socket is over, then tells the rooms. What still comes in is the caller's to drop.
    pub(super) async fn run<T: Connection>(mut self, mut frames: Frames<T>) -> Frames<T> {
        let end = self.listen(&mut frames).await;
        if let End::Refused(code, reason) = &end {
            self.outbox.close(*code, reason);
        }
        self.say_goodbye(&end).await;
        frames
    }

    async fn listen<T: Connection>(&mut self, frames: &mut Frames<T>) -> End {
        let mut watch = self.state.stopping();
        let stopping = watch.wait_for(|stopping| *stopping);
        let alarm = tokio::time::sleep_until(self.clock.next());
        tokio::pin!(stopping, alarm);
        loop {
            let arrived = tokio::select! {
                // The client comes last: whoever goes on sending is not spared the rest.
                biased;
                () = self.session.ended() => return session_ended(),
                () = &mut alarm => {
                    if let Some(end) = self.ring() {
                        return end;
                    }
                    alarm.as_mut().reset(self.clock.next());
                    continue;
                }
                Ok(()) = self.memberships.changed() => {
                    if let Err(end) = Box::pin(self.renew()).await {
                        return end;
                    }
                    continue;
                }
                _ = &mut stopping => {
                    return End::Refused(1012, "the server is stopping; connect again".to_owned());
                }
                arrived = frames.arrive() => arrived,
            };
            self.unanswered = 0;
            // Boxed: most sockets are idle most of the time, and a task keeps room for what it may wait in.
            let taken = match arrived {
                None => return End::Lost("connection ended"),
                Some(Err(error)) => return protocol_error(&error),
                Some(Ok(bytes)) => Box::pin(self.take_what_came(frames, bytes)).await,
            };
            if let Err(end) = taken {
                return end;
            }
        }
    }

    /// So many bytes have come. They count as they come, the messages that they make whole when these are taken.
    async fn take_what_came<T: Connection>(&mut self, frames: &mut Frames<T>, bytes: usize) -> Result<(), End> {
        self.hold_back(0, bytes).await?;
        while let Some(message) = frames.next().map_err(|error| protocol_error(&error))? {
            self.take(message).await?;
            if self.parts.waiting().is_none() {
                self.unfinished_since = None;
            }
            if self.outbox.is_closed() {
                return Err(End::Clean("closed by the server"));
            }
        }
        let (of_frame, of_parts) = (frames.waiting(), self.parts.waiting());
        if of_frame > 0 || of_parts.is_some() {
            self.unfinished_since.get_or_insert_with(Instant::now);
        }
        if self.unfinished.set(of_frame + of_parts.unwrap_or(0)) {
            Ok(())
        } else {
            Err(too_much_memory())
        }
    }

    /// Something is due: a ping, or the end.
    fn ring(&mut self) -> Option<End> {
        let now = tokio::time::Instant::now();
        if self.clock.expiry <= now {
            return Some(sign_in_expired());
        }
        if self.clock.join_deadline.is_some_and(|deadline| deadline <= now) {
            let words = "send `join` first; the time for it is over";
            return Some(End::Refused(1008, words.to_owned()));
        }
        if self.clock.ping > now {
            return None;
        }
        self.clock.ping = now + Duration::from_millis(self.state.config.sync.ping_interval_ms);
        self.ping()
    }

    fn ping(&mut self) -> Option<End> {
        if self.outbox.is_closed() {
            return Some(End::Clean("closed by the server"));
        }
        let frame_time = Duration::from_millis(self.state.config.limits.frame_ms);
        if self.unfinished_since.is_some_and(|since| since.elapsed() > frame_time) {
            let words = "a frame took longer to arrive than limits.frame_ms allows; send less at once";
            return Some(End::Refused(1008, words.to_owned()));
        }
        if self.unanswered >= MISSED_PINGS {
            return Some(End::Lost("no answer to pings"));
        }
        self.unanswered += 1;
        self.outbox.ping();
        None
    }

    async fn take(&mut self, message: Message) -> Result<(), End> {
        match message {
            Message::Binary(bytes) => self.take_frame(bytes, 1).await,
            Message::Continuation(part) => match self.parts.take(part) {
                Ok(None) => Ok(()),
                Ok(Some(whole)) if whole.is_text => Err(text_frame()),
                Ok(Some(whole)) => self.take_frame(whole.bytes, whole.parts).await,
                Err(too_much) => Err(End::Refused(1009, too_much.to_string())),
            },
            Message::Ping(payload) => {
                self.hold_back(1, 0).await?;
                self.outbox.pong(payload);
                Ok(())
            }
            Message::Pong(_) => {
                self.hold_back(1, 0).await?;
                Ok(())
            }
            Message::Nop => Ok(()),
            Message::Close(reason) => {
                let normal = reason.is_none_or(|r| matches!(r.code, CloseCode::Normal | CloseCode::Away));
                Err(if normal {
                    End::Clean("closed by the client")
                } else {
                    End::Lost("closed with an error")
                })
            }
            Message::Text(_) => Err(text_frame()),
        }
    }

    /// Over the rate, the socket is not read from for a moment: nothing is dropped (R6). What its person may do may change
    /// meanwhile, and so may end what they signed in with.
    async fn hold_back(&mut self, frames: usize, bytes: usize) -> Result<(), End> {
        let now = Instant::now();
        let own = match (frames, bytes) {
            (0, bytes) => self.bytes.take(bytes, now),
            (frames, 0) => self.frames.take(frames, now),
            (frames, bytes) => self.bytes.take(bytes, now).max(self.frames.take(frames, now)),
        };
        let wait = own.max(self.share.take(frames, bytes, now));
        if !wait.is_zero() {
            let over = tokio::time::sleep(wait);
            tokio::pin!(over);
            loop {
                tokio::select! {
                    () = &mut over => break,
                    () = self.session.ended() => return Err(session_ended()),
                    () = tokio::time::sleep_until(self.clock.expiry) => return Err(sign_in_expired()),
                    Ok(()) = self.memberships.changed() => Box::pin(self.renew()).await?,
                }
            }
            if let Some(since) = &mut self.unfinished_since {
                // That was not the client's doing.
                *since += wait;
            }
        }
        Ok(())
    }

    /// `parts`: how many WebSocket frames it came in.
    async fn take_frame(&mut self, bytes: Bytes, parts: usize) -> Result<(), End> {
        let mut charge = self.share.memory.charge();
        if !charge.set(bytes.len()) {
            return Err(too_much_memory());
        }
        let frame = wire::decode(&bytes).map_err(|error| End::Refused(1007, error.to_string()))?;
        let echo = matches!((&frame, &self.joined), (ClientFrame::Ephemeral(e), Some(j)) if e.sender != j.peer);
        self.hold_back(parts - usize::from(echo), 0).await?;
        match (frame, self.joined.is_some()) {
            (ClientFrame::Join(join), _) => self.join(join),
            (_, false) => Err(End::Refused(1008, "the first frame must be `join`".to_owned())),
            (
                ClientFrame::Sync {
                    request,
                    sender,
                    document,
                    data,
                },
                true,
            ) => {
                // What waits of a small message must not keep a large frame in memory.
                let data = if data.len() < bytes.len() / 2 {
                    Bytes::copy_from_slice(&data)
                } else {
                    data
                };
                self.sync(request, &sender, document, &data, charge).await
            }
            (ClientFrame::Ephemeral(message), true) => self.ephemeral(message, charge).await,
            (ClientFrame::Fieldbook(extension), true) => self.extension(extension, charge).await,
            (ClientFrame::Leave, true) => Err(End::Clean("left")),
            (ClientFrame::Unavailable | ClientFrame::Gossip | ClientFrame::Unknown, true) => Ok(()),
        }
    }

    fn join(&mut self, join: Join) -> Result<(), End> {
        if self.joined.is_some() {
            return Err(End::Refused(1008, "this socket has joined already".to_owned()));
        }
        let sockets = &self.state.sockets;
        self.outbox.address(wire::target_suffix(&join.sender));
        let refuse = |code, words: &str| {
            self.outbox.send(wire::error(&sockets.us, words));
            Err(End::Refused(code, words.to_owned()))
        };
        if !join.version_fits {
            return refuse(
                1002,
                "this server speaks protocol version 1, which the client does not list",
            );
        }
        if sockets
            .peers
            .join(&join.sender, self.identity.user, self.socket, &self.outbox)
            .is_err()
        {
            return refuse(4403, "this peer id belongs to another user; choose a new one");
        }
        self.outbox.send(wire::peer(&sockets.us, &self.state.storage_id));
        tracing::info!(socket = self.socket.0, user = %self.identity.user, peer = %join.sender, "joined");
        self.clock.join_deadline = None;
        self.joined = Some(Joined {
            peer: join.sender,
            extended: join.fieldbook,
        });
        Ok(())
    }
}

fn session_ended() -> End {
    End::Refused(4401, "your session was ended; sign in again".to_owned())
}

fn sign_in_expired() -> End {
    End::Refused(4401, "your sign-in or token has expired".to_owned())
}

fn too_much_memory() -> End {
    let words = "more than limits.user_bytes is in memory for all your connections together; send less at once";
    End::Refused(1013, words.to_owned())
}

fn text_frame() -> End {
    End::Refused(
        1003,
        "frames are binary: one CBOR map each; this one is text".to_owned(),
    )
}

fn protocol_error(error: &actix_ws::ProtocolError) -> End {
    match error {
        actix_ws::ProtocolError::Overflow => {
            End::Refused(1009, "the frame is larger than limits.frame_bytes allows".to_owned())
        }
        actix_ws::ProtocolError::Io(_) => End::Lost("connection broken"),
        other => End::Refused(1002, other.to_string()),
    }
}
