//! Sync messages that are broken or dishonest (S1, S9, S10, and `docs/protocol.md`, last section): the socket is closed
//! or the change refused; the process lives, and the document stays as it is.

use std::time::Duration;

use automerge::legacy::{Key, ObjectId, Op, OpId, OpType, SortedVec};
use automerge::sync::{Message, MessageFlags};
use automerge::transaction::Transactable;
use automerge::{ActorId, Change, ChangeHash, ObjType};
use fieldbook_harness::{Peer, TestServer, Value, converge};
use fieldbook_sync_tests::{Bystanders, forge, peak_memory_mb};

/// A document that Ann and Ben have open, and a third member who means no good.
struct Scene {
    server: TestServer,
    bystanders: Bystanders,
    ann: Peer,
    ben: Peer,
    document: String,
}

impl Scene {
    async fn set(setup: fieldbook_harness::Setup) -> Self {
        let server = setup.start().await;
        let bystanders = Bystanders::of(&server).await;
        let (mut ann, mut ben) = (server.user("ann").connect().await, server.user("ben").connect().await);
        let document = ann.create().await;
        ann.write(&document, "sound").await;
        ann.saved(&document).await;
        ben.find(&document).await.expect("they share a workspace");
        Self {
            server,
            bystanders,
            ann,
            ben,
            document,
        }
    }

    /// Sends this data about the document, and about a new one, from a fresh socket each.
    async fn suffer(&mut self, name: &str, data: Vec<u8>) {
        for document in [self.document.clone(), fieldbook_harness::new_document_id()] {
            for kind in ["sync", "request"] {
                let mut socket = self.server.user("mallory").raw_joined().await;
                let frame = socket.about(kind, &document).with("data", data.clone());
                socket.send(&frame).await;
                let _answer = socket.next_within(Duration::from_millis(30)).await;
            }
        }
        self.unharmed(name).await;
    }

    /// Ann's and Ben's document, the bystanders and the process are as before.
    async fn unharmed(&mut self, after: &str) {
        self.bystanders.type_on(after).await;
        let words = format!("<{after}>");
        self.ben.write(&self.document, &words).await;
        self.ann.sees(&self.document, &words).await;
        converge(&mut [&mut self.ann, &mut self.ben], &self.document).await;
        self.server.assert_alive();
    }
}

#[tokio::test]
async fn data_that_is_no_sync_message() {
    // S1
    let mut scene = Scene::set(TestServer::setup()).await;
    let whole = forge::message_with(&forge::change());
    let huge = |at: usize| [vec![0x42], vec![0; at], vec![0xff, 0xff, 0xff, 0xff, 0x0f]].concat();
    let many: Vec<ChangeHash> = (0..40_000_u32).map(numbered).collect();
    let cases: Vec<(&str, Vec<u8>)> = vec![
        ("nothing", vec![]),
        ("another type", vec![0x41, 0, 0, 0, 0]),
        ("the type alone", vec![0x42]),
        ("2^32 heads", huge(0)),
        ("2^32 needs", huge(1)),
        ("2^32 haves", huge(2)),
        ("2^32 changes", huge(3)),
        ("a number without end", [vec![0x42], vec![0x80; 30]].concat()),
        ("40,000 heads", forge::message(many, Vec::new())),
        ("a filter of no bits", vec![0x42, 0, 0, 1, 0, 3, 1, 0, 7, 0]),
        ("20 million probes", filter(1, 8, 20_000_000)),
        ("a filter of 2^32 entries", filter(u64::from(u32::MAX), 10, 7)),
        ("half a message", whole[..whole.len() / 2].to_vec()),
        (
            "noise",
            std::iter::repeat_with({
                let mut random = fastrand::Rng::with_seed(3);
                move || random.u8(..)
            })
            .take(100_000)
            .collect(),
        ),
    ];
    for (name, data) in cases {
        scene.suffer(name, data).await;
    }
}

fn numbered(number: u32) -> ChangeHash {
    let mut hash = [0; 32];
    hash[..4].copy_from_slice(&number.to_be_bytes());
    ChangeHash(hash)
}

/// A message whose only `have` has a filter with this header and one byte of bits.
fn filter(entries: u64, bits: u64, probes: u64) -> Vec<u8> {
    let filter = [
        forge::leb128(entries),
        forge::leb128(bits),
        forge::leb128(probes),
        vec![0xff],
    ]
    .concat();
    [
        vec![0x42, 0, 0, 1, 0],
        forge::leb128(filter.len() as u64),
        filter,
        vec![0],
    ]
    .concat()
}

