//! A stock automerge-repo client: automerge's own sync, driven as `DocSynchronizer` drives it.

use std::sync::Arc;

use automerge::sync::{Capability, ChunkList, Message, MessageFlags, MessageVersion, State, SyncDoc};
use automerge::transaction::{CommitOptions, Transactable};
use automerge::{ActorId, Author, Automerge, AutomergeError, ChangeHash, ObjId, ObjType, ROOT, ReadDoc};
use bytes::Bytes;
use fieldbook_core::access::{Role, Subject, WorkspaceRole};
use fieldbook_core::id::{PeerId, SocketId, UserId, WorkspaceId};

use super::people::People;
use super::poison::poison;
use super::rng::Rng;
use super::settings::Kind;

/// A frame on its way to the server.
pub(crate) struct Upward {
    pub(crate) request: bool,
    pub(crate) data: Bytes,
}

pub(crate) struct Client {
    pub(crate) kind: Kind,
    pub(crate) peer: PeerId,
    user: UserId,
    /// What their place in the workspace and their credential are good for; `None`: they are elsewhere.
    pub(crate) credential: Option<Role>,
    /// What the person may do now; `None`: not even read.
    pub(crate) grant: Option<Role>,
    pub(crate) extended: bool,
    pub(crate) doc: Automerge,
    pub(crate) state: State,
    pub(crate) socket: Option<SocketId>,
    /// Something happened that calls for a message.
    pub(crate) dirty: bool,
    /// Its sync state knows of changes that its document has lost.
    pub(crate) forgetful: bool,
    /// Uploads whole documents, as clients do that were once told of V2.
    uploads_documents: bool,
    /// Sends the changes of a message in any order, and in two messages.
    shuffles: bool,
    /// Asks for what it lacks by name, where a stock client begins again.
    asks_by_name: bool,
    /// Sends its changes although it was told that they are not taken.
    ignores_read_only: bool,
    pub(crate) people: People,
    /// Where its cursor is, if it has told so in this connection.
    pub(crate) cursor: Option<Bytes>,
    /// How many ephemeral messages it has sent.
    pub(crate) whispers: u32,
    /// What it forged.
    pub(crate) forgeries: Vec<ChangeHash>,
    heard_of_it: bool,
    index: u8,
    generation: u8,
    disk: (Vec<u8>, Vec<u8>),
}

impl Client {
    pub(crate) fn new(index: usize, kind: Kind, rng: &mut Rng) -> Self {
        let grant = match kind {
            Kind::Editor | Kind::Forger => Some(Role::Editor),
            Kind::Viewer => Some(Role::Viewer),
            Kind::Stranger => None,
        };
        let mut client = Self {
            kind,
            peer: PeerId::new(&format!("peer-{index}")).unwrap(),
            user: UserId(uuid::Uuid::from_u128(100 + index as u128)),
            credential: grant,
            grant,
            extended: rng.percent(30),
            doc: Automerge::new(),
            state: State::new(),
            socket: None,
            dirty: false,
            forgetful: false,
            uploads_documents: rng.percent(15),
            shuffles: false,
            asks_by_name: rng.percent(25),
            ignores_read_only: false,
            people: People::default(),
            cursor: None,
            whispers: 0,
            forgeries: Vec::new(),
            heard_of_it: false,
            index: index as u8,
            generation: 0,
            disk: (Automerge::new().save(), State::new().encode()),
        };
        client.new_actor();
        client
    }

    /// As the server authenticates the person now. Who may not be here is a viewer elsewhere: an editor could bring the
    /// document there.
    pub(crate) fn subject(&self) -> Arc<Subject> {
        let workspace = if self.credential.is_some() { 1 } else { 2 };
        let workspace = WorkspaceId(uuid::Uuid::from_u128(workspace));
        let name = format!("person {}", self.index);
        let mut subject = Subject::of(self.user, &name, workspace, WorkspaceRole::Member);
        for membership in subject.memberships.values_mut() {
            membership.default_role = Role::Owner;
        }
        subject.bounds.role = self.credential.unwrap_or(Role::Viewer);
        Arc::new(subject)
    }

    pub(crate) fn user(&self) -> UserId {
        self.user
    }

    pub(crate) fn may_read(&self) -> bool {
        self.grant.is_some()
    }

    pub(crate) fn may_write(&self) -> bool {
        self.grant.is_some_and(Role::may_write)
    }

    pub(crate) fn take_quirks(&mut self, rng: &mut Rng) {
        self.shuffles = rng.percent(40);
        self.ignores_read_only = rng.percent(50);
    }

