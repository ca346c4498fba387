//! Random editing sessions of real automerge documents: everything that its API can write.

use automerge::marks::{ExpandMark, Mark};
use automerge::transaction::{CommitOptions, Transactable};
use automerge::{ActorId, Author, AutoCommit, AutomergeError, Change, ObjId, ObjType, ROOT, ReadDoc, ScalarValue};

use super::rng::Rng;

const KEYS: [&str; 4] = ["a", "bb", "title", "körper"];
const NAMES: [&str; 3] = ["strong", "em", "link"];

/// Several people's copies of one document.
pub(crate) struct Session {
    copies: Vec<AutoCommit>,
    objects: Vec<(ObjId, ObjType)>,
    actors: u8,
    /// Does anybody write on top of old heads? Automerge itself panics then, at times.
    isolates: bool,
}

impl Session {
    pub(crate) fn new(rng: &mut Rng) -> Self {
        let mut session = Self {
            copies: vec![AutoCommit::new().with_author(author(rng)).with_actor(actor(0))],
            objects: vec![(ROOT, ObjType::Map)],
            actors: 1,
            isolates: true,
        };
        session.write(rng, 6);
        for _ in 0..rng.between(1, 3) {
            session.add_copy(rng);
        }
        session
    }

    /// Goes on from these changes, as somebody who has not written before.
    pub(crate) fn from(changes: &[Change], objects: Vec<(ObjId, ObjType)>) -> Result<Self, AutomergeError> {
        let mut copy = AutoCommit::new().with_actor(actor(200));
        copy.apply_changes(changes.to_vec())?;
        Ok(Self {
            copies: vec![copy],
            objects,
            actors: 201,
            isolates: false,
        })
    }

    pub(crate) fn objects(&self) -> Vec<(ObjId, ObjType)> {
        self.objects.clone()
    }

    fn add_copy(&mut self, rng: &mut Rng) {
        let copy = self.copies[0]
            .fork()
            .with_author(author(rng))
            .with_actor(actor(self.actors));
        self.actors += 1;
        self.copies.push(copy);
    }

    /// Writes and merges for a while.
    pub(crate) fn write(&mut self, rng: &mut Rng, steps: usize) {
        for _ in 0..steps {
            let at = rng.below(self.copies.len());
            match rng.below(12) {
                0 => self.merge(rng, at),
                1 if rng.percent(20) => {
                    self.copies[at].empty_change(CommitOptions::default());
                }
                2 if self.isolates && rng.percent(20) => self.write_in_the_past(rng, at),
                3 if rng.percent(10) && self.copies.len() < 6 => self.add_copy(rng),
                _ => self.transaction(rng, at),
            }
        }
    }

    /// Everybody's changes, each after those that it depends on.
    pub(crate) fn changes(&mut self) -> Vec<Change> {
        let (first, others) = self.copies.split_at_mut(1);
        for other in others {
            first[0].merge(other).expect("copies merge");
        }
        first[0].get_changes(&[])
    }

    fn merge(&mut self, rng: &mut Rng, at: usize) {
        let from = rng.below(self.copies.len());
        if from != at {
            let mut other = self.copies[from].fork();
            self.copies[at].merge(&mut other).expect("copies merge");
        }
    }

    fn write_in_the_past(&mut self, rng: &mut Rng, at: usize) {
        let changes = self.copies[at].get_changes(&[]);
        if changes.is_empty() {
            return;
        }
        let hash = changes[rng.below(changes.len())].hash();
        self.copies[at].isolate(&[hash]);
        self.transaction(rng, at);
        self.copies[at].integrate();
    }

    fn transaction(&mut self, rng: &mut Rng, at: usize) {
        for _ in 0..rng.between(1, 4) {
            // What cannot be done here is not done.
            let _ = self.operation(rng, at);
        }
        let mut options = CommitOptions::default();
        if rng.percent(20) {
            options = options
                .with_message("said so")
                .with_time(rng.next() as i64 >> rng.between(10, 40));
        }
        if rng.percent(20) {
            // As a clock would say.
            options = options.with_time(1_790_000_000 + rng.below(100) as i64);
        }
        self.copies[at].commit_with(options);
    }

