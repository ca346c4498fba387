//! The store: what is committed, and what is still to be done or to be said. Nothing happens until the schedule says so.

use std::collections::{BTreeMap, HashMap, HashSet};

use automerge::{Automerge, ChangeHash};
use bytes::Bytes;
use fieldbook_core::access::{Creation, DocumentAccess};
use fieldbook_core::change::Change;
use fieldbook_core::history::{ArchiveMeta, Placed, extend_index};
use fieldbook_core::id::SocketId;
use fieldbook_core::limits::Limits;
use fieldbook_core::room::{CompactionPlan, Effect, Input, Loaded};

use super::rng::Rng;

/// Something between the room and the store.
enum Job {
    /// Asked, not done.
    Asked(Effect),
    /// Done, not told.
    Done(Input),
}

#[derive(Default)]
pub(crate) struct Store {
    /// Who may do what with the document; `None`: there is none.
    pub(crate) access: Option<DocumentAccess>,
    rows: BTreeMap<u64, Bytes>,
    archive: Option<(ArchiveMeta, Bytes)>,
    archived: HashMap<ChangeHash, u64>,
    jobs: Vec<Job>,
    /// Nothing can be written, and reading fails at times: for now, or because it does not read back.
    pub(crate) failing: bool,
    /// The room has been told that reading fails for now.
    unreadable: bool,
    /// How often reading has failed.
    unread: usize,
    pub(crate) reads_failed: bool,
    pub(crate) expansions_failed: bool,
    /// Heads that somebody was told: what leads to them is durable.
    pub(crate) told: HashSet<ChangeHash>,
    /// Everything that was ever committed, in order: what the checks compare with.
    pub(crate) log: Vec<Change>,
    pub(crate) committed: HashSet<ChangeHash>,
    pub(crate) archives: HashSet<Bytes>,
    compacts_in_silence: bool,
}

impl Store {
    pub(crate) fn new(compacts_in_silence: bool) -> Self {
        Self {
            compacts_in_silence,
            ..Self::default()
        }
    }

    pub(crate) fn ask(&mut self, effect: Effect) {
        self.jobs.push(Job::Asked(effect));
    }

    pub(crate) fn has_archive(&self) -> bool {
        self.archive.is_some()
    }

    pub(crate) fn jobs(&self) -> usize {
        self.jobs.len()
    }

    /// The sockets for which it has been asked something that is not answered yet.
    pub(crate) fn waited_for_by(&self) -> impl Iterator<Item = SocketId> {
        self.jobs.iter().filter_map(|job| match job {
            Job::Asked(Effect::Recall { socket, .. } | Effect::Expand { socket, .. })
            | Job::Done(Input::Recalled { socket, .. } | Input::Expanded { socket, .. }) => Some(*socket),
            _ => None,
        })
    }

    /// Is the archive being read?
    pub(crate) fn reads_archive(&self) -> bool {
        let reads = |job: &Job| matches!(job, Job::Asked(Effect::ReadArchive) | Job::Done(Input::Archive { .. }));
        self.jobs.iter().any(reads)
    }

    /// The room goes. All that may be under way is what sessions asked that have left.
    pub(crate) fn forget_questions(&mut self) {
        self.unreadable = false;
        for job in self.jobs.drain(..) {
            let of_session = match job {
                Job::Asked(effect) => matches!(effect, Effect::Recall { .. } | Effect::Expand { .. }),
                Job::Done(input) => matches!(input, Input::Recalled { .. } | Input::Expanded { .. }),
            };
            assert!(of_session, "R8: unloaded while the store works for it");
        }
    }

    /// Goes on with one job: does it, or tells what came of it, or both.
    pub(crate) fn work(&mut self, rng: &mut Rng) -> Option<Input> {
        let job = self.jobs.swap_remove(rng.below(self.jobs.len()));
        let effect = match job {
            Job::Done(input @ Input::Compacted { .. }) if self.compacts_in_silence && rng.percent(80) => {
                self.jobs.push(Job::Done(input));
                return None;
            }
            Job::Done(input) => return Some(input),
            Job::Asked(effect) => effect,
        };
        let reads = matches!(effect, Effect::ReadArchive | Effect::Recall { .. });
        if reads && self.failing && !self.unread.is_multiple_of(3) {
            self.unread += 1;
            self.unreadable = true;
            self.jobs.push(Job::Asked(effect));
            return Some(Input::Reading { fails: true });
        }
        let done = self.perform(effect, rng);
        if reads && std::mem::take(&mut self.unreadable) {
            self.jobs.push(Job::Done(done));
            return Some(Input::Reading { fails: false });
        }
        let tells = !(self.compacts_in_silence && matches!(done, Input::Compacted { .. }));
        if tells && rng.percent(50) {
            return Some(done);
        }
        self.jobs.push(Job::Done(done));
        None
    }