#[tokio::test]
async fn chunks_that_are_no_changes() {
    let mut scene = Scene::set(TestServer::setup()).await;
    let change = forge::change();
    let bytes = change.raw_bytes();
    let wrong_checksum = [&bytes[..4], &[0; 4], &bytes[8..]].concat();
    let typed = |kind: u8| [&bytes[..8], &[kind], &bytes[9..]].concat();
    let length = [&bytes[..9], &forge::leb128(u64::MAX / 2), &bytes[10..]].concat();
    let cases: Vec<(&str, Vec<u8>)> = vec![
        ("an empty chunk", vec![]),
        ("half a chunk", bytes[..bytes.len() / 2].to_vec()),
        ("a wrong checksum", wrong_checksum),
        ("bytes after a chunk", [bytes, b"trailing"].concat()),
        ("wrong magic bytes", [&[0; 4], &bytes[4..]].concat()),
        ("an endless length", length),
        ("a change that calls itself a document", typed(0)),
        ("a change that calls itself deflated", typed(2)),
        ("a bundle", typed(3)),
        ("a chunk of no known type", typed(9)),
        ("an empty document", forge::chunk(0, [0; 4], &[])),
        ("an empty deflated change", forge::chunk(2, [0; 4], &[])),
    ];
    for (name, chunk) in cases {
        scene.suffer(name, forge::message_with_chunk(chunk)).await;
    }
    let many = vec![vec![]; 100_000];
    scene
        .suffer("100,000 empty chunks", forge::message(vec![change.hash()], many))
        .await;
}

#[tokio::test]
async fn a_deflate_bomb() {
    let mut scene = Scene::set(TestServer::setup()).await;
    let bomb = forge::deflated_zeros(512 << 20);
    for kind in [0, 2] {
        scene
            .suffer("a bomb", forge::message_with_chunk(forge::chunk(kind, [0; 4], &bomb)))
            .await;
    }
    let peak = peak_memory_mb(scene.server.pid());
    assert!(peak < 300, "the server has used {peak} MB");
}

#[tokio::test]
async fn a_frame_full_of_the_smallest_changes() {
    // R6: a viewer is enough, since a message is read before it is known who may write.
    const FRAME: usize = 32 << 20; // limits.frame_bytes
    const MOST: usize = 500_000; // limits.message_changes
    let mut scene = Scene::set(TestServer::setup()).await;
    let of = |count: usize, size: usize| {
        let one = [forge::leb128(size as u64), vec![0; size]].concat();
        [
            vec![0x42, 0, 0, 1, 0, 0],
            forge::leb128(count as u64),
            one.repeat(count),
        ]
        .concat()
    };
    let cases = [
        ("empty", of(FRAME - 10_000, 0), "limits.message_changes"),
        (
            "as many empty ones as allowed",
            of(MOST, 0),
            "shorter than an automerge chunk",
        ),
        ("of nine bytes", of(MOST, 9), "shorter than an automerge chunk"),
        ("short", of(FRAME / 11 - 10_000, 10), "limits.message_changes"),
        ("one too many", of(MOST + 1, 60), "limits.message_changes"),
    ];
    for (name, data, why) in cases {
        let mut socket = scene.server.viewer("vic").raw_joined().await;
        let frame = socket.about("sync", &scene.document).with("data", data);
        socket.send(&frame).await;
        let (code, reason) = socket.closed().await;
        assert_eq!(code, Some(1007), "{name}: {reason}");
        assert!(reason.contains(why), "{name}: {reason}");
        scene.unharmed(name).await;
    }
    let mut sockets = Vec::new();
    for _ in 0..4 {
        let mut socket = scene.server.viewer("vic").raw_joined().await;
        let frame = socket.about("sync", &scene.document).with("data", of(MOST, 60));
        socket.send(&frame).await;
        sockets.push(socket);
    }
    scene.unharmed("as many as there may be").await;
    let peak = peak_memory_mb(scene.server.pid());
    assert!(peak < 300, "the server has used {peak} MB");
}

#[tokio::test]
async fn a_change_that_cannot_be_is_refused_and_its_session_reads_on() {
    // S9, R4; that these rules are enough is tested where they are
    let mut scene = Scene::set(TestServer::setup()).await;
    let heads = scene.ann.heads(&scene.document);
    let fits = forge::altered(&forge::change(), |change| {
        change.deps.clone_from(&heads);
        change.start_op = 1000.try_into().expect("not 0");
        change.actor_id = ActorId::from([1; 16].as_slice());
    });
    let with_op = |op: Op| forge::altered(&fits, |change| change.operations = vec![op]);
    let root_op = |action: OpType, key: Key, insert: bool| {
        with_op(Op {
            action,
            obj: ObjectId::Root,
            key,
            pred: SortedVec::new(),
            insert,
        })
    };
    let nobodys = OpId(1, ActorId::from([9; 16].as_slice()));
    let (put, key) = (OpType::Put(1.into()), Key::Map("key".into()));
    let start_at = |start: u64| forge::altered(&fits, |change| change.start_op = start.try_into().expect("not 0"));
    let cases = [
        ("sequence", forge::altered(&fits, |change| change.seq = 5)),
        ("start-op", start_at(1)),
        ("start-op", start_at(u64::MAX)),
        ("start-op", start_at(100_000_000)),
        ("predecessor", root_op(OpType::Delete, key.clone(), false)),
        ("predecessor", root_op(OpType::Increment(1), key.clone(), false)),
        ("key", root_op(put.clone(), key.clone(), true)),
        ("key", root_op(put.clone(), Key::head(), true)),
        ("mark", root_op(OpType::MarkEnd(false), key.clone(), false)),
        ("action", root_op(OpType::Make(ObjType::Table), key.clone(), false)),
        (
            "actor",
            with_op(Op {
                action: put,
                obj: ObjectId::Id(nobodys),
                key,
                pred: SortedVec::new(),
                insert: false,
            }),
        ),
        ("author", forge::altered(&fits, |change| change.extra_bytes = vec![1])),
    ];
    for (name, change) in cases {
        refused(&mut scene, name, &change).await;
        scene.unharmed(name).await;
        for peer in [&scene.ann, &scene.ben] {
            assert!(
                peer.replica(&scene.document)
                    .doc()
                    .get_change_meta_by_hash(&change.hash())
                    .is_none(),
                "{name}: shown"
            );
        }
    }
}

