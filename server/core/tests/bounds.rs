//! Bounds that are not settings, since every server must draw the same line: what one admits, another must not refuse.
//! Each is tried at its value and one beyond, and stands in `docs/protocol.md` with it.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_types,
    reason = "tests hold the engine against real documents"
)]

use automerge::legacy::{Key, ObjectId, Op, OpId, OpType, SortedVec};
use automerge::marks::{ExpandMark, Mark};
use automerge::transaction::Transactable;
use automerge::{Automerge, ExpandedChange, ObjType, ROOT, ScalarValue};
use bytes::Bytes;
use fieldbook_core::change::{Change, MAX_ACTOR_BYTES, MAX_OP, MAX_PREDECESSORS, Refusal};
use fieldbook_core::history::{Admission, History, MAX_BRANCHES, MAX_GAPS, MAX_MARK_STEPS};
use fieldbook_core::id::{MAX_NAME_BYTES, PeerId};
use fieldbook_core::limits::Limits;
use fieldbook_core::message::{MAX_HAVE, MessageError, SyncMessage};
use fieldbook_core::reader::ReadError;
use fieldbook_core::wire::{self, MAX_DEPTH, MAX_VERSIONS};

#[test]
fn the_protocol_tells_them() {
    let protocol = include_str!("../../../docs/protocol.md");
    let bounds = [
        ("MAX_ACTOR_BYTES", MAX_ACTOR_BYTES as u64),
        ("MAX_OP", MAX_OP),
        ("MAX_PREDECESSORS", MAX_PREDECESSORS),
        ("MAX_MARK_STEPS", u64::from(MAX_MARK_STEPS)),
        ("MAX_GAPS", MAX_GAPS),
        ("MAX_BRANCHES", MAX_BRANCHES as u64),
        ("MAX_HAVE", MAX_HAVE),
        ("MAX_NAME_BYTES", MAX_NAME_BYTES as u64),
        ("MAX_DEPTH", u64::from(MAX_DEPTH)),
        ("MAX_VERSIONS", MAX_VERSIONS as u64),
    ];
    for (name, value) in bounds {
        let row = format!("| `{name}` | {} |", with_commas(value));
        assert!(protocol.contains(&row), "docs/protocol.md has no row {row}");
    }
}

