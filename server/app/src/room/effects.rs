//! Performs a room's effects; what takes time goes to a task of its own, whose answer comes back as an input.

use std::collections::HashMap;
use std::pin::Pin;
use std::time::Instant;

use bytes::Bytes;
use fieldbook_core::access::Creation;
use fieldbook_core::id::{DocumentId, SocketId};
use fieldbook_core::room::{CompactionPlan, Effect, Input};
use fieldbook_store::{NewDocument, StoreError};
use fieldbook_worker::{Job, Outcome};
use tokio::sync::mpsc;

use super::store_health::{Access, may_pass};
use super::{Rooms, Turn, Turns, titles};
use crate::auth::now_ms;
use crate::socket::{Charge, Outbox};

/// Names that are looked up in the archive in one go.
const LOOKUPS_AT_ONCE: usize = 1_000;

#[derive(Clone)]
pub(super) struct World {
    pub(super) rooms: Rooms,
    pub(super) id: DocumentId,
    pub(super) answers: mpsc::UnboundedSender<Box<Answer>>,
}

/// What the world says to a room, with the turn of the user whose message it is about.
pub(super) struct Answer {
    pub(super) input: Input,
    pub(super) turn: Option<Turn>,
}

/// An answer that is still to come.
pub(super) type Pending = Pin<Box<dyn Future<Output = Input>>>;

/// What a room's task has of each socket.
pub(super) type Lines = HashMap<SocketId, Line, rustc_hash::FxBuildHasher>;

/// What it has of one.
pub(super) struct Line {
    pub(super) outbox: Outbox,
    pub(super) turns: Turns,
    /// What the room keeps of what it sent.
    pub(super) kept: Charge,
}

impl Line {
    /// So many bytes of what the socket sent are kept; beyond the user's budget, it is closed.
    pub(super) fn keeps(&mut self, bytes: usize) {
        if !self.kept.set(bytes) {
            self.outbox.close(
                1013,
                "more than limits.user_bytes is in memory for all your connections together; send less at once",
            );
        }
    }
}

impl World {
    /// `append`: where the one thing goes that the room's task awaits itself.
    pub(super) fn perform(&self, effect: Effect, lines: &Lines, turn: &mut Option<Turn>, append: &mut Option<Pending>) {
        match effect {
            Effect::Send(socket, frame) => {
                if let Some(line) = lines.get(&socket) {
                    line.outbox.send(frame);
                }
            }
            Effect::Offer(socket, frame) => {
                if let Some(line) = lines.get(&socket) {
                    line.outbox.offer(frame);
                }
            }
            Effect::Close(socket, closing) => {
                if let Some(line) = lines.get(&socket) {
                    line.outbox.close(closing.code(), closing.reason());
                }
            }
            Effect::Unreadable(error) => {
                tracing::error!(document = %self.id, %error, "no change can be admitted; run `fieldbook verify`");
            }
            Effect::Refused { socket, rule } => {
                tracing::warn!(document = %self.id, socket = socket.0, rule, "a change was refused");
            }
            Effect::Append {
                new,
                first_position,
                changes,
            } => *append = Some(Box::pin(self.clone().append(new, first_position, changes))),
            Effect::Recall {
                socket,
                hashes,
                retained,
            } => {
                self.ask(turn.take(), async move |world| {
                    world.recall(socket, &hashes, retained).await
                });
            }
            Effect::ReadArchive => self.ask(None, async move |world| world.read_archive().await),
            Effect::Expand { socket, chunks } => {
                let turns = lines.get(&socket).map(|line| line.turns.clone());
                self.expand(turn.take(), turns, socket, chunks);
            }
            Effect::Compact(plan) => self.ask(None, async move |world| world.compact(plan).await),
            Effect::Summarise { up_to } => self.ask(None, async move |world| world.summarise(up_to).await),
        }
    }

    fn ask<F>(&self, turn: Option<Turn>, question: impl FnOnce(World) -> F)
    where
        F: Future<Output = Input> + 'static,
    {
        let (answers, answer) = (self.answers.clone(), question(self.clone()));
        actix_web::rt::spawn(async move {
            let input = answer.await;
            // The room outlives its questions: it does not unload while one is open.
            let _ = answers.send(Box::new(Answer { input, turn }));
        });
    }

    /// A whole document is long work, however small it is: a child is started for it.
    fn expand(&self, turn: Option<Turn>, turns: Option<Turns>, socket: SocketId, chunks: Vec<Bytes>) {
        let (answers, world) = (self.answers.clone(), self.clone());
        actix_web::rt::spawn(async move {
            let turn = match (turn, turns) {
                (None, Some(turns)) => Some(turns.next().await),
                (turn, _) => turn,
            };
            let input = world.take_apart(socket, chunks).await;
            let _ = answers.send(Box::new(Answer { input, turn }));
        });
    }

