//! People who write into a store, and what must be there of it afterwards.

use std::path::Path;
use std::time::Duration;

use bytes::Bytes;
use fastrand::Rng;
use fieldbook_core::id::DocumentId;
use fieldbook_store::sqlite::{SqliteOptions, SqliteStore};
use fieldbook_store::{Archive, Directory, DocumentStore, StoreError};
use futures_util::future::join_all;
use rusqlite::{Connection, OpenFlags};
use tempfile::TempDir;

use crate::disk::Disk;
use crate::replay::{Luck, Replay};
use crate::sample::{House, archive, hash};

/// Where the database is on a disk, in a folder that the store makes.
const DATABASE: &str = "data/fieldbook.sqlite";

/// Small enough that the log is checkpointed, begun anew and cut down every few commits.
pub(crate) fn options() -> SqliteOptions {
    SqliteOptions {
        checkpoint_pages: 40,
        log_bytes: 200_000,
        busy_timeout: Duration::from_secs(20),
        ..SqliteOptions::default()
    }
}

pub(crate) async fn open(root: &Path) -> Result<SqliteStore, StoreError> {
    open_with(root, options()).await
}

pub(crate) async fn open_with(root: &Path, options: SqliteOptions) -> Result<SqliteStore, StoreError> {
    SqliteStore::open(&root.join(DATABASE), options).await
}

/// A workspace with documents at which somebody writes.
pub(crate) struct Office {
    house: House,
    /// When the house was built.
    built: usize,
    diaries: Vec<Diary>,
}

/// What was done to a document.
struct Diary {
    id: DocumentId,
    random: Rng,
    entries: Vec<Entry>,
}

/// One call and its outcome: what the document is after it, when it began, and when it was acknowledged, as numbers of
/// operations of the disk.
struct Entry {
    after: State,
    begun: usize,
    acknowledged: Option<usize>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct State {
    last: u64,
    archived: u64,
    retained: u64,
    title: u64,
}

impl Office {
    pub(crate) async fn build(store: &SqliteStore, disk: &Disk, documents: usize, seed: u64) -> Self {
        let house = House::build(store).await;
        let mut random = Rng::with_seed(seed);
        let diary = |_| Diary {
            id: seeded_id(&mut random),
            random: random.fork(),
            entries: Vec::new(),
        };
        Self {
            house,
            built: disk.now(),
            diaries: (0..documents).map(diary).collect(),
        }
    }

    /// All of them write at the same time.
    pub(crate) async fn work(&mut self, store: &SqliteStore, disk: &Disk, calls: usize) {
        let house = &self.house;
        join_all(self.diaries.iter_mut().map(|diary| async move {
            for _ in 0..calls {
                let step = diary.next_step();
                diary.take(&step, store, house, disk).await.unwrap();
            }
        }))
        .await;
    }

    /// What each of them wants to do next.
    pub(crate) fn next_steps(&mut self) -> Vec<Step> {
        self.diaries.iter_mut().map(Diary::next_step).collect()
    }

    /// Each of them does one thing; the same thing again is the same call.
    pub(crate) async fn attempt(
        &mut self,
        steps: &[Step],
        store: &SqliteStore,
        disk: &Disk,
    ) -> Vec<Result<(), StoreError>> {
        let house = &self.house;
        let attempts = self
            .diaries
            .iter_mut()
            .zip(steps)
            .map(|(diary, step)| diary.take(step, store, house, disk));
        join_all(attempts).await
    }

    /// Fails unless a power cut now would leave what the store shows.
    pub(crate) async fn compare_shown(&self, store: &SqliteStore, disk: &Disk, luck: Luck) -> Result<(), String> {
        let shown = self.states(store).await?;
        let folder = TempDir::new().unwrap();
        Replay::of(&disk.log(), luck).cut().write_to(folder.path());
        let left = open(folder.path()).await.map_err(words)?;
        let kept = self.states(&left).await;
        left.close().await;
        let kept = kept?;
        if kept == shown {
            Ok(())
        } else {
            Err(format!("{shown:?} was shown, {kept:?} was kept"))
        }
    }

