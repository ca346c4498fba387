//! Who is here, as a client of ours is told it in `roster` and `presence` frames.

use std::collections::BTreeMap;

use bytes::Bytes;
use fieldbook_core::room::{Input, Room};
use fieldbook_core::wire::Ephemeral;
use minicbor::Decoder;

use super::World;
use minicbor::data::Type;
use minicbor::decode::Error;

/// The others.
#[derive(Default)]
pub(crate) struct People {
    others: BTreeMap<String, Person>,
}

#[derive(Default)]
struct Person {
    here: bool,
    cursor: Bytes,
}

impl People {
    /// A frame of the extension.
    pub(crate) fn hear(&mut self, frame: &[u8]) {
        self.read(frame).expect("the server's frames can be read");
    }

    /// Those who are told of, here or reconnecting.
    pub(crate) fn count(&self) -> usize {
        self.others.len()
    }

    /// Is somebody told of?
    pub(crate) fn lists(&self, key: &str) -> bool {
        self.others.contains_key(key)
    }

    /// Where somebody's cursor is who is here.
    pub(crate) fn cursor_of(&self, key: &str) -> Option<&Bytes> {
        self.others
            .get(key)
            .filter(|person| person.here)
            .map(|person| &person.cursor)
    }

    fn read(&mut self, frame: &[u8]) -> Result<(), Error> {
        let mut d = Decoder::new(frame);
        for _ in 0..d.map()?.unwrap_or(0) {
            match d.str()? {
                "kind" if d.str()? == "roster" => self.others.clear(),
                "kind" => {}
                "people" => {
                    for _ in 0..d.array()?.unwrap_or(0) {
                        self.read_person(&mut d)?;
                    }
                }
                "gone" => {
                    for _ in 0..d.array()?.unwrap_or(0) {
                        let key = d.str()?;
                        self.others.remove(key);
                    }
                }
                _ => d.skip()?,
            }
        }
        Ok(())
    }

    fn read_person(&mut self, d: &mut Decoder<'_>) -> Result<(), Error> {
        let (mut key, mut here, mut cursor) = ("", false, None);
        for _ in 0..d.map()?.unwrap_or(0) {
            match d.str()? {
                "key" => key = d.str()?,
                "state" => here = d.str()? == "here",
                "data" if d.datatype()? == Type::Bytes => cursor = Some(Bytes::copy_from_slice(d.bytes()?)),
                _ => d.skip()?,
            }
        }
        let person = self.others.entry(key.to_owned()).or_default();
        person.here = here;
        person.cursor = cursor.unwrap_or(std::mem::take(&mut person.cursor));
        Ok(())
    }
}

impl World {
    /// A device that was told of the document tells where its cursor is (which overtakes what else is on its way).
    pub(super) fn move_cursor(&mut self, index: usize) {
        let Some(id) = self.clients[index].socket.filter(|id| self.sockets[id].opened) else {
            return;
        };
        let takes_it = |room: &Room| !room.stored_heads().is_empty() && !room.is_full();
        if self.sockets[&id].granted.is_none() || !self.room.as_ref().is_some_and(takes_it) {
            return;
        }
        let size = self.rng.pick(&[3, 3, 3, 9]);
        let data = Bytes::from(vec![self.rng.next() as u8; size]);
        if size <= self.config.limits.presence_bytes {
            self.clients[index].cursor = Some(data.clone());
        }
        self.feed(Input::Presence { socket: id, data });
    }
    /// A device says something that is not stored: all the others who may read hear it, once (E1).
    pub(super) fn whisper(&mut self, index: usize) {
        let Some(id) = self.clients[index].socket.filter(|id| self.sockets[id].opened) else {
            return;
        };
        let takes_it = |room: &Room| !room.stored_heads().is_empty() && !room.is_full();
        if !self.room.as_ref().is_some_and(takes_it) {
            return;
        }
        let repeats = self.clients[index].whispers > 0 && self.rng.percent(20);
        self.clients[index].whispers += u32::from(!repeats);
        let data = vec![0; self.rng.pick(&[3, 3, 20])];
        let is_heard = self.sockets[&id].granted.is_some()
            && data.len() <= self.config.limits.ephemeral_bytes
            && self.sockets[&id].whispers < self.clients[index].whispers;
        if is_heard && let Some(socket) = self.sockets.get_mut(&id) {
            socket.whispers = self.clients[index].whispers;
        }
        let too_large = data.len() > self.config.limits.ephemeral_bytes;
        let message = Ephemeral {
            sender: self.clients[index].peer.clone(),
            document: self.document,
            session: "session".to_owned(),
            count: self.clients[index].whispers,
            data: data.into(),
        };
        self.feed(Input::Ephemeral { socket: id, message });
        let others = self
            .sockets
            .iter()
            .filter(|(other, socket)| is_heard && **other != id && socket.opened && socket.granted.is_some());
        let others: Vec<_> = others.map(|(other, _)| *other).collect();
        let heard = &self.audit.whispered_to;
        assert!(!too_large || heard.is_empty(), "R6: an ephemeral message is too large");
        assert_eq!(*heard, others, "E1: who hears an ephemeral message");
    }
}
