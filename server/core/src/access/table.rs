//! Who may do what, all of it: kind of caller × state × action.

use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::id::{DocumentId, GroupId, UserId, WorkspaceId};

const HERE: WorkspaceId = WorkspaceId(uuid::Uuid::from_u128(1));
const ELSEWHERE: WorkspaceId = WorkspaceId(uuid::Uuid::from_u128(2));
const SOMEBODY: UserId = UserId(uuid::Uuid::from_u128(3));
const GROUPS: [GroupId; 2] = [GroupId(uuid::Uuid::from_u128(4)), GroupId(uuid::Uuid::from_u128(5))];

fn document() -> DocumentId {
    DocumentId::from_bytes(*uuid::uuid!("8e2a7d04-31f5-4c57-9d6a-0f6f1c1f2a33").as_bytes()).unwrap()
}

/// What is asked of documents, in the order of the columns.
const OF_DOCUMENTS: [Action; 11] = [
    Action::Read,
    Action::SeeAuthors,
    Action::Duplicate,
    Action::Comment,
    Action::Write,
    Action::Archive,
    Action::Restore,
    Action::Share,
    Action::ChangeVisibility,
    Action::Trash,
    Action::Purge,
];

/// By the role on the document. y: may. n: may not, and may know of it. `-`: as if there were no such document.
///
/// Read, `SeeAuthors`, Duplicate; Comment, Write; Archive, Restore; Share, `ChangeVisibility`, Trash; Purge
const BY_ROLE: &str = "
    in_use    viewer     yyy nn nn nnn n
    in_use    commenter  yyy yn nn nnn n
    in_use    editor     yyy yy yy nnn n
    in_use    owner      yyy yy yy yyy n
    archived  viewer     yyy nn nn nnn n
    archived  commenter  yyy nn nn nnn n
    archived  editor     yyy nn yy nnn n
    archived  owner      yyy nn yy yyy n
    trashed   viewer     --- -- -- --- -
    trashed   commenter  --- -- -- --- -
    trashed   editor     --- -- -- --- -
    trashed   owner      yyn nn ny nny y
    purged    viewer     --- -- -- --- -
    purged    commenter  --- -- -- --- -
    purged    editor     --- -- -- --- -
    purged    owner      --- -- -- --- -
";

/// What is asked of a workspace, and of the server (the last), in the order of the columns.
const OF_WORKSPACES: [Action; 14] = [
    Action::SeeWorkspace,
    Action::Leave,
    Action::SeeMembers,
    Action::CreateDocument,
    Action::Invite(WorkspaceRole::Guest),
    Action::Invite(WorkspaceRole::Owner),
    Action::ChangeMember(WorkspaceRole::Admin),
    Action::ChangeMember(WorkspaceRole::Owner),
    Action::ResetPassword(WorkspaceRole::Admin),
    Action::ResetPassword(WorkspaceRole::Owner),
    Action::ManageGroups,
    Action::ChangeSettings,
    Action::ReadAuditLog,
    Action::CreateWorkspace,
];

/// By the kind of caller: what they are, and what the credential is bounded to.
///
/// `SeeWorkspace`, Leave, `SeeMembers`; `CreateDocument`; Invite a guest, an owner; `ChangeMember` an admin, an owner;
/// `ResetPassword` of an admin, an owner; `ManageGroups`, `ChangeSettings`; `ReadAuditLog`, `CreateWorkspace`
const IN_WORKSPACES: &str = "
    guest   owner      yyn n nn nn nn nn nn
    member  owner      yyy y nn nn nn nn nn
    admin   owner      yyy y yn yn yn yy nn
    owner   owner      yyy y yy yy yy yy yy
    owner   editor     yny y nn nn nn nn nn
    owner   commenter  yny n nn nn nn nn nn
    owner   viewer     yny n nn nn nn nn nn
    member  viewer     yny n nn nn nn nn nn
    guest   editor     ynn n nn nn nn nn nn
";

fn subject(role: WorkspaceRole) -> Subject {
    Subject::of(SOMEBODY, "somebody", HERE, role)
}

fn access() -> DocumentAccess {
    DocumentAccess {
        workspace: HERE,
        visibility: Visibility::Workspace,
        default_role: Role::Editor,
        grants: BTreeMap::new(),
        state: State::InUse,
    }
}

