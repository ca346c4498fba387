//! What a power cut leaves of what was done to a disk.
//!
//! The model. A file's bytes are safe once they were written before a sync of that file. Of what was written since,
//! each sector of 512 bytes may be there or not, in any combination; so may each change of length. A name (of a file or
//! folder made or removed) is safe once its folder was synced after it; until then either state of it may be found,
//! whatever the file's own syncs. Bytes next to those that were written do not change (SQLite's
//! `SQLITE_IOCAP_POWERSAFE_OVERWRITE`).

use std::collections::BTreeMap;
use std::path::Path;

use crate::disk::{Entry, File, Op};

const SECTOR_BYTES: u64 = 512;

/// What becomes of that which was not synced.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Luck {
    /// All of it is lost.
    Synced,
    /// Some of it is lost; the number says what.
    Chance(u64),
}

/// The disk's content: files by path, `None` for a folder.
#[derive(PartialEq, Eq)]
pub(crate) struct Image(BTreeMap<String, Option<Vec<u8>>>);

impl Image {
    pub(crate) fn write_to(&self, root: &Path) {
        for (path, content) in &self.0 {
            match content {
                Some(bytes) => std::fs::write(root.join(path), bytes).unwrap(),
                None => std::fs::create_dir(root.join(path)).unwrap(),
            }
        }
    }

    /// What is there below `root`, but for the shared memory.
    pub(crate) fn read(root: &Path) -> Self {
        let mut found = BTreeMap::new();
        let mut folders = vec![root.to_owned()];
        while let Some(folder) = folders.pop() {
            for entry in std::fs::read_dir(folder).unwrap() {
                let absolute = entry.unwrap().path();
                let path = absolute.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
                if absolute.is_dir() {
                    found.insert(path, None);
                    folders.push(absolute);
                } else if !path.ends_with("-shm") {
                    found.insert(path, Some(std::fs::read(absolute).unwrap()));
                }
            }
        }
        Self(found)
    }

    pub(crate) fn into_entries(self) -> impl Iterator<Item = (String, Option<Vec<u8>>)> {
        self.0.into_iter()
    }

    pub(crate) fn names(&self) -> Vec<&String> {
        self.0.keys().collect()
    }
}

pub(crate) struct Replay<'l> {
    files: BTreeMap<File, Content<'l>>,
    names: BTreeMap<&'l str, Name>,
    dice: Option<Dice>,
}

#[derive(Default)]
struct Content<'l> {
    visible: Vec<u8>,
    safe: Vec<u8>,
    unsynced: Vec<&'l Op>,
}

#[derive(Default, Clone, Copy)]
struct Name {
    visible: Option<Entry>,
    safe: Option<Entry>,
}

impl<'l> Replay<'l> {
    pub(crate) fn of(log: &'l [Op], luck: Luck) -> Self {
        let dice = match luck {
            Luck::Synced => None,
            Luck::Chance(seed) => Some(Dice::new(seed)),
        };
        let mut replay = Self {
            files: BTreeMap::new(),
            names: BTreeMap::new(),
            dice,
        };
        log.iter().for_each(|op| replay.step(op));
        replay
    }

    fn step(&mut self, op: &'l Op) {
        match op {
            Op::Make { path, entry } => self.names.entry(path).or_default().visible = Some(*entry),
            Op::Remove { path } => self.names.entry(path).or_default().visible = None,
            Op::SyncFolder { path } => {
                let names = self.names.iter_mut().filter(|(name, _)| parent(name) == path);
                names.for_each(|(_, name)| name.safe = name.visible);
            }
            Op::Write { file, .. } | Op::Resize { file, .. } => {
                let content = self.files.entry(*file).or_default();
                apply(op, &mut content.visible, &mut None);
                content.unsynced.push(op);
            }
            Op::Sync { file } => {
                let content = self.files.entry(*file).or_default();
                content.land(&mut None);
            }
            Op::SyncFailed { file, evicted } => {
                let content = self.files.entry(*file).or_default();
                if *evicted {
                    content.evict();
                } else if self.dice.is_some() {
                    content.land(&mut self.dice);
                }
                content.unsynced.clear();
            }
        }
    }

