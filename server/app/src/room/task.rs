//! One room's task: loads the document, then takes one input after the other. No other input comes between an input and
//! its effects.
//!
//! It lives on a thread that serves sockets, beside many others. What would hold these up goes to a thread of its own.

use std::collections::HashMap;
use std::pin::Pin;
use std::time::Duration;

use fieldbook_core::id::{DocumentId, SocketId, UserId};
use fieldbook_core::room::{Closing, Input, Loaded, Room};
use fieldbook_core::wire;
use fieldbook_store::{StoreError, StoredDocument};
use tokio::sync::mpsc;

use super::effects::{Answer, Line, Lines, Pending, World};
use super::mailbox::Inbox;
use super::store_health::{Access, may_pass};
use super::{Command, Rooms, Turn};

/// Inputs taken in a row before the task lets others run.
const BATCH: usize = 64;

pub(super) async fn run(rooms: Rooms, id: DocumentId, inbox: Inbox) {
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
        lines: Lines::default(),
        append: None,
        alarm: Alarm::default(),
        turns: HashMap::new(),
    };
    while let Some(room) = Box::pin(task.load()).await {
        if task.serve(room).await {
            return;
        }
    }
}

struct Task {
    rooms: Rooms,
    id: DocumentId,
    inbox: Inbox,
    /// What the store and the workers say. At most a handful is under way at a time, so it needs no bound; it must never
    /// wait behind the mailbox.
    answered: mpsc::UnboundedReceiver<Box<Answer>>,
    world: World,
    /// Sockets are numbered by us: nobody chooses numbers that collide.
    lines: Lines,
    /// What the store is to say of the changes that it was given; a room gives it one lot at a time.
    append: Option<Pending>,
    /// Of those of whose messages something is left to be done.
    turns: HashMap<SocketId, Turn>,
    alarm: Alarm,
}

enum Next {
    Appended(Input),
    Command(Option<Box<Command>>),
    Answer(Option<Box<Answer>>),
    Wake,
}

impl Task {
    /// Reads the document from the store. `None`: it is damaged, and whoever asks is told.
    async fn load(&mut self) -> Option<Box<Room>> {
        let stored = match self.read_stored().await {
            Ok(stored) => stored,
            Err(error) => return self.refuse_all(&error).await,
        };
        let loaded = stored.map(|stored| Loaded {
            access: stored.access,
            archive: stored.archive,
            tail: stored.tail,
            summarised_up_to: stored.summarised_up_to,
        });
        let config = std::sync::Arc::clone(&self.rooms.0.config);
        let (id, now) = (self.id, self.rooms.now_ms());
        let make = move || Room::new(id, config, loaded, now).map(Box::new);
        match self.rooms.0.loads.run(make).await {
            Ok(room) => Some(room),
            Err(damaged) => self.refuse_all(&damaged).await,
        }
    }

    /// As soon as the store can be read. Whoever comes meanwhile is told that it cannot, and when that is over.
    async fn read_stored(&mut self) -> Result<Option<StoredDocument>, StoreError> {
        let (mut came, mut attempts) = (Vec::new(), 0);
        loop {
            attempts += 1;
            let (store, health) = (&self.rooms.0.store, &self.rooms.0.store_health);
            let error = match store.load(self.id).await {
                Err(error) if may_pass(&error, attempts) => error,
                read => {
                    health.works(self.id, Access::Read);
                    tell_store(&came, self.id, true);
                    self.inbox.put_back(came);
                    return read;
                }
            };
            health.failed(self.id, Access::Read, &error);
            let mut retry = std::pin::pin!(tokio::time::sleep(self.rooms.store_retry()));
            loop {
                tokio::select! {
                    biased;
                    () = &mut retry => break,
                    Some(newcomer) = self.inbox.hear(true) => {
                        tell_store(std::slice::from_ref(&*newcomer), self.id, false);
                        came.push(*newcomer);
                    }
                }
            }
        }
    }

