//! R6: what a parser sets aside depends on the bytes that came, never on what they claim to be.

#![allow(unsafe_code, reason = "an allocator that counts")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use bytes::Bytes;
use fastrand::Rng;
use fieldbook_core::change::{Change, Chunk, Refusal, split};
use fieldbook_core::history::{
    Admission, ENTRIES_PER_BYTE, History, MAX_FREE_ENTRIES, MAX_FREE_OPS, OPS_PER_BYTE, extend_index,
};
use fieldbook_core::message::SyncMessage;
use fieldbook_core::reader::Reader;
use fieldbook_core::wire;
use fieldbook_fuzz::mutate::mutate;
use fieldbook_fuzz::{bombs, change, corpus, limits};

const SEEDS: u64 = 50_000;

thread_local! {
    static NOW: Cell<isize> = const { Cell::new(0) };
    static PEAK: Cell<isize> = const { Cell::new(0) };
}

struct Counting;

fn count(bytes: isize) {
    NOW.set(NOW.get() + bytes);
    PEAK.set(PEAK.get().max(NOW.get()));
}

// SAFETY: it hands everything to the system's allocator; what it counts in is neither allocated nor dropped.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size().cast_signed());
        // SAFETY: as the caller promises.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        count(-layout.size().cast_signed());
        // SAFETY: as the caller promises.
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// A parser may hold `constant + per_byte · n` bytes at once for an input of n bytes.
struct Bound {
    constant: usize,
    per_byte: usize,
}

impl Bound {
    fn holds(&self, input: &Bytes, parse: impl FnOnce(&Bytes)) -> Result<(), String> {
        let before = NOW.get();
        PEAK.set(before);
        parse(input);
        let peak = (PEAK.get() - before).unsigned_abs();
        let most = self.constant + self.per_byte * input.len();
        if peak <= most {
            Ok(())
        } else {
            Err(format!("{peak} bytes for an input of {}, not {most}", input.len()))
        }
    }
}

fn holds_for_all(corpus: &[Vec<u8>], bound: &Bound, parse: impl Fn(&Bytes)) {
    // What is made once is not counted.
    parse(&corpus[0].clone().into());
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse().ok());
    let seeds = match number("FIELDBOOK_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("FIELDBOOK_SEEDS").unwrap_or(SEEDS),
    };
    for seed in seeds {
        let input = mutate(corpus, &mut Rng::with_seed(seed)).into();
        if let Err(why) = bound.holds(&input, &parse) {
            panic!("FIELDBOOK_SEED={seed}: {why}");
        }
    }
}

#[test]
fn frames() {
    let bound = Bound {
        constant: 2_000,
        per_byte: 4,
    };
    holds_for_all(&corpus::frames(), &bound, |input| drop(wire::decode(input)));
}

#[test]
fn messages() {
    let limits = limits();
    // A chunk, of ten bytes at least behind its length, becomes a `Bytes` of four words. Hashes are copied once; those
    // of all `have` entries go into one list that grows.
    let bound = Bound {
        constant: 2_000,
        per_byte: 4,
    };
    holds_for_all(&corpus::messages(), &bound, |input| {
        drop(SyncMessage::decode(input, &limits))
    });
}

/// Inflated within the limit, in a buffer that doubles and is copied then; and the buffers of inflation.
fn inflation() -> usize {
    limits().change_bytes * 3 + (64 << 10)
}

#[test]
fn chunks() {
    let bound = Bound {
        constant: inflation(),
        per_byte: 16,
    };
    holds_for_all(&corpus::chunks(), &bound, |input| {
        for chunk in split(input).unwrap_or_default() {
            if let Chunk::Change(bytes) = chunk {
                drop(Change::parse(bytes, &limits()));
            }
        }
    });
}

/// Room in the index for what nothing need pay for, in lists and tables that double and are copied then.
const FREE: usize = MAX_FREE_ENTRIES as usize * 128;
/// The same for what each byte, inflated, pays for.
const PER_INFLATED_BYTE: usize = ENTRIES_PER_BYTE as usize * 128;

/// What an operation leaves takes its place in the index, and is paid for by the bytes that came.
#[test]
fn admission() {
    let bound = Bound {
        constant: inflation() + 2_000_000,
        per_byte: 64 + PER_INFLATED_BYTE,
    };
    holds_for_all(&corpus::chunks(), &bound, |input| change::target(input));
}

#[test]
fn a_change_takes_room_by_its_bytes_not_by_what_it_claims() {
    const CLAIMED: u64 = 1_900_000;
    let bound = Bound {
        constant: FREE,
        per_byte: PER_INFLATED_BYTE + 64,
    };
    let refused = |bomb: &Bytes| {
        assert!(bomb.len() < 200);
        let outcome = History::default().admit(bombs::read(bomb).expect("it is whole"), None);
        assert_eq!(outcome, Admission::Refused(Refusal::Weight));
    };
    for bomb in [bombs::strides(CLAIMED), bombs::makes(CLAIMED)] {
        bound.holds(&bomb, refused).expect("R6");
    }
    // As many as are free are admitted, and the index that is stored is no longer than it may be.
    for bomb in [bombs::strides(MAX_FREE_ENTRIES / 2), bombs::makes(MAX_FREE_ENTRIES - 1)] {
        let change = bombs::read(&bomb).expect("it is whole");
        let admitted = History::default().admit(change, None);
        assert_eq!(admitted, Admission::Admitted(1));
        let index = extend_index(&[], [], [bomb.clone()], |_| None).expect("it was admitted");
        let most = MAX_FREE_ENTRIES as usize * 24 + bomb.len() * 64;
        assert!(index.encode().len() < most, "{} bytes", index.encode().len());
    }
}

/// Deletions leave nothing in the index, but each takes its place in every client that loads the document.
#[test]
fn a_page_pays_for_being_deleted_and_no_more_than_that() {
    const LETTERS: u64 = 1_000_000;
    let mut history = History::default();
    let mut last = bombs::read(&bombs::page(LETTERS)).expect("it is whole");
    assert_eq!(history.admit(last.clone(), None), Admission::Admitted(1));
    let bound = Bound {
        constant: 64 << 10,
        per_byte: 64,
    };
    let mut admitted = 0;
    loop {
        let bomb = bombs::clearing(&last, LETTERS);
        let next = bombs::read(&bomb).expect("it is whole");
        let mut outcome = Admission::Known;
        let admit = |_: &Bytes| outcome = history.admit(next.clone(), None);
        bound.holds(&bomb, admit).expect("R6");
        if outcome == Admission::Refused(Refusal::Weight) {
            break;
        }
        assert!(matches!(outcome, Admission::Admitted(_)), "{outcome:?}");
        admitted += 1;
        last = next;
    }
    let paid = MAX_FREE_OPS + OPS_PER_BYTE * LETTERS;
    assert_eq!(admitted, paid / LETTERS - 1, "one went into writing it");
}

/// The bound is one that can be broken: by a parser that believes what it reads.
#[test]
fn who_believes_a_count_is_noticed() {
    let bound = Bound {
        constant: 2_000,
        per_byte: 96,
    };
    let claims_a_million = Bytes::from_static(&[0xc0, 0x84, 0x3d]);
    let careful = |input: &Bytes| drop(Reader::new(input).hashes(10_000_000));
    assert_eq!(bound.holds(&claims_a_million, careful), Ok(()));
    let believes = |input: &Bytes| {
        let count = Reader::new(input).unsigned().unwrap_or(0);
        drop(std::hint::black_box(Vec::<[u8; 32]>::with_capacity(count as usize)));
    };
    assert!(bound.holds(&claims_a_million, believes).is_err());
}
