//! Who may do what: memberships, groups, grants, states.

use std::collections::BTreeMap;

use fieldbook_core::access::{
    Action, Bounds, DocumentAccess, Documents, Grantee, Membership, Permit, Resource, Role, State, Subject, Visibility,
    WorkspaceRole, authorise,
};
use fieldbook_core::id::{DocumentId, GroupId, UserId, WorkspaceId};
use fieldbook_store::{Account, Memberships, Store, Touched, Workspace, WorkspaceSettings};
use uuid::Uuid;

use crate::sample::{House, account, assert_error, changes, event, workspace};

/// Somebody as the store knows them.
async fn subject(store: &impl Store, account: &Account) -> Subject {
    let Memberships { of, home } = store.memberships(account.id, None).await.unwrap();
    Subject {
        user: account.id,
        name: account.name.as_str().into(),
        memberships: of,
        as_of: 0,
        home,
        bounds: Bounds::default(),
    }
}

/// What an owner of a workspace may.
fn permit(workspace: &Workspace, action: Action) -> Permit {
    let owner = Subject::of(UserId(Uuid::nil()), "owner", workspace.id, WorkspaceRole::Owner);
    authorise(&owner, action, &Resource::Workspace(workspace.id)).unwrap()
}

fn regards(workspace: &Workspace) -> Permit {
    permit(workspace, Action::ChangeMember(WorkspaceRole::Owner))
}

async fn on_document(store: &impl Store, who: &Account, action: Action, id: DocumentId) -> Permit {
    let access = store.document_access(id).await.unwrap().unwrap();
    authorise(&subject(store, who).await, action, &Resource::Document(id, &access)).unwrap()
}

async fn join(store: &impl Store, name: &str, workspace: &Workspace, role: WorkspaceRole) -> Account {
    let mut person = account(name, workspace);
    person.home.as_mut().unwrap().role = role;
    store.create_account(person.clone()).await.unwrap();
    person
}

pub(crate) async fn a_person_may_be_in_several_workspaces(store: &impl Store) {
    let house = House::build(store).await;
    let south = workspace("South");
    store.create_workspace(south.clone()).await.unwrap();
    let ann = house.ann.id;
    store
        .set_member(&regards(&south), ann, Some(WorkspaceRole::Guest), event())
        .await
        .unwrap();
    let settings = WorkspaceSettings {
        default_role: Role::Commenter,
        new_documents: Visibility::Private,
    };
    store
        .set_settings(&permit(&south, Action::ChangeSettings), settings, event())
        .await
        .unwrap();
    let memberships = store.memberships(ann, None).await.unwrap();
    let mut in_south = Membership::of(WorkspaceRole::Guest);
    (in_south.default_role, in_south.new_documents) = (Role::Commenter, Visibility::Private);
    let expected = [
        (house.workspace.id, Membership::of(WorkspaceRole::Member)),
        (south.id, in_south.clone()),
    ];
    assert_eq!(memberships.of, BTreeMap::from(expected));
    assert_eq!(memberships.home, Some(house.workspace.id));
    store
        .set_member(&regards(&house.workspace), ann, None, event())
        .await
        .unwrap();
    let memberships = store.memberships(ann, None).await.unwrap();
    assert_eq!((memberships.of.len(), memberships.home), (1, Some(south.id)));
    assert_eq!(
        store.account(ann).await.unwrap().unwrap().home.unwrap().workspace,
        south
    );
    let claimed = BTreeMap::from([
        (south.id, WorkspaceRole::Owner),
        (WorkspaceId(Uuid::nil()), WorkspaceRole::Owner),
    ]);
    let vouched = store.memberships(ann, Some(claimed)).await.unwrap();
    let as_owner = Membership {
        role: WorkspaceRole::Owner,
        ..in_south
    };
    assert_eq!(vouched.of, BTreeMap::from([(south.id, as_owner)]));
    store.set_member(&regards(&south), ann, None, event()).await.unwrap();
    assert_eq!(store.memberships(ann, None).await.unwrap(), Memberships::default());
    assert_eq!(store.account(ann).await.unwrap().unwrap().home, None);
}

