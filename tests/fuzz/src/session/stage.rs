//! A room, those who are in it, and the store behind it.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use automerge::ChangeHash;
use automerge::sync::Message;
use bytes::Bytes;
use fieldbook_core::access::{Role, Subject, WorkspaceRole};
use fieldbook_core::change::{Change, Chunk, split};
use fieldbook_core::id::{PeerId, SocketId, UserId, WorkspaceId};
use fieldbook_core::limits::{Compaction, Timing};
use fieldbook_core::message::SyncMessage;
use fieldbook_core::room::{Effect, Input, Room, RoomConfig, WORK_AT_ONCE};
use fieldbook_core::wire::{self, ClientExtension, ClientFrame, Ephemeral, Frame};

use super::store::{HOME, Store};
use crate::{change, corpus, limits};

const MOST_SOCKETS: usize = 8;

struct Person {
    peer: PeerId,
    home: WorkspaceId,
    writes: bool,
}

pub(super) struct Stage {
    room: Room,
    now: u64,
    people: BTreeMap<SocketId, Person>,
    store: Store,
    /// What those who may write have sent, by their workspace.
    offered: HashSet<(WorkspaceId, ChangeHash)>,
    sockets: u64,
}

impl Stage {
    pub(super) fn new(stored: u8) -> Self {
        let store = Store::new(stored);
        Self {
            room: new_room(&store, 0),
            now: 0,
            people: BTreeMap::new(),
            store,
            offered: HashSet::new(),
            sockets: 0,
        }
    }

    pub(super) fn open(&mut self, who: u8) {
        if self.people.len() >= MOST_SOCKETS {
            return;
        }
        self.sockets += 1;
        let socket = SocketId(self.sockets);
        let elsewhere = u128::from(who % 4 == 3);
        let user = UserId(uuid::Uuid::from_u128(u128::from(who)));
        let home = WorkspaceId(uuid::Uuid::from_u128(HOME + elsewhere));
        let mut subject = Subject::of(user, "somebody", home, WorkspaceRole::Member);
        subject.bounds.role = [Role::Editor, Role::Owner, Role::Viewer, Role::Editor][usize::from(who % 4)];
        let peer = PeerId::new(&format!("peer-{}", who % 16)).expect("a name");
        let person = Person {
            peer: peer.clone(),
            home,
            writes: subject.bounds.role.may_write(),
        };
        self.people.insert(socket, person);
        let extended = who & 16 != 0;
        self.step(Input::Open {
            socket,
            peer,
            subject: Arc::new(subject),
            extended,
            receipt: Arc::default(),
        });
    }

    /// "I have the document up to there", or nothing of it.
    pub(super) fn hello(&mut self, who: u8, [has, synced]: [u8; 2]) {
        let heads = head_at(has).into_iter().collect::<Vec<_>>();
        let message = SyncMessage {
            empty_have: heads.is_empty(),
            heads,
            last_sync: head_at(synced).into_iter().collect(),
            ..SyncMessage::default()
        };
        self.sync(who, has == 0 && synced == 0, message);
    }

    /// Real changes from one on, forwards or (high bit) backwards.
    pub(super) fn offer(&mut self, who: u8, [from, count]: [u8; 2]) {
        let known = corpus::beginning().iter().chain(corpus::more());
        let mut changes: Vec<_> = known
            .skip(usize::from(from & 0x7f))
            .take(usize::from(count % 16))
            .cloned()
            .collect();
        if from & 0x80 != 0 {
            changes.reverse();
        }
        self.bring(who, changes);
    }

    /// A real change with one byte altered, its checksum set right.
    pub(super) fn broken(&mut self, who: u8, [which, at]: [u8; 2]) {
        let more = corpus::more();
        let mut bytes = more[usize::from(which) % more.len()].to_vec();
        let at = 9 + usize::from(at) % (bytes.len() - 9);
        bytes[at] ^= 1;
        let bytes = change::sealed(&bytes).unwrap_or(bytes.into());
        self.bring(who, vec![bytes]);
    }

