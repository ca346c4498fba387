//! Real inputs: of automerge documents, and of frames as stock clients write them.

use std::sync::OnceLock;

use automerge::marks::{ExpandMark, Mark};
use automerge::sync::{ChunkList, Message, MessageVersion, State, SyncDoc};
use automerge::transaction::{CommitOptions, Transactable};
use automerge::{ActorId, AutoCommit, AutomergeError, ObjType, ROOT, ReadDoc, ScalarValue};
use bytes::Bytes;
use fieldbook_core::id::{DocumentId, PeerId};
use fieldbook_core::wire::{Ephemeral, Frame, ephemeral, stock_goodbye, sync, target_suffix};
use minicbor::Encoder;

use crate::session;

struct Document {
    beginning: Vec<Bytes>,
    more: Vec<Bytes>,
    whole: Bytes,
}

/// The document that every input is about.
///
/// # Panics
/// Never.
#[must_use]
pub fn document() -> DocumentId {
    let id = uuid::Uuid::from_u128(0x8e2a_7d04_31f5_4c57_9d6a_0f6f_1c1f_2a33);
    DocumentId::from_bytes(*id.as_bytes()).expect("a valid UUID")
}

/// Changes that follow each other: the document as the targets find it.
#[must_use]
pub fn beginning() -> &'static [Bytes] {
    &made().beginning
}

/// Changes after these, by three people; each after those that it depends on.
#[must_use]
pub fn more() -> &'static [Bytes] {
    &made().more
}

/// Everything, as one saved document.
#[must_use]
pub fn whole() -> &'static Bytes {
    &made().whole
}

fn made() -> &'static Document {
    static MADE: OnceLock<Document> = OnceLock::new();
    MADE.get_or_init(|| write().expect("automerge can do all of this"))
}

fn write() -> Result<Document, AutomergeError> {
    let mut first = AutoCommit::new().with_actor(actor(1));
    let text = first.put_object(ROOT, "text", ObjType::Text)?;
    commit(&mut first);
    first.splice_text(&text, 0, 0, "a beginning, größer 👍🏽")?;
    commit(&mut first);
    let list = first.put_object(ROOT, "list", ObjType::List)?;
    first.splice(&list, 0, 0, [1, 2, 3].map(ScalarValue::from))?;
    commit(&mut first);
    first.put(ROOT, "count", ScalarValue::counter(3))?;
    commit(&mut first);
    first.put(ROOT, "title", "a title")?;
    commit(&mut first);
    first.delete(&list, 1)?;
    commit(&mut first);
    let before = first.get_heads();
    let beginning = chunks_of(&mut first, &[]);
    let mut people = [2, 3].map(|number| first.fork().with_actor(actor(number)));
    for (index, copy) in people.iter_mut().chain([&mut first]).enumerate() {
        let length = copy.length(&text);
        copy.splice_text(&text, index, 2, "other words")?;
        copy.mark(
            &text,
            Mark::new("strong".to_owned(), true, 1, length / 2),
            ExpandMark::After,
        )?;
        commit(copy);
        copy.increment(ROOT, "count", 2)?;
        let inner = copy.insert_object(&list, index.min(2), ObjType::Map)?;
        copy.put(&inner, "bytes", ScalarValue::Bytes(vec![7; 40]))?;
        copy.put(&inner, "float", 1.5)?;
        commit(copy);
        copy.splice_text(&text, length / 2, 0, &"a long line that is deflated. ".repeat(20))?;
        copy.delete(ROOT, "title")?;
        commit(copy);
        copy.empty_change(CommitOptions::default().with_time(0));
    }
    for copy in &mut people {
        first.merge(copy)?;
    }
    first.split_block(&text, 3)?;
    first.unmark(&text, "strong", 0, 4, ExpandMark::None)?;
    commit(&mut first);
    let more = chunks_of(&mut first, &before);
    let whole = first.save().into();
    Ok(Document { beginning, more, whole })
}

fn actor(number: u8) -> ActorId {
    ActorId::from([number.wrapping_mul(151), number, 7, 7].as_slice())
}

fn commit(document: &mut AutoCommit) {
    document.commit_with(CommitOptions::default().with_time(0));
}

/// Every second one as a client sends large ones: deflated.
fn chunks_of(document: &mut AutoCommit, after: &[automerge::ChangeHash]) -> Vec<Bytes> {
    let changes = document.get_changes(after).into_iter().enumerate();
    changes
        .map(|(index, mut change)| match index % 2 {
            0 => change.bytes().to_vec().into(),
            _ => Bytes::copy_from_slice(change.raw_bytes()),
        })
        .collect()
}

/// For `change`.
#[must_use]
pub fn chunks() -> Vec<Vec<u8>> {
    let mut inputs: Vec<Vec<u8>> = more().iter().map(|chunk| chunk.to_vec()).collect();
    inputs.push(more().concat());
    inputs.push(whole().to_vec());
    inputs
}

