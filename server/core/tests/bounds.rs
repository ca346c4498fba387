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
use automerge::{Automerge, ExpandedChange, ObjType, ROOT, ReadDoc, ScalarValue};
use bytes::Bytes;
use fieldbook_core::change::{
    Change, MAX_ACTOR_BYTES, MAX_AUTHOR_BYTES, MAX_COUNTER, MAX_INCREMENTS, MAX_OP, MAX_PREDECESSORS, MAX_TIME, Refusal,
};
use fieldbook_core::history::{
    Admission, ENTRIES_PER_BYTE, History, Index, MAX_AHEAD, MAX_BRANCHES, MAX_FREE_ENTRIES, MAX_FREE_OPS, MAX_GAPS,
    MAX_HEADS, MAX_MARK_STEPS, OPS_PER_BYTE, extend_index,
};
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
        ("MAX_AUTHOR_BYTES", MAX_AUTHOR_BYTES),
        ("MAX_TIME", MAX_TIME.unsigned_abs()),
        ("MAX_COUNTER", MAX_COUNTER.unsigned_abs()),
        ("MAX_INCREMENTS", MAX_INCREMENTS),
        ("MAX_OP", MAX_OP),
        ("MAX_PREDECESSORS", MAX_PREDECESSORS),
        ("MAX_MARK_STEPS", u64::from(MAX_MARK_STEPS)),
        ("MAX_GAPS", MAX_GAPS),
        ("MAX_AHEAD", MAX_AHEAD),
        ("MAX_FREE_OPS", MAX_FREE_OPS),
        ("OPS_PER_BYTE", OPS_PER_BYTE),
        ("MAX_FREE_ENTRIES", MAX_FREE_ENTRIES),
        ("ENTRIES_PER_BYTE", ENTRIES_PER_BYTE),
        ("MAX_BRANCHES", MAX_BRANCHES as u64),
        ("MAX_HEADS", MAX_HEADS as u64),
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

/// A change chunk with this body, which is short.
fn chunk(body: &[u8]) -> Bytes {
    let unsealed = [&[0x85, 0x6f, 0x4a, 0x83, 0, 0, 0, 0, 1, body.len() as u8][..], body].concat();
    let hash = Change::name(&unsealed, &Limits::default()).unwrap();
    [&unsealed[..4], &hash.0[..4], &unsealed[8..]].concat().into()
}

fn parse(change: &automerge::Change) -> Result<Change, Refusal> {
    Change::parse(Bytes::copy_from_slice(change.raw_bytes()), &Limits::default())
}

/// A change by this actor that puts something at a key of the root.
fn put(actor: &[u8], start_op: u64, predecessors: SortedVec<OpId>) -> automerge::Change {
    expanded(actor, start_op, OpType::Put(ScalarValue::Uint(1)), predecessors).into()
}

fn expanded(actor: &[u8], start_op: u64, action: OpType, predecessors: SortedVec<OpId>) -> ExpandedChange {
    let operation = Op {
        action,
        obj: ObjectId::Root,
        key: Key::Map("key".into()),
        pred: predecessors,
        insert: false,
    };
    ExpandedChange {
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
    }
}

/// What becomes of a change that comes first.
fn offer(change: ExpandedChange) -> Admission {
    match parse(&change.into()) {
        Ok(change) => History::default().admit(change, None),
        Err(refusal) => Admission::Refused(refusal),
    }
}

#[test]
fn a_time_at_the_edge_is_refused() {
    let at = |time| {
        let change = expanded(&[7; 16], 1, OpType::Put(ScalarValue::Null), SortedVec::new());
        offer(ExpandedChange { time, ..change })
    };
    for time in [0, MAX_TIME, -MAX_TIME] {
        assert_eq!(at(time), Admission::Admitted(1), "{time}");
    }
    for time in [MAX_TIME + 1, -MAX_TIME - 1, i64::MAX, i64::MIN] {
        assert_eq!(at(time), Admission::Refused(Refusal::Time), "{time}");
    }
}