    fn bring(&mut self, who: u8, changes: Vec<Bytes>) {
        let heads = changes.iter().filter_map(|chunk| Change::name(chunk, &limits()));
        let message = SyncMessage {
            heads: heads.collect(),
            changes,
            ..SyncMessage::default()
        };
        self.sync(who, false, message);
    }

    pub(super) fn message(&mut self, who: u8, bytes: &[u8]) {
        let bytes = Bytes::copy_from_slice(bytes);
        if let Ok(message) = SyncMessage::decode(&bytes, &limits()) {
            self.sync(who, false, message);
        }
    }

    pub(super) fn frame(&mut self, who: u8, bytes: &[u8]) {
        let Some(socket) = self.socket(who) else { return };
        match wire::decode(&Bytes::copy_from_slice(bytes)) {
            Ok(ClientFrame::Sync { request, data, .. }) => {
                if let Ok(message) = SyncMessage::decode(&data, &limits()) {
                    self.sync(who, request, message);
                }
            }
            Ok(ClientFrame::Ephemeral(message)) => self.step(Input::Ephemeral { socket, message }),
            Ok(ClientFrame::Fieldbook(ClientExtension::Presence { data, .. })) => {
                self.step(Input::Presence { socket, data });
            }
            Ok(ClientFrame::Leave) => self.leave(who, true),
            _ => {}
        }
    }

    pub(super) fn presence(&mut self, who: u8, [byte, size]: [u8; 2]) {
        if let Some(socket) = self.socket(who) {
            let data = vec![byte; usize::from(size)].into();
            self.step(Input::Presence { socket, data });
        }
    }

    pub(super) fn whisper(&mut self, who: u8, [count, size]: [u8; 2]) {
        let Some(socket) = self.socket(who) else { return };
        let data = if size == 0 {
            wire::stock_goodbye()
        } else {
            vec![0; usize::from(size) * 8].into()
        };
        let message = Ephemeral {
            sender: self.people[&socket].peer.clone(),
            document: corpus::document(),
            session: "session".to_owned(),
            count: u32::from(count),
            data,
        };
        self.step(Input::Ephemeral { socket, message });
    }

    pub(super) fn leave(&mut self, who: u8, clean: bool) {
        if let Some(socket) = self.socket(who) {
            self.people.remove(&socket);
            self.step(Input::Left { socket, clean });
        }
    }

    pub(super) fn time_passes(&mut self, ms: u64) {
        let until = self.now + ms;
        let mut wakes = 0;
        while let Some(at) = self.room.wake_at_ms().filter(|at| *at <= until) {
            if self.room.may_unload(self.now.max(at)) {
                self.restart();
                break;
            }
            self.now = self.now.max(at);
            self.step(Input::Wake);
            wakes += 1;
            assert!(wakes <= 100 + ms / 10, "woken {wakes} times in {ms} ms");
        }
        self.now = until;
    }

    pub(super) fn store_works(&mut self, which: u8) {
        if let Some(input) = self.store.work(which, true) {
            self.step(input);
        }
    }

    pub(super) fn store_fails(&mut self, which: u8) {
        if let Some(input) = self.store.work(which, false) {
            self.step(input);
        }
    }

    /// The room is gone, whatever it was doing, and begins again with what is stored.
    pub(super) fn restart(&mut self) {
        self.people.clear();
        self.store.forget_questions();
        self.room = new_room(&self.store, self.now);
    }

    fn socket(&self, who: u8) -> Option<SocketId> {
        let at = usize::from(who) % self.people.len().max(1);
        self.people.keys().nth(at).copied()
    }

