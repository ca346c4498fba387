//! Real editing, recorded; or, where the recordings are not at hand, generated text of the same size and statistics.

use std::io::Read;

use flate2::read::GzDecoder;
use serde::Deserialize;

/// One edit of a text: positions count code points.
#[derive(Debug, Clone, Deserialize)]
pub struct Edit(pub usize, pub usize, pub String);

impl Edit {
    /// Plays it on a vector of characters.
    pub fn play(&self, text: &mut Vec<char>) {
        text.splice(self.0..self.0 + self.1, self.2.chars());
    }
}

/// A text written by one author at a time, one character per edit.
pub struct Trace {
    /// The edits.
    pub edits: Vec<Edit>,
    /// What must come out.
    pub end: String,
}

impl Trace {
    /// How many edits the recording has.
    pub const EDITS: usize = 259_778;

    /// The recording that `FIELDBOOK_TRACE` names, else a generated text.
    #[must_use]
    pub fn load() -> Self {
        match recording("FIELDBOOK_TRACE") {
            Some(Recording { txns, end }) => Self {
                edits: txns.into_iter().flat_map(|transaction| transaction.patches).collect(),
                end,
            },
            None => Self::generate(Self::EDITS, 1),
        }
    }

    /// A text of this many edits: runs of some 47 keystrokes at one place, 30 % of them deletions.
    #[must_use]
    pub fn generate(edits: usize, seed: u64) -> Self {
        let mut random = fastrand::Rng::with_seed(seed);
        let (mut text, mut cursor) = (Vec::new(), 0);
        let typed = std::iter::repeat_with(|| {
            if random.f32() < 1.0 / 47.0 {
                cursor = random.usize(0..=text.len());
            }
            let edit = keystroke(&mut random, cursor);
            cursor = edit.0 + edit.2.len();
            edit.play(&mut text);
            edit
        });
        let edits = typed.take(edits).collect();
        Self {
            edits,
            end: text.into_iter().collect(),
        }
    }
}

/// Two people who write one text at the same time.
pub struct ConcurrentTrace {
    /// What they typed, in an order in which everything comes after what it builds on.
    pub keystrokes: Vec<Keystroke>,
    /// What must come out, if that does not depend on how concurrent insertions at one place are ordered.
    pub end: Option<String>,
}

/// One edit, and what its author saw.
#[derive(Debug, Clone)]
pub struct Keystroke {
    /// 0 or 1.
    pub author: usize,
    /// How many keystrokes of each author it was made on top of (its own: all before it).
    pub seen: [usize; 2],
    /// The edit.
    pub edit: Edit,
}

impl ConcurrentTrace {
    /// How many keystrokes the recording has.
    pub const KEYSTROKES: usize = 26_078;

    /// The recording that `FIELDBOOK_TRACE_CONCURRENT` names, else a generated text.
    #[must_use]
    pub fn load() -> Self {
        match recording("FIELDBOOK_TRACE_CONCURRENT") {
            Some(recording) => Self::from_recording(recording),
            None => Self::generate(Self::KEYSTROKES, 2),
        }
    }

    fn from_recording(recording: Recording) -> Self {
        let mut keystrokes: Vec<Keystroke> = Vec::new();
        let mut versions: Vec<[usize; 2]> = Vec::new();
        for transaction in recording.txns {
            let mut seen = [0, 0];
            for parent in transaction.parents {
                seen = [seen[0].max(versions[parent][0]), seen[1].max(versions[parent][1])];
            }
            let author = transaction.agent;
            let [edit] = <[Edit; 1]>::try_from(transaction.patches).expect("one keystroke a transaction");
            let mut version = seen;
            version[author] += 1;
            versions.push(version);
            keystrokes.push(Keystroke { author, seen, edit });
        }
        Self {
            keystrokes,
            end: Some(recording.end),
        }
    }

    /// Two people who type in turns of some 11 keystrokes, each seeing the other's with a lag.
    #[must_use]
    pub fn generate(count: usize, seed: u64) -> Self {
        let mut random = fastrand::Rng::with_seed(seed);
        let mut keystrokes = Vec::with_capacity(count);
        let (mut written, mut seen, mut author) = ([0, 0], [[0, 0]; 2], 0);
        let (mut inserted, mut deleted) = ([0_usize, 0], 0);
        while keystrokes.len() < count {
            if random.f32() < 1.0 / 11.0 {
                author = 1 - author;
                let other = 1 - author;
                seen[author][other] = random.usize(seen[author][other]..=written[other]);
            }
            // Whatever it saw of the other's work, its own text is at least this long.
            let length = inserted[author].saturating_sub(deleted);
            let edit = if length > 0 && random.f32() < 0.09 {
                deleted += 1;
                Edit(random.usize(0..length), 1, String::new())
            } else {
                inserted[author] += 1;
                Edit(random.usize(0..=length), 0, letter(&mut random).to_string())
            };
            keystrokes.push(Keystroke {
                author,
                seen: seen[author],
                edit,
            });
            written[author] += 1;
            seen[author][author] = written[author];
        }
        Self { keystrokes, end: None }
    }
}

#[derive(Deserialize)]
struct Recording {
    txns: Vec<Transaction>,
    #[serde(rename = "endContent")]
    end: String,
}

#[derive(Deserialize)]
struct Transaction {
    #[serde(default)]
    parents: Vec<usize>,
    #[serde(default)]
    agent: usize,
    patches: Vec<Edit>,
}

fn recording(variable: &str) -> Option<Recording> {
    let path = std::env::var_os(variable)?;
    let read = || -> std::io::Result<Recording> {
        let mut json = String::new();
        GzDecoder::new(std::fs::File::open(&path)?).read_to_string(&mut json)?;
        Ok(serde_json::from_str(&json)?)
    };
    Some(read().unwrap_or_else(|error| panic!("{variable}={}: {error}", path.display())))
}

fn keystroke(random: &mut fastrand::Rng, cursor: usize) -> Edit {
    if cursor > 0 && random.f32() < 0.3 {
        Edit(cursor - 1, 1, String::new())
    } else {
        Edit(cursor, 0, letter(random).to_string())
    }
}

fn letter(random: &mut fastrand::Rng) -> char {
    if random.f32() < 0.16 { ' ' } else { random.lowercase() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_generated_trace_plays_to_its_own_end() {
        let trace = Trace::generate(20_000, 7);
        let mut text = Vec::new();
        trace.edits.iter().for_each(|edit| edit.play(&mut text));
        assert_eq!(text.iter().collect::<String>(), trace.end);
        let deleted = trace.edits.iter().filter(|edit| edit.1 == 1).count();
        assert!((4_000..8_000).contains(&deleted), "about 30 % deletions, not {deleted}");
    }
}