pub(crate) async fn people_are_changed_within_bounds(store: &impl Store) {
    let house = House::build(store).await;
    let north = &house.workspace;
    let owner = join(store, "Owner", north, WorkspaceRole::Owner).await;
    let by_admin = permit(north, Action::ChangeMember(WorkspaceRole::Admin));
    let guest = Some(WorkspaceRole::Guest);
    assert_error!(store.set_member(&by_admin, owner.id, guest, event()).await, Conflict);
    assert_error!(store.set_member(&by_admin, owner.id, None, event()).await, Conflict);
    let too_high = Some(WorkspaceRole::Owner);
    assert_error!(
        store.set_member(&by_admin, house.ann.id, too_high, event()).await,
        Conflict
    );
    store
        .set_member(&by_admin, house.ann.id, Some(WorkspaceRole::Admin), event())
        .await
        .unwrap();
    // The last owner stays.
    assert_error!(
        store.set_member(&regards(north), owner.id, guest, event()).await,
        Conflict
    );
    assert_error!(
        store.set_member(&regards(north), owner.id, None, event()).await,
        Conflict
    );
    store
        .set_member(&regards(north), house.ann.id, too_high, event())
        .await
        .unwrap();
    let leave = authorise(
        &subject(store, &owner).await,
        Action::Leave,
        &Resource::Workspace(north.id),
    )
    .unwrap();
    assert_error!(store.set_member(&leave, house.ann.id, None, event()).await, Conflict);
    store.set_member(&leave, owner.id, None, event()).await.unwrap();
    let members = store.members(&permit(north, Action::SeeMembers)).await.unwrap();
    let members: Vec<_> = members
        .iter()
        .map(|member| (member.name.as_str(), member.role))
        .collect();
    assert_eq!(members, [("Ann", WorkspaceRole::Owner)]);
    let nobody = UserId(Uuid::new_v4());
    assert_error!(
        store.set_member(&regards(north), nobody, guest, event()).await,
        Conflict
    );
    assert_error!(
        store
            .set_member(&permit(north, Action::SeeMembers), house.ann.id, None, event())
            .await,
        Conflict
    );
}

pub(crate) async fn groups_are_of_one_workspace(store: &impl Store) {
    let house = House::build(store).await;
    let south = workspace("South");
    store.create_workspace(south.clone()).await.unwrap();
    let bo = join(store, "Bo", &south, WorkspaceRole::Member).await;
    let (north, manage) = (&house.workspace, permit(&house.workspace, Action::ManageGroups));
    let [sales, press] = [(); 2].map(|()| GroupId(Uuid::new_v4()));
    store.put_group(&manage, sales, "Sales", event()).await.unwrap();
    assert_error!(store.put_group(&manage, press, "sALES", event()).await, Taken);
    store.put_group(&manage, press, "Press", event()).await.unwrap();
    store.put_group(&manage, sales, "sales", event()).await.unwrap();
    let of_south = permit(&south, Action::ManageGroups);
    store
        .put_group(&of_south, GroupId(Uuid::new_v4()), "Sales", event())
        .await
        .unwrap();
    assert_error!(store.put_group(&of_south, sales, "Mine", event()).await, Conflict);
    assert_error!(store.delete_group(&of_south, sales, event()).await, Conflict);
    assert_error!(
        store.set_group_member(&manage, sales, bo.id, true, event()).await,
        Conflict
    );
    assert_error!(
        store.set_group_member(&of_south, sales, bo.id, true, event()).await,
        Conflict
    );
    for _ in 0..2 {
        store
            .set_group_member(&manage, sales, house.ann.id, true, event())
            .await
            .unwrap();
    }
    let groups = store.groups(&permit(north, Action::SeeMembers)).await.unwrap();
    let groups: Vec<_> = groups
        .iter()
        .map(|group| (group.name.as_str(), &group.members[..]))
        .collect();
    assert_eq!(groups, [("Press", &[][..]), ("sales", &[house.ann.id])]);
    let ann = store.memberships(house.ann.id, None).await.unwrap();
    assert!(ann.of[&north.id].groups.contains(&sales));
    store
        .set_group_member(&manage, sales, house.ann.id, false, event())
        .await
        .unwrap();
    store
        .set_group_member(&manage, sales, house.ann.id, true, event())
        .await
        .unwrap();
    store.delete_group(&manage, sales, event()).await.unwrap();
    let ann = store.memberships(house.ann.id, None).await.unwrap();
    assert!(ann.of[&north.id].groups.is_empty());
}

