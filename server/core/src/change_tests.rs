//! Splitting and reading changes, and what is refused on the way.

use automerge::transaction::Transactable;
use automerge::{AutoCommit, ObjType, ROOT};

use super::*;

fn sample() -> Vec<automerge::Change> {
    let mut document = AutoCommit::new();
    let text = document.put_object(ROOT, "text", ObjType::Text).unwrap();
    document.commit();
    for length in [1, 3, 5_000] {
        document.splice_text(&text, 0, 0, &"abc".repeat(length)).unwrap();
        document.put(ROOT, "n", length as i64).unwrap();
        document.commit();
    }
    document.splice_text(&text, 2, 7, "").unwrap();
    document.commit();
    document.empty_change(automerge::transaction::CommitOptions::default());
    document.get_changes(&[])
}

#[test]
fn metadata_equals_what_automerge_reads() {
    for change in sample() {
        let plain = Bytes::copy_from_slice(change.raw_bytes());
        let deflated = Bytes::from(change.clone().bytes().to_vec());
        for bytes in [plain, deflated] {
            let chunks = split(&bytes).unwrap();
            assert_eq!(chunks, [Chunk::Change(bytes.clone())]);
            let parsed = Change::parse(bytes, &Limits::default()).unwrap();
            assert_eq!(parsed.hash, change.hash());
            assert_eq!(parsed.deps, change.deps());
            assert_eq!(&*parsed.actor, change.actor_id().to_bytes());
            assert_eq!(parsed.seq, change.seq());
            assert_eq!(parsed.start_op, change.start_op().get());
            assert_eq!(parsed.max_op, change.max_op());
        }
    }
}

#[test]
fn several_chunks_in_a_row_are_split() {
    let bytes: Bytes = sample()
        .iter()
        .flat_map(|c| c.raw_bytes().to_vec())
        .collect::<Vec<_>>()
        .into();
    assert_eq!(split(&bytes).unwrap().len(), sample().len());
    assert!(matches!(
        split(&bytes.slice(..bytes.len() - 1)),
        Err(ChunkError::Read(_))
    ));
    let mut trailing = bytes.to_vec();
    trailing.push(0);
    assert!(split(&trailing.into()).is_err());
}

#[test]
fn a_flipped_bit_is_refused() {
    let change = &sample()[1];
    for position in 4..change.raw_bytes().len() {
        let mut bytes = change.raw_bytes().to_vec();
        bytes[position] ^= 1;
        assert!(
            split(&bytes.clone().into()).is_err() || Change::parse(bytes.into(), &Limits::default()).is_err(),
            "byte {position}"
        );
    }
}

#[test]
fn an_inflation_bomb_stops_at_the_limit() {
    use std::io::Write;
    let mut encoder = flate2::write::DeflateEncoder::new(Vec::new(), flate2::Compression::best());
    for _ in 0..64 {
        encoder.write_all(&[0; 1 << 20]).unwrap();
    }
    let body = encoder.finish().unwrap();
    let mut chunk = MAGIC.to_vec();
    chunk.extend([0; 4]);
    chunk.push(2);
    write_unsigned(&mut chunk, body.len() as u64);
    chunk.extend(body);
    assert_eq!(Change::parse(chunk.into(), &Limits::default()), Err(Refusal::TooLarge));
}

#[test]
fn a_column_that_says_millions_is_refused() {
    // A run of 2^40 "set" actions in six bytes.
    let column = [0x80, 0x80, 0x80, 0x80, 0x80, 0x20, 0x01];
    assert_eq!(count_run_length(&column, 1_000_000), Err(Some(Refusal::TooManyOps)));
}

#[test]
fn bundles_are_refused() {
    let mut bytes = sample()[0].raw_bytes().to_vec();
    bytes[8] = 3;
    assert_eq!(split(&bytes.into()), Err(ChunkError::Type(3)));
}