fn with_commas(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn parse(change: &automerge::Change) -> Result<Change, Refusal> {
    Change::parse(Bytes::copy_from_slice(change.raw_bytes()), &Limits::default())
}

/// A change by this actor that puts something at a key of the root.
fn put(actor: &[u8], start_op: u64, predecessors: SortedVec<OpId>) -> automerge::Change {
    let operation = Op {
        action: OpType::Put(ScalarValue::Uint(1)),
        obj: ObjectId::Root,
        key: Key::Map("key".into()),
        pred: predecessors,
        insert: false,
    };
    automerge::Change::from(ExpandedChange {
        operations: vec![operation],
        actor_id: actor.into(),
        hash: None,
        seq: 1,
        start_op: start_op.try_into().unwrap(),
        time: 0,
        message: None,
        author: None,
        deps: Vec::new(),
        extra_bytes: Vec::new(),
    })
}

#[test]
fn an_actor_id_has_a_length() {
    let of = |bytes| parse(&put(&vec![7; bytes], 1, SortedVec::new())).map(|change| change.actor.len());
    assert_eq!(of(MAX_ACTOR_BYTES), Ok(MAX_ACTOR_BYTES));
    assert_eq!(of(MAX_ACTOR_BYTES + 1), Err(Refusal::Sequence));
}

#[test]
fn op_counters_end_somewhere() {
    let at = |start_op| parse(&put(&[7; 16], start_op, SortedVec::new())).map(|change| change.max_op);
    assert_eq!(at(MAX_OP - 1), Ok(MAX_OP - 1));
    assert_eq!(at(MAX_OP + 1), Err(Refusal::StartOp));
}

#[test]
fn an_operation_replaces_so_many_at_most() {
    let of = |count: u64| {
        let own = automerge::ActorId::from([7; 16]);
        let predecessors = (1..=count).map(|counter| OpId::new(counter, &own)).collect::<Vec<_>>();
        let change = parse(&put(&[7; 16], count + 1, predecessors.into())).unwrap();
        History::default().admit(change, None)
    };
    // They do not exist; but that is found out by looking for each of them.
    assert_eq!(of(MAX_PREDECESSORS), Admission::Refused(Refusal::Predecessor));
    assert_eq!(of(MAX_PREDECESSORS + 1), Admission::Refused(Refusal::TooManyOps));
}

#[test]
fn the_order_of_marks_takes_so_many_steps_at_most() {
    const RUNS: usize = 5_000;
    let mut doc = Automerge::new();
    let mut edit = doc.transaction();
    let text = edit.put_object(ROOT, "text", ObjType::Text).unwrap();
    for at in 0..RUNS {
        // Something else in between, so that each letter is a run of its own.
        edit.splice_text(&text, at, 0, "x").unwrap();
        edit.put(ROOT, "key", at as i64).unwrap();
    }
    edit.commit();
    let with_marks = |marks: usize| {
        let mut doc = doc.fork();
        let mut edit = doc.transaction();
        for number in 0..marks {
            let mark = Mark::new(format!("mark {number}"), true, 0, RUNS);
            edit.mark(&text, mark, ExpandMark::None).unwrap();
        }
        edit.commit();
        let mut history = History::default();
        let changes = doc.get_changes(&[]);
        let outcomes: Vec<_> = changes
            .iter()
            .map(|change| history.admit(parse(change).unwrap(), None))
            .collect();
        outcomes.into_iter().next_back().unwrap()
    };
    // From the end of each mark, it is that many steps to where the marks begin; and one for each mark before it.
    let enough = MAX_MARK_STEPS as usize / RUNS;
    assert_eq!(with_marks(enough * 8 / 10), Admission::Admitted(2));
    assert_eq!(with_marks(enough * 11 / 10), Admission::Refused(Refusal::Mark));
}

#[test]
fn a_sync_message_has_so_many_haves_at_most() {
    let of = |count: u64| {
        let mut bytes = vec![0x42, 0, 0, u8::try_from(count).unwrap()];
        bytes.extend((0..count).flat_map(|_| [0, 0]));
        bytes.push(0);
        SyncMessage::decode(&bytes.into(), &Limits::default())
    };
    assert!(of(MAX_HAVE).is_ok());
    assert!(of(MAX_HAVE + 1).is_err());
}

#[test]
fn all_haves_of_a_message_together_name_so_many_hashes_at_most() {
    let limits = Limits {
        message_hashes: 100,
        ..Limits::default()
    };
    let of = |each: &[u8]| {
        let mut bytes = vec![0x42, 0, 0, u8::try_from(each.len()).unwrap()];
        for hashes in each {
            bytes.push(*hashes);
            bytes.extend(vec![7; usize::from(*hashes) * 32]);
            bytes.push(0);
        }
        bytes.push(0);
        SyncMessage::decode(&bytes.into(), &limits).map(|message| message.last_sync.len())
    };
    assert_eq!(of(&[100]), Ok(100));
    assert_eq!(of(&[50, 49, 1]), Ok(100));
    let too_long = Err(MessageError::Read(ReadError::ListTooLong));
    assert_eq!(of(&[50, 50, 1]), too_long);
    assert_eq!(of(&[101]), too_long);
}

#[test]
fn a_peer_id_has_a_length() {
    assert!(PeerId::new(&"p".repeat(MAX_NAME_BYTES)).is_ok());
    assert!(PeerId::new(&"p".repeat(MAX_NAME_BYTES + 1)).is_err());
}

#[test]
fn frames_are_so_deep_at_most() {
    let of = |depth: usize| {
        let frame = [b"\xa2\x64type\x63foo\x61x".to_vec(), vec![0x81; depth], vec![0]].concat();
        wire::decode(&frame.into())
    };
    assert!(of(usize::from(MAX_DEPTH)).is_ok());
    assert!(of(usize::from(MAX_DEPTH) + 1).is_err());
}

#[test]
fn a_join_lists_so_many_versions_at_most() {
    let of = |count: usize| {
        let versions = [vec![0x98, u8::try_from(count).unwrap()], b"\x61\x31".repeat(count)].concat();
        let frame = [
            b"\xa3\x64type\x64join\x68senderId\x61p\x78\x19supportedProtocolVersions".to_vec(),
            versions,
        ];
        wire::decode(&frame.concat().into())
    };
    assert!(of(MAX_VERSIONS).is_ok());
    assert!(of(MAX_VERSIONS + 1).is_err());
}
