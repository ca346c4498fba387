//! What a change says of itself: its place among the others, who made it, when; before its operations and behind them.

use automerge::ChangeHash;

use super::Refusal;
use crate::reader::{ReadError, Reader};

/// Longest actor id that is admitted. Stock clients make 16 bytes.
pub const MAX_ACTOR_BYTES: usize = 256;
/// Longest name of an author that is admitted.
pub const MAX_AUTHOR_BYTES: u64 = 1_024;
/// Times lie at most so many seconds from 1970, as far as a JavaScript number counts one by one. Automerge keeps the
/// difference between one change's time and the next one's, and panics if that is more than 64 bits hold.
pub const MAX_TIME: i64 = 1 << 53;
/// Says that what follows the operations is the author's name; automerge knows nothing else there.
const AUTHOR_FOOTER: u64 = 1;

pub(super) struct Metadata {
    pub(super) deps: Vec<ChangeHash>,
    pub(super) actor: Box<[u8]>,
    pub(super) seq: u64,
    pub(super) start_op: u64,
}

impl Metadata {
    /// What comes before the other actors and the operations.
    pub(super) fn read(reader: &mut Reader<'_>, most_deps: usize) -> Result<Self, Refusal> {
        let malformed = |_| Refusal::Malformed;
        let deps = reader.hashes(most_deps).map_err(malformed)?;
        // Automerge sorts them whenever it writes a change anew.
        if !deps.is_sorted_by(|one, next| one.0 < next.0) {
            return Err(Refusal::Malformed);
        }
        let actor: Box<[u8]> = reader.prefixed().map_err(malformed)?.into();
        let seq = reader.unsigned().map_err(malformed)?;
        let start_op = reader.unsigned().map_err(malformed)?;
        let time = reader.signed().map_err(malformed)?;
        let message = reader.prefixed().map_err(malformed)?;
        std::str::from_utf8(message).map_err(|_| Refusal::Malformed)?;
        if seq == 0 || seq > u64::from(u32::MAX) || actor.is_empty() || actor.len() > MAX_ACTOR_BYTES {
            return Err(Refusal::Sequence);
        }
        if time.unsigned_abs() > MAX_TIME.unsigned_abs() {
            return Err(Refusal::Time);
        }
        Ok(Self {
            deps,
            actor,
            seq,
            start_op,
        })
    }
}

/// What may stand behind the operations: nothing; in an actor's first change also the author's name, once.
pub(super) fn check_footer(mut footer: Reader<'_>, seq: u64) -> Result<(), Refusal> {
    if footer.is_empty() {
        return Ok(());
    }
    let mut author = || -> Result<u64, ReadError> {
        let kind = footer.unsigned()?;
        let length = footer.unsigned()?;
        footer.take(length)?;
        Ok(if kind == AUTHOR_FOOTER { length } else { u64::MAX })
    };
    match author() {
        // Automerge panics at an author in a later change.
        Ok(length) if length <= MAX_AUTHOR_BYTES && seq == 1 && footer.is_empty() => Ok(()),
        _ => Err(Refusal::Author),
    }
}