    /// What the running system sees.
    pub(crate) fn visible(&self) -> Image {
        self.image(self.entries(), |content| content.visible.clone())
    }

    pub(crate) fn visible_bytes(&self, file: File) -> &[u8] {
        self.files.get(&file).map_or(&[], |content| &content.visible)
    }

    pub(crate) fn entries(&self) -> impl Iterator<Item = (&'l str, Entry)> {
        self.names
            .iter()
            .filter_map(|(path, name)| Some((*path, name.visible?)))
    }

    /// What is there after the power was cut at the end of the log.
    pub(crate) fn cut(mut self) -> Image {
        let mut names: BTreeMap<&str, Entry> = BTreeMap::new();
        // A folder comes before what is in it.
        for (path, name) in &self.names {
            let lucky = self.dice.as_mut().is_some_and(Dice::toss);
            let entry = if lucky { name.visible } else { name.safe };
            let reachable = parent(path).is_empty() || names.contains_key(parent(path));
            if let Some(entry) = entry.filter(|_| reachable) {
                names.insert(path, entry);
            }
        }
        for content in self.files.values_mut() {
            if self.dice.is_some() {
                content.land(&mut self.dice);
            }
        }
        self.image(names.into_iter(), |content| content.safe.clone())
    }

    fn image<'n>(
        &self,
        names: impl Iterator<Item = (&'n str, Entry)>,
        bytes: impl Fn(&Content<'_>) -> Vec<u8>,
    ) -> Image {
        let content = |entry| match entry {
            Entry::File(file) => Some(self.files.get(&file).map_or_else(Vec::new, &bytes)),
            Entry::Folder => None,
        };
        Image(names.map(|(path, entry)| (path.to_owned(), content(entry))).collect())
    }
}

impl Content<'_> {
    /// Without dice all of it.
    fn land(&mut self, dice: &mut Option<Dice>) {
        for op in self.unsynced.drain(..) {
            apply(op, &mut self.safe, dice);
        }
    }

    /// The file keeps its length, what is read is what is on the disk.
    fn evict(&mut self) {
        let length = self.visible.len();
        self.visible.clone_from(&self.safe);
        self.visible.resize(length, 0);
    }
}

fn apply(op: &Op, content: &mut Vec<u8>, dice: &mut Option<Dice>) {
    match op {
        Op::Write { offset, bytes, .. } => {
            let mut at = *offset;
            let mut rest = &bytes[..];
            while !rest.is_empty() {
                let length = (SECTOR_BYTES - at % SECTOR_BYTES).min(rest.len() as u64);
                let (sector, after) = rest.split_at(length as usize);
                put(content, at, sector, dice);
                (at, rest) = (at + length, after);
            }
        }
        Op::Resize { length, .. } if dice.as_mut().is_none_or(Dice::toss) => content.resize(*length as usize, 0),
        _ => {}
    }
}

fn put(content: &mut Vec<u8>, at: u64, sector: &[u8], dice: &mut Option<Dice>) {
    let (start, end) = (at as usize, at as usize + sector.len());
    let landed = dice.as_mut().is_none_or(Dice::toss);
    // The file may have grown without the bytes.
    if content.len() < end && (landed || dice.as_mut().is_some_and(Dice::toss)) {
        content.resize(end, 0);
    }
    if landed {
        content[start..end].copy_from_slice(sector);
    }
}

/// The folder in which a path is; that of the disk's root is empty.
fn parent(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// Whether a sector made it: seldom, often, or evenly, as the seed says.
struct Dice {
    random: fastrand::Rng,
    odds: f64,
}

impl Dice {
    fn new(seed: u64) -> Self {
        let mut random = fastrand::Rng::with_seed(seed);
        let odds = [0.1, 0.5, 0.9][random.usize(..3)];
        Self { random, odds }
    }

    fn toss(&mut self) -> bool {
        self.random.f64() < self.odds
    }
}
