//! `core::change` and admission: chunks that come after those of a small document. Whatever is admitted must be harmless.

use automerge::transaction::{CommitOptions, Transactable};
use automerge::{Automerge, Change as Real, ObjType, ROOT, ReadDoc, Value};
use bytes::Bytes;
use fieldbook_core::change::{Change, Chunk, split};
use fieldbook_core::history::{Admission, History};
use fieldbook_core::limits::Limits;

use crate::rng::Rng;
use crate::{corpus, harmless, limits};

/// Most chunks of one input.
const MOST_CHUNKS: usize = 32;

/// Any bytes, as chunks; with their checksums as they are, and set right.
///
/// # Panics
/// If something is admitted that is not harmless (R4).
pub fn target(data: &[u8]) {
    let Ok(chunks) = split(&Bytes::copy_from_slice(data)) else {
        return;
    };
    let mut history = small_document();
    let mut admitted = Vec::new();
    for chunk in chunks.into_iter().take(MOST_CHUNKS) {
        let Chunk::Change(bytes) = chunk else { continue };
        if let Ok(change) = Change::parse(bytes.clone(), &limits()) {
            assert_eq!(Change::name(&bytes, &limits()), Some(change.hash));
        }
        if let Some(bytes) = sealed(&bytes) {
            admitted.extend(offer(&mut history, bytes));
        }
    }
    if !admitted.is_empty() {
        let all = corpus::beginning().iter().map(read).chain(admitted).collect();
        check(all).expect("R4: what is admitted is harmless");
    }
}

/// In any order, saved and loaded; and also when somebody who is sound writes on top of it.
fn check(mut changes: Vec<Real>) -> Result<(), String> {
    let mut rng = Rng::new(changes.len() as u64);
    harmless::check(&changes, &mut rng)?;
    let mut document = Automerge::new();
    document
        .apply_changes(changes.clone())
        .map_err(|error| error.to_string())?;
    let heads = document.get_heads();
    let mut edit = document.transaction();
    write_on(&mut edit).map_err(|error| format!("nobody can write on: {error}"))?;
    edit.commit_with(CommitOptions::default().with_time(1_790_000_000));
    changes.extend(document.get_changes(&heads));
    harmless::check(&changes, &mut rng)
}

fn write_on<T: Transactable + ReadDoc>(edit: &mut T) -> Result<(), automerge::AutomergeError> {
    edit.put(ROOT, "title", "another")?;
    if let Some((Value::Object(ObjType::Text), text)) = edit.get(ROOT, "text")? {
        let middle = edit.length(&text) / 2;
        edit.splice_text(&text, middle, 0, "in the middle")?;
    }
    Ok(())
}

fn read(bytes: &Bytes) -> Real {
    Real::from_bytes(bytes.to_vec()).expect("R4: what is admitted automerge can read")
}

fn offer(history: &mut History, bytes: Bytes) -> Option<Real> {
    let change = Change::parse(bytes.clone(), &limits()).ok()?;
    let (hash, before) = (change.hash, history.last());
    match history.admit(change, None) {
        Admission::Admitted(position) => {
            assert_eq!(position, before + 1);
            let real = read(&bytes);
            assert_eq!(real.hash(), hash, "R4: automerge gives it another name");
            return Some(real);
        }
        Admission::Unreadable(error) => panic!("the document is sound: {error}"),
        _ => assert_eq!(history.last(), before),
    }
    None
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
