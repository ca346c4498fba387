//! Stories of one room: who says what, and what they hear. The rules are those of `docs/protocol.md`.

#[path = "room_tests/grants.rs"]
mod grants;
#[path = "room_tests/opening.rs"]
mod opening;
#[path = "room_tests/people.rs"]
mod people;
#[path = "room_tests/reading.rs"]
mod reading;
#[path = "room_tests/receipts.rs"]
mod receipts;
#[path = "room_tests/storing.rs"]
mod storing;
#[path = "room_tests/upkeep.rs"]
mod upkeep;
#[path = "room_tests/work.rs"]
mod work_in_slices;
#[path = "room_tests/writing.rs"]
mod writing;

use std::collections::BTreeMap;

use automerge::sync::{Message, MessageFlags};
use automerge::transaction::Transactable;
use automerge::{ActorId, AutoCommit, ROOT};

use super::*;
use crate::access::{Grantee, State, Visibility, WorkspaceRole};
use crate::history::{Placed, RetainedFrom, extend_index};
use crate::id::{UserId, WorkspaceId};
use crate::message::SyncMessage;
use crate::receipt::Receipt;
use crate::wire::{self, ClientFrame, Ephemeral, Frame};

const HOME: u128 = 1;
const ELSEWHERE: u128 = 2;

/// Somebody who writes, on a device of their own.
struct Author {
    doc: AutoCommit,
    written: i64,
}

impl Author {
    fn new(actor: u8) -> Self {
        Self {
            doc: AutoCommit::new().with_actor(ActorId::from([actor; 4])),
            written: 0,
        }
    }

    /// Makes one change; its chunk.
    fn writes(&mut self, key: &str) -> Bytes {
        self.written += 1;
        self.doc.put(ROOT, key, self.written).unwrap();
        self.doc.commit();
        Bytes::copy_from_slice(self.doc.get_last_local_change().unwrap().raw_bytes())
    }

    fn write(&mut self, changes: usize) -> Vec<Bytes> {
        (0..changes).map(|n| self.writes(&format!("key {n}"))).collect()
    }

    fn reads(&mut self, changes: &[Bytes]) {
        self.doc.load_incremental(&changes.concat()).unwrap();
    }

    fn heads(&mut self) -> Vec<ChangeHash> {
        self.doc.get_heads()
    }

    fn archive(&mut self) -> Bytes {
        self.doc.save().into()
    }

    /// "This is what I have."
    fn hello(&mut self) -> SyncMessage {
        let heads = self.heads();
        SyncMessage {
            empty_have: heads.is_empty(),
            heads,
            ..SyncMessage::default()
        }
    }

    /// "This is what I have, and here are these changes."
    fn offers(&mut self, changes: &[Bytes]) -> SyncMessage {
        SyncMessage {
            changes: changes.to_vec(),
            ..self.hello()
        }
    }
}

fn hash(chunk: &Bytes) -> ChangeHash {
    Change::parse(chunk.clone(), &Limits::default()).unwrap().hash
}

/// What a client hears.
#[derive(Debug, Clone)]
enum Said {
    Sync(Box<Message>),
    Unavailable,
    Ephemeral(Ephemeral),
    /// An `fb` frame: its kind, and all of it as text to look for words in.
    Fieldbook(String, String),
}

/// A room, and what it wants done.
struct Scene {
    room: Room,
    now: u64,
    outboxes: BTreeMap<SocketId, Vec<Frame>>,
    /// What the world is asked, in order.
    asked: VecDeque<Effect>,
    sockets: u64,
    receipts: BTreeMap<SocketId, Arc<Receipt>>,
}

impl Scene {
    fn new() -> Self {
        Self::with(|_| {}, None)
    }

    fn with(adjust: impl FnOnce(&mut RoomConfig), loaded: Option<Loaded>) -> Self {
        let mut config = RoomConfig {
            us: PeerId::new("fieldbook").unwrap(),
            limits: Limits::default(),
            timing: Timing::default(),
            compaction: Compaction::default(),
            work_at_once: WORK_AT_ONCE,
        };
        adjust(&mut config);
        let id = DocumentId::from_bytes(*uuid::uuid!("8e2a7d04-31f5-4c57-9d6a-0f6f1c1f2a33").as_bytes()).unwrap();
        Self {
            room: Room::new(id, Arc::new(config), loaded, 0).unwrap(),
            now: 0,
            outboxes: BTreeMap::new(),
            asked: VecDeque::new(),
            sockets: 0,
            receipts: BTreeMap::new(),
        }
    }