    /// The server dies. What was asked may just have been done; nobody hears of it.
    pub(crate) fn crash(&mut self, rng: &mut Rng) {
        self.unreadable = false;
        for job in std::mem::take(&mut self.jobs) {
            if let Job::Asked(effect) = job
                && rng.percent(50)
            {
                match effect {
                    Effect::Append {
                        new,
                        first_position,
                        changes,
                    } => self.append_part(new, first_position, changes, rng),
                    effect => drop(self.perform(effect, rng)),
                }
            }
        }
    }

    /// Somebody else wrote what the room is about to write: that is not done. `false`: it is not about to.
    pub(crate) fn refuse_append(&mut self) -> bool {
        let append = |job: &Job| matches!(job, Job::Asked(Effect::Append { .. }));
        let at = self.jobs.iter().position(append);
        at.map(|at| self.jobs.swap_remove(at)).is_some()
    }

    pub(crate) fn load(&self) -> Option<Loaded> {
        let archive = self.archive.as_ref().map(|(meta, _)| meta.clone());
        let position = archive.as_ref().map_or(0, |meta| meta.position);
        Some(Loaded {
            access: self.access.clone()?,
            archive,
            tail: self
                .rows
                .range(position + 1..)
                .map(|(_, bytes)| bytes.clone())
                .collect(),
            summarised_up_to: self.last(),
        })
    }

    /// The document as it stands in the store.
    pub(crate) fn document(&self) -> Automerge {
        let (position, archive) = match &self.archive {
            Some((meta, bytes)) => (meta.position, bytes.as_ref()),
            None => (0, &[][..]),
        };
        let mut bytes = archive.to_vec();
        bytes.extend(self.rows.range(position + 1..).flat_map(|(_, row)| row.iter()));
        Automerge::load(&bytes).expect("the store's bytes load")
    }

    fn last(&self) -> u64 {
        self.log.len() as u64
    }

    fn perform(&mut self, effect: Effect, rng: &mut Rng) -> Input {
        let fails = self.failing && rng.percent(70);
        match effect {
            Effect::Append {
                new,
                first_position,
                changes,
            } => {
                if !fails {
                    let up_to = self.append(new, first_position, changes);
                    return Input::Stored { up_to };
                }
                self.append_part(new, first_position, changes, rng);
                Input::StoreFailed { conflict: false }
            }
            Effect::ReadArchive => {
                self.reads_failed |= fails;
                self.unread += usize::from(fails);
                let read = self.archive.as_ref().filter(|_| !fails);
                Input::Archive {
                    read: read.map(|(meta, bytes)| (meta.position, bytes.clone())),
                }
            }
            Effect::Recall {
                socket,
                hashes,
                retained,
            } => {
                self.reads_failed |= fails;
                self.unread += usize::from(fails);
                Input::Recalled {
                    socket,
                    archived: if fails { Vec::new() } else { self.find(&hashes) },
                    retained: if fails || !retained {
                        Vec::new()
                    } else {
                        self.retained()
                    },
                    failed: fails,
                }
            }
            Effect::Expand { socket, chunks } => Input::Expanded {
                socket,
                changes: if self.failing && rng.percent(50) {
                    self.expansions_failed = true;
                    Err("the worker was stopped".to_owned())
                } else {
                    expand(&chunks)
                },
            },
            Effect::Compact(plan) => Input::Compacted {
                archive: if fails { None } else { Some(self.compact(plan)) },
            },
            Effect::Summarise { .. } => Input::Summarised {
                took_ms: rng.between(0, 20),
                failed: fails,
            },
            other => panic!("not for the store: {other:?}"),
        }
    }

    /// The write is torn: some of the changes are there, perhaps all or none; nobody hears of it.
    fn append_part(&mut self, new: Option<Creation>, first: u64, mut changes: Vec<Bytes>, rng: &mut Rng) {
        changes.truncate(rng.below(changes.len() + 1));
        if !changes.is_empty() {
            self.append(new, first, changes);
        }
    }

    fn append(&mut self, new: Option<Creation>, first: u64, changes: Vec<Bytes>) -> u64 {
        match (&self.access, new) {
            (None, Some(creation)) => self.access = Some(creation.access()),
            (None, None) => panic!("an append to a document that does not exist"),
            _ => {}
        }
        assert!(first <= self.last() + 1, "R8: a gap in the log");
        let up_to = first + changes.len() as u64 - 1;
        for (position, bytes) in (first..).zip(changes) {
            if position <= self.last() {
                assert_eq!(
                    self.rows.get(&position),
                    Some(&bytes),
                    "R8: another change at {position}"
                );
                continue;
            }
            let change = Change::parse(bytes.clone(), &Limits::default()).expect("what is stored can be read");
            let in_order = change.deps.iter().all(|dep| self.committed.contains(dep));
            assert!(in_order, "R2: a change is stored before what it depends on");
            assert!(self.committed.insert(change.hash), "a change is stored twice");
            self.log.push(change);
            self.rows.insert(position, bytes);
        }
        up_to
    }