    /// A document that does not load: its sockets are closed as they come, until none is left.
    async fn refuse_all(&mut self, why: &dyn std::fmt::Display) -> Option<Box<Room>> {
        tracing::error!(document = %self.id, %why, "a stored document does not load");
        loop {
            match tokio::time::timeout(Duration::from_secs(1), self.inbox.hear(false)).await {
                Ok(Some(command)) => {
                    let Command::Open { outbox, .. } = *command else {
                        continue;
                    };
                    outbox.close(
                        Closing::CannotRead.code(),
                        "the document is damaged; the server's log says how",
                    );
                }
                Ok(None) | Err(_) => {
                    if self.rooms.close(self.id, &self.inbox) {
                        return None;
                    }
                }
            }
        }
    }

    /// Serves until the room may go (`true`) or has to be loaded again (`false`).
    async fn serve(&mut self, mut room: Box<Room>) -> bool {
        loop {
            let mut next = Some(self.next(&room).await);
            let mut taken = 0;
            while let Some(input) = next {
                let reload;
                // Boxed, as all that is seldom under way: a task keeps room for it even while it waits.
                (room, reload) = Box::pin(self.take(room, input)).await;
                if reload {
                    return false;
                }
                taken += 1;
                next = if taken < BATCH { self.next_at_once(&room) } else { None };
            }
            if taken > 0 && room.works_for().is_some() {
                // However much else comes in, what was put off goes on too.
                (room, _) = Box::pin(self.take(room, Next::Wake)).await;
            }
            let now = if self.rooms.is_crowded() {
                u64::MAX
            } else {
                self.rooms.now_ms()
            };
            if room.may_unload(now) && self.rooms.close(self.id, &self.inbox) {
                return true;
            }
            if taken == BATCH {
                tokio::task::yield_now().await;
            }
        }
    }

    async fn next(&mut self, room: &Room) -> Next {
        let wake = room.wake_at_ms().map(|at| self.rooms.instant(at));
        let alarm = self.alarm.until(wake);
        tokio::select! {
            biased;
            answer = self.answered.recv() => Next::Answer(answer),
            input = pending(&mut self.append) => {
                self.append = None;
                Next::Appended(input)
            }
            command = self.inbox.hear(room.is_full()) => Next::Command(command),
            () = std::future::ready(()), if room.works_for().is_some() => Next::Wake,
            () = alarm => Next::Wake,
        }
    }

    fn next_at_once(&mut self, room: &Room) -> Option<Next> {
        if let Ok(answer) = self.answered.try_recv() {
            return Some(Next::Answer(Some(answer)));
        }
        let command = self.inbox.hear_at_once(room.is_full())?;
        Some(Next::Command(Some(command)))
    }

    /// Feeds the room. `true`: the store holds something else than the room thinks, so it is to be loaded again.
    async fn take(&mut self, room: Box<Room>, next: Next) -> (Box<Room>, bool) {
        let mut waited = None;
        let (input, turn) = match next {
            Next::Wake => (Input::Wake, None),
            Next::Appended(input) => (input, None),
            Next::Answer(Some(answer)) => (answer.input, answer.turn),
            Next::Command(Some(command)) => match *command {
                Command::Input { input, turn, charge } => {
                    waited = Some(charge);
                    (input, turn)
                }
                Command::Left { socket, clean } => (Input::Left { socket, clean }, None),
                Command::AccessChanged { since } => return self.read_access(room, since).await,
                Command::Look => return (room, false),
                Command::Open {
                    socket,
                    peer,
                    subject,
                    extended,
                    outbox,
                    turns,
                    kept,
                    receipt,
                } => {
                    self.lines.insert(socket, Line { outbox, turns, kept });
                    let input = Input::Open {
                        socket,
                        peer,
                        subject,
                        extended,
                        receipt,
                    };
                    (input, None)
                }
            },
            Next::Answer(None) | Next::Command(None) => return (room, false),
        };
        let reload = matches!(input, Input::StoreFailed { conflict: true });
        let left = if let Input::Left { socket, .. } = &input {
            Some(*socket)
        } else {
            None
        };
        let keeps = match &input {
            Input::Sync { socket, .. } | Input::Recalled { socket, .. } | Input::Expanded { socket, .. } => {
                Some(*socket)
            }
            _ => None,
        };
        let room = self.step(room, input, turn).await;
        drop(waited);
        if let Some(line) = keeps.and_then(|socket| self.lines.get_mut(&socket)) {
            line.keeps(keeps.map_or(0, |socket| room.kept_of(socket)));
        }
        if let Some(socket) = left {
            self.lines.remove(&socket);
            self.turns.remove(&socket);
        }
        (room, reload)
    }