    /// Does the document begin here?
    pub(crate) fn create(&mut self) {
        let made: Result<_, _> = self.doc.transact::<_, (), AutomergeError>(|tx| {
            let text = tx.put_object(ROOT, "text", ObjType::Text)?;
            tx.splice_text(&text, 0, 0, "beginning")?;
            tx.put_object(ROOT, "map", ObjType::Map)?;
            Ok(())
        });
        made.unwrap();
    }

    /// One to `burst` changes. Says whether there were any.
    pub(crate) fn edit(&mut self, burst: u64, rng: &mut Rng) -> bool {
        if self.doc.get_heads().is_empty() {
            return false;
        }
        for _ in 0..rng.between(1, burst) {
            self.one_change(rng);
        }
        self.dirty = true;
        true
    }

    fn one_change(&mut self, rng: &mut Rng) {
        let kind = rng.below(10);
        if kind == 0 {
            self.doc.empty_commit(CommitOptions::default());
            return;
        }
        let text = self.object("text");
        let map = self.object("map");
        let made = self.doc.transact::<_, (), AutomergeError>(|tx| {
            match (kind, text, map) {
                (1..=4, Some(text), _) => {
                    let at = rng.below(tx.length(&text) + 1);
                    tx.splice_text(&text, at, 0, rng.pick(&["a", "bc", "ü", "🦀", "a longer line\n"]))?;
                }
                (5..=6, Some(text), _) if tx.length(&text) > 0 => {
                    let at = rng.below(tx.length(&text));
                    let most = tx.length(&text) - at;
                    tx.splice_text(&text, at, 1.min(most) as isize, "")?;
                }
                (7, _, Some(map)) => {
                    tx.put_object(&map, rng.pick(&["x", "y"]), ObjType::Map)?;
                }
                (8, _, Some(map)) => tx.put(&map, rng.pick(&["x", "y"]), rng.next() as i64)?,
                _ => tx.put(ROOT, rng.pick(&["title", "status"]), rng.below(5) as i64)?,
            }
            Ok(())
        });
        made.unwrap();
    }

    fn object(&self, key: &str) -> Option<ObjId> {
        let (value, id) = self.doc.get(ROOT, key).unwrap()?;
        value.is_object().then_some(id)
    }

    /// Takes over what another client has, on another way than the server (two tabs of a browser do).
    pub(crate) fn merge(&mut self, other: &mut Automerge) {
        self.doc.merge(other).unwrap();
        self.dirty = true;
    }

    /// A connection begins: the sync state is what `encode` keeps of it. The first frame is due at once.
    pub(crate) fn connect(&mut self, socket: SocketId, rng: &mut Rng) -> Vec<Upward> {
        self.socket = Some(socket);
        self.state = State::decode(&self.state.encode()).unwrap();
        if self.uploads_documents {
            self.state.their_capabilities = Some(vec![Capability::MessageV2]);
        }
        self.heard_of_it = false;
        self.people = People::default();
        self.cursor = None;
        self.dirty = true;
        let first = self.answer(rng);
        assert!(!first.is_empty(), "the first message of a connection is always made");
        first
    }

    pub(crate) fn lose_connection(&mut self) {
        self.socket = None;
        self.dirty = false;
    }

    /// What automerge has to say now, if anything.
    pub(crate) fn answer(&mut self, rng: &mut Rng) -> Vec<Upward> {
        self.dirty = false;
        if self.asks_by_name {
            let knows = |hash: &ChangeHash| self.doc.get_change_by_hash(hash).is_some();
            let theirs = self.state.their_have.iter_mut().flatten();
            theirs.for_each(|have| have.last_sync.retain(knows));
        }
        let Some(message) = self.doc.generate_sync_message(&mut self.state) else {
            return Vec::new();
        };
        let request = self.doc.get_heads().is_empty() && self.state.shared_heads.is_empty() && !self.heard_of_it;
        let messages = if self.shuffles && message.version == MessageVersion::V1 {
            shuffle(&message, rng)
        } else {
            vec![message]
        };
        let upwards = messages.into_iter().map(|message| Upward {
            request,
            data: message.encode().into(),
        });
        upwards.collect()
    }

    /// It is told that there is no such document: who is here is nothing it knows of any more.
    pub(crate) fn hears_unavailable(&mut self) {
        self.people = People::default();
        self.cursor = None;
    }