async fn refused(scene: &mut Scene, name: &str, change: &Change) {
    let mut socket = scene.server.user("mallory").raw().await;
    socket.join(&fieldbook_harness::Join::new("mallory").fieldbook()).await;
    let frame = socket
        .about("sync", &scene.document)
        .with("data", forge::message_with(change));
    socket.send(&frame).await;
    let (mut read_only, mut told) = (false, false);
    while !(read_only && told) {
        let frame = socket.frame().await;
        match frame.kind() {
            "sync" => {
                let message = Message::decode(frame.bytes("data")).expect("a sync message");
                read_only |= message
                    .flags
                    .is_some_and(|flags| flags.contains(MessageFlags::READ_ONLY));
            }
            "fb" if frame.text("kind") == "refused" => {
                assert_eq!(
                    frame.array("hashes"),
                    [Value::from(change.hash().to_string())],
                    "{name}"
                );
                assert_eq!(frame.text("rule"), name, "{}", frame.text("text"));
                assert_ne!(frame.text("text"), "", "{name}: it is told why");
                told = true;
            }
            _ => {}
        }
    }
    scene.ann.write(&scene.document, "+").await;
    socket.frame_of("sync").await; // it goes on receiving
}

#[tokio::test]
async fn a_whole_document_of_too_many_changes_is_refused() {
    // S9
    let scene = Scene::set(TestServer::setup().set("limits.uploaded_changes", 10)).await;
    for (changes, is_refused) in [(10, false), (11, true)] {
        let mut doc = automerge::Automerge::new();
        for change in 0..changes {
            let mut edit = doc.transaction();
            edit.put(automerge::ROOT, "key", change).expect("the root is a map");
            edit.commit();
        }
        let mut socket = scene.server.user("mallory").raw().await;
        socket.join(&fieldbook_harness::Join::new("mallory").fieldbook()).await;
        let frame = socket.about("sync", &fieldbook_harness::new_document_id());
        let data = forge::message(doc.get_heads(), vec![doc.save()]);
        socket.send(&frame.with("data", data)).await;
        loop {
            let frame = socket.frame().await;
            if frame.kind() == "fb" && frame.text("kind") == "refused" {
                assert!(is_refused, "{changes} changes: {}", frame.text("text"));
                assert_eq!(frame.text("rule"), "document");
                break;
            }
            let saved = |bytes| Message::decode(bytes).is_ok_and(|message| message.heads == doc.get_heads());
            if frame.kind() == "sync" && saved(frame.bytes("data")) {
                assert!(!is_refused, "{changes} changes were taken");
                break;
            }
        }
    }
}

#[tokio::test]
async fn changes_whose_dependencies_nobody_has() {
    // S10
    let settings = TestServer::setup()
        .set("limits.orphans", 100)
        .set("limits.orphan_bytes", 20_000);
    let mut scene = Scene::set(
        settings
            .set("limits.frames_per_second", 100_000)
            .set("limits.user_frames_per_second", 100_000),
    )
    .await;
    let mut mallory = scene.server.user("mallory").connect().await;
    mallory.find(&scene.document).await.expect("she is a member");
    for batch in 0..100_u64 {
        let orphans: Vec<Change> = (0..100).map(|number| forge::orphan(batch * 100 + number)).collect();
        let last = orphans.last().map(Change::hash).into_iter().collect();
        let data = forge::message(last, orphans.iter().map(|orphan| orphan.raw_bytes().to_vec()).collect());
        let frame = mallory.about("sync", &scene.document).with("data", data);
        mallory.send_frame(&frame).await;
    }
    scene.unharmed("10,000 orphans").await;
    mallory.write(&scene.document, "and an honest word").await;
    scene.ann.sees(&scene.document, "and an honest word").await;
}