pub(crate) async fn grants_are_given_and_taken(store: &impl Store) {
    let house = House::build(store).await;
    let id = house.document(store, 1).await;
    let bo = join(store, "Bo", &house.workspace, WorkspaceRole::Guest).await;
    let group = GroupId(Uuid::new_v4());
    let manage = permit(&house.workspace, Action::ManageGroups);
    store.put_group(&manage, group, "Sales", event()).await.unwrap();
    let share = on_document(store, &house.ann, Action::Share, id).await;
    let [ann, of_bo] = [house.ann.id, bo.id].map(Grantee::User);
    store
        .set_grant(&share, of_bo, Some(Role::Viewer), event())
        .await
        .unwrap();
    store
        .set_grant(&share, of_bo, Some(Role::Editor), event())
        .await
        .unwrap();
    store
        .set_grant(&share, Grantee::Group(group), Some(Role::Commenter), event())
        .await
        .unwrap();
    let access = store.document_access(id).await.unwrap().unwrap();
    let expected = DocumentAccess {
        workspace: house.workspace.id,
        visibility: Visibility::Workspace,
        default_role: Role::Editor,
        grants: BTreeMap::from([
            (ann, Role::Owner),
            (of_bo, Role::Editor),
            (Grantee::Group(group), Role::Commenter),
        ]),
        state: State::InUse,
    };
    assert_eq!(access, expected);
    assert_eq!(store.load(id).await.unwrap().unwrap().access, expected);
    let read = on_document(store, &house.ann, Action::Read, id).await;
    let grants = store.grants(&read).await.unwrap();
    let named: Vec<_> = grants.iter().map(|grant| (grant.name.as_str(), grant.role)).collect();
    let expected = [("Ann", Role::Owner), ("Bo", Role::Editor), ("Sales", Role::Commenter)];
    assert_eq!(named, expected);
    assert_error!(store.grants(&share).await, Conflict);
    let nobody = Grantee::User(UserId(Uuid::new_v4()));
    assert_error!(
        store.set_grant(&share, nobody, Some(Role::Viewer), event()).await,
        Conflict
    );
    let nobody = Grantee::Group(GroupId(Uuid::new_v4()));
    assert_error!(
        store.set_grant(&share, nobody, Some(Role::Viewer), event()).await,
        Conflict
    );
    let hide = on_document(store, &house.ann, Action::ChangeVisibility, id).await;
    assert_error!(store.set_grant(&hide, of_bo, None, event()).await, Conflict);
    store.set_visibility(&hide, Visibility::Private, event()).await.unwrap();
    // Somebody owns it by name.
    assert_error!(store.set_grant(&share, ann, None, event()).await, Conflict);
    assert_error!(
        store.set_grant(&share, ann, Some(Role::Editor), event()).await,
        Conflict
    );
    store.set_grant(&share, of_bo, None, event()).await.unwrap();
    store.delete_group(&manage, group, event()).await.unwrap();
    let access = store.document_access(id).await.unwrap().unwrap();
    assert_eq!(access.visibility, Visibility::Private);
    assert_eq!(access.grants, BTreeMap::from([(ann, Role::Owner)]));
}

pub(crate) async fn leaving_ends_every_grant_for_good(store: &impl Store) {
    let house = House::build(store).await;
    let id = house.document(store, 1).await;
    let bo = join(store, "Bo", &house.workspace, WorkspaceRole::Guest).await;
    let share = on_document(store, &house.ann, Action::Share, id).await;
    store
        .set_grant(&share, Grantee::User(bo.id), Some(Role::Editor), event())
        .await
        .unwrap();
    let listed = async || {
        store
            .list_documents(&subject(store, &bo).await, State::InUse)
            .await
            .unwrap()
            .len()
    };
    assert_eq!(listed().await, 1);
    store
        .set_member(&regards(&house.workspace), bo.id, None, event())
        .await
        .unwrap();
    assert_eq!(listed().await, 0);
    store
        .set_member(&regards(&house.workspace), bo.id, Some(WorkspaceRole::Guest), event())
        .await
        .unwrap();
    assert_eq!(listed().await, 0);
    assert_eq!(store.document_access(id).await.unwrap().unwrap().grants.len(), 1);
}

