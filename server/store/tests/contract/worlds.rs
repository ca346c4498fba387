//! The list, which the store filters, against the rule: in random worlds both say the same of everybody.

use std::collections::{BTreeMap, BTreeSet};

use fieldbook_core::access::{
    Action, Documents, Grantee, Resource, Role, State, Subject, Visibility, WorkspaceRole, authorise,
};
use fieldbook_core::id::{DocumentId, GroupId, WorkspaceId};
use fieldbook_store::{Account, NewDocument, Store, Workspace, WorkspaceSettings};
use uuid::Uuid;

use crate::sample::{account, changes, creation, document_id, event, workspace};

const WORLDS: u64 = 12;

struct World<'a, S> {
    store: &'a S,
    rng: fastrand::Rng,
    workspaces: Vec<Workspace>,
    groups: Vec<GroupId>,
    people: Vec<Account>,
    documents: Vec<DocumentId>,
}

fn pick<T: Copy>(rng: &mut fastrand::Rng, from: &[T]) -> T {
    from[rng.usize(..from.len())]
}

/// An owner of this workspace, whom nobody has stored.
fn power(workspace: WorkspaceId, documents: &[DocumentId]) -> Subject {
    let user = fieldbook_core::id::UserId(Uuid::nil());
    let mut owner = Subject::of(user, "power", workspace, WorkspaceRole::Owner);
    if !documents.is_empty() {
        let all = documents.iter().map(|id| (*id, Role::Owner)).collect();
        owner.bounds.documents = Documents::Granted(all);
    }
    owner
}

