//! One room's task: loads the document, then takes one input after the other. Nothing awaits between an input and its
//! effects.

use std::collections::HashMap;
use std::time::Duration;

use fieldbook_core::id::{DocumentId, SocketId};
use fieldbook_core::room::{Closing, Input, Loaded, Room};
use tokio::sync::mpsc;

use super::effects::World;
use super::{Command, Rooms};
use crate::socket::Outbox;

/// Inputs taken in a row before the task lets others run.
const BATCH: usize = 64;

pub(super) async fn run(rooms: Rooms, id: DocumentId, inbox: mpsc::Receiver<Command>) {
    let (answers, answered) = mpsc::unbounded_channel();
    let world = World {
        rooms: rooms.clone(),
        id,
        answers,
    };
    let mut task = Task {
        rooms,
        id,
        inbox,
        answered,
        world,
        outboxes: HashMap::new(),
    };
    while let Some(room) = task.load().await {
        if task.serve(room).await {
            return;
        }
    }
}

struct Task {
    rooms: Rooms,
    id: DocumentId,
    inbox: mpsc::Receiver<Command>,
    /// What the store and the workers say. At most a handful is under way at a time, so it needs no bound; it must never
    /// wait behind the mailbox.
    answered: mpsc::UnboundedReceiver<Input>,
    world: World,
    outboxes: HashMap<SocketId, Outbox>,
}

enum Next {
    Command(Option<Command>),
    Answer(Option<Input>),
    Wake,
}

impl Task {
    /// Reads the document from the store, and goes on trying. `None`: it is damaged, and whoever asks is told.
    async fn load(&mut self) -> Option<Room> {
        loop {
            match self.rooms.0.store.load(self.id).await {
                Ok(stored) => {
                    let loaded = stored.map(|stored| Loaded {
                        workspace: stored.workspace,
                        archive: stored.archive,
                        tail: stored.tail,
                    });
                    let config = std::sync::Arc::clone(&self.rooms.0.config);
                    match Room::new(self.id, config, loaded, self.rooms.now_ms()) {
                        Ok(room) => return Some(room),
                        Err(damaged) => {
                            tracing::error!(document = %self.id, %damaged, "a stored document does not load");
                            self.refuse_all().await;
                            return None;
                        }
                    }
                }
                Err(error) => {
                    tracing::error!(document = %self.id, %error, "a document cannot be read from the store; trying again");
                    tokio::time::sleep(Duration::from_millis(self.rooms.0.config.timing.store_retry_ms)).await;
                }
            }
        }
    }

    /// A document that does not load: its sockets are closed as they come, until none is left.
    async fn refuse_all(&mut self) {
        loop {
            match tokio::time::timeout(Duration::from_secs(1), self.inbox.recv()).await {
                Ok(Some(Command::Open { outbox, .. })) => {
                    outbox.close(
                        Closing::CannotRead.code(),
                        "the document is damaged; the server's log says how",
                    );
                }
                Ok(Some(Command::Input(_))) => {}
                Ok(None) | Err(_) => {
                    if self.rooms.close(self.id, &self.inbox) {
                        return;
                    }
                }
            }
        }
    }

    /// Serves until the room may go (`true`) or has to be loaded again (`false`).
    async fn serve(&mut self, mut room: Room) -> bool {
        loop {
            let next = self.next(&room).await;
            let mut reload = self.take(&mut room, next);
            for _ in 0..BATCH {
                let Some(next) = self.next_at_once(&room) else { break };
                reload |= self.take(&mut room, next);
            }
            if reload {
                return false;
            }
            let now = if self.rooms.is_crowded() {
                u64::MAX
            } else {
                self.rooms.now_ms()
            };
            if room.may_unload(now) && self.rooms.close(self.id, &self.inbox) {
                return true;
            }
            tokio::task::yield_now().await;
        }
    }

    async fn next(&mut self, room: &Room) -> Next {
        let wake = room.wake_at_ms().map(|at| self.rooms.instant(at));
        tokio::select! {
            biased;
            answer = self.answered.recv() => Next::Answer(answer),
            command = self.inbox.recv(), if !room.is_full() => Next::Command(command),
            () = sleep_until(wake) => Next::Wake,
        }
    }

    fn next_at_once(&mut self, room: &Room) -> Option<Next> {
        if let Ok(answer) = self.answered.try_recv() {
            return Some(Next::Answer(Some(answer)));
        }
        if room.is_full() {
            return None;
        }
        self.inbox.try_recv().ok().map(|command| Next::Command(Some(command)))
    }

    /// Feeds the room. `true`: the store holds something else than the room thinks, so it is to be loaded again.
    fn take(&mut self, room: &mut Room, next: Next) -> bool {
        let input = match next {
            Next::Wake => Input::Wake,
            Next::Answer(Some(input)) | Next::Command(Some(Command::Input(input))) => input,
            Next::Command(Some(Command::Open {
                socket,
                peer,
                member,
                extended,
                outbox,
            })) => {
                self.outboxes.insert(socket, outbox);
                Input::Open {
                    socket,
                    peer,
                    member,
                    extended,
                }
            }
            Next::Answer(None) | Next::Command(None) => return false,
        };
        let reload = matches!(input, Input::StoreFailed { conflict: true });
        let left = if let Input::Left { socket, .. } = &input {
            Some(*socket)
        } else {
            None
        };
        for effect in room.step(self.rooms.now_ms(), input) {
            self.world.perform(effect, &self.outboxes);
        }
        if let Some(socket) = left {
            self.outboxes.remove(&socket);
        }
        reload
    }
}

async fn sleep_until(at: Option<tokio::time::Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}