    fn operation(&mut self, rng: &mut Rng, at: usize) -> Result<(), AutomergeError> {
        let (object, kind) = self.objects[rng.below(self.objects.len())].clone();
        let copy = &mut self.copies[at];
        copy.object_type(&object)?;
        let made = match kind {
            ObjType::Map | ObjType::Table => write_map(rng, copy, &object)?,
            ObjType::List => write_list(rng, copy, &object)?,
            ObjType::Text => write_text(rng, copy, &object)?,
        };
        self.objects.extend(made);
        Ok(())
    }
}

pub(crate) fn actor(number: u8) -> ActorId {
    // Not in the order of their numbers.
    ActorId::from([number.wrapping_mul(151), number, 7, 7].as_slice())
}

/// Not everybody has a name.
fn author(rng: &mut Rng) -> Option<Author<'static>> {
    let names: [Option<&[u8]>; 5] = [None, None, Some(b"ann"), Some(b"ben"), Some(b"")];
    rng.pick(&names).map(|name| Author::from(name.to_vec()))
}

type Made = Option<(ObjId, ObjType)>;

fn write_map(rng: &mut Rng, copy: &mut AutoCommit, map: &ObjId) -> Result<Made, AutomergeError> {
    let key = rng.pick(&KEYS);
    match rng.below(8) {
        0..3 => copy.put(map, key, scalar(rng))?,
        3 => copy.delete(map, key)?,
        4 | 5 => copy.increment(map, key, rng.between(0, 9) as i64 - 4)?,
        _ => {
            let kind = kind(rng);
            return Ok(Some((copy.put_object(map, key, kind)?, kind)));
        }
    }
    Ok(None)
}

fn write_list(rng: &mut Rng, copy: &mut AutoCommit, list: &ObjId) -> Result<Made, AutomergeError> {
    let length = copy.length(list);
    let index = rng.below(length + 1);
    match rng.below(8) {
        0..3 => copy.insert(list, index, scalar(rng))?,
        3 => copy.put(list, index, scalar(rng))?,
        4 => copy.delete(list, index)?,
        5 => copy.increment(list, index, 3)?,
        6 => copy.splice(list, index, 0, (0..3).map(|_| scalar(rng)).collect::<Vec<_>>())?,
        _ => {
            let kind = kind(rng);
            return Ok(Some((copy.insert_object(list, index, kind)?, kind)));
        }
    }
    Ok(None)
}

fn write_text(rng: &mut Rng, copy: &mut AutoCommit, text: &ObjId) -> Result<Made, AutomergeError> {
    let length = copy.length(text);
    let index = rng.below(length + 1);
    let until = index + rng.below(length - index + 1);
    match rng.below(10) {
        0..4 => copy.splice_text(text, index, 0, rng.pick(&["x", "word ", "größe", "👍🏽", ""]))?,
        4 => copy.splice_text(text, index, (until - index) as isize, "")?,
        5 | 6 => {
            let value = rng.pick(&[true, false]);
            let expand = rng.pick(&[
                ExpandMark::Both,
                ExpandMark::None,
                ExpandMark::Before,
                ExpandMark::After,
            ]);
            copy.mark(
                text,
                Mark::new(rng.pick(&NAMES).to_owned(), value, index, until),
                expand,
            )?;
        }
        7 => copy.unmark(text, rng.pick(&NAMES), index, until, ExpandMark::None)?,
        8 => return Ok(Some((copy.split_block(text, index)?, ObjType::Map))),
        _ => copy.join_block(text, index)?,
    }
    Ok(None)
}

fn kind(rng: &mut Rng) -> ObjType {
    rng.pick(&[ObjType::Map, ObjType::List, ObjType::Text, ObjType::Text])
}

fn scalar(rng: &mut Rng) -> ScalarValue {
    match rng.below(10) {
        0 => ScalarValue::Null,
        1 => ScalarValue::Boolean(rng.percent(50)),
        2 => ScalarValue::Int(rng.next() as i64 >> rng.below(64)),
        3 => ScalarValue::Uint(rng.next() >> rng.below(64)),
        4 => ScalarValue::F64(rng.next() as f64 / 3.0),
        5 => ScalarValue::Timestamp(rng.next() as i64 >> 20),
        6 => ScalarValue::Bytes(vec![7; rng.below(4)]),
        7 | 8 => ScalarValue::counter(rng.below(100) as i64),
        _ => ScalarValue::Str(rng.pick(&["", "text", "größer"]).into()),
    }
}