pub(crate) async fn a_document_is_put_away_thrown_away_and_taken_back(store: &impl Store) {
    let house = House::build(store).await;
    let id = house.document(store, 1).await;
    let act = async |action, now_ms| {
        let permit = on_document(store, &house.ann, action, id).await;
        store.change_state(&permit, now_ms, event()).await.unwrap();
        let entry = store.document(id).await.unwrap().unwrap();
        (entry.state, entry.archived_at_ms, entry.trashed_at_ms)
    };
    assert_eq!(act(Action::Archive, 5).await, (State::Archived, Some(5), None));
    assert_eq!(act(Action::Archive, 6).await, (State::Archived, Some(5), None));
    // What was admitted before is stored still.
    store.append(id, None, 2, changes([2])).await.unwrap();
    assert_eq!(act(Action::Trash, 7).await, (State::Trashed, Some(5), Some(7)));
    for state in State::ALL {
        let listed = store
            .list_documents(&subject(store, &house.ann).await, *state)
            .await
            .unwrap();
        assert_eq!(listed.len(), usize::from(*state == State::Trashed), "{state:?}");
    }
    assert_eq!(act(Action::Restore, 8).await, (State::InUse, None, None));
    assert_eq!(act(Action::Restore, 9).await, (State::InUse, None, None));
    let read = on_document(store, &house.ann, Action::Read, id).await;
    assert_error!(store.change_state(&read, 10, event()).await, Conflict);
}

pub(crate) async fn what_was_in_the_trash_for_longest_is_purged_first(store: &impl Store) {
    let house = House::build(store).await;
    let mut ids = Vec::new();
    for trashed_at_ms in [30, 10, 20] {
        let id = house.document(store, 1).await;
        let trash = on_document(store, &house.ann, Action::Trash, id).await;
        store.change_state(&trash, trashed_at_ms, event()).await.unwrap();
        ids.push(id);
    }
    let in_use = house.document(store, 1).await;
    let logged = store.audit_log(None, None, 1).await.unwrap()[0].number;
    let about = |id| {
        let documents = vec![id];
        Some(Touched {
            users: Vec::new(),
            documents,
        })
    };
    let purge = async |until_ms| store.purge_oldest(until_ms, 40, event()).await.unwrap();
    assert_eq!(purge(9).await, None);
    assert_eq!(purge(20).await, about(ids[1]));
    assert_eq!(purge(20).await, about(ids[2]));
    assert_eq!(purge(20).await, None);
    let state = async |id| store.document(id).await.unwrap().unwrap().state;
    assert_eq!(state(ids[1]).await, State::Purged);
    assert_eq!(state(ids[0]).await, State::Trashed);
    assert_eq!(state(in_use).await, State::InUse);
    assert!(
        store
            .load(ids[1])
            .await
            .unwrap()
            .is_none_or(|stored| stored.tail.is_empty())
    );
    let entries = store.audit_log(None, None, 10).await.unwrap();
    let new: Vec<_> = entries.into_iter().filter(|entry| entry.number > logged).collect();
    assert_eq!(new.len(), 2);
    assert_eq!(new[1].event.workspace, Some(house.workspace.id));
    assert_eq!(
        new[1].event.subject.as_ref().map(|named| named.id.clone()),
        Some(ids[1].to_string())
    );
}

pub(crate) async fn what_is_purged_is_gone_and_does_not_come_back(store: &impl Store) {
    let house = House::build(store).await;
    let id = house.document(store, 9).await;
    store
        .replace_archive(id, 0, crate::sample::archive(0, 6, 4))
        .await
        .unwrap();
    let trash = on_document(store, &house.ann, Action::Trash, id).await;
    store.change_state(&trash, 1, event()).await.unwrap();
    let purge = on_document(store, &house.ann, Action::Purge, id).await;
    let restore = on_document(store, &house.ann, Action::Restore, id).await;
    store.change_state(&restore, 2, event()).await.unwrap();
    assert_error!(store.change_state(&purge, 3, event()).await, Conflict);
    store.change_state(&trash, 4, event()).await.unwrap();
    store.change_state(&purge, 5, event()).await.unwrap();
    let stored = store.load(id).await.unwrap().unwrap();
    assert_eq!((stored.access.state, stored.access.grants.len()), (State::Purged, 0));
    assert!(stored.archive.is_none() && stored.tail.is_empty());
    assert_eq!(store.read_archive(id).await.unwrap(), None);
    assert!(store.read_retained(id).await.unwrap().is_empty());
    assert!(store.read_changes(id, 0, 9).await.unwrap().is_empty());
    assert!(
        store
            .find_archived(id, &[crate::sample::hash(3)])
            .await
            .unwrap()
            .is_empty()
    );
    assert!(store.document_ids().await.unwrap().is_empty());
    assert_eq!(store.document(id).await.unwrap().unwrap().title, "");
    for (new, position) in [(None, 10), (None, 1), (Some(house.new_document()), 1)] {
        assert_error!(store.append(id, new, position, changes([position])).await, Conflict);
    }
    assert_error!(
        store.replace_archive(id, 0, crate::sample::archive(0, 6, 4)).await,
        Conflict
    );
    assert_error!(store.change_state(&restore, 6, event()).await, Conflict);
    assert_error!(store.set_summary(id, Some("back"), 7, 1).await, Conflict);
    assert!(store.behind_in_the_list().await.unwrap().is_empty());
}