    fn find(&self, hashes: &[ChangeHash]) -> Vec<Placed> {
        let found = hashes
            .iter()
            .filter_map(|hash| Some((*hash, *self.archived.get(hash)?)));
        found.map(|(hash, position)| Placed { hash, position }).collect()
    }

    fn extend_index(&self, before: usize, up_to: usize) -> Bytes {
        let index = self.archive.as_ref().map(|(meta, _)| meta.index.clone());
        let chunks = self.log[before..up_to].iter().map(|change| change.bytes.clone());
        let places: HashMap<_, _> = self
            .log
            .iter()
            .zip(1..)
            .map(|(change, position)| (change.hash, position))
            .collect();
        let place = |dep: &ChangeHash| places.get(dep).copied();
        let index = extend_index(&index.unwrap_or_default(), heads_of(&self.log[..before]), chunks, place);
        index.expect("what is stored was admitted").encode().into()
    }

    fn retained(&self) -> Vec<Bytes> {
        let Some((meta, _)) = &self.archive else {
            return Vec::new();
        };
        let rows = self.rows.range(meta.retained.position..=meta.position);
        rows.map(|(_, bytes)| bytes.clone()).collect()
    }

    fn compact(&mut self, plan: CompactionPlan) -> ArchiveMeta {
        let (before, mut bytes) = match &self.archive {
            Some((meta, bytes)) => (meta.position, bytes.to_vec()),
            None => (0, Vec::new()),
        };
        assert_eq!(plan.previous, before, "a plan for another archive");
        bytes.extend(self.rows.range(before + 1..=plan.up_to).flat_map(|(_, row)| row.iter()));
        let document = Automerge::load(&bytes).expect("archive and tail load");
        assert_eq!(document.get_heads(), plan.heads, "the plan's heads");
        let changes = document.get_changes(&[]);
        assert_eq!(changes.len() as u64, plan.up_to, "the archive has every change");
        let added: Vec<_> = self.log[before as usize..plan.up_to as usize]
            .iter()
            .zip(before + 1..)
            .map(|(change, position)| placed(change, position))
            .collect();
        assert_eq!(plan.added, added, "the plan's new changes");
        let retained_from = plan.retained.position as usize - 1;
        assert_eq!(
            plan.retained.heads,
            heads_of(&self.log[..retained_from]),
            "heads before what is retained"
        );
        let bytes = Bytes::from(document.save());
        let mut clock = BTreeMap::new();
        for change in &changes {
            let seq = clock.entry(change.actor_id().to_bytes().to_vec()).or_insert(0);
            *seq = change.seq().max(*seq);
        }
        let heads = plan.heads.iter().map(|hash| {
            let mut log = self.log.iter().zip(1..);
            let (change, position) = log
                .find(|(change, _)| change.hash == *hash)
                .expect("a head is in the log");
            placed(change, position)
        });
        let meta = ArchiveMeta {
            position: plan.up_to,
            heads: heads.collect(),
            clock: clock.into_iter().collect(),
            bytes: bytes.len() as u64,
            retained: plan.retained,
            index: self.extend_index(before as usize, plan.up_to as usize),
        };
        self.archived
            .extend(plan.added.iter().map(|change| (change.hash, change.position)));
        self.rows = self.rows.split_off(&meta.retained.position);
        let retained = self.rows.range(..=meta.position).count() as u64;
        assert_eq!(
            retained,
            meta.position + 1 - meta.retained.position,
            "retained rows are there"
        );
        self.archives.insert(bytes.clone());
        self.archive = Some((meta.clone(), bytes));
        meta
    }
}

fn placed(change: &Change, position: u64) -> Placed {
    Placed {
        hash: change.hash,
        position,
    }
}

/// The heads of a log, sorted.
pub(crate) fn heads_of(log: &[Change]) -> Vec<ChangeHash> {
    let deps: HashSet<_> = log.iter().flat_map(|change| &change.deps).collect();
    let mut heads: Vec<_> = log
        .iter()
        .map(|change| change.hash)
        .filter(|hash| !deps.contains(hash))
        .collect();
    heads.sort_unstable();
    heads
}

/// What a worker makes of document chunks.
pub(crate) fn expand(chunks: &[Bytes]) -> Result<Vec<Bytes>, String> {
    let document = Automerge::load(&chunks.concat()).map_err(|error| error.to_string())?;
    let changes = document.get_changes(&[]);
    Ok(changes
        .iter()
        .map(|change| Bytes::copy_from_slice(change.raw_bytes()))
        .collect())
}
