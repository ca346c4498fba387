//! Bytes ↔ steps.

/// Verbs: see [`super::target`].
const VERBS: u8 = 13;
/// Steps of one script; what comes after them is not played.
const MOST_STEPS: usize = 200;

/// One thing that happens.
pub(super) struct Step<'a> {
    pub(super) verb: u8,
    pub(super) who: u8,
    pub(super) what: [u8; 2],
    /// For the verbs 3 and 4: the bytes behind the step, as many as `what` says (or there are).
    pub(super) rest: &'a [u8],
}

pub(super) struct Script<'a> {
    bytes: &'a [u8],
    played: usize,
}

impl<'a> Script<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, played: 0 }
    }
}

impl<'a> Iterator for Script<'a> {
    type Item = Step<'a>;

    fn next(&mut self) -> Option<Step<'a>> {
        let ([verb, who, what @ ..], rest) = self.bytes.split_first_chunk::<4>()?;
        self.bytes = rest;
        self.played += 1;
        let verb = verb % VERBS;
        let length = if matches!(verb, 3 | 4) {
            usize::from(u16::from_be_bytes(*what)).min(rest.len())
        } else {
            0
        };
        let (rest, after) = rest.split_at(length);
        self.bytes = after;
        (self.played <= MOST_STEPS).then_some(Step {
            verb,
            who: *who,
            what: *what,
            rest,
        })
    }
}

/// A script that begins with these steps.
#[must_use]
pub fn script(stored: u8, first: &[[u8; 4]]) -> Vec<u8> {
    [&[stored][..], &steps(first)].concat()
}

/// Steps without bytes behind them.
#[must_use]
pub fn steps(steps: &[[u8; 4]]) -> Vec<u8> {
    steps.concat()
}

/// A step with bytes behind it, 65 535 at the most.
#[must_use]
pub fn raw(verb: u8, who: u8, bytes: &[u8]) -> Vec<u8> {
    let length = u16::try_from(bytes.len()).unwrap_or(u16::MAX);
    let [high, low] = length.to_be_bytes();
    [&[verb, who, high, low][..], &bytes[..usize::from(length)]].concat()
}
