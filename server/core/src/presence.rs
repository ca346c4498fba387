//! Who is here. Changes are collected and told once per tick; a person is one device, named by its peer id.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;

use crate::access::Subject;
use crate::id::{DocumentId, PeerId, SocketId};
use crate::wire::{self, Frame, PersonView};

struct Person {
    user: String,
    name: Arc<str>,
    /// Those of this device that are open, in the order in which they were welcomed; all but one are dying. None: lost.
    sockets: Vec<SocketId>,
    data: Option<Bytes>,
    data_changed: bool,
    gone_at_ms: u64,
}

/// Everybody who has one document open.
#[derive(Default)]
pub struct Roster {
    people: BTreeMap<PeerId, Box<Person>>,
    changed: BTreeSet<PeerId>,
    gone: BTreeSet<PeerId>,
}

impl Roster {
    /// A device opens the document. One of the same name that was lost, or is being replaced, becomes this one. It may be
    /// the older of two sockets that is welcomed last, so the person stays until both are gone.
    pub fn join(&mut self, socket: SocketId, peer: &PeerId, subject: &Subject) {
        let before = self.people.remove(peer).map(|person| *person);
        let (data, mut sockets) = before.map_or_else(Default::default, |person| (person.data, person.sockets));
        self.gone.remove(peer);
        if !sockets.contains(&socket) {
            sockets.reserve_exact(1);
            sockets.push(socket);
        }
        self.people.insert(
            peer.clone(),
            Box::new(Person {
                user: subject.user.to_string(),
                name: Arc::clone(&subject.name),
                sockets,
                data_changed: data.is_some(),
                data,
                gone_at_ms: u64::MAX,
            }),
        );
        self.changed.insert(peer.clone());
    }

    /// A device's cursor and state; nothing (empty): it has no cursor.
    pub fn update(&mut self, socket: SocketId, peer: &PeerId, data: Bytes) {
        let Some(person) = self.person_of(socket, peer) else {
            return;
        };
        if person.data.as_ref() != Some(&data) {
            person.data = Some(data);
            person.data_changed = true;
            self.changed.insert(peer.clone());
        }
    }

    /// A device's last socket closed the document: it is gone at once. If it was lost, it shows as reconnecting until then.
    pub fn leave(&mut self, socket: SocketId, peer: &PeerId, lost_until_ms: Option<u64>) {
        let Some(person) = self.person_of(socket, peer) else {
            return;
        };
        person.sockets.retain(|other| *other != socket);
        if !person.sockets.is_empty() {
            return;
        }
        match lost_until_ms {
            Some(until) => {
                person.gone_at_ms = until;
                self.changed.insert(peer.clone());
            }
            None => self.remove(&peer.clone()),
        }
    }

    /// Drops the lost whose time is over; says when the next one's is.
    pub fn expire(&mut self, now_ms: u64) -> Option<u64> {
        let over: Vec<_> = self
            .people
            .iter()
            .filter(|(_, p)| p.gone_at_ms <= now_ms)
            .map(|(peer, _)| peer.clone())
            .collect();
        for peer in &over {
            self.remove(peer);
        }
        self.people
            .values()
            .map(|person| person.gone_at_ms)
            .filter(|at| *at != u64::MAX)
            .min()
    }

    /// Has anything changed since the last [`Roster::tick`]?
    #[must_use]
    pub fn is_dirty(&self) -> bool {
        !self.changed.is_empty() || !self.gone.is_empty()
    }

    /// Bytes of the largest cursor and state.
    #[must_use]
    pub fn largest(&self) -> usize {
        let data = self.people.values().filter_map(|person| person.data.as_ref());
        data.map(Bytes::len).max().unwrap_or(0)
    }

    /// Everybody but oneself, for a device that has just come.
    #[must_use]
    pub fn roster(&self, document: DocumentId, own: &PeerId) -> Frame {
        let others: Vec<_> = self
            .people
            .iter()
            .filter(|(peer, _)| *peer != own)
            .map(|(peer, p)| view(peer, p, true))
            .collect();
        wire::roster(document, &others)
    }

