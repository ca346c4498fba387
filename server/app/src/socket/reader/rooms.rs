//! What a socket says to rooms: each is opened when the socket first names its document.

use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use fieldbook_core::id::{DocumentId, PeerId};
use fieldbook_core::message::SyncMessage;
use fieldbook_core::receipt::Receipt;
use fieldbook_core::room::{Input, Load};
use fieldbook_core::wire::{self, ClientExtension, Ephemeral};

use super::super::memory::Charge;
use super::{End, Opened, Reader, too_much_memory};
use crate::room::Command;

impl Reader {
    pub(super) async fn sync(
        &mut self,
        request: bool,
        sender: &PeerId,
        document: DocumentId,
        data: &Bytes,
        mut charge: Charge,
    ) -> Result<(), End> {
        if self.joined.as_ref().is_none_or(|joined| joined.peer != *sender) {
            return Err(End::Refused(
                1008,
                "senderId must be the peer id of your `join`".to_owned(),
            ));
        }
        let message = SyncMessage::decode(data, self.state.sockets.rooms.limits())
            .map_err(|error| End::Refused(1007, error.to_string()))?;
        let opened = self.documents.get(&document);
        if opened.is_some_and(|opened| opened.receipt.takes(&message)) {
            return Ok(());
        }
        if !charge.set(message.weight()) {
            return Err(too_much_memory());
        }
        let turn = if Load::of_message(&message).is_long() {
            Some(self.share.turns.next().await)
        } else {
            None
        };
        let socket = self.socket;
        let input = Input::Sync {
            socket,
            request,
            message,
        };
        self.tell(document, Command::Input { input, turn, charge }).await
    }

    /// E1: what somebody else made is an echo; what is too much is dropped.
    pub(super) async fn ephemeral(&mut self, message: Ephemeral, charge: Charge) -> Result<(), End> {
        let own = self.joined.as_ref().is_some_and(|joined| joined.peer == message.sender);
        let (now, size) = (Instant::now(), message.data.len());
        if !own
            || !self.documents.contains_key(&message.document)
            || size > self.state.config.limits.ephemeral_bytes
            || !self.ephemerals.try_take(1, now)
            || !self.share.try_take_ephemeral(size, now)
        {
            return Ok(());
        }
        let (document, socket) = (message.document, self.socket);
        let input = Input::Ephemeral { socket, message };
        self.tell(
            document,
            Command::Input {
                input,
                turn: None,
                charge,
            },
        )
        .await
    }

    pub(super) async fn extension(&mut self, extension: ClientExtension, charge: Charge) -> Result<(), End> {
        match extension {
            ClientExtension::Ping { id } => self.outbox.send(wire::pong(id)),
            ClientExtension::Presence { document, data } => {
                let (now, size) = (Instant::now(), data.len());
                if self.documents.contains_key(&document)
                    && size <= self.state.config.limits.presence_bytes
                    && self.presence.try_take(1, now)
                    && self.share.try_take_ephemeral(size, now)
                {
                    let input = Input::Presence {
                        socket: self.socket,
                        data: Bytes::copy_from_slice(&data),
                    };
                    return self
                        .tell(
                            document,
                            Command::Input {
                                input,
                                turn: None,
                                charge,
                            },
                        )
                        .await;
                }
            }
            ClientExtension::Unknown => {}
        }
        Ok(())
    }

    /// Tells a room, which is opened first if this socket has not opened it yet. Waits for a place in its mailbox.
    async fn tell(&mut self, document: DocumentId, command: Command) -> Result<(), End> {
        if !self.documents.contains_key(&document) {
            if self.documents.len() >= self.state.config.limits.documents_per_socket {
                let words = "more documents are open on this socket than limits.documents_per_socket allows";
                return Err(End::Refused(1008, words.to_owned()));
            }
            let Some(place) = self.share.open(document) else {
                let words =
                    "more documents are open on all your connections together than limits.documents_per_user allows";
                return Err(End::Refused(1008, words.to_owned()));
            };
            let Some(mailbox) = self.state.sockets.rooms.open(document).await else {
                let words = "too many documents are open (limits.documents_in_memory); connect again in a moment";
                return Err(End::Refused(1013, words.to_owned()));
            };
            let receipt = Arc::new(Receipt::default());
            let open = self.opening(Arc::clone(&receipt));
            let opened = Opened {
                mailbox,
                receipt,
                _place: place,
            };
            self.documents.insert(document, opened);
            self.send(document, open).await;
        }
        if !self.send(document, command).await {
            self.documents.remove(&document);
        }
        Ok(())
    }

    fn opening(&self, receipt: Arc<Receipt>) -> Command {
        let joined = self.joined.as_ref().expect("documents are opened only after `join`");
        Command::Open {
            socket: self.socket,
            peer: joined.peer.clone(),
            subject: Arc::clone(&self.identity.subject),
            extended: joined.extended,
            outbox: self.outbox.clone(),
            turns: self.share.turns.clone(),
            kept: self.share.memory.charge(),
            receipt,
        }
    }

    /// What this person may do has changed: each of their rooms hears of it.
    pub(super) async fn renew(&mut self) -> Result<(), End> {
        let as_of = *self.memberships.borrow_and_update();
        match self.identity.renewed(self.state.store.as_ref(), as_of).await {
            Ok(subject) => self.identity.subject = subject,
            // What was true before is not to be gone by.
            Err(error) => {
                tracing::error!(socket = self.socket.0, %error, "what somebody may do cannot be read");
                return Err(End::Refused(
                    1013,
                    "the server cannot say what you may do; connect again in a moment".to_owned(),
                ));
            }
        }
        let documents: Vec<_> = self.documents.keys().copied().collect();
        for document in documents {
            let input = Input::Subject {
                socket: self.socket,
                subject: Some(Arc::clone(&self.identity.subject)),
            };
            let charge = self.share.memory.charge();
            let command = Command::Input {
                input,
                turn: None,
                charge,
            };
            if !self.send(document, command).await {
                self.documents.remove(&document);
            }
        }
        Ok(())
    }

    async fn send(&self, document: DocumentId, command: Command) -> bool {
        match self.documents.get(&document) {
            Some(opened) => opened.mailbox.send(command).await,
            None => false,
        }
    }

    pub(super) async fn say_goodbye(self, end: &End) {
        self.outbox.finish();
        let clean = matches!(end, End::Clean(_));
        for opened in self.documents.values() {
            let socket = self.socket;
            opened.mailbox.send(Command::Left { socket, clean }).await;
        }
        if let Some(joined) = &self.joined {
            self.state.sockets.peers.leave(&joined.peer, self.socket);
        }
        let why = match end {
            End::Clean(why) | End::Lost(why) => why,
            End::Refused(_, reason) => reason.as_str(),
        };
        tracing::info!(socket = self.socket.0, user = %self.identity.user, clean, why, "left");
    }
}