pub(crate) async fn a_credential_that_grants_lists_what_it_grants(store: &impl Store) {
    let house = House::build(store).await;
    let (one, two) = (house.document(store, 1).await, house.document(store, 1).await);
    let mut embedded = Subject::of(UserId(Uuid::nil()), "Zoe", house.workspace.id, WorkspaceRole::Guest);
    embedded.memberships.clear();
    let listed = async |subject: &Subject| {
        let entries = store.list_documents(subject, State::InUse).await.unwrap();
        entries.into_iter().map(|entry| entry.id).collect::<Vec<_>>()
    };
    assert_eq!(listed(&embedded).await, []);
    embedded.bounds.documents = Documents::Granted(BTreeMap::from([(two, Role::Viewer)]));
    assert_eq!(listed(&embedded).await, [two]);
    let mut script = subject(store, &house.ann).await;
    script.bounds.documents = Documents::Only(BTreeMap::from([(one, Role::Viewer)]));
    assert_eq!(listed(&script).await, [one]);
}

pub(crate) async fn a_change_says_what_it_touches(store: &impl Store) {
    let house = House::build(store).await;
    let (id, _other) = (house.document(store, 1).await, house.document(store, 1).await);
    let bo = join(store, "Bo", &house.workspace, WorkspaceRole::Guest).await;
    let share = on_document(store, &house.ann, Action::Share, id).await;
    let about = |users: &[UserId], documents: &[DocumentId]| Touched {
        users: users.to_vec(),
        documents: documents.to_vec(),
    };
    let granted = store
        .set_grant(&share, Grantee::User(bo.id), Some(Role::Editor), event())
        .await
        .unwrap();
    assert_eq!(granted, about(&[], &[id]));
    let (group, manage) = (GroupId(Uuid::new_v4()), permit(&house.workspace, Action::ManageGroups));
    store.put_group(&manage, group, "Sales", event()).await.unwrap();
    let joined = store
        .set_group_member(&manage, group, bo.id, true, event())
        .await
        .unwrap();
    assert_eq!(joined, about(&[bo.id], &[]));
    store
        .set_grant(&share, Grantee::Group(group), Some(Role::Viewer), event())
        .await
        .unwrap();
    assert_eq!(
        store.delete_group(&manage, group, event()).await.unwrap(),
        about(&[bo.id], &[id])
    );
    let settings = WorkspaceSettings {
        default_role: Role::Viewer,
        new_documents: Visibility::Private,
    };
    let changed = store
        .set_settings(&permit(&house.workspace, Action::ChangeSettings), settings, event())
        .await
        .unwrap();
    assert_eq!((changed.users.len(), changed.documents.len()), (2, 2));
    let removed = store
        .set_member(&regards(&house.workspace), bo.id, None, event())
        .await
        .unwrap();
    assert_eq!(removed, about(&[bo.id], &[id]));
    let trash = on_document(store, &house.ann, Action::Trash, id).await;
    assert_eq!(store.change_state(&trash, 1, event()).await.unwrap(), about(&[], &[id]));
}

pub(crate) async fn a_workspace_is_founded_by_its_owner(store: &impl Store) {
    let house = House::build(store).await;
    let south = workspace("South");
    let owner = Subject::of(house.ann.id, "Ann", house.workspace.id, WorkspaceRole::Owner);
    let found = authorise(&owner, Action::CreateWorkspace, &Resource::Server).unwrap();
    let touched = store.found_workspace(&found, south.clone(), event()).await.unwrap();
    assert_eq!(touched.users, [house.ann.id]);
    let memberships = store.memberships(house.ann.id, None).await.unwrap();
    assert_eq!(memberships.of[&south.id].role, WorkspaceRole::Owner);
    assert_eq!(memberships.home, Some(house.workspace.id));
    assert_error!(
        store
            .found_workspace(&regards(&south), workspace("West"), event())
            .await,
        Conflict
    );
    let stranger = Subject::of(UserId(Uuid::new_v4()), "x", house.workspace.id, WorkspaceRole::Owner);
    let found = authorise(&stranger, Action::CreateWorkspace, &Resource::Server).unwrap();
    let west = workspace("West");
    assert_error!(store.found_workspace(&found, west.clone(), event()).await, Conflict);
    assert_eq!(store.workspace(west.id).await.unwrap(), None);
}
