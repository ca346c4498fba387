//! Alters inputs, as a fuzzer does: bits, numbers, pieces.

use fastrand::Rng;

/// Numbers at which something may happen: LEB128 and CBOR, long and short, and lengths that lie.
const NUMBERS: [&[u8]; 10] = [
    &[0],
    &[0x7f],
    &[0x80],
    &[0xff],
    &[0xff, 0xff, 0xff, 0xff, 0x0f],
    &[0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01],
    &[0x9b, 0, 0, 0, 1, 0, 0, 0, 0],
    &[0xbb, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
    &[0x5b, 0, 0, 0, 0, 0xff, 0xff, 0xff, 0xff],
    &[0x9f, 0xbf, 0x5f, 0x7f],
];
const MOST_BYTES: usize = 16 << 10;

/// One of `corpus`, altered in up to four places; one in twenty as it is.
#[must_use]
pub fn mutate(corpus: &[Vec<u8>], rng: &mut Rng) -> Vec<u8> {
    let mut input = corpus[rng.usize(..corpus.len())].clone();
    if rng.u8(..20) > 0 {
        for _ in 0..rng.usize(1..=4) {
            alter(&mut input, corpus, rng);
        }
    }
    input.truncate(MOST_BYTES);
    input
}

fn alter(input: &mut Vec<u8>, corpus: &[Vec<u8>], rng: &mut Rng) {
    let at = rng.usize(..=input.len());
    let until = (at + rng.usize(..=16)).min(input.len());
    match rng.u8(..9) {
        0..3 if at < input.len() => input[at] ^= 1 << rng.u8(..8),
        3 if at < input.len() => input[at] = rng.u8(..),
        4 => drop(input.splice(at..until, NUMBERS[rng.usize(..NUMBERS.len())].iter().copied())),
        5 => drop(input.drain(at..until)),
        6 => {
            let piece = input[at..until].to_vec();
            input.splice(at..at, piece);
        }
        7 => {
            let other = &corpus[rng.usize(..corpus.len())];
            let from = rng.usize(..=other.len());
            let to = (from + rng.usize(..=200)).min(other.len());
            input.splice(at..until, other[from..to].iter().copied());
        }
        _ => {
            let other = corpus[rng.usize(..corpus.len())].clone();
            input.extend(other);
        }
    }
}