    /// A document of the home workspace, with these changes stored.
    fn with_changes(changes: &[Bytes]) -> Self {
        Self::with(|_| {}, Some(loaded(changes)))
    }

    fn step(&mut self, input: Input) {
        for effect in self.room.step(self.now, input) {
            match effect {
                Effect::Send(socket, frame) | Effect::Offer(socket, frame) => {
                    self.outboxes.entry(socket).or_default().push(frame)
                }
                other => self.asked.push_back(other),
            }
        }
    }

    fn passes(&mut self, ms: u64) {
        let until = self.now + ms;
        while let Some(at) = self.room.wake_at_ms().filter(|at| *at <= until) {
            self.now = self.now.max(at);
            self.step(Input::Wake);
            if self.room.may_unload(self.now) {
                break;
            }
        }
        self.now = until;
    }

    fn opens(&mut self, name: &str) -> SocketId {
        self.opens_as(name, Role::Editor, HOME, false)
    }

    fn opens_as(&mut self, name: &str, role: Role, workspace: u128, extended: bool) -> SocketId {
        self.sockets += 1;
        let socket = SocketId(self.sockets);
        let receipt = Arc::clone(self.receipts.entry(socket).or_default());
        self.step(Input::Open {
            socket,
            peer: PeerId::new(name).unwrap(),
            subject: subject(name, role, workspace),
            extended,
            receipt,
        });
        socket
    }

    /// Opens, and says what the device has, so that the session is Live if nothing need be asked.
    fn joins(&mut self, name: &str, device: &mut Author) -> SocketId {
        let socket = self.opens(name);
        self.says(socket, device.hello());
        socket
    }

    fn says(&mut self, socket: SocketId, message: SyncMessage) {
        self.step(Input::Sync {
            socket,
            request: false,
            message,
        });
    }

    fn requests(&mut self, socket: SocketId) {
        self.step(Input::Sync {
            socket,
            request: true,
            message: Author::new(0).hello(),
        });
    }

    /// Everything that was sent to this socket since the last time.
    fn hears(&mut self, socket: SocketId) -> Vec<Said> {
        self.frames(socket).into_iter().map(read).collect()
    }

    fn frames(&mut self, socket: SocketId) -> Vec<Frame> {
        self.outboxes.remove(&socket).unwrap_or_default()
    }

    /// The sync messages among what it hears.
    fn syncs(&mut self, socket: SocketId) -> Vec<Message> {
        let said = self.hears(socket).into_iter();
        said.filter_map(|said| match said {
            Said::Sync(message) => Some(*message),
            _ => None,
        })
        .collect()
    }

    /// The only sync message among what it hears.
    fn sync(&mut self, socket: SocketId) -> Message {
        let syncs = self.syncs(socket);
        let [message] = &syncs[..] else {
            panic!("{} sync messages to {socket:?}", syncs.len())
        };
        message.clone()
    }

    /// What the world is asked next that a story cares about (appends and summaries go their way).
    fn next_asked(&mut self) -> Option<Effect> {
        self.asked.pop_front()
    }

    /// The store commits what it was given.
    fn stores(&mut self) {
        let asked: Vec<_> = self.asked.drain(..).collect();
        for effect in asked {
            match effect {
                Effect::Append {
                    first_position,
                    changes,
                    ..
                } => {
                    let up_to = first_position + changes.len() as u64 - 1;
                    self.step(Input::Stored { up_to });
                }
                other => self.asked.push_back(other),
            }
        }
    }
}