    async fn append(self, new: Option<Creation>, first_position: u64, changes: Vec<Bytes>) -> Input {
        let up_to = first_position + changes.len() as u64 - 1;
        let new = new.map(|creation| NewDocument {
            creation,
            kind: None,
            title: String::new(),
            created_at_ms: now_ms(),
        });
        let (store, health) = (&self.rooms.0.store, &self.rooms.0.store_health);
        match store.append(self.id, new, first_position, changes).await {
            Ok(()) => {
                health.works(self.id, Access::Append);
                Input::Stored { up_to }
            }
            Err(error @ StoreError::Unavailable(_)) => {
                health.failed(self.id, Access::Append, &error);
                Input::StoreFailed { conflict: false }
            }
            Err(error) => {
                // The store works; what it holds of this document is not what the room thinks.
                health.works(self.id, Access::Append);
                tracing::error!(document = %self.id, %error, "changes were not stored; they are not acknowledged");
                Input::StoreFailed { conflict: true }
            }
        }
    }

    async fn recall(self, socket: SocketId, hashes: &[automerge::ChangeHash], retained: bool) -> Input {
        let store = &self.rooms.0.store;
        let read = self.read(async || {
            let mut archived = Vec::new();
            // Others read in between.
            for some in hashes.chunks(LOOKUPS_AT_ONCE) {
                archived.extend(store.find_archived(self.id, some).await?);
            }
            let retained = if retained {
                store.read_retained(self.id).await?
            } else {
                Vec::new()
            };
            Ok((archived, retained))
        });
        let read = read.await;
        let failed = read.is_none();
        let (archived, retained) = read.unwrap_or_default();
        Input::Recalled {
            socket,
            archived,
            retained,
            failed,
        }
    }

    async fn read_archive(self) -> Input {
        let read = self.read(async || self.rooms.0.store.read_archive(self.id).await);
        Input::Archive {
            read: read.await.flatten(),
        }
    }

    /// Reads as soon as the store can be read; the room hears that it has to wait, and when that is over. `None`: what
    /// is stored does not read back.
    async fn read<T>(&self, ask: impl AsyncFn() -> Result<T, StoreError>) -> Option<T> {
        let health = &self.rooms.0.store_health;
        let mut attempts = 0;
        loop {
            attempts += 1;
            let error = match ask().await {
                Err(error) if may_pass(&error, attempts) => error,
                outcome => {
                    health.works(self.id, Access::Read);
                    if attempts > 1 {
                        self.tell(Input::Reading { fails: false });
                    }
                    let log = |error| tracing::error!(document = %self.id, %error, "the archive does not read back");
                    return outcome.map_err(log).ok();
                }
            };
            health.failed(self.id, Access::Read, &error);
            self.tell(Input::Reading { fails: true });
            tokio::time::sleep(self.rooms.store_retry()).await;
        }
    }

    /// The room outlives its questions: it does not unload while one is open.
    fn tell(&self, input: Input) {
        let _ = self.answers.send(Box::new(Answer { input, turn: None }));
    }

    async fn take_apart(self, socket: SocketId, chunks: Vec<Bytes>) -> Input {
        let bytes = Bytes::from(chunks.concat());
        let max_total_bytes = self.rooms.0.config.limits.unsaved_bytes as u64;
        let job = Job::Expand {
            bytes,
            max_changes: self.rooms.0.uploaded_changes,
            max_total_bytes,
        };
        let changes = match self.rooms.0.workers.run(job).await {
            Ok(Outcome::Expanded { changes }) => Ok(changes),
            Ok(_) => Err("the worker answered another question".to_owned()),
            Err(error) => Err(error.to_string()),
        };
        Input::Expanded { socket, changes }
    }

    async fn compact(self, plan: CompactionPlan) -> Input {
        let archive = self.rooms.0.compactions.run(&self.rooms, self.id, plan).await;
        Input::Compacted { archive }
    }

    async fn summarise(self, up_to: u64) -> Input {
        let _turn = self.rooms.0.summaries.next().await;
        let started = Instant::now();
        // Boxed: many wait for their turn, and what they wait in is not to hold what comes afterwards.
        let updated = Box::pin(titles::update(&self.rooms, self.id, up_to)).await;
        if let Err(error) = &updated {
            self.rooms.0.titles_behind.notify_one();
            // Why is known already.
            if self.rooms.store_trouble().is_none() {
                tracing::warn!(document = %self.id, error, "the list's copy of a title could not be brought up to date; \
                     it is tried again");
            }
        }
        Input::Summarised {
            took_ms: u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX),
            failed: updated.is_err(),
        }
    }
}