    fn sync(&mut self, who: u8, request: bool, message: SyncMessage) {
        let Some(socket) = self.socket(who) else { return };
        let Person { home, writes, .. } = self.people[&socket];
        if writes {
            let chunks = message.changes.iter().flat_map(|blob| split(blob).unwrap_or_default());
            for chunk in chunks {
                match chunk {
                    Chunk::Change(bytes) => self
                        .offered
                        .extend(Change::name(&bytes, &limits()).map(|name| (home, name))),
                    Chunk::Document(bytes) => self
                        .offered
                        .extend(Store::expand(&bytes).iter().map(|bytes| (home, name(bytes)))),
                }
            }
        }
        self.step(Input::Sync {
            socket,
            request,
            message,
        });
    }

    fn step(&mut self, input: Input) {
        let effects: Vec<_> = self.room.step(self.now, input).collect();
        let mut closed = Vec::new();
        for effect in effects {
            match effect {
                Effect::Send(socket, frame) | Effect::Offer(socket, frame) => self.check_frame(socket, frame),
                Effect::Close(socket, _) => closed.push(socket),
                Effect::Refused { .. } => {}
                Effect::Unreadable(error) => panic!("what is stored is sound: {error}"),
                question => {
                    if let Effect::Append { new, changes, .. } = &question {
                        let home = new.map(|creation| creation.workspace());
                        let home = home.or(self.store.access.as_ref().map(|access| access.workspace));
                        let home = home.expect("an append to a document that does not exist");
                        let allowed = |bytes| self.offered.contains(&(home, name(bytes)));
                        assert!(changes.iter().all(allowed), "R5: nobody who may write has sent this");
                    }
                    self.store.ask(question);
                }
            }
        }
        for socket in closed {
            if self.people.remove(&socket).is_some() {
                self.step(Input::Left { socket, clean: false });
            }
        }
    }

    /// What a stock client can read, and of what is stored alone, to those who may know of it.
    fn check_frame(&self, socket: SocketId, frame: Frame) {
        let person = self
            .people
            .get(&socket)
            .expect("frames go to sockets that have not left");
        if matches!(frame, Frame::Plain(_)) {
            return;
        }
        let bytes = frame.for_target(&wire::target_suffix(&person.peer));
        let decoded = wire::decode(&bytes).expect("the server's frames are frames");
        let ClientFrame::Sync { data, .. } = decoded else {
            return;
        };
        let message = Message::decode(&data).expect("the server's messages are messages");
        let stored = &self.store.committed;
        assert!(
            message.heads.iter().all(|head| stored.contains(head)),
            "R1: a head is told before it is durable"
        );
        if !message.heads.is_empty() || !message.changes.is_empty() {
            assert_eq!(
                self.store.access.as_ref().map(|access| access.workspace),
                Some(person.home),
                "R5: a stranger is told of the document"
            );
        }
        for blob in message.changes.iter() {
            for chunk in split(&Bytes::copy_from_slice(blob)).expect("the server sends chunks") {
                match chunk {
                    Chunk::Document(bytes) => assert_eq!(bytes, *Store::archive(), "R1: not what is stored"),
                    Chunk::Change(bytes) => assert!(stored.contains(&name(&bytes)), "R1: shown before it is durable"),
                }
            }
        }
    }
}

fn new_room(store: &Store, now: u64) -> Room {
    let config = RoomConfig {
        us: PeerId::new("fieldbook").expect("a name"),
        limits: limits(),
        timing: Timing::default(),
        compaction: Compaction {
            min_changes: 4,
            idle_changes: 2,
            idle_ms: 1_000,
            interval_ms: 1_000,
            ..Compaction::default()
        },
        work_at_once: WORK_AT_ONCE,
    };
    Room::new(corpus::document(), Arc::new(config), store.load(), now).expect("what is stored can be read back")
}

/// The document's head when it had so many changes of the corpus (0: none; beyond: a head that nobody has).
fn head_at(position: u8) -> Option<ChangeHash> {
    let position = usize::from(position).checked_sub(1)?;
    let known = corpus::beginning().iter().chain(corpus::more()).nth(position);
    Some(known.map_or(ChangeHash([7; 32]), name))
}

fn name(chunk: &Bytes) -> ChangeHash {
    Change::name(chunk, &limits()).expect("a change of the corpus, or one that was admitted")
}