    pub(crate) fn receive(&mut self, mut message: Message) {
        let read_only = message
            .flags
            .as_ref()
            .is_some_and(|f| f.contains(MessageFlags::READ_ONLY));
        if self.ignores_read_only && read_only {
            message.flags = None;
        }
        self.heard_of_it |= !message.heads.is_empty();
        let heads = message.heads.clone();
        self.doc.receive_sync_message(&mut self.state, message).unwrap();
        self.dirty = true;
        let in_order = self.doc.get_missing_deps(&[]).is_empty();
        assert!(
            in_order || self.forgetful,
            "R2: changes came before what they depend on"
        );
        let has_all = heads.iter().all(|head| self.doc.get_change_by_hash(head).is_some());
        assert!(
            has_all || self.forgetful,
            "S3: told heads that the message does not lead to"
        );
        self.forgetful &= !has_all || !in_order;
    }

    /// A broken change, or another one under an actor and number that are taken (once the server is known to have the
    /// original), or poison.
    pub(crate) fn forged(&mut self, rng: &mut Rng) -> Option<Upward> {
        if !self.heard_of_it {
            return None;
        }
        let original = self.doc.get_changes(&[]).into_iter().find(|change| change.seq() == 1)?;
        let chunk = match rng.below(4) {
            0 => {
                let mut bytes = original.raw_bytes().to_vec();
                *bytes.last_mut()? ^= 1;
                bytes
            }
            1 => {
                let mut other = Automerge::new().with_actor(original.actor_id().clone());
                let made = other.transact::<_, (), AutomergeError>(|tx| tx.put(ROOT, "forged", rng.next() as i64));
                self.forgeries.extend(made.unwrap().hash);
                other.get_changes(&[])[0].raw_bytes().to_vec()
            }
            _ => {
                let actor = ActorId::from(&[self.index, self.generation, 0xbd, rng.next() as u8][..]);
                let change = poison(&self.doc, actor, rng)?;
                self.forgeries.push(change.hash());
                change.raw_bytes().to_vec()
            }
        };
        let message = Message {
            heads: self.doc.get_heads(),
            need: Vec::new(),
            have: Vec::new(),
            changes: ChunkList::from(vec![chunk]),
            flags: None,
            version: MessageVersion::V1,
        };
        Some(Upward {
            request: false,
            data: message.encode().into(),
        })
    }

    pub(crate) fn save_to_disk(&mut self) {
        self.disk = (self.doc.save(), self.state.encode());
    }

    /// The page is closed and opened again: a new actor, and what was on the disk.
    pub(crate) fn restart(&mut self, rng: &mut Rng) {
        self.lose_connection();
        match rng.below(12) {
            // Everything was written in time.
            0..=4 => self.load(&self.doc.save(), &self.state.encode()),
            // The sync state was lost.
            5 => self.load(&self.doc.save(), &State::new().encode()),
            // Both are old.
            6..=7 => self.load(&self.disk.0.clone(), &self.disk.1.clone()),
            // Document and sync state are written apart: the document's last changes did not make it.
            8..=10 => self.load(&self.disk.0.clone(), &self.state.encode()),
            _ => self.load(&Automerge::new().save(), &State::new().encode()),
        }
        self.new_actor();
    }

    fn load(&mut self, doc: &[u8], state: &[u8]) {
        self.doc = Automerge::load(doc).unwrap();
        self.state = State::decode(state).unwrap();
        let knows = |head| self.doc.get_change_by_hash(head).is_some();
        self.forgetful = !self.state.shared_heads.iter().all(knows);
    }

    fn new_actor(&mut self) {
        self.generation += 1;
        if self.index % 2 == 1 {
            // Stands in the actor's first change.
            self.doc.set_author(Some(Author::from(vec![self.index])));
        }
        self.doc
            .set_actor(ActorId::from(&[self.index, self.generation, 0xac][..]));
    }
}

/// The message's changes in another order, which may be any (S10), in one message or two.
fn shuffle(message: &Message, rng: &mut Rng) -> Vec<Message> {
    let mut chunks: Vec<_> = message.changes.iter().map(<[u8]>::to_vec).collect();
    for last in (1..chunks.len()).rev() {
        chunks.swap(last, rng.below(last + 1));
    }
    let rest = chunks.split_off(rng.below(chunks.len() + 1));
    let parts = [chunks, rest].into_iter();
    let mut messages: Vec<_> = parts
        .filter(|part| !part.is_empty())
        .map(|part| Message {
            changes: ChunkList::from(part),
            ..message.clone()
        })
        .collect();
    if messages.is_empty() {
        messages.push(message.clone());
    }
    messages
}
