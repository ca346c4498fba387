//! What one edit costs a room, by the length of its history: it should not matter (R3).
//!
//! `cargo run -p fieldbook-core --example step_cost`

#![allow(clippy::disallowed_types, reason = "real documents make the changes")]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use automerge::transaction::Transactable;
use automerge::{AutoCommit, ChangeHash, ObjType, ROOT};
use bytes::Bytes;
use fieldbook_core::access::{DocumentAccess, Role, State, Subject, Visibility, WorkspaceRole};
use fieldbook_core::id::{DocumentId, PeerId, SocketId, UserId, WorkspaceId};
use fieldbook_core::limits::{Compaction, Limits, Timing};
use fieldbook_core::message::SyncMessage;
use fieldbook_core::room::{Effect, Input, Loaded, Room, RoomConfig, WORK_AT_ONCE};

const READERS: u64 = 200;
const EDITS: usize = 2_000;
const WRITER: SocketId = SocketId(0);

fn main() {
    println!("per edit, {READERS} sessions, mean of {EDITS}:");
    for history in [1, 1_000, 100_000] {
        let (edit, acks) = cost(history);
        println!(
            "  after {history:>7} changes: {edit:>8.1?} to admit and fan out, {acks:>8.1?} to hear {READERS} answers"
        );
    }
}

/// One who types, a letter at a time.
struct Writer {
    document: AutoCommit,
    text: automerge::ObjId,
    length: usize,
}

impl Writer {
    fn new() -> Self {
        let mut document = AutoCommit::new();
        let text = document.put_object(ROOT, "text", ObjType::Text).expect("a text");
        Self {
            document,
            text,
            length: 0,
        }
    }

    fn types(&mut self) -> (ChangeHash, Bytes) {
        self.document
            .splice_text(&self.text, self.length, 0, "x")
            .expect("the end of the text");
        self.length += 1;
        let hash = self.document.commit().expect("a change");
        let change = self.document.get_last_local_change().expect("the change");
        (hash, Bytes::copy_from_slice(change.raw_bytes()))
    }
}

fn cost(history: usize) -> (Duration, Duration) {
    let mut writer = Writer::new();
    let mut heads = Vec::new();
    let tail = (0..history).map(|_| {
        let (hash, bytes) = writer.types();
        heads = vec![hash];
        bytes
    });
    let mut room = room(tail.collect());
    for socket in 0..=READERS {
        open(&mut room, SocketId(socket));
        say(&mut room, SocketId(socket), &heads, Vec::new());
    }
    let (mut edits, mut answers) = (Duration::ZERO, Duration::ZERO);
    for _ in 0..EDITS {
        let (hash, bytes) = writer.types();
        heads = vec![hash];
        let begin = Instant::now();
        say(&mut room, WRITER, &heads, vec![bytes]);
        edits += begin.elapsed();
        let begin = Instant::now();
        for reader in 1..=READERS {
            say(&mut room, SocketId(reader), &heads, Vec::new());
        }
        answers += begin.elapsed();
    }
    (edits / EDITS as u32, answers / EDITS as u32)
}

fn room(tail: Vec<Bytes>) -> Room {
    let config = RoomConfig {
        us: PeerId::new("fieldbook").expect("a name"),
        limits: Limits::default(),
        timing: Timing::default(),
        compaction: Compaction {
            min_changes: u64::MAX,
            idle_changes: u64::MAX,
            ..Compaction::default()
        },
        work_at_once: WORK_AT_ONCE,
    };
    let loaded = Loaded {
        access: DocumentAccess {
            workspace: WorkspaceId(uuid::Uuid::nil()),
            visibility: Visibility::Workspace,
            default_role: Role::Editor,
            grants: BTreeMap::new(),
            state: State::InUse,
        },
        archive: None,
        summarised_up_to: tail.len() as u64,
        tail,
    };
    let id = *uuid::uuid!("8e2a7d04-31f5-4c57-9d6a-0f6f1c1f2a33").as_bytes();
    let id = DocumentId::from_bytes(id).expect("a document id");
    Room::new(id, Arc::new(config), Some(loaded), 0).expect("sound changes")
}

fn open(room: &mut Room, socket: SocketId) {
    let (user, workspace) = (UserId(uuid::Uuid::nil()), WorkspaceId(uuid::Uuid::nil()));
    let subject = Arc::new(Subject::of(user, "somebody", workspace, WorkspaceRole::Member));
    let peer = PeerId::new(&format!("peer-{}", socket.0)).expect("a name");
    feed(
        room,
        Input::Open {
            socket,
            peer,
            subject,
            extended: false,
            receipt: Arc::default(),
        },
    );
}

fn say(room: &mut Room, socket: SocketId, heads: &[ChangeHash], changes: Vec<Bytes>) {
    let message = SyncMessage {
        heads: heads.to_vec(),
        last_sync: heads.to_vec(),
        changes,
        ..SyncMessage::default()
    };
    feed(
        room,
        Input::Sync {
            socket,
            request: false,
            message,
        },
    );
}

/// The store answers at once; what is sent is dropped.
fn feed(room: &mut Room, input: Input) {
    let mut stored = None;
    for effect in room.step(0, input) {
        if let Effect::Append {
            first_position,
            changes,
            ..
        } = effect
        {
            stored = Some(first_position + changes.len() as u64 - 1);
        }
    }
    if let Some(up_to) = stored {
        feed(room, Input::Stored { up_to });
    }
}