    /// Opens what a power cut at `cut` left in `root`, and says what is wrong with it.
    pub(crate) async fn inspect(&self, root: &Path, cut: usize) -> Result<(), String> {
        let store = open(root)
            .await
            .map_err(|error| format!("it cannot be opened: {error}"))?;
        let outcome = self.inspect_store(&store, cut).await;
        store.close().await;
        outcome?;
        let complaints = check_integrity(&root.join(DATABASE)).map_err(words)?;
        if complaints.is_empty() {
            Ok(())
        } else {
            Err(complaints.join("; "))
        }
    }

    /// What a store shows of each document.
    async fn states(&self, store: &SqliteStore) -> Result<Vec<State>, String> {
        let mut states = Vec::new();
        for diary in &self.diaries {
            states.push(diary.read(store).await?);
        }
        Ok(states)
    }

    async fn inspect_store(&self, store: &SqliteStore, cut: usize) -> Result<(), String> {
        if self.built <= cut && store.account_by_name("Ann").await.map_err(words)?.as_ref() != Some(&self.house.ann) {
            return Err("Ann's account is not there".into());
        }
        let ids = store.document_ids().await.map_err(words)?;
        if let Some(id) = ids.iter().find(|id| !self.diaries.iter().any(|diary| diary.id == **id)) {
            return Err(format!("nobody made the document {id}"));
        }
        for diary in &self.diaries {
            let found = diary.inspect(store, cut).await;
            let state = found.map_err(|error| format!("document {}: {error}", diary.id))?;
            // Work goes on.
            if state.last > 0 {
                let next = diary.changes(state.last + 1..=state.last + 1);
                let appended = store.append(diary.id, None, state.last + 1, next).await;
                appended.map_err(|error| format!("document {} takes no more: {error}", diary.id))?;
            }
        }
        Ok(())
    }
}

/// What to do next to a document.
#[derive(Debug)]
pub(crate) enum Step {
    Append {
        first: u64,
        count: u64,
    },
    Archive {
        previous: u64,
        position: u64,
        retained: u64,
    },
    Title {
        number: u64,
    },
}

impl Diary {
    fn state(&self) -> State {
        self.entries.last().map_or_else(State::default, |entry| entry.after)
    }

    fn next_step(&mut self) -> Step {
        let State {
            last, archived, title, ..
        } = self.state();
        match self.random.u8(..20) {
            0 | 1 if last > archived => Step::Archive {
                previous: archived,
                position: last,
                retained: last + 1 - self.random.u64(..(last - archived).min(4)),
            },
            2 | 3 if last > 0 => Step::Title { number: title + 1 },
            _ => self.next_append(),
        }
    }

    fn next_append(&mut self) -> Step {
        Step::Append {
            first: self.state().last + 1,
            count: self.random.u64(1..4),
        }
    }

    async fn take(&mut self, step: &Step, store: &SqliteStore, house: &House, disk: &Disk) -> Result<(), StoreError> {
        let before = self.state();
        let after = match *step {
            Step::Append { first, count } => State {
                last: first + count - 1,
                ..before
            },
            Step::Archive { position, retained, .. } => State {
                archived: position,
                retained,
                ..before
            },
            Step::Title { number } => State {
                title: number,
                ..before
            },
        };
        // The same call again is an entry only once.
        if self.entries.last().is_none_or(|entry| entry.after != after) {
            self.entries.push(Entry {
                after,
                begun: disk.now(),
                acknowledged: None,
            });
        }
        match *step {
            Step::Append { first, .. } => {
                let new = (first == 1).then(|| house.new_document());
                store
                    .append(self.id, new, first, self.changes(first..=after.last))
                    .await?;
            }
            Step::Archive {
                previous,
                position,
                retained,
            } => {
                let archive = self.archive(previous, position, retained);
                store.replace_archive(self.id, previous, archive).await?;
            }
            Step::Title { number } => store.set_summary(self.id, Some(&title(number)), 2000, 0).await?,
        }
        let entry = self.entries.last_mut().unwrap();
        entry.acknowledged.get_or_insert(disk.now());
        Ok(())
    }