fn answer(subject: &Subject, action: Action, resource: &Resource<'_>) -> char {
    match authorise(subject, action, resource) {
        Ok(permit) => {
            assert_eq!((permit.user(), permit.action()), (subject.user, action));
            'y'
        }
        Err(Denied::Forbidden) => 'n',
        Err(Denied::NotFound) => '-',
    }
}

fn rows(table: &str) -> impl Iterator<Item = (&str, &str, String)> {
    table.lines().filter_map(|line| {
        let mut words = line.split_whitespace();
        Some((words.next()?, words.next()?, words.collect()))
    })
}

#[test]
fn by_role_and_state() {
    let mut seen = 0;
    for (state, role, expected) in rows(BY_ROLE) {
        let mut access = access();
        access.state = state.parse().unwrap();
        let role: Role = role.parse().unwrap();
        access.grants.insert(Grantee::User(SOMEBODY), role);
        let resource = Resource::Document(document(), &access);
        for kind in [WorkspaceRole::Guest, WorkspaceRole::Member, WorkspaceRole::Admin] {
            let answers = OF_DOCUMENTS.map(|action| answer(&subject(kind), action, &resource));
            assert_eq!(
                answers.iter().collect::<String>(),
                expected,
                "{state} {role:?} {kind:?}"
            );
        }
        seen += 1;
        let stranger = Subject::of(SOMEBODY, "somebody", ELSEWHERE, WorkspaceRole::Owner);
        assert!(
            OF_DOCUMENTS
                .iter()
                .all(|action| answer(&stranger, *action, &resource) == '-')
        );
        let about_others = OF_WORKSPACES.map(|action| answer(&subject(WorkspaceRole::Owner), action, &resource));
        assert!(about_others.iter().all(|answer| *answer != 'y'));
    }
    assert_eq!(seen, State::ALL.len() * Role::ALL.len());
}

#[test]
fn in_a_workspace() {
    for (kind, bound, expected) in rows(IN_WORKSPACES) {
        let mut somebody = subject(kind.parse().unwrap());
        somebody.bounds.role = bound.parse().unwrap();
        let ask = |somebody: &Subject, action| match action {
            Action::CreateWorkspace => answer(somebody, action, &Resource::Server),
            _ => answer(somebody, action, &Resource::Workspace(HERE)),
        };
        let answers = OF_WORKSPACES.map(|action| ask(&somebody, action));
        assert_eq!(answers.iter().collect::<String>(), expected, "{kind} {bound}");
        for action in OF_WORKSPACES {
            let elsewhere = answer(&somebody, action, &Resource::Workspace(ELSEWHERE));
            assert_eq!(elsewhere, '-', "{kind} {action:?}");
        }
        for action in OF_DOCUMENTS {
            assert_eq!(answer(&somebody, action, &Resource::Workspace(HERE)), 'n');
            assert_eq!(answer(&somebody, action, &Resource::Server), 'n');
        }
    }
}

fn role(subject: &Subject, access: &DocumentAccess) -> Option<Role> {
    let permit = authorise(subject, Action::Read, &Resource::Document(document(), access));
    permit.ok().and_then(|permit| permit.role())
}

/// Grant to the person, to their groups, to others; visibility; what they are; their role then.
#[test]
fn where_a_role_comes_from() {
    use Role::{Commenter, Editor, Owner, Viewer};
    use WorkspaceRole as Is;
    let [first, second] = GROUPS;
    for (kind, [by_default, in_private]) in [
        (Is::Guest, [None, None]),
        (Is::Member, [Some(Commenter), None]),
        (Is::Admin, [Some(Owner), None]),
        (Is::Owner, [Some(Owner), None]),
    ] {
        for (visibility, without_grant) in [(Visibility::Workspace, by_default), (Visibility::Private, in_private)] {
            let mut access = access();
            (access.visibility, access.default_role) = (visibility, Commenter);
            let mut somebody = subject(kind);
            somebody.memberships.get_mut(&HERE).unwrap().groups = BTreeSet::from(GROUPS);
            let other = Grantee::User(UserId(uuid::Uuid::nil()));
            access.grants.insert(other, Owner);
            assert_eq!(role(&somebody, &access), without_grant, "{kind:?} {visibility:?}");
            access.grants.insert(Grantee::Group(first), Editor);
            access.grants.insert(Grantee::Group(second), Viewer);
            assert_eq!(role(&somebody, &access), Some(Editor), "the greatest of the groups");
            access.grants.insert(Grantee::User(SOMEBODY), Viewer);
            assert_eq!(role(&somebody, &access), Some(Viewer), "the direct grant first");
            somebody.memberships.clear();
            assert_eq!(role(&somebody, &access), None, "leaving the workspace ends every grant");
        }
    }
}

