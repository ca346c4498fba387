//! The store: it answers when the script says so, or fails. It never compacts: that is put off each time.

use std::collections::{BTreeMap, HashSet};
use std::sync::OnceLock;

use automerge::{AutoCommit, ChangeHash};
use bytes::Bytes;
use fieldbook_core::access::{DocumentAccess, Role, State, Visibility};
use fieldbook_core::change::Change;
use fieldbook_core::history::{ArchiveMeta, Placed, RetainedFrom, extend_index};
use fieldbook_core::id::WorkspaceId;
use fieldbook_core::room::{Effect, Input, Loaded};

use crate::{corpus, limits};

/// The workspace of those who may.
pub(super) const HOME: u128 = 1;
/// Changes of the beginning that the archive has, and from which on they are retained.
const ARCHIVED: usize = 4;
const RETAINED_FROM: usize = 3;

pub(super) struct Store {
    pub(super) access: Option<DocumentAccess>,
    pub(super) committed: HashSet<ChangeHash>,
    log: Vec<Bytes>,
    archived: usize,
    questions: Vec<Effect>,
}

impl Store {
    pub(super) fn new(stored: u8) -> Self {
        let (log, archived) = match stored % 3 {
            0 => (Vec::new(), 0),
            1 => (corpus::beginning().to_vec(), 0),
            _ => (corpus::beginning().to_vec(), ARCHIVED),
        };
        Self {
            access: (!log.is_empty()).then(access),
            committed: log.iter().map(|bytes| parse(bytes).hash).collect(),
            log,
            archived,
            questions: Vec::new(),
        }
    }

    pub(super) fn load(&self) -> Option<Loaded> {
        Some(Loaded {
            access: self.access.clone()?,
            archive: (self.archived > 0).then(|| archive_meta().clone()),
            tail: self.log[self.archived..].to_vec(),
            summarised_up_to: self.log.len() as u64,
        })
    }

    pub(super) fn ask(&mut self, question: Effect) {
        self.questions.push(question);
    }

    pub(super) fn forget_questions(&mut self) {
        self.questions.clear();
    }

    /// Answers one question, well or with a failure.
    pub(super) fn work(&mut self, which: u8, well: bool) -> Option<Input> {
        if self.questions.is_empty() {
            return None;
        }
        let at = usize::from(which) % self.questions.len();
        Some(match self.questions.remove(at) {
            Effect::Append {
                new,
                first_position,
                changes,
            } if well => {
                if let Some(creation) = new {
                    self.access = Some(creation.access());
                }
                self.append(first_position, changes)
            }
            Effect::Append { .. } => Input::StoreFailed { conflict: false },
            Effect::Recall {
                socket,
                hashes,
                retained,
            } => Input::Recalled {
                socket,
                archived: if well { find(&hashes) } else { Vec::new() },
                retained: if well && retained {
                    self.log[RETAINED_FROM - 1..ARCHIVED].to_vec()
                } else {
                    Vec::new()
                },
                failed: !well,
            },
            Effect::ReadArchive => Input::Archive {
                read: well.then(|| (ARCHIVED as u64, Self::archive().clone())),
            },
            Effect::Expand { socket, chunks } => Input::Expanded {
                socket,
                changes: match Self::expand(&chunks.concat().into()) {
                    changes if well && !changes.is_empty() => Ok(changes),
                    _ => Err("it cannot be read".to_owned()),
                },
            },
            Effect::Compact(_) => Input::Compacted { archive: None },
            Effect::Summarise { .. } => Input::Summarised {
                took_ms: 1,
                failed: !well,
            },
            other => panic!("not for the store: {other:?}"),
        })
    }

    fn append(&mut self, first_position: u64, changes: Vec<Bytes>) -> Input {
        assert!(self.access.is_some(), "an append to a document that does not exist");
        assert_eq!(
            first_position,
            self.log.len() as u64 + 1,
            "R8: a gap in the log, or a change twice"
        );
        for bytes in changes {
            let change = parse(&bytes);
            assert!(
                change.deps.iter().all(|dep| self.committed.contains(dep)),
                "R2: stored out of order"
            );
            assert!(self.committed.insert(change.hash), "R2: stored twice");
            self.log.push(bytes);
        }
        Input::Stored {
            up_to: self.log.len() as u64,
        }
    }

    /// The bytes that a new client gets.
    pub(super) fn archive() -> &'static Bytes {
        static ARCHIVE: OnceLock<Bytes> = OnceLock::new();
        ARCHIVE.get_or_init(|| {
            let mut document = AutoCommit::load(&corpus::beginning()[..ARCHIVED].concat()).expect("real changes");
            document.save().into()
        })
    }

    /// What a worker makes of a whole document. It knows only one: others may do to automerge what they will, and the
    /// server reads them in another process.
    pub(super) fn expand(chunk: &Bytes) -> Vec<Bytes> {
        if chunk == corpus::whole() {
            corpus::beginning().iter().chain(corpus::more()).cloned().collect()
        } else {
            Vec::new()
        }
    }
}

fn parse(bytes: &Bytes) -> Change {
    Change::parse(bytes.clone(), &limits()).expect("what is stored can be read")
}

fn archived() -> &'static BTreeMap<[u8; 32], u64> {
    static NAMES: OnceLock<BTreeMap<[u8; 32], u64>> = OnceLock::new();
    NAMES.get_or_init(|| {
        let chunks = corpus::beginning()[..ARCHIVED].iter();
        chunks.map(|bytes| parse(bytes).hash.0).zip(1..).collect()
    })
}

fn find(hashes: &[ChangeHash]) -> Vec<Placed> {
    let place = |hash: &ChangeHash| archived().get(&hash.0).copied();
    let found = hashes.iter().filter_map(|hash| Some((*hash, place(hash)?)));
    found.map(|(hash, position)| Placed { hash, position }).collect()
}

fn archive_meta() -> &'static ArchiveMeta {
    static META: OnceLock<ArchiveMeta> = OnceLock::new();
    META.get_or_init(|| {
        let changes: Vec<_> = corpus::beginning()[..ARCHIVED].iter().map(parse).collect();
        let last = &changes[ARCHIVED - 1];
        let place = |dep: &ChangeHash| archived().get(&dep.0).copied();
        let index = extend_index(&[], [], corpus::beginning()[..ARCHIVED].to_vec(), place);
        ArchiveMeta {
            position: ARCHIVED as u64,
            heads: vec![Placed {
                hash: last.hash,
                position: ARCHIVED as u64,
            }],
            clock: vec![(last.actor.to_vec(), last.seq)],
            bytes: Store::archive().len() as u64,
            retained: RetainedFrom {
                position: RETAINED_FROM as u64,
                heads: vec![changes[RETAINED_FROM - 2].hash],
            },
            index: index.expect("real changes").encode().into(),
        }
    })
}

/// Of a document that the home workspace's members write.
fn access() -> DocumentAccess {
    DocumentAccess {
        workspace: WorkspaceId(uuid::Uuid::from_u128(HOME)),
        visibility: Visibility::Workspace,
        default_role: Role::Editor,
        grants: BTreeMap::new(),
        state: State::InUse,
    }
}