    /// The room waits for it: of two changes, the later one is to stay. If it cannot be read, nobody stays on the strength of
    /// what was true before; the document is loaded again.
    async fn read_access(&mut self, room: Box<Room>, since: Vec<(UserId, u64)>) -> (Box<Room>, bool) {
        match self.rooms.0.store.document_access(self.id).await {
            Ok(Some(access)) => (self.step(room, Input::Access { access, since }, None).await, false),
            Ok(None) => (room, false),
            Err(error) => {
                tracing::error!(document = %self.id, %error, "who may do what with a document cannot be read");
                let input = Input::StoreFailed { conflict: true };
                (self.step(room, input, None).await, true)
            }
        }
    }

    /// What is asked of the world goes on with the turn, and so does what is put off; it is over with the last of its work.
    async fn step(&mut self, mut room: Box<Room>, input: Input, turn: Option<Turn>) -> Box<Room> {
        let now = self.rooms.now_ms();
        let worker = match &input {
            Input::Sync { socket, .. } | Input::Recalled { socket, .. } | Input::Expanded { socket, .. } => {
                Some(*socket)
            }
            Input::Wake => room.works_for(),
            _ => None,
        };
        let mut turn = turn.or_else(|| self.turns.remove(&worker?));
        if room.load(&input).is_long() {
            let work = self.rooms.0.long_work.run(move || {
                let effects: Vec<_> = room.step(now, input).collect();
                (room, effects)
            });
            let effects;
            (room, effects) = work.await;
            for effect in effects {
                self.world.perform(effect, &self.lines, &mut turn, &mut self.append);
            }
        } else {
            for effect in room.step(now, input) {
                self.world.perform(effect, &self.lines, &mut turn, &mut self.append);
            }
        }
        if let (Some(turn), Some(socket)) = (turn, worker)
            && room.is_working_for(socket)
        {
            self.turns.insert(socket, turn);
        }
        room
    }
}

async fn pending(append: &mut Option<Pending>) -> Input {
    match append {
        Some(append) => append.await,
        None => std::future::pending().await,
    }
}

/// Tells those of our own clients who come whether the store can be read. Nothing of the document is known to them by that.
fn tell_store(came: &[Command], id: DocumentId, ok: bool) {
    for command in came {
        if let Command::Open {
            extended: true, outbox, ..
        } = command
        {
            outbox.send(wire::store(id, ok));
        }
    }
}

/// A timer that is set anew only when it would ring too late: what a room waits for is put off with nearly each input, and
/// setting a timer takes longer than letting it ring in vain.
#[derive(Default)]
struct Alarm {
    timer: Option<Pin<Box<tokio::time::Sleep>>>,
}

impl Alarm {
    /// Waits until then; `None`: for ever.
    async fn until(&mut self, at: Option<tokio::time::Instant>) {
        let Some(at) = at else {
            return std::future::pending().await;
        };
        loop {
            let timer = self.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(at)));
            if timer.deadline() > at || timer.is_elapsed() {
                timer.as_mut().reset(at);
            }
            timer.as_mut().await;
            if tokio::time::Instant::now() >= at {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::Instant;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn an_alarm_rings_when_it_is_due_however_it_was_set_before() {
        let (mut alarm, start) = (Alarm::default(), Instant::now());
        let after = |seconds| Some(start + Duration::from_secs(seconds));
        for (given_up, at) in [(5, 9), (20, 12), (13, 13)] {
            let soon = tokio::time::timeout(Duration::from_millis(10), alarm.until(after(given_up)));
            assert!(soon.await.is_err());
            alarm.until(after(at)).await;
            assert_eq!(start.elapsed().as_secs(), at);
        }
        alarm.until(after(1)).await;
        assert_eq!(start.elapsed().as_secs(), 13, "at once");
        let never = tokio::time::timeout(Duration::from_secs(60), alarm.until(None));
        assert!(never.await.is_err());
    }
}