#[test]
fn a_credential_bounds_and_an_embedders_token_grants() {
    let mut somebody = subject(WorkspaceRole::Owner);
    let access = access();
    let bounds = |change: &dyn Fn(&mut Bounds)| {
        let mut bounds = Bounds::default();
        change(&mut bounds);
        bounds
    };
    let named = |role| BTreeMap::from([(document(), role)]);
    let in_workspaces = |id, role| Some(BTreeMap::from([(id, role)]));
    for (bounds, expected) in [
        (bounds(&|_| {}), Some(Role::Owner)),
        (bounds(&|b| b.role = Role::Commenter), Some(Role::Commenter)),
        (
            bounds(&|b| b.workspaces = in_workspaces(HERE, Role::Viewer)),
            Some(Role::Viewer),
        ),
        (bounds(&|b| b.workspaces = in_workspaces(ELSEWHERE, Role::Owner)), None),
        (
            bounds(&|b| b.documents = Documents::Only(named(Role::Editor))),
            Some(Role::Editor),
        ),
        (bounds(&|b| b.documents = Documents::Only(BTreeMap::new())), None),
        (
            bounds(&|b| b.documents = Documents::Granted(named(Role::Editor))),
            Some(Role::Editor),
        ),
        (bounds(&|b| b.documents = Documents::Granted(BTreeMap::new())), None),
    ] {
        somebody.bounds = bounds;
        assert_eq!(role(&somebody, &access), expected, "{:?}", somebody.bounds);
        let is_for_documents = somebody.bounds.documents != Documents::Any;
        let creates = Creation::of(&somebody, HERE).is_ok();
        assert!(!(is_for_documents && creates), "{:?}", somebody.bounds);
    }
    somebody.memberships.clear();
    somebody.bounds.documents = Documents::Only(named(Role::Editor));
    assert_eq!(role(&somebody, &access), None);
    somebody.bounds.documents = Documents::Granted(named(Role::Editor));
    assert_eq!(role(&somebody, &access), Some(Role::Editor));
}

#[test]
fn in_the_trash_a_workspaces_owner_sees_what_they_saw_before() {
    let mut access = access();
    access.state = State::Trashed;
    access.grants.insert(Grantee::User(SOMEBODY), Role::Viewer);
    let purges =
        |kind, access: &DocumentAccess| answer(&subject(kind), Action::Purge, &Resource::Document(document(), access));
    assert_eq!(purges(WorkspaceRole::Owner, &access), 'y');
    assert_eq!(purges(WorkspaceRole::Admin, &access), '-');
    access.grants.clear();
    assert_eq!(purges(WorkspaceRole::Admin, &access), 'y');
    access.visibility = Visibility::Private;
    assert_eq!(purges(WorkspaceRole::Owner, &access), '-');
}

#[test]
fn a_new_document_goes_home_and_is_its_makers() {
    let mut somebody = subject(WorkspaceRole::Member);
    somebody.home = None;
    let creation = Creation::at_home(&somebody).unwrap();
    assert_eq!((creation.workspace(), creation.creator()), (HERE, SOMEBODY));
    assert_eq!(role(&somebody, &creation.access()), Some(Role::Owner));
    let mut elsewhere = Membership::of(WorkspaceRole::Member);
    elsewhere.new_documents = Visibility::Private;
    somebody.memberships.insert(ELSEWHERE, elsewhere);
    assert_eq!(
        Creation::at_home(&somebody),
        Err(Denied::NotFound),
        "of two, none is home"
    );
    somebody.home = Some(ELSEWHERE);
    let creation = Creation::at_home(&somebody).unwrap();
    assert_eq!(
        (creation.workspace(), creation.visibility()),
        (ELSEWHERE, Visibility::Private)
    );
    assert_eq!(role(&subject(WorkspaceRole::Owner), &creation.access()), None);
}