    /// The document is what the last acknowledged call made it, or the one after that, of which nobody heard.
    async fn inspect(&self, store: &SqliteStore, cut: usize) -> Result<State, String> {
        let acknowledged = |entry: &&Entry| entry.acknowledged.is_some_and(|at| at <= cut);
        let known = self.entries.iter().take_while(acknowledged).count();
        let certain = known
            .checked_sub(1)
            .map_or_else(State::default, |index| self.entries[index].after);
        let possible = self
            .entries
            .get(known)
            .filter(|entry| entry.begun <= cut)
            .map(|entry| entry.after);

        let found = self.read(store).await?;
        if found != certain && Some(found) != possible {
            return Err(format!(
                "it is {found:?}, acknowledged was {certain:?}, begun {possible:?}"
            ));
        }
        Ok(found)
    }

    /// What the store has of it, all of which must fit together.
    async fn read(&self, store: &SqliteStore) -> Result<State, String> {
        let Some(loaded) = store.load(self.id).await.map_err(words)? else {
            return Ok(State::default());
        };
        let archived = loaded.archive.as_ref().map_or(0, |meta| meta.position);
        let retained = loaded.archive.as_ref().map_or(0, |meta| meta.retained.position);
        let state = State {
            last: archived + loaded.tail.len() as u64,
            archived,
            retained,
            title: read_title(store, self.id).await?,
        };
        if loaded.tail != self.changes(archived + 1..=state.last) {
            return Err("the tail has other bytes".into());
        }
        if let Some(meta) = loaded.archive {
            let expected = self.archive(archived, archived, retained);
            if store.read_archive(self.id).await.map_err(words)? != Some((archived, expected.bytes)) {
                return Err("the archive has other bytes".into());
            }
            if meta != expected.meta {
                return Err(format!("the archive is {meta:?}"));
            }
            if store.read_retained(self.id).await.map_err(words)? != self.changes(retained..=archived) {
                return Err("the retained changes have other bytes".into());
            }
            let asked: Vec<_> = (1..=state.last).map(hash).collect();
            let indexed = store.find_archived(self.id, &asked).await.map_err(words)?.len() as u64;
            if indexed != archived {
                return Err(format!("{indexed} of {archived} archived changes are in the index"));
            }
        }
        Ok(state)
    }

    /// Most are small, some need pages of their own.
    fn changes(&self, positions: impl IntoIterator<Item = u64>) -> Vec<Bytes> {
        let seed = u64::from_le_bytes(*self.id.as_bytes().first_chunk().unwrap());
        let change = |position| {
            let mut random = Rng::with_seed(seed ^ position);
            let length = if random.u8(..8) == 0 { 9000 } else { 200 };
            (0..random.usize(1..length)).map(|_| random.u8(..)).collect()
        };
        positions.into_iter().map(change).collect()
    }

    fn archive(&self, previous: u64, position: u64, retained: u64) -> Archive {
        let mut archive = archive(previous, position, retained);
        archive.bytes = self.changes([u64::MAX - position]).concat().repeat(5).into();
        archive.meta.bytes = archive.bytes.len() as u64;
        archive
    }
}

fn seeded_id(random: &mut Rng) -> DocumentId {
    let id = uuid::Builder::from_random_bytes(random.u128(..).to_le_bytes()).into_uuid();
    DocumentId::from_bytes(id.into_bytes()).unwrap()
}

fn title(number: u64) -> String {
    format!("Plan {number}")
}

async fn read_title(store: &SqliteStore, id: DocumentId) -> Result<u64, String> {
    let entry = store
        .document(id)
        .await
        .map_err(words)?
        .ok_or("it is not in the list")?;
    match entry.title.split_once(' ') {
        None => Ok(0),
        Some((_, number)) => number.parse().map_err(|_| format!("it is called {:?}", entry.title)),
    }
}

fn check_integrity(database: &Path) -> rusqlite::Result<Vec<String>> {
    let connection = Connection::open_with_flags(database, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    let mut complaints = Vec::new();
    for pragma in ["pragma integrity_check", "pragma foreign_key_check"] {
        let mut statement = connection.prepare(pragma)?;
        let rows = statement.query_map([], |row| row.get(0))?;
        complaints.extend(rows.collect::<rusqlite::Result<Vec<String>>>()?);
    }
    complaints.retain(|complaint| complaint != "ok");
    Ok(complaints)
}

fn words(error: impl std::fmt::Display) -> String {
    error.to_string()
}
