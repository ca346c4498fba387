//! Documents, good and forged.

use std::time::Duration;

use automerge::legacy::{ElementId, Key, ObjectId, Op, OpId, OpType, SortedVec};
use automerge::transaction::Transactable;
use automerge::{ActorId, AutoCommit, Change, ChangeHash, ExpandedChange, ObjType, ROOT, ScalarValue};
use bytes::Bytes;
use fieldbook_worker::{WorkerLimits, Workers};
use sha2::{Digest, Sha256};

pub(crate) fn limits() -> WorkerLimits {
    WorkerLimits {
        memory_bytes: 512 << 20,
        deadline: Duration::from_secs(30),
        ..WorkerLimits::default()
    }
}

pub(crate) fn workers() -> Workers {
    with_limits(limits())
}

pub(crate) fn with_limits(limits: WorkerLimits) -> Workers {
    Workers::new(env!("CARGO_BIN_EXE_fieldbook-worker").into(), limits)
}

/// All changes of a document, in order, as chunks.
pub(crate) fn chunks(document: &mut AutoCommit) -> Vec<Bytes> {
    document
        .get_changes(&[])
        .into_iter()
        .map(|mut change| change.bytes().into_owned().into())
        .collect()
}

pub(crate) fn saved(document: &mut AutoCommit) -> Bytes {
    document.save().into()
}

/// A plan with a title and a body of some changes.
pub(crate) fn plan(title: &str, changes: usize) -> AutoCommit {
    let mut document = AutoCommit::new().with_actor(ActorId::from([1; 16]));
    let meta = document.put_object(ROOT, "meta", ObjType::Map).unwrap();
    let text = document.put_object(&meta, "title", ObjType::Text).unwrap();
    document.splice_text(&text, 0, 0, title).unwrap();
    let body = document.put_object(ROOT, "body", ObjType::Text).unwrap();
    document.commit();
    for index in 1..changes {
        document.splice_text(&body, index - 1, 0, "x").unwrap();
        document.commit();
    }
    document
}

/// `changes` changes by two actors who write at the same keys and places without knowing of each other for a while.
pub(crate) fn conflicts(changes: usize) -> AutoCommit {
    let mut one = plan("Both", 1);
    let mut two = one.fork().with_actor(ActorId::from([2; 16]));
    let body = |document: &AutoCommit| match automerge::ReadDoc::get(document, ROOT, "body") {
        Ok(Some((_, body))) => body,
        other => panic!("{other:?}"),
    };
    for index in 1..changes {
        let document = if index % 2 == 0 { &mut one } else { &mut two };
        let body = body(document);
        document
            .splice_text(&body, 0, isize::from(index % 7 == 0), "y")
            .unwrap();
        document.put(ROOT, "contested", index as i64).unwrap();
        document.commit();
        if index % 10 == 0 {
            one.merge(&mut two).unwrap();
            two.merge(&mut one).unwrap();
        }
    }
    one.merge(&mut two).unwrap();
    one
}

/// A change on top of `document` that does one forged operation.
pub(crate) fn forge(document: &mut AutoCommit, op: Op) -> Bytes {
    let deps = document.get_heads();
    let start_op = document.get_changes(&[]).iter().map(Change::max_op).max().unwrap_or(0) + 1;
    let change = ExpandedChange {
        operations: vec![op],
        actor_id: ActorId::from([66; 16]),
        hash: None,
        seq: 1,
        start_op: start_op.try_into().unwrap(),
        time: 0,
        message: None,
        deps,
        extra_bytes: Vec::new(),
        author: None,
    };
    Change::from(change).raw_bytes().to_vec().into()
}

/// Puts a value on an object that nobody made.
pub(crate) fn put_on_nothing() -> Op {
    Op {
        action: OpType::Put(ScalarValue::Int(1)),
        obj: ObjectId::Id(OpId::new(4711, &ActorId::from([66; 16]))),
        key: Key::Map("key".into()),
        pred: SortedVec::new(),
        insert: false,
    }
}

/// Each is applied without an error, and what is saved then does not load.
pub(crate) fn unloadable() -> Vec<Op> {
    let made_by_plan = |counter| OpId::new(counter, &ActorId::from([1; 16]));
    let (meta, title) = (made_by_plan(1), made_by_plan(2));
    let op = |action, obj, key| Op {
        action,
        obj,
        key,
        pred: SortedVec::new(),
        insert: false,
    };
    vec![
        // Deletes a key that was never there.
        op(OpType::Delete, ObjectId::Root, Key::Map("nothing".into())),
        // Deletes from the root as if it were a list.
        Op {
            pred: vec![meta.clone()].into(),
            ..op(OpType::Delete, ObjectId::Root, Key::Seq(ElementId::Id(meta)))
        },
        // Ends a mark that never began.
        Op {
            insert: true,
            ..op(OpType::MarkEnd(false), ObjectId::Id(title), Key::Seq(ElementId::Head))
        },
    ]
}

pub(crate) fn number(out: &mut Vec<u8>, mut value: u64) {
    while value > 127 {
        out.push((value & 127) as u8 | 128);
        value >>= 7;
    }
    out.push(value as u8);
}

/// A chunk of a type around some contents, with the checksum of a change with the contents `inflated`.
pub(crate) fn chunk(kind: u8, contents: &[u8], inflated: &[u8]) -> Bytes {
    let mut hashed = vec![1];
    number(&mut hashed, inflated.len() as u64);
    let hash = Sha256::new().chain_update(&hashed).chain_update(inflated).finalize();
    let mut chunk = vec![0x85, 0x6f, 0x4a, 0x83];
    chunk.extend(&hash[..4]);
    chunk.push(kind);
    number(&mut chunk, contents.len() as u64);
    chunk.extend(contents);
    chunk.into()
}

/// A change of a few bytes whose run-length columns say `count` operations.
pub(crate) fn run_length_bomb(count: u64) -> Bytes {
    let run = |value: &[u8]| {
        let mut column = Vec::new();
        // Signed LEB128: one more bit than the number needs.
        let mut rest = count;
        while rest > 63 {
            column.push((rest & 127) as u8 | 128);
            rest >>= 7;
        }
        column.push(rest as u8);
        column.extend(value);
        column
    };
    let mut not_inserted = Vec::new();
    number(&mut not_inserted, count);
    let columns: [(u64, Vec<u8>); 5] = [
        (0x15, run(b"\x01k")),
        (0x34, not_inserted),
        (0x42, run(&[1])),
        (0x56, run(&[0])),
        (0x70, run(&[0])),
    ];
    // No deps, an actor, sequence 1, first op 1, time 0, no message, no other actors.
    let mut body = vec![0, 4, 1, 2, 3, 4, 1, 1, 0, 0, 0, columns.len() as u8];
    for (specification, column) in &columns {
        number(&mut body, *specification);
        number(&mut body, column.len() as u64);
    }
    columns.iter().for_each(|(_, column)| body.extend(column));
    chunk(1, &body, &body)
}

pub(crate) fn sorted(mut heads: Vec<ChangeHash>) -> Vec<ChangeHash> {
    heads.sort();
    heads
}