#[test]
fn an_author_has_one_name_of_bounded_length_in_the_first_change() {
    let with = |extra_bytes: Vec<u8>| {
        let change = expanded(&[7; 16], 1, OpType::Put(ScalarValue::Null), SortedVec::new());
        offer(ExpandedChange { extra_bytes, ..change })
    };
    let named = |length: u64| {
        let mut footer = vec![1, length as u8 | 0x80, (length >> 7) as u8];
        footer.resize(3 + length as usize, 7);
        footer
    };
    assert_eq!(with(vec![1, 0]), Admission::Admitted(1), "a name may be empty");
    assert_eq!(with(vec![1, 2, 7, 7]), Admission::Admitted(1));
    assert_eq!(with(named(MAX_AUTHOR_BYTES)), Admission::Admitted(1));
    let bad = [
        (named(MAX_AUTHOR_BYTES + 1), "too long"),
        (vec![1, 2, 7], "cut short"),
        (vec![1], "without a length"),
        (vec![1, 1, 7, 1, 1, 8], "twice"),
        (vec![1, 1, 7, 0], "something behind it"),
        (vec![2, 1, 7], "of another kind"),
        (vec![1, 0x81, 0, 7], "its length is longer than it must be"),
    ];
    for (footer, why) in bad {
        assert_eq!(with(footer), Admission::Refused(Refusal::Author), "{why}");
    }
}

#[test]
fn an_author_in_a_later_change_is_refused() {
    let first = put(&[7; 16], 1, SortedVec::new());
    let second = |extra_bytes: Vec<u8>| {
        let mut history = History::default();
        history.admit(parse(&first).unwrap(), None);
        let change = expanded(&[7; 16], 2, OpType::Put(ScalarValue::Null), SortedVec::new());
        let change = ExpandedChange {
            seq: 2,
            deps: vec![first.hash()],
            extra_bytes,
            ..change
        };
        history.admit(parse(&change.into()).unwrap(), None)
    };
    assert_eq!(second(Vec::new()), Admission::Admitted(2));
    assert_eq!(second(vec![1, 1, 7]), Admission::Refused(Refusal::Author));
}

/// A document with a counter, and who increments it.
struct Counted {
    history: History,
    first: automerge::Change,
}

impl Counted {
    fn from(start: i64) -> Self {
        let put = OpType::Put(ScalarValue::counter(start));
        let first = automerge::Change::from(expanded(&[7; 16], 1, put, SortedVec::new()));
        let mut history = History::default();
        assert_eq!(history.admit(parse(&first).unwrap(), None), Admission::Admitted(1));
        Self { history, first }
    }

    /// Somebody who has seen nobody else's increments.
    fn increment(&self, actor: u8, by: i64) -> automerge::Change {
        let replaced = vec![OpId::new(1, &automerge::ActorId::from([7; 16]))];
        let change = expanded(&[actor; 16], 2, OpType::Increment(by), replaced.into());
        let deps = vec![self.first.hash()];
        ExpandedChange { deps, ..change }.into()
    }

    fn admit(&mut self, change: &automerge::Change) -> Admission {
        self.history.admit(parse(change).unwrap(), None)
    }
}

#[test]
fn a_counter_and_its_increments_have_bounds() {
    let most = i64::try_from(MAX_INCREMENTS).unwrap();
    for value in [MAX_COUNTER, -MAX_COUNTER] {
        let mut counted = Counted::from(value);
        let increment = counted.increment(8, if value < 0 { -most } else { most });
        assert_eq!(counted.admit(&increment), Admission::Admitted(2));
    }
    for value in [MAX_COUNTER + 1, -MAX_COUNTER - 1, i64::MAX, i64::MIN] {
        let put = OpType::Put(ScalarValue::counter(value));
        let counter = expanded(&[7; 16], 1, put, SortedVec::new());
        assert_eq!(offer(counter), Admission::Refused(Refusal::Value), "{value}");
        let mut counted = Counted::from(0);
        let increment = counted.increment(8, value);
        assert_eq!(counted.admit(&increment), Admission::Refused(Refusal::Value), "{value}");
    }
}

