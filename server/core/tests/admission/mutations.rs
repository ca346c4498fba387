//! Changes that are nearly right: real ones with something altered, in their fields or in their bytes.

use std::panic::catch_unwind;

use automerge::legacy::{ElementId, Key, MarkData, ObjectId, Op, OpId, OpType};
use automerge::{Change, ExpandedChange, ObjType, ScalarValue};
use sha2::{Digest, Sha256};

use super::rng::Rng;
use super::sessions::actor;

/// The chunk of a change that differs from a real one; its checksum is right. `known`: real changes to take names from.
pub(crate) fn mutate(real: &Change, known: &[Change], rng: &mut Rng) -> Option<Vec<u8>> {
    if rng.percent(25) {
        return Some(mutate_bytes(real, rng));
    }
    let mut expanded = real.decode();
    for _ in 0..rng.between(1, 2) {
        mutate_fields(&mut expanded, known, rng);
    }
    // Not everything can be written down.
    let change = catch_unwind(|| Change::from(expanded)).ok()?;
    Some(change.raw_bytes().to_vec())
}

fn mutate_bytes(real: &Change, rng: &mut Rng) -> Vec<u8> {
    let raw = real.raw_bytes();
    let header = 9 + 1 + usize::from(raw[9] >= 0x80) + usize::from(raw[9] >= 0x80 && raw[10] >= 0x80);
    let mut body = raw[header..].to_vec();
    for _ in 0..rng.between(1, 3) {
        let at = rng.below(body.len());
        match rng.below(5) {
            0 => body[at] ^= 1 << rng.below(8),
            1 => body[at] = body[at].wrapping_add(rng.pick(&[1, 0xff])),
            2 => body[at] = rng.next() as u8,
            3 => body.insert(at, rng.pick(&[0, 1, 0x7f, 0x80])),
            _ if body.len() > 1 => {
                body.remove(at);
            }
            _ => {}
        }
    }
    chunk(&body)
}

/// A change chunk with this body.
pub(crate) fn chunk(body: &[u8]) -> Vec<u8> {
    let mut head = vec![1];
    let mut length = body.len();
    while length >= 0x80 {
        head.push(length as u8 | 0x80);
        length >>= 7;
    }
    head.push(length as u8);
    let hash = Sha256::new().chain_update(&head).chain_update(body).finalize();
    let mut chunk = vec![0x85, 0x6f, 0x4a, 0x83];
    chunk.extend_from_slice(&hash[..4]);
    chunk.extend(head);
    chunk.extend_from_slice(body);
    chunk
}

fn mutate_fields(change: &mut ExpandedChange, known: &[Change], rng: &mut Rng) {
    match rng.below(20) {
        0 => change.seq = change.seq.wrapping_add(rng.pick(&[1, u64::MAX])).max(1),
        1 => {
            let start = change
                .start_op
                .get()
                .saturating_add_signed(rng.pick(&[1, -1, 3, 1 << 33]));
            change.start_op = start.max(1).try_into().expect("it is not 0");
        }
        2 => change.actor_id = actor(rng.below(5) as u8),
        3 if !change.deps.is_empty() => {
            change.deps.remove(rng.below(change.deps.len()));
        }
        4 => {
            change.deps.push(known[rng.below(known.len())].hash());
            change.deps.sort_unstable();
        }
        5 => change.extra_bytes = vec![1, 2, 3],
        6 => {
            let op = random_op(known, rng);
            let at = rng.below(change.operations.len() + 1);
            change.operations.insert(at, op);
        }
        _ if change.operations.is_empty() => {}
        7 => {
            change.operations.remove(rng.below(change.operations.len()));
        }
        8 => {
            let (a, b) = (rng.below(change.operations.len()), rng.below(change.operations.len()));
            change.operations.swap(a, b);
        }
        9 => {
            let op = change.operations[rng.below(change.operations.len())].clone();
            change.operations.push(op);
        }
        _ => {
            let at = rng.below(change.operations.len());
            let own = OpId(
                change.start_op.get() + rng.below(change.operations.len()) as u64,
                change.actor_id.clone(),
            );
            mutate_op(&mut change.operations[at], known, own, rng);
        }
    }
}

fn mutate_op(op: &mut Op, known: &[Change], own: OpId, rng: &mut Rng) {
    let other = random_op(known, rng);
    match rng.below(9) {
        0 => op.action = other.action,
        1 => {
            op.obj = if rng.percent(50) {
                other.obj
            } else {
                ObjectId::Id(random_id(known, own, rng))
            }
        }
        2 => op.key = other.key,
        3 => op.key = Key::Seq(ElementId::Id(random_id(known, own, rng))),
        4 => op.key = rng.pick(&[&Key::head(), &Key::Map("bb".into())]).clone(),
        5 => op.insert = !op.insert,
        6 => op.pred = std::iter::empty().collect(),
        7 => {
            let more = op.pred.iter().cloned().chain([random_id(known, own, rng)]);
            op.pred = more.collect::<Vec<_>>().into();
        }
        _ => op.action = random_action(rng),
    }
}

fn random_action(rng: &mut Rng) -> OpType {
    match rng.below(8) {
        0 => OpType::Delete,
        1 => OpType::Increment(rng.next() as i64),
        2 => OpType::Put(ScalarValue::counter(3)),
        3 => OpType::Put(ScalarValue::Unknown {
            type_code: 13,
            bytes: vec![1, 2],
        }),
        4 => OpType::MarkBegin(MarkData {
            name: "em".into(),
            value: true.into(),
            expand: rng.percent(50),
        }),
        5 => OpType::MarkEnd(rng.percent(50)),
        6 => OpType::Make(rng.pick(&[ObjType::Map, ObjType::List, ObjType::Text, ObjType::Table])),
        _ => OpType::Put(ScalarValue::Str("y".into())),
    }
}

fn random_op(known: &[Change], rng: &mut Rng) -> Op {
    loop {
        let mut operations = known[rng.below(known.len())].decode().operations;
        if !operations.is_empty() {
            return operations.swap_remove(rng.below(operations.len()));
        }
    }
}

/// Mostly one that exists.
fn random_id(known: &[Change], own: OpId, rng: &mut Rng) -> OpId {
    if rng.percent(15) {
        return own;
    }
    let change = &known[rng.below(known.len())];
    let counter = change.start_op().get() + rng.below(change.len().max(1)) as u64;
    let beyond = if rng.percent(5) { 1_000 } else { 0 };
    OpId(counter + beyond, change.actor_id().clone())
}
