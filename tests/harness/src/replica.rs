//! One document as a client holds it: a real Automerge document and its half of the sync conversation.

use std::collections::HashSet;

use automerge::sync::{ChunkList, Message, MessageFlags, MessageVersion, State, SyncDoc};
use automerge::transaction::{Transactable, Transaction};
use automerge::{ActorId, Automerge, Change, ChangeHash, ObjId, ObjType, ROOT, ReadDoc};

/// A client's copy of a document.
pub struct Replica {
    doc: Automerge,
    text: Option<ObjId>,
    state: State,
    inbox: Vec<Message>,
    unsaved: Vec<ChangeHash>,
    saved: Vec<ChangeHash>,
    /// The server said `doc-unavailable`.
    pub unavailable: bool,
    /// How many changes each message of the server carried.
    pub received: Vec<usize>,
}

impl Replica {
    /// A document with an empty text at `text`, made by this actor.
    #[must_use]
    pub fn with_text(actor: &ActorId) -> Self {
        let mut doc = Automerge::new().with_actor(actor.clone());
        let mut transaction = doc.transaction();
        transaction
            .put_object(ROOT, "text", ObjType::Text)
            .expect("the root is a map");
        transaction.commit();
        let made = doc.get_heads();
        Self {
            unsaved: made,
            ..Self::holding(doc)
        }
    }

    /// Nothing yet: to be found on the server.
    #[must_use]
    pub fn empty(actor: &ActorId) -> Self {
        Self::holding(Automerge::new().with_actor(actor.clone()))
    }

    /// A document that exists already, of which the server knows nothing.
    #[must_use]
    pub fn holding(doc: Automerge) -> Self {
        Self {
            doc,
            text: None,
            state: State::new(),
            inbox: Vec::new(),
            unsaved: Vec::new(),
            saved: Vec::new(),
            unavailable: false,
            received: Vec::new(),
        }
    }

    /// Makes one change.
    pub fn edit(&mut self, change: impl FnOnce(&mut Transaction<'_>)) -> ChangeHash {
        let mut transaction = self.doc.transaction();
        change(&mut transaction);
        let (hash, _) = transaction.commit();
        let hash = hash.expect("the edit changes something");
        self.unsaved.push(hash);
        hash
    }

    /// Deletes and inserts characters of the text, as one change.
    pub fn splice(&mut self, at: usize, deleted: usize, inserted: &str) -> ChangeHash {
        let text = self.text_id();
        let deleted = isize::try_from(deleted).expect("a text is not that long");
        self.edit(|edit| {
            edit.splice_text(&text, at, deleted, inserted)
                .expect("a position in the text")
        })
    }

    /// Writes at the end of the text, as one change.
    pub fn append(&mut self, words: &str) -> ChangeHash {
        let text = self.text_id();
        let end = self.doc.length(text);
        self.splice(end, 0, words)
    }

    /// Puts this many bytes, which no compression makes fewer, at `picture`, as one change.
    pub fn paste_bytes(&mut self, size: usize) -> ChangeHash {
        let noise: Vec<u8> = std::iter::repeat_with(|| fastrand::u8(..)).take(size).collect();
        self.edit(|edit| edit.put(ROOT, "picture", noise).expect("the root is a map"))
    }

    /// Takes in changes that came by another way than the server.
    pub fn apply(&mut self, changes: impl IntoIterator<Item = Change> + Clone) {
        self.doc.apply_changes(changes).expect("healthy changes");
    }

    /// The text at `text`.
    #[must_use]
    pub fn text(&self) -> String {
        self.find_text()
            .map(|text| self.doc.text(text).expect("it is a text"))
            .unwrap_or_default()
    }

    /// Its heads.
    #[must_use]
    pub fn heads(&self) -> Vec<ChangeHash> {
        self.doc.get_heads()
    }

    /// The document itself.
    #[must_use]
    pub fn doc(&self) -> &Automerge {
        &self.doc
    }

    /// Its own changes that the server has acknowledged: a message of the server had heads that cover them.
    #[must_use]
    pub fn saved(&self) -> &[ChangeHash] {
        &self.saved
    }

    /// Its own changes that the server has not acknowledged yet.
    #[must_use]
    pub fn unsaved(&self) -> &[ChangeHash] {
        &self.unsaved
    }

    /// The server said that it takes no changes (READ_ONLY).
    #[must_use]
    pub fn is_read_only(&self) -> bool {
        self.state.peer_read_only
    }

    /// Takes a message in, to be applied with those that follow.
    pub fn receive(&mut self, message: Message) {
        self.received.push(message.changes.len());
        self.unavailable &= message.heads.is_empty();
        self.inbox.push(message);
    }

    /// Applies what has arrived, all at once. `false`: nothing had.
    pub fn apply_inbox(&mut self) -> bool {
        let Some(message) = join(std::mem::take(&mut self.inbox)) else {
            return false;
        };
        let heads = message.heads.clone();
        self.doc
            .receive_sync_message(&mut self.state, message)
            .expect("the server's message can be applied");
        self.note_saved(&heads);
        true
    }

    /// What it has to say to the server now.
    pub fn speak(&mut self) -> Option<Vec<u8>> {
        self.doc.generate_sync_message(&mut self.state).map(Message::encode)
    }

    /// Begins anew with what a client keeps between connections.
    pub fn reconnect(&mut self) {
        self.inbox.clear();
        self.state = State::decode(&self.state.encode()).expect("what was encoded can be decoded");
    }

    /// Where the text is.
    ///
    /// # Panics
    /// When the document has none (yet).
    pub fn text_id(&mut self) -> ObjId {
        if self.text.is_none() {
            self.text = self.find_text();
        }
        self.text.clone().expect("the document has a text")
    }

    fn find_text(&self) -> Option<ObjId> {
        self.doc
            .get(ROOT, "text")
            .expect("the root is a map")
            .map(|(_, text)| text)
    }

    fn note_saved(&mut self, heads: &[ChangeHash]) {
        let Some(last) = self.unsaved.last() else { return };
        if heads.contains(last) || heads == self.doc.get_heads() {
            self.saved.append(&mut self.unsaved);
            return;
        }
        let known: Vec<_> = heads
            .iter()
            .filter(|hash| self.doc.get_change_meta_by_hash(hash).is_some())
            .copied()
            .collect();
        let uncovered: HashSet<_> = self
            .doc
            .get_changes_meta(&known)
            .iter()
            .map(|change| change.hash)
            .collect();
        let still = self
            .unsaved
            .split_off(self.unsaved.partition_point(|hash| !uncovered.contains(hash)));
        self.saved.append(&mut self.unsaved);
        self.unsaved = still;
    }
}

/// Several messages of one sender as one: all their changes, and what the last of them says.
fn join(messages: Vec<Message>) -> Option<Message> {
    let chunks: Vec<Vec<u8>> = messages
        .iter()
        .flat_map(|message| message.changes.iter().map(<[u8]>::to_vec))
        .collect();
    let resets = messages
        .iter()
        .filter_map(|message| message.flags)
        .any(|flags| flags.contains(MessageFlags::SYNC_RESET));
    let mut flags = messages.iter().rev().find_map(|message| message.flags);
    if let (Some(flags), true) = (&mut flags, resets) {
        flags.set(MessageFlags::SYNC_RESET);
    }
    let last = messages.into_iter().last()?;
    Some(Message {
        changes: ChunkList::from(chunks),
        flags,
        version: MessageVersion::V1,
        ..last
    })
}
