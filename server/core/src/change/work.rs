//! How much work a change will be, told from its outline before anything of it is believed.

use super::{ACTION_COLUMN, inflate, open_chunk};
use crate::reader::{ReadError, Reader};

/// Work on a change as such: its hash, its place among the others. One unit is an operation that is held against the
/// index (some 100 ns).
pub(crate) const WORK_OF_A_CHANGE: u64 = 64;
/// Bytes that are read, inflated and hashed in the time of an operation.
pub(crate) const BYTES_PER_WORK: u64 = 32;
/// What a mark may come to: it depends on the text. The rules bound it for a whole change.
const WORK_OF_A_MARK: u64 = 2_000;
/// A chunk that is compressed is looked into as far as this, and so much of it is inflated.
const LOOK_BYTES: usize = 8 << 10;
const LOOK_INFLATED_BYTES: usize = 64 << 10;
/// The action of marks in the format.
const MARK: u64 = 7;

/// Units of work that reading and admitting these chunks will be; [`u64::MAX`] if that is much, or cannot be told at once.
pub(crate) fn work_of(chunks: &[u8]) -> u64 {
    let mut sum = 0u64;
    let mut reader = Reader::new(chunks);
    while !reader.is_empty() {
        let start = reader.rest();
        let skipped = reader.take(9).and_then(|_| reader.prefixed());
        if skipped.is_err() {
            // It will be refused as a whole.
            return sum.saturating_add(WORK_OF_A_CHANGE);
        }
        let chunk = &start[..start.len() - reader.rest().len()];
        sum = sum.saturating_add(WORK_OF_A_CHANGE).saturating_add(work_of_one(chunk));
    }
    sum
}

fn work_of_one(chunk: &[u8]) -> u64 {
    let work_of_body = |body: &[u8]| {
        let ops = work_of_ops(body).unwrap_or(0);
        ops.saturating_add(body.len() as u64 / BYTES_PER_WORK)
    };
    match open_chunk(chunk) {
        Ok((_, 1, body)) => work_of_body(body),
        Ok((_, 2, body)) if body.len() <= LOOK_BYTES => {
            inflate(body, LOOK_INFLATED_BYTES).map_or(u64::MAX, |inflated| work_of_body(&inflated))
        }
        Ok((_, 2, _)) => u64::MAX,
        // A document: a worker reads it.
        _ => 0,
    }
}

/// `Err`: the change is malformed, and refused at once.
fn work_of_ops(body: &[u8]) -> Result<u64, ReadError> {
    let mut reader = Reader::new(body);
    let deps = reader.unsigned()?;
    reader.take(deps.saturating_mul(32))?;
    reader.prefixed()?; // actor
    reader.unsigned()?;
    reader.unsigned()?;
    reader.signed()?;
    reader.prefixed()?; // message
    for _ in 0..reader.unsigned()? {
        reader.prefixed()?;
    }
    let (mut offset, mut action) = (0u64, 0..0);
    for _ in 0..reader.unsigned()? {
        let (specification, length) = (reader.unsigned()?, reader.unsigned()?);
        let end = offset.saturating_add(length);
        if specification == ACTION_COLUMN {
            action = offset..end;
        }
        offset = end;
    }
    reader.take(action.start)?;
    let mut actions = Reader::new(reader.take(action.end - action.start)?);
    let mut work = 0u64;
    while !actions.is_empty() {
        let run = actions.signed()?;
        let (times, values) = match run {
            0 => (actions.unsigned()?, 0),
            1.. => (run.unsigned_abs(), 1),
            _ => (1, run.unsigned_abs()),
        };
        for _ in 0..values {
            let each = if actions.unsigned()? == MARK { WORK_OF_A_MARK } else { 1 };
            work = work.saturating_add(each.saturating_mul(times));
        }
    }
    Ok(work)
}
