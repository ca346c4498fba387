//! Who may do what, while it changes: R5 for each change that is stored.

use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;

use automerge::ChangeHash;
use bytes::Bytes;
use fieldbook_core::access::{Grantee, Role, Visibility};
use fieldbook_core::change::{Change, Chunk, split};
use fieldbook_core::id::SocketId;
use fieldbook_core::limits::Limits;
use fieldbook_core::message::SyncMessage;
use fieldbook_core::room::{Input, Room};

use super::World;
use super::settings::Kind;
use super::store::expand;
use super::watch::writes;

/// One socket, in the time between two changes of what its person may do.
type Stay = (SocketId, u32);

/// Who has brought what, and who could write when it was admitted.
#[derive(Default)]
pub(crate) struct Ledger {
    /// After which position each was brought first.
    brought: HashMap<ChangeHash, HashMap<Stay, u64>>,
    /// Of each position, those who could write when it was admitted.
    writers: Vec<Rc<[Stay]>>,
}

impl Ledger {
    /// Somebody who may write sends this to a room that has admitted changes up to `position`.
    pub(crate) fn brings(&mut self, stay: Stay, message: &SyncMessage, position: u64) {
        for chunk in message
            .changes
            .iter()
            .flat_map(|blob| split(blob).into_iter().flatten())
        {
            let changes = match chunk {
                Chunk::Document(bytes) => expand(&[bytes]).unwrap_or_default(),
                Chunk::Change(bytes) => vec![bytes],
            };
            for hash in changes.into_iter().filter_map(name) {
                self.brought.entry(hash).or_default().entry(stay).or_insert(position);
            }
        }
    }

    /// A room is loaded: what it had admitted beyond this is forgotten.
    pub(crate) fn begins_at(&mut self, position: u64) {
        self.writers.truncate(position as usize);
    }

    /// The room has admitted changes up to this position.
    pub(crate) fn admits(&mut self, up_to: u64, writers: impl FnOnce() -> Vec<Stay>) {
        if self.writers.len() < up_to as usize {
            let writers = Rc::from(writers());
            self.writers.resize(up_to as usize, writers);
        }
    }

    /// Each was brought by somebody who could write from then until it was admitted.
    pub(crate) fn check(&self, log: &[Change]) {
        for ((change, writers), before) in log.iter().zip(&self.writers).zip(0..) {
            let brought = self.brought.get(&change.hash);
            let in_time = |stays: &HashMap<Stay, u64>, stay| stays.get(stay).is_some_and(|after| *after <= before);
            let allowed = brought.is_some_and(|stays| writers.iter().any(|stay| in_time(stays, stay)));
            assert!(
                allowed,
                "R5: a change is stored of somebody who might not write when it was admitted"
            );
        }
    }
}

fn name(chunk: Bytes) -> Option<ChangeHash> {
    Change::parse(chunk, &Limits::default()).ok().map(|change| change.hash)
}

impl World {
    /// Somebody gets another role, or is removed, or comes back.
    pub(super) fn regrant_somebody(&mut self) {
        let waits = self.somebody_who_waits().filter(|_| self.rng.percent(60));
        let index = waits.unwrap_or_else(|| self.rng.below(self.clients.len()));
        if waits.is_some() && self.rng.percent(50) {
            // What is being done for them is not to be done, although they may write again at once.
            let less = self.rng.pick(&[None, Some(Role::Viewer), Some(Role::Viewer)]);
            self.regrant(index, less);
            return self.regrant(index, Some(Role::Editor));
        }
        let roles = [
            None,
            Some(Role::Viewer),
            Some(Role::Editor),
            Some(Role::Editor),
            Some(Role::Owner),
        ];
        let credential = self.rng.pick(&roles);
        self.regrant(index, credential);
        if self.rng.percent(30) {
            // It was a mistake, and is mended at once.
            let credential = self.rng.pick(&roles);
            self.regrant(index, credential);
        }
    }

    /// Somebody for whom the store or the room is at work.
    fn somebody_who_waits(&mut self) -> Option<usize> {
        let worked_for = self.room.as_ref().and_then(Room::works_for);
        let sockets = self.store.waited_for_by().chain(worked_for);
        let waiting: Vec<_> = sockets.filter_map(|id| Some(self.sockets.get(&id)?.client)).collect();
        (!waiting.is_empty()).then(|| self.rng.pick(&waiting))
    }