/// For `message`: what automerge says, step by step, and messages with all of their parts.
///
/// # Panics
/// If automerge cannot read its own document.
#[must_use]
pub fn messages() -> Vec<Vec<u8>> {
    let mut writer = AutoCommit::load(whole()).expect("what automerge has saved");
    let mut reader = AutoCommit::new().with_actor(actor(9));
    let (mut to_reader, mut to_writer) = (State::new(), State::new());
    let mut said = Vec::new();
    for _ in 0..6 {
        if let Some(message) = writer.sync().generate_sync_message(&mut to_reader) {
            said.push(message.clone().encode());
            let _ = reader.sync().receive_sync_message(&mut to_writer, message);
        }
        if let Some(message) = reader.sync().generate_sync_message(&mut to_writer) {
            said.push(message.clone().encode());
            let _ = writer.sync().receive_sync_message(&mut to_reader, message);
        }
    }
    let chunks: Vec<_> = more().iter().map(|chunk| chunk.to_vec()).collect();
    let all = Message {
        heads: writer.get_heads(),
        need: writer.get_heads(),
        have: Vec::new(),
        changes: ChunkList::from(chunks),
        flags: None,
        version: MessageVersion::V1,
    };
    said.push(all.encode());
    said
}

/// For `wire`.
///
/// # Panics
/// Never: names and ids are sound.
#[must_use]
pub fn frames() -> Vec<Vec<u8>> {
    let ann = PeerId::new("peer-ann").expect("a name");
    let name = document().to_string();
    let whisper = Ephemeral {
        sender: ann.clone(),
        document: document(),
        session: "session".to_owned(),
        count: 7,
        data: stock_goodbye(),
    };
    let whole = |frame: Frame| frame.for_target(&target_suffix(&ann)).to_vec();
    let mut frames = vec![whole(ephemeral(&whisper)), join()];
    frames.extend(messages().iter().map(|data| whole(sync(&ann, document(), data))));
    frames.extend([
        encode(|e| {
            e.map(2)?
                .str("type")?
                .str("leave")?
                .str("senderId")?
                .str("peer-ann")?
                .ok()
        }),
        encode(|e| {
            e.map(3)?
                .str("type")?
                .str("fb")?
                .str("kind")?
                .str("ping")?
                .str("id")?
                .f64(3.0)?
                .ok()
        }),
        encode(|e| {
            e.begin_map()?.str("type")?.str("fb")?.str("kind")?.str("presence")?;
            e.str("documentId")?.str(&name)?.str("data")?;
            e.tag(minicbor::data::Tag::new(64))?.bytes(&[1, 2, 3])?.end()?.ok()
        }),
    ]);
    frames
}

fn join() -> Vec<u8> {
    encode(|e| {
        e.map(5)?.str("type")?.str("join")?.str("senderId")?.str("peer-ann")?;
        e.str("peerMetadata")?
            .map(2)?
            .str("storageId")?
            .str("storage")?
            .str("isEphemeral")?
            .bool(true)?;
        e.str("supportedProtocolVersions")?.array(1)?.str("1")?;
        e.str("fieldbook")?.u8(1)?.ok()
    })
}

type Written = Result<(), minicbor::encode::Error<std::convert::Infallible>>;

fn encode(write: impl FnOnce(&mut Encoder<&mut Vec<u8>>) -> Written) -> Vec<u8> {
    let mut out = Vec::new();
    write(&mut Encoder::new(&mut out)).expect("writing to memory");
    out
}

/// For `session`: scripts, see [`session::target`]. Each of the three documents, with lives that begin in an orderly way.
#[must_use]
pub fn scripts() -> Vec<Vec<u8>> {
    let message = messages().pop().unwrap_or_default();
    let frame = frames().pop().unwrap_or_default();
    let mut scripts = Vec::new();
    for stored in 0..3 {
        let opening = session::script(stored, &[[0, 0, 0, 0], [0, 17, 0, 0], [0, 2, 0, 0], [0, 3, 0, 0]]);
        let hellos = session::steps(&[[1, 0, 0, 0], [1, 1, 6, 1], [1, 2, 3, 0], [1, 3, 6, 6], [9, 0, 200, 1]]);
        let writes = session::steps(&[
            [2, 0, 0, 6],
            [10, 0, 0, 0],
            [2, 1, 6, 9],
            [2, 2, 7, 3],
            [10, 0, 0, 0],
            [10, 0, 0, 0],
        ]);
        let orphans = session::steps(&[
            [2, 0, 140, 8],
            [2, 1, 0, 3],
            [2, 0, 0, 6],
            [11, 0, 0, 0],
            [9, 4, 0, 0],
            [10, 0, 0, 0],
        ]);
        let people = session::steps(&[
            [6, 1, 9, 0],
            [7, 1, 3, 200],
            [7, 0, 4, 0],
            [8, 1, 1, 0],
            [8, 0, 0, 0],
            [9, 20, 0, 0],
        ]);
        let broken = session::steps(&[
            [5, 0, 8, 40],
            [5, 1, 9, 77],
            [10, 0, 0, 0],
            [12, 0, 0, 0],
            [0, 1, 0, 0],
            [1, 0, 2, 3],
        ]);
        let raw = session::raw(3, 0, &message);
        let framed = session::raw(4, 1, &frame);
        scripts.push(
            [
                &opening[..],
                &hellos,
                &writes,
                &orphans,
                &people,
                &broken,
                &raw,
                &framed,
            ]
            .concat(),
        );
        scripts.push([&opening[..], &writes, &hellos, &raw, &orphans, &writes].concat());
        scripts.push([&opening[..], &orphans, &framed, &broken, &hellos, &people].concat());
    }
    scripts
}
