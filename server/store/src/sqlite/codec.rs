//! How heads and clocks are written in a column. Numbers are little-endian and 64 bits wide.

use automerge::ChangeHash;

use super::error::damaged;
use crate::{Placed, StoreError};

const HASH_BYTES: usize = 32;
const NUMBER_BYTES: usize = 8;

/// `hash, position` for each.
pub(super) fn encode_heads(heads: &[Placed]) -> Vec<u8> {
    heads
        .iter()
        .flat_map(|head| head.hash.0.into_iter().chain(head.position.to_le_bytes()))
        .collect()
}

pub(super) fn decode_heads(bytes: &[u8]) -> Result<Vec<Placed>, StoreError> {
    let (heads, rest) = bytes.as_chunks::<{ HASH_BYTES + NUMBER_BYTES }>();
    let heads = heads.iter().map(|head| {
        let (hash, position) = head.split_first_chunk::<HASH_BYTES>()?;
        Some(Placed {
            hash: ChangeHash(*hash),
            position: u64::from_le_bytes(position.try_into().ok()?),
        })
    });
    heads
        .collect::<Option<_>>()
        .filter(|_| rest.is_empty())
        .ok_or_else(|| damaged("the heads of an archive"))
}

/// The hashes, one after the other.
pub(super) fn encode_hashes(hashes: &[ChangeHash]) -> Vec<u8> {
    hashes.iter().flat_map(|hash| hash.0).collect()
}

pub(super) fn decode_hashes(bytes: &[u8]) -> Result<Vec<ChangeHash>, StoreError> {
    let (hashes, rest) = bytes.as_chunks::<HASH_BYTES>();
    if !rest.is_empty() {
        return Err(damaged("the retained heads of an archive"));
    }
    Ok(hashes.iter().copied().map(ChangeHash).collect())
}

/// `length, actor, sequence number` for each.
pub(super) fn encode_clock(clock: &[(Vec<u8>, u64)]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (actor, sequence) in clock {
        bytes.extend((actor.len() as u64).to_le_bytes());
        bytes.extend(actor);
        bytes.extend(sequence.to_le_bytes());
    }
    bytes
}

pub(super) fn decode_clock(mut bytes: &[u8]) -> Result<Vec<(Vec<u8>, u64)>, StoreError> {
    let mut clock = Vec::new();
    while !bytes.is_empty() {
        clock.push(decode_clock_entry(&mut bytes).ok_or_else(|| damaged("the clock of an archive"))?);
    }
    Ok(clock)
}

fn decode_clock_entry(bytes: &mut &[u8]) -> Option<(Vec<u8>, u64)> {
    let (length, rest) = bytes.split_first_chunk::<NUMBER_BYTES>()?;
    let (actor, rest) = rest.split_at_checked(usize::try_from(u64::from_le_bytes(*length)).ok()?)?;
    let (sequence, rest) = rest.split_first_chunk::<NUMBER_BYTES>()?;
    *bytes = rest;
    Some((actor.to_vec(), u64::from_le_bytes(*sequence)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_and_clocks_survive_their_column() {
        let heads = vec![
            Placed {
                hash: ChangeHash([1; 32]),
                position: 0,
            },
            Placed {
                hash: ChangeHash([255; 32]),
                position: u64::MAX,
            },
        ];
        assert_eq!(decode_heads(&encode_heads(&heads)).unwrap(), heads);
        assert_eq!(decode_heads(&[]).unwrap(), []);

        let hashes = vec![ChangeHash([3; 32]), ChangeHash([4; 32])];
        assert_eq!(decode_hashes(&encode_hashes(&hashes)).unwrap(), hashes);

        let clock = vec![(vec![], 1), (vec![7; 16], u64::MAX), (vec![8; 300], 0)];
        assert_eq!(decode_clock(&encode_clock(&clock)).unwrap(), clock);
        assert_eq!(decode_clock(&[]).unwrap(), []);
    }

    #[test]
    fn bytes_cut_short_are_damage() {
        let heads = encode_heads(&[Placed {
            hash: ChangeHash([1; 32]),
            position: 5,
        }]);
        assert!(decode_heads(&heads[1..]).is_err());
        assert!(decode_hashes(&heads[1..]).is_err());
        let clock = encode_clock(&[(vec![1, 2, 3], 5)]);
        assert!((1..clock.len()).all(|length| decode_clock(&clock[..length]).is_err()));
        assert!(decode_clock(&[255; 24]).is_err());
    }
}