    /// What changed since the last tick, for each of `listeners`; one frame serves all who did not change themselves.
    pub fn tick<'a>(
        &mut self,
        document: DocumentId,
        listeners: impl Iterator<Item = (SocketId, &'a PeerId)>,
    ) -> Vec<(SocketId, Frame)> {
        let gone: Vec<_> = self.gone.iter().map(PeerId::as_str).collect();
        let frame_without = |own: Option<&PeerId>| {
            let changed: Vec<_> = self
                .changed
                .iter()
                .filter(|peer| Some(*peer) != own)
                .filter_map(|peer| {
                    self.people
                        .get(peer)
                        .map(|person| view(peer, person, person.data_changed))
                })
                .collect();
            (!changed.is_empty() || !gone.is_empty()).then(|| wire::presence(document, &changed, &gone))
        };
        let for_all = frame_without(None);
        let frames = listeners
            .filter_map(|(socket, peer)| {
                let frame = if self.changed.contains(peer) {
                    frame_without(Some(peer))
                } else {
                    for_all.clone()
                };
                frame.map(|frame| (socket, frame))
            })
            .collect();
        for peer in std::mem::take(&mut self.changed) {
            if let Some(person) = self.people.get_mut(&peer) {
                person.data_changed = false;
            }
        }
        self.gone.clear();
        frames
    }

    fn person_of(&mut self, socket: SocketId, peer: &PeerId) -> Option<&mut Person> {
        let person = self.people.get_mut(peer)?;
        person.sockets.contains(&socket).then_some(person)
    }

    fn remove(&mut self, peer: &PeerId) {
        if self.people.remove(peer).is_some() {
            self.changed.remove(peer);
            self.gone.insert(peer.clone());
        }
    }
}

fn view<'a>(peer: &'a PeerId, person: &'a Person, with_data: bool) -> PersonView<'a> {
    PersonView {
        key: peer.as_str(),
        user: &person.user,
        name: &person.name,
        reconnecting: person.sockets.is_empty(),
        data: if with_data { person.data.as_deref() } else { None },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::access::WorkspaceRole;
    use crate::id::{UserId, WorkspaceId};

    fn subject(name: &str) -> Subject {
        let id = uuid::Uuid::from_u128(u128::from(name.as_bytes()[0]));
        Subject::of(UserId(id), name, WorkspaceId(id), WorkspaceRole::Member)
    }

    fn document() -> DocumentId {
        DocumentId::from_bytes(*uuid::uuid!("8e2a7d04-31f5-4c57-9d6a-0f6f1c1f2a33").as_bytes()).unwrap()
    }

    struct Scene {
        roster: Roster,
        peers: Vec<PeerId>,
    }

    impl Scene {
        fn with(names: &[&str]) -> Self {
            let mut roster = Roster::default();
            let peers: Vec<_> = names.iter().map(|name| PeerId::new(name).unwrap()).collect();
            for (index, peer) in peers.iter().enumerate() {
                roster.join(SocketId(index as u64), peer, &subject(peer.as_str()));
            }
            let mut scene = Self { roster, peers };
            scene.tick();
            scene
        }

        fn tick(&mut self) -> Vec<(SocketId, String)> {
            let listeners = self
                .peers
                .iter()
                .enumerate()
                .map(|(index, peer)| (SocketId(index as u64), peer));
            let frames = self.roster.tick(document(), listeners);
            frames
                .into_iter()
                .map(|(s, f)| (s, String::from_utf8_lossy(&f.for_target(b"")).into_owned()))
                .collect()
        }
    }

    #[test]
    fn a_tick_tells_others_what_changed_and_only_once() {
        let mut scene = Scene::with(&["ann", "ben", "cat"]);
        let ann = scene.peers[0].clone();
        scene.roster.update(SocketId(0), &ann, Bytes::from_static(b"CURSOR"));
        let frames = scene.tick();
        assert_eq!(frames.iter().map(|(socket, _)| socket.0).collect::<Vec<_>>(), [1, 2]);
        assert!(frames.iter().all(|(_, text)| text.contains("CURSOR")));
        assert_eq!(scene.tick(), []);
    }

    #[test]
    fn a_lost_device_reconnects_or_goes() {
        let mut scene = Scene::with(&["ann", "ben"]);
        let ann = scene.peers[0].clone();
        scene.roster.leave(SocketId(0), &ann, Some(10_000));
        assert!(scene.tick()[0].1.contains("reconnecting"));
        assert_eq!(scene.roster.expire(9_999), Some(10_000));
        scene.roster.join(SocketId(7), &ann, &subject("ann"));
        assert_eq!(scene.roster.expire(10_000), None);
        assert!(scene.tick().iter().all(|(_, text)| !text.contains("reconnecting")));
        scene.roster.leave(SocketId(0), &ann, None);
        assert!(
            !scene.roster.is_dirty(),
            "the old socket's end does not touch the new one"
        );
        scene.roster.leave(SocketId(7), &ann, None);
        assert!(scene.roster.is_dirty());
    }
}