/// They may come in any order, and in any order the counter must stay one that a JavaScript client can count.
#[test]
fn all_increments_of_a_counter_together_have_a_bound() {
    let most = i64::try_from(MAX_INCREMENTS).unwrap();
    let mut counted = Counted::from(1);
    for (actor, by) in [(8, most / 2), (9, -(most / 2 - 1))] {
        let increment = counted.increment(actor, by);
        assert!(matches!(counted.admit(&increment), Admission::Admitted(_)));
    }
    let (fits, too_much) = (counted.increment(10, 1), counted.increment(11, -2));
    assert_eq!(counted.admit(&too_much), Admission::Refused(Refusal::Counter));
    // What was refused counts for nothing.
    assert_eq!(counted.admit(&fits), Admission::Admitted(4));
    let one_more = counted.increment(12, 1);
    assert_eq!(counted.admit(&one_more), Admission::Refused(Refusal::Counter));
}

#[test]
fn what_a_counter_was_incremented_by_is_kept_with_the_archive() {
    let mut counted = Counted::from(0);
    let increment = counted.increment(8, i64::try_from(MAX_INCREMENTS).unwrap());
    assert_eq!(counted.admit(&increment), Admission::Admitted(2));
    let chunk = |change: &automerge::Change| bytes::Bytes::copy_from_slice(change.raw_bytes());
    let first = counted.first.hash();
    let stored = [chunk(&counted.first), chunk(&increment)];
    let place = |hash: &automerge::ChangeHash| Some(if *hash == first { 1 } else { 2 });
    let index = extend_index(&[], [], stored, place).unwrap();
    let read = Index::decode(&index.encode()).unwrap();
    assert_eq!(read, index);
}

/// Automerge keeps differences and sums of these, of changes in any order.
#[test]
fn what_lies_at_the_bounds_is_harmless_together() {
    const ACTORS: u8 = 60;
    let each = i64::try_from(MAX_INCREMENTS).unwrap() / i64::from(ACTORS);
    let counter = OpType::Put(ScalarValue::counter(MAX_COUNTER));
    let first = ExpandedChange {
        time: MAX_TIME,
        ..expanded(&[1; 16], 1, counter, SortedVec::new())
    };
    let first = automerge::Change::from(first);
    let replaced = || vec![OpId::new(1, &automerge::ActorId::from([1; 16]))].into();
    let others = (2..2 + ACTORS).map(|actor| {
        let change = expanded(&[actor; 16], 2, OpType::Increment(each), replaced());
        let time = if actor % 2 == 0 { -MAX_TIME } else { MAX_TIME };
        let deps = vec![first.hash()];
        let extra_bytes = vec![1, 1, actor];
        automerge::Change::from(ExpandedChange {
            time,
            deps,
            extra_bytes,
            ..change
        })
    });
    let changes: Vec<_> = std::iter::once(first.clone()).chain(others).collect();
    let mut history = History::default();
    let mut document = Automerge::new();
    for (change, position) in changes.iter().zip(1..) {
        assert_eq!(
            history.admit(parse(change).unwrap(), None),
            Admission::Admitted(position)
        );
        document.apply_changes([change.clone()]).unwrap();
    }
    let mut edit = document.transaction();
    edit.put(ROOT, "another", 1).unwrap();
    edit.commit();
    let loaded = Automerge::load(&document.save()).unwrap();
    assert_eq!(loaded.get_heads(), document.get_heads());
    let (value, _) = loaded.get(ROOT, "key").unwrap().unwrap();
    assert_eq!(value.as_i64(), Some(MAX_COUNTER + each * i64::from(ACTORS)));
    assert_eq!(loaded.get_authors().len(), usize::from(ACTORS));
}

#[test]
fn dependencies_are_sorted_and_each_is_named_once() {
    let deps = |names: &[u8]| {
        let mut body = vec![u8::try_from(names.len()).unwrap()];
        body.extend(names.iter().flat_map(|name| [*name; 32]));
        // An actor, its first change and op, no time, no message, nobody else, no columns.
        body.extend([1, 7, 1, 1, 0, 0, 0, 0]);
        Change::parse(chunk(&body), &Limits::default()).map(|change| change.deps.len())
    };
    assert_eq!(deps(&[1, 3]), Ok(2));
    assert_eq!(deps(&[2, 1]), Err(Refusal::Malformed));
    assert_eq!(deps(&[2, 2]), Err(Refusal::Malformed));
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