impl<S: Store> World<'_, S> {
    async fn fill(&mut self, number: u64) {
        for place in 0..2 {
            let workspace = workspace(&format!("{number} {place}"));
            self.store.create_workspace(workspace.clone()).await.unwrap();
            let settings = WorkspaceSettings {
                default_role: pick(&mut self.rng, Role::ALL),
                new_documents: pick(&mut self.rng, Visibility::ALL),
            };
            let owner = power(workspace.id, &[]);
            let may = |action| authorise(&owner, action, &Resource::Workspace(workspace.id)).unwrap();
            self.store
                .set_settings(&may(Action::ChangeSettings), settings, event())
                .await
                .unwrap();
            for group in 0..2 {
                let id = GroupId(Uuid::new_v4());
                let name = format!("Group {group}");
                self.store
                    .put_group(&may(Action::ManageGroups), id, &name, event())
                    .await
                    .unwrap();
                self.groups.push(id);
            }
            self.workspaces.push(workspace);
        }
        for person in 0..5 {
            let mut made = account(&format!("{number} {person}"), &self.workspaces[0]);
            made.home = None;
            self.store.create_account(made.clone()).await.unwrap();
            self.people.push(made);
        }
        self.place_people().await;
        for _ in 0..8 {
            let (maker, workspace) = (self.rng.usize(..5), self.rng.usize(..2));
            let id = document_id();
            let new = NewDocument {
                creation: creation(self.people[maker].id, self.workspaces[workspace].id),
                kind: None,
                title: String::new(),
                created_at_ms: 1,
            };
            self.store.append(id, Some(new), 1, changes([1])).await.unwrap();
            self.documents.push(id);
        }
        self.share().await;
    }

    async fn place_people(&mut self) {
        for person in self.people.clone() {
            for workspace in self.workspaces.clone() {
                let owner = power(workspace.id, &[]);
                let may = |action| authorise(&owner, action, &Resource::Workspace(workspace.id)).unwrap();
                if self.rng.u8(..10) < 3 {
                    continue;
                }
                let role = Some(pick(&mut self.rng, WorkspaceRole::ALL));
                let change = may(Action::ChangeMember(WorkspaceRole::Owner));
                self.store.set_member(&change, person.id, role, event()).await.unwrap();
                for group in self.groups.clone() {
                    if self.rng.bool() {
                        // Half of them are of the other workspace.
                        let _ = self
                            .store
                            .set_group_member(&may(Action::ManageGroups), group, person.id, true, event())
                            .await;
                    }
                }
            }
        }
    }

    async fn share(&mut self) {
        for id in self.documents.clone() {
            let may = async |action| {
                let access = self.store.document_access(id).await.unwrap().unwrap();
                let owner = power(access.workspace, &self.documents);
                authorise(&owner, action, &Resource::Document(id, &access)).unwrap()
            };
            let (share, hide) = (may(Action::Share).await, may(Action::ChangeVisibility).await);
            let people = self.people.iter().map(|person| Grantee::User(person.id));
            let grantees: Vec<_> = people.chain(self.groups.iter().copied().map(Grantee::Group)).collect();
            for grantee in grantees {
                if self.rng.u8(..10) < 3 {
                    // Not everybody is in its workspace.
                    let role = Some(pick(&mut self.rng, Role::ALL));
                    let _ = self.store.set_grant(&share, grantee, role, event()).await;
                }
            }
            let visibility = pick(&mut self.rng, Visibility::ALL);
            let _ = self.store.set_visibility(&hide, visibility, event()).await;
            let actions = pick(
                &mut self.rng,
                &[
                    &[][..],
                    &[Action::Archive],
                    &[Action::Trash],
                    &[Action::Archive, Action::Trash],
                    &[Action::Trash, Action::Purge],
                ],
            );
            for action in actions {
                self.store.change_state(&may(*action).await, 2, event()).await.unwrap();
            }
        }
    }

    async fn somebody(&mut self) -> Subject {
        let person = self.people[self.rng.usize(..self.people.len())].clone();
        let memberships = self.store.memberships(person.id, None).await.unwrap();
        let mut subject = power(self.workspaces[0].id, &[]);
        (subject.user, subject.memberships) = (person.id, memberships.of);
        let rng = &mut self.rng;
        if rng.bool() {
            subject.bounds.role = pick(rng, Role::ALL);
        }
        if rng.u8(..4) == 0 {
            let workspace = pick(rng, &[self.workspaces[0].id, self.workspaces[1].id]);
            subject.bounds.workspaces = Some(BTreeMap::from([(workspace, pick(rng, Role::ALL))]));
        }
        let mut named = BTreeMap::new();
        for id in &self.documents {
            if rng.bool() {
                named.insert(*id, pick(rng, Role::ALL));
            }
        }
        subject.bounds.documents = match rng.u8(..6) {
            0 => Documents::Only(named),
            1 => Documents::Granted(named),
            _ => Documents::Any,
        };
        subject
    }
}

pub(crate) async fn the_list_is_what_the_rule_says(store: &impl Store) {
    let (mut shown, mut hidden) = (0, 0);
    for number in 0..WORLDS {
        let mut world = World {
            store,
            rng: fastrand::Rng::with_seed(number),
            workspaces: Vec::new(),
            groups: Vec::new(),
            people: Vec::new(),
            documents: Vec::new(),
        };
        world.fill(number).await;
        for _ in 0..20 {
            let subject = world.somebody().await;
            for state in State::ALL {
                let mut expected = BTreeSet::new();
                for id in &world.documents {
                    let access = store.document_access(*id).await.unwrap().unwrap();
                    let may = authorise(&subject, Action::Read, &Resource::Document(*id, &access)).is_ok();
                    if may && access.state == *state {
                        expected.insert(*id);
                    } else if access.state == *state {
                        hidden += 1;
                    }
                }
                let listed = store.list_documents(&subject, *state).await.unwrap();
                let listed: Vec<_> = listed.iter().map(|entry| entry.id).collect();
                assert_eq!(listed.len(), expected.len(), "world {number}, {state:?}: {subject:?}");
                assert_eq!(
                    BTreeSet::from_iter(listed),
                    expected,
                    "world {number}, {state:?}: {subject:?}"
                );
                shown += expected.len();
            }
        }
    }
    assert!(shown > 100 && hidden > 100, "both happens: {shown}, {hidden}");
}