    fn regrant(&mut self, index: usize, credential: Option<Role>) {
        if self.clients[index].kind == Kind::Stranger {
            return;
        }
        self.say(|| format!("    {index} is good for {credential:?}"));
        self.clients[index].credential = credential;
        let mut theirs: Vec<_> = self
            .sockets
            .iter()
            .filter(|(_, socket)| socket.client == index && socket.opened)
            .map(|(id, _)| *id)
            .collect();
        if self.rng.percent(50) {
            theirs.reverse();
        }
        let absent = self.room.as_ref().is_none_or(|room| room.stored_heads().is_empty());
        self.clients[index].grant = self.expected(index);
        for id in theirs {
            self.wait_for_room();
            let subject = self.clients[index].subject();
            self.expect_role(id);
            let nobody = credential.is_none() && self.rng.percent(50);
            self.feed(Input::Subject {
                socket: id,
                subject: (!nobody).then_some(subject),
            });
            if absent {
                // Who was told that there is no document, and is bringing it, begins anew.
                self.cut(id);
            }
        }
    }

    /// The document is shared in another way: with the workspace or not, with some by name.
    pub(super) fn share_anew(&mut self) {
        let ways = [
            (Visibility::Workspace, Role::Owner),
            (Visibility::Workspace, Role::Owner),
            (Visibility::Workspace, Role::Viewer),
            (Visibility::Private, Role::Owner),
        ];
        let way = self.rng.pick(&ways);
        let users: Vec<_> = self.clients.iter().map(super::client::Client::user).collect();
        let mut grants = BTreeMap::new();
        for user in users {
            let role = self.rng.pick(&[
                None,
                None,
                Some(Role::Viewer),
                Some(Role::Commenter),
                Some(Role::Editor),
            ]);
            grants.extend(role.map(|role| (Grantee::User(user), role)));
        }
        self.share(way, grants);
    }

    fn share(&mut self, (visibility, default_role): (Visibility, Role), grants: BTreeMap<Grantee, Role>) {
        if self.store.access.is_none() {
            return;
        }
        self.wait_for_room();
        let Some(access) = &mut self.store.access else { return };
        (access.visibility, access.default_role, access.grants) = (visibility, default_role, grants);
        let access = access.clone();
        self.say(|| format!("    shared: {access:?}"));
        for index in 0..self.clients.len() {
            self.clients[index].grant = self.expected(index);
        }
        let open: Vec<_> = self
            .sockets
            .iter()
            .filter(|(_, socket)| socket.opened)
            .map(|(id, _)| *id)
            .collect();
        for id in open {
            self.expect_role(id);
        }
        if self.room.is_some() {
            self.feed(Input::Access {
                access,
                since: Vec::new(),
            });
        }
    }

    /// What somebody may do, worked out anew: what their credential is good for, and no more than the document says.
    fn expected(&self, index: usize) -> Option<Role> {
        let client = &self.clients[index];
        let credential = client.credential?;
        let Some(access) = &self.store.access else {
            return Some(credential);
        };
        match access.grants.get(&Grantee::User(client.user())) {
            Some(named) => Some(credential.min(*named)),
            None if access.visibility == Visibility::Private => None,
            None => Some(credential.min(access.default_role)),
        }
    }

    /// From now on, the socket is to be served as its person's role says.
    fn expect_role(&mut self, id: SocketId) {
        let Some(socket) = self.sockets.get_mut(&id) else {
            return;
        };
        let grant = self.clients[socket.client].grant;
        let before = std::mem::replace(&mut socket.granted, grant);
        if before.is_some() || grant.is_some() {
            socket.watch.granted(before, grant);
        }
        socket.stay += u32::from(writes(before) != writes(grant));
        if grant.is_none() {
            socket.whispers = 0;
        }
    }

    /// Before the end, the document is shared with the workspace, and most of those who were removed may come back.
    pub(super) fn let_back_in(&mut self) {
        self.share((Visibility::Workspace, Role::Owner), BTreeMap::new());
        for index in 0..self.clients.len() {
            if !self.clients[index].may_read() && self.rng.percent(70) {
                let credential = self.rng.pick(&[Some(Role::Viewer), Some(Role::Editor)]);
                self.regrant(index, credential);
            }
        }
    }

    /// Those who may write at this moment.
    pub(super) fn writers(&self) -> Vec<Stay> {
        let open = self
            .sockets
            .iter()
            .filter(|(_, socket)| socket.opened && writes(socket.granted));
        open.map(|(id, socket)| (*id, socket.stay)).collect()
    }
}
