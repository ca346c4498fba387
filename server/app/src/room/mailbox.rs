//! The way to a room.

use std::collections::VecDeque;
use std::sync::Arc;

use fieldbook_core::room::Input;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

use super::Command;

/// The way to a room. What a socket says waits for a place while the room has too much to do: that is the back-pressure.
/// Who comes or leaves, and what they may do, needs no place: there are as many of them as sockets.
#[derive(Debug, Clone)]
pub struct Mailbox {
    letters: mpsc::UnboundedSender<Letter>,
    places: Arc<Semaphore>,
}

/// Boxed: a channel keeps room for many, however few there are, and there is a channel for each document.
#[derive(Debug)]
struct Letter {
    command: Box<Command>,
    #[expect(dead_code, reason = "held, not read")]
    place: Option<OwnedSemaphorePermit>,
}

/// The room's end.
pub(super) struct Inbox {
    letters: mpsc::UnboundedReceiver<Letter>,
    /// What came while the room took nobody but those who come.
    parked: VecDeque<Letter>,
}

/// With places for so many.
pub(super) fn mailbox(places: usize) -> (Mailbox, Inbox) {
    let (sender, letters) = mpsc::unbounded_channel();
    let places = Arc::new(Semaphore::new(places.clamp(1, Semaphore::MAX_PERMITS)));
    let parked = VecDeque::new();
    (
        Mailbox {
            letters: sender,
            places,
        },
        Inbox { letters, parked },
    )
}

impl Mailbox {
    /// `false`: the room is gone.
    pub async fn send(&self, command: Command) -> bool {
        let place = match &command {
            Command::Input { input, .. } if !matches!(input, Input::Subject { .. }) => {
                Arc::clone(&self.places).acquire_owned().await.ok()
            }
            _ => None,
        };
        self.put(command, place)
    }

    /// The room is to look at itself.
    pub(super) fn nudge(&self) {
        self.put(Command::Look, None);
    }

    /// Has nobody but the register a way to the room?
    pub(super) fn is_alone(&self) -> bool {
        self.letters.strong_count() == 1
    }

    fn put(&self, command: Command, place: Option<OwnedSemaphorePermit>) -> bool {
        let command = Box::new(command);
        self.letters.send(Letter { command, place }).is_ok()
    }
}

impl Inbox {
    /// The next command; of a room that is full, the next that says who comes, or what they may do. `None`: nobody has a way to the room.
    /// Nothing is lost if the answer is not waited for.
    pub(super) async fn hear(&mut self, full: bool) -> Option<Box<Command>> {
        loop {
            if let Some(command) = self.hear_at_once(full) {
                return Some(command);
            }
            let letter = self.letters.recv().await?;
            self.parked.push_back(letter);
            if full && let Some(command) = self.newcomer() {
                return Some(command);
            }
        }
    }

    /// The same, if it is there.
    pub(super) fn hear_at_once(&mut self, full: bool) -> Option<Box<Command>> {
        if !full {
            let letter = self.parked.pop_front().or_else(|| self.letters.try_recv().ok())?;
            return Some(letter.command);
        }
        while let Ok(letter) = self.letters.try_recv() {
            self.parked.push_back(letter);
            if let Some(command) = self.newcomer() {
                return Some(command);
            }
        }
        None
    }

    /// These are to be heard before all others.
    pub(super) fn put_back(&mut self, commands: Vec<Command>) {
        for command in commands.into_iter().rev() {
            let command = Box::new(command);
            self.parked.push_front(Letter { command, place: None });
        }
    }

    /// Nothing is here, and nothing can come while the register's own way to the room is the only one.
    pub(super) fn is_abandoned(&self) -> bool {
        self.letters.sender_strong_count() == 1 && self.letters.is_empty() && self.parked.is_empty()
    }

    /// Of what is parked, the last one, if it is about who is here and what they may do.
    fn newcomer(&mut self) -> Option<Box<Command>> {
        let is_heard = |letter: &mut Letter| match &*letter.command {
            Command::Open { .. } | Command::AccessChanged { .. } => true,
            Command::Input { input, .. } => matches!(input, Input::Subject { .. }),
            Command::Left { .. } | Command::Look => false,
        };
        self.parked.pop_back_if(is_heard).map(|letter| letter.command)
    }
}

#[cfg(test)]
mod tests {
    use fieldbook_core::id::SocketId;

    use super::*;

    fn left(socket: u64) -> Command {
        Command::Left {
            socket: SocketId(socket),
            clean: true,
        }
    }

    fn socket_of(command: Option<Box<Command>>) -> Option<u64> {
        match *command? {
            Command::Left { socket, .. } => Some(socket.0),
            _ => None,
        }
    }

    #[tokio::test]
    async fn a_full_room_keeps_what_comes_in_order() {
        let (mailbox, mut inbox) = mailbox(1);
        assert!(mailbox.send(left(1)).await && mailbox.send(left(2)).await);
        assert!(futures_util::poll!(std::pin::pin!(inbox.hear(true))).is_pending());
        assert!(mailbox.send(left(3)).await);
        assert!(inbox.hear_at_once(true).is_none() && !inbox.is_abandoned());
        for expected in 1..=3 {
            assert_eq!(socket_of(inbox.hear(false).await), Some(expected));
        }
        assert!(inbox.is_abandoned());
        drop(mailbox);
        assert!(inbox.hear(true).await.is_none());
    }
}