fn read(frame: Frame) -> Said {
    if let Frame::Plain(bytes) = frame {
        let mut decoder = minicbor::Decoder::new(&bytes);
        decoder.map().unwrap();
        let [_, _, _, kind] = [(); 4].map(|()| decoder.str().unwrap().to_owned());
        return Said::Fieldbook(kind, String::from_utf8_lossy(&bytes).into_owned());
    }
    let target = wire::target_suffix(&PeerId::new("somebody").unwrap());
    match wire::decode(&frame.for_target(&target)).unwrap() {
        ClientFrame::Sync { data, .. } => Said::Sync(Box::new(Message::decode(&data).unwrap())),
        ClientFrame::Unavailable => Said::Unavailable,
        ClientFrame::Ephemeral(message) => Said::Ephemeral(message),
        other => panic!("the server does not say {other:?}"),
    }
}

/// A member of a workspace, with a credential that is good for this role on documents.
fn subject(name: &str, role: Role, workspace: u128) -> Arc<Subject> {
    let user = UserId(uuid::Uuid::from_u128(100 + u128::from(name.as_bytes()[0])));
    let workspace = WorkspaceId(uuid::Uuid::from_u128(workspace));
    let mut subject = Subject::of(user, name, workspace, WorkspaceRole::Member);
    subject.bounds.role = role;
    Arc::new(subject)
}

/// Of a document of the home workspace, with which its members do what their credentials are good for.
fn access() -> DocumentAccess {
    DocumentAccess {
        workspace: WorkspaceId(uuid::Uuid::from_u128(HOME)),
        visibility: Visibility::Workspace,
        default_role: Role::Owner,
        grants: BTreeMap::new(),
        state: State::InUse,
    }
}

fn loaded(changes: &[Bytes]) -> Loaded {
    Loaded {
        access: access(),
        archive: None,
        tail: changes.to_vec(),
        summarised_up_to: changes.len() as u64,
    }
}

/// A document of which the first `archived` changes (all by one hand) are in the archive, the last `retained` of them
/// as rows too.
fn loaded_with_archive(changes: &[Bytes], archived: usize, retained: usize) -> Loaded {
    Loaded {
        archive: Some(archive_meta(changes, archived, retained)),
        tail: changes[archived..].to_vec(),
        ..loaded(changes)
    }
}

fn archive_meta(changes: &[Bytes], archived: usize, retained: usize) -> ArchiveMeta {
    let parsed: Vec<_> = changes
        .iter()
        .map(|chunk| Change::parse(chunk.clone(), &Limits::default()).unwrap())
        .collect();
    let head = |position: usize| position.checked_sub(1).map(|index| &parsed[index]);
    ArchiveMeta {
        position: archived as u64,
        heads: head(archived)
            .map(|last| Placed {
                hash: last.hash,
                position: archived as u64,
            })
            .into_iter()
            .collect(),
        clock: head(archived)
            .map(|last| (last.actor.to_vec(), last.seq))
            .into_iter()
            .collect(),
        bytes: 100,
        retained: RetainedFrom {
            position: (archived - retained) as u64 + 1,
            heads: head(archived - retained).map(|last| last.hash).into_iter().collect(),
        },
        index: index_of(&changes[..archived]),
    }
}

fn placed(changes: &[Bytes], position: usize) -> Placed {
    Placed {
        hash: hash(&changes[position - 1]),
        position: position as u64,
    }
}

/// The admission index of changes that follow each other.
fn index_of(changes: &[Bytes]) -> Bytes {
    let parsed = changes
        .iter()
        .map(|chunk| Change::parse(chunk.clone(), &Limits::default()).unwrap());
    let places: HashMap<_, _> = parsed
        .zip(1..)
        .map(|(change, position)| (change.hash, position))
        .collect();
    let index = extend_index(&[], [], changes.to_vec(), |dep| places.get(dep).copied());
    index.unwrap().encode().into()
}

fn carries(message: &Message) -> Vec<Bytes> {
    message.changes.iter().map(Bytes::copy_from_slice).collect()
}

fn is_read_only(message: &Message) -> bool {
    message
        .flags
        .as_ref()
        .is_some_and(|flags| flags.contains(MessageFlags::READ_ONLY))
}

fn ephemeral(count: u32, data: Bytes) -> Ephemeral {
    Ephemeral {
        sender: PeerId::new("ann").unwrap(),
        document: DocumentId::from_bytes(*uuid::uuid!("8e2a7d04-31f5-4c57-9d6a-0f6f1c1f2a33").as_bytes()).unwrap(),
        session: "session".to_owned(),
        count,
        data,
    }
}
