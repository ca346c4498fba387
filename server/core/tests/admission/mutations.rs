//! Changes that are nearly right: real ones with something altered, in their fields or in their bytes.

use std::ops::Range;
use std::panic::catch_unwind;

use automerge::legacy::{ElementId, Key, MarkData, ObjectId, Op, OpId, OpType};
use automerge::{Change, ExpandedChange, ObjType, ScalarValue};
use fieldbook_core::reader::Reader;
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

/// Numbers at which sums and differences overflow, and beside which lies what is admitted.
const EDGES: [i64; 12] = [
    0,
    -1,
    i64::MIN,
    i64::MIN + 1,
    i64::MAX,
    i64::MAX - 1,
    1 << 53,
    (1 << 53) + 1,
    -(1 << 53),
    -(1 << 53) - 1,
    1 << 32,
    -(1 << 31),
];

fn mutate_bytes(real: &Change, rng: &mut Rng) -> Vec<u8> {
    let raw = real.raw_bytes();
    let header = 9 + 1 + usize::from(raw[9] >= 0x80) + usize::from(raw[9] >= 0x80 && raw[10] >= 0x80);
    let mut body = raw[header..].to_vec();
    if rng.percent(40) {
        mutate_part(&mut body, rng);
        return chunk(&body);
    }
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

/// Alters one number that the body's structure consists of: a count, a length, a column's specification or length, the
/// length of a run; or an actor or a dependency in its list.
fn mutate_part(body: &mut Vec<u8>, rng: &mut Rng) {
    let parts = parts(body);
    match rng.below(8) {
        0 => {
            // Dependencies in another order, or one of them twice.
            let deps = parts.deps.clone();
            if deps.len() >= 64 {
                let (one, other) = (rng.below(deps.len() / 32), rng.below(deps.len() / 32));
                let piece = body[deps.start + one * 32..][..32].to_vec();
                let replaced = body[deps.start + other * 32..][..32].to_vec();
                body[deps.start + other * 32..][..32].copy_from_slice(&piece);
                if rng.percent(50) {
                    body[deps.start + one * 32..][..32].copy_from_slice(&replaced);
                }
            }
        }
        1 if parts.others.len() >= 2 => {
            let (one, other) = (rng.below(parts.others.len()), rng.below(parts.others.len()));
            let (first, second) = (parts.others[one].clone(), parts.others[other].clone());
            if first.len() == second.len() {
                let piece = body[first.clone()].to_vec();
                let replaced = body[second.clone()].to_vec();
                body[second].copy_from_slice(&piece);
                if rng.percent(50) {
                    body[first].copy_from_slice(&replaced);
                }
            }
        }
        _ => {
            let at = rng.pick(&parts.numbers);
            let long = [
                &[0xff, 0xff, 0xff, 0xff, 0x0f][..],
                &[0x80, 0x7f],
                &[0x80, 0x01],
                &[0x7f],
                &[0],
            ];
            match rng.below(3) {
                0 => body[at] = body[at].wrapping_add(rng.pick(&[1, 0xff, 0x40])),
                1 => drop(body.splice(at..=at, rng.pick(&long).iter().copied())),
                _ => body[at] ^= 1 << rng.below(7),
            }
        }
    }
}

/// Where in a change's body its parts lie.
struct Parts {
    deps: Range<usize>,
    /// Each of the other actors, with its length.
    others: Vec<Range<usize>>,
    /// Where numbers begin: counts, specifications and lengths of columns, and the first run of each column.
    numbers: Vec<usize>,
}

fn parts(body: &[u8]) -> Parts {
    let mut reader = Reader::new(body);
    let at = |reader: &Reader<'_>| body.len() - reader.rest().len();
    let mut numbers = vec![0];
    let deps = reader.hashes(usize::MAX).expect("a real change").len() * 32;
    let deps = at(&reader) - deps..at(&reader);
    numbers.push(at(&reader));
    reader.prefixed().expect("an actor");
    for _ in 0..2 {
        numbers.push(at(&reader));
        reader.unsigned().expect("a sequence number, a start op");
    }
    numbers.push(at(&reader));
    reader.signed().expect("a time");
    numbers.push(at(&reader));
    reader.prefixed().expect("a message");
    numbers.push(at(&reader));
    let mut others = Vec::new();
    for _ in 0..reader.unsigned().expect("a count") {
        let from = at(&reader);
        reader.prefixed().expect("an actor");
        others.push(from..at(&reader));
    }
    numbers.push(at(&reader));
    let columns = reader.unsigned().expect("a count");
    let mut lengths = Vec::new();
    for _ in 0..columns {
        numbers.push(at(&reader));
        reader.unsigned().expect("a specification");
        numbers.push(at(&reader));
        lengths.push(reader.unsigned().expect("a length"));
    }
    for length in lengths {
        numbers.push(at(&reader));
        reader.take(length).expect("a column");
    }
    Parts { deps, others, numbers }
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
    match rng.below(26) {
        20 => change.time = edge(rng),
        21 => {
            let messages = [None, Some(String::new()), Some("\0".to_owned()), Some("é".repeat(300))];
            change.message.clone_from(&messages[rng.below(4)]);
        }
        22 => change.extra_bytes = footer(rng),
        23 => change.seq = rng.pick(&[1, 2, u64::from(u32::MAX), u64::MAX]),
        24 => {
            let start = rng.pick(&[1, u64::from(u32::MAX / 2), u64::from(u32::MAX), u64::MAX]);
            change.start_op = start.try_into().expect("it is not 0");
        }
        25 => change.deps = known.iter().map(Change::hash).filter(|_| rng.percent(20)).collect(),
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
        5 => change.extra_bytes = footer(rng),
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
                change
                    .start_op
                    .get()
                    .saturating_add(rng.below(change.operations.len()) as u64),
                change.actor_id.clone(),
            );
            mutate_op(&mut change.operations[at], known, own, rng);
        }
    }
}

fn edge(rng: &mut Rng) -> i64 {
    rng.pick(&EDGES)
}

/// An author's name, and what is nearly one.
fn footer(rng: &mut Rng) -> Vec<u8> {
    match rng.below(8) {
        0..3 => vec![1, 2, 0xab, 0xcd],
        3 => vec![1, 2, 3],
        4 => vec![1, 1, 7, 1, 1, 8],
        5 => vec![2, 1, 7],
        6 => vec![1, 0x81, 0, 7],
        _ => [&[1, 0xd0, 0x0f][..], &[7; 2_000]].concat(),
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
    match rng.below(12) {
        0 => OpType::Delete,
        1 => OpType::Increment(rng.next() as i64 >> rng.below(64)),
        2 => OpType::Put(ScalarValue::counter(3)),
        7 => OpType::Increment(edge(rng)),
        8 => OpType::Put(ScalarValue::counter(edge(rng))),
        9 => {
            let number = edge(rng);
            OpType::Put(match rng.below(3) {
                0 => ScalarValue::Int(number),
                1 => ScalarValue::Uint(number as u64),
                _ => ScalarValue::Timestamp(number),
            })
        }
        10 => OpType::Put(ScalarValue::F64(rng.pick(&[
            f64::NAN,
            f64::INFINITY,
            -0.0,
            f64::MIN_POSITIVE,
            f64::MAX,
        ]))),
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
