//! `core::change` and admission: chunks that come after those of a small document.

use automerge::Change as Real;
use bytes::Bytes;
use fieldbook_core::change::{Change, Chunk, split};
use fieldbook_core::history::{Admission, History};
use fieldbook_core::limits::Limits;

use crate::{corpus, limits};

/// Most chunks of one input.
const MOST_CHUNKS: usize = 32;

/// Any bytes, as chunks; with their checksums as they are, and set right.
///
/// # Panics
/// If something is admitted that automerge does not read.
pub fn target(data: &[u8]) {
    let Ok(chunks) = split(&Bytes::copy_from_slice(data)) else {
        return;
    };
    let mut history = small_document();
    for chunk in chunks.into_iter().take(MOST_CHUNKS) {
        let Chunk::Change(bytes) = chunk else { continue };
        if let Ok(change) = Change::parse(bytes.clone(), &limits()) {
            assert_eq!(Change::name(&bytes, &limits()), Some(change.hash));
        }
        if let Some(bytes) = sealed(&bytes) {
            offer(&mut history, bytes);
        }
    }
}

fn offer(history: &mut History, bytes: Bytes) {
    let Ok(change) = Change::parse(bytes.clone(), &limits()) else {
        return;
    };
    let (hash, before) = (change.hash, history.last());
    match history.admit(change, None) {
        Admission::Admitted(position) => {
            assert_eq!(position, before + 1);
            let real = Real::from_bytes(bytes.to_vec()).expect("R4: what is admitted automerge can read");
            assert_eq!(real.hash(), hash, "R4: automerge gives it another name");
        }
        Admission::Unreadable(error) => panic!("the document is sound: {error}"),
        _ => assert_eq!(history.last(), before),
    }
}

/// A history of the document that the corpus begins with.
///
/// # Panics
/// If the engine refuses what automerge has made.
#[must_use]
pub fn small_document() -> History {
    let mut history = History::default();
    for bytes in corpus::beginning() {
        let change = Change::parse(bytes.clone(), &limits()).expect("a real change");
        assert!(matches!(history.admit(change, None), Admission::Admitted(_)));
    }
    history
}

/// The chunk with the checksum that its contents should have; `None`: they cannot be read so far.
#[must_use]
pub fn sealed(chunk: &[u8]) -> Option<Bytes> {
    sealed_within(chunk, &limits())
}

/// The same within these limits.
#[must_use]
pub fn sealed_within(chunk: &[u8], limits: &Limits) -> Option<Bytes> {
    let hash = Change::name(chunk, limits)?;
    let mut bytes = chunk.to_vec();
    bytes.get_mut(4..8)?.copy_from_slice(&hash.0[..4]);
    Some(bytes.into())
}
