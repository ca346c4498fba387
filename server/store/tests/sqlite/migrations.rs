//! A data folder of an earlier version becomes one of this version.

use fieldbook_core::access::{Action, Resource, Role, State, Subject, WorkspaceRole, authorise};
use fieldbook_core::id::{DocumentId, UserId, WorkspaceId};
use fieldbook_store::{Access, Directory, DocumentStore, Place};
use tempfile::TempDir;
use uuid::Uuid;

use crate::{database, open, stranger};

const BEFORE: [&str; 5] = [
    include_str!("../../migrations/0001_documents_and_people.sql"),
    include_str!("../../migrations/0002_titles_in_step.sql"),
    include_str!("../../migrations/0003_people_of_others.sql"),
    include_str!("../../migrations/0004_devices.sql"),
    include_str!("../../migrations/0005_rotation.sql"),
];

const NORTH: WorkspaceId = WorkspaceId(Uuid::from_u128(1));
const SOUTH: WorkspaceId = WorkspaceId(Uuid::from_u128(2));

fn user(key: u32) -> UserId {
    UserId(Uuid::from_u128(key.into()))
}

/// Ann owns the north, ben edits there and vic views; so does cat, who was an editor when she made a document. Eve owns the
/// south.
fn fill(connection: &rusqlite::Connection, documents: [DocumentId; 3]) {
    for step in BEFORE {
        connection.execute_batch(step).unwrap();
    }
    connection.execute_batch("pragma user_version = 5").unwrap();
    for (key, id) in [(1, NORTH), (2, SOUTH)] {
        let sql = "insert into workspaces (key, id, name) values (?, ?, 'somewhere')";
        connection.execute(sql, (key, id.0)).unwrap();
    }
    for (key, workspace, role) in [(11, 1, 2), (12, 1, 1), (13, 1, 0), (14, 1, 0), (15, 2, 2)] {
        let sql = "insert into accounts (key, id, name, name_key, workspace, role) values (?1, ?2, ?1, ?1, ?3, ?4)";
        connection.execute(sql, (key, user(key).0, workspace, role)).unwrap();
    }
    for (id, creator, archived) in [
        (documents[0], 12, None),
        (documents[1], 14, Some(5)),
        (documents[2], 15, None),
    ] {
        let workspace = if creator == 15 { 2 } else { 1 };
        let sql = "insert into documents (id, workspace, creator, title, created_at_ms, changed_at_ms, archived_at_ms)
             values (?, ?, ?, 'Plan', 1, 1, ?)";
        connection
            .execute(sql, (id.as_bytes(), workspace, creator, archived))
            .unwrap();
    }
    for (hash, role) in [([1; 32], 2), ([2; 32], 1), ([3; 32], 0)] {
        let sql = "insert into invitations (secret_hash, workspace, role, expires_at_ms) values (?, 1, ?, 100)";
        connection.execute(sql, (hash, role)).unwrap();
    }
}

#[tokio::test]
async fn who_could_do_what_can_do_so_still() {
    let folder = TempDir::new().unwrap();
    let documents = [(); 3].map(|()| DocumentId::from_bytes(*Uuid::new_v4().as_bytes()).unwrap());
    std::fs::File::create(database(&folder)).unwrap();
    fill(&stranger(&database(&folder)), documents);
    let store = open(&database(&folder)).await;

    let role = async |who, document: usize| {
        let memberships = store.memberships(user(who), None).await.unwrap();
        let mut subject = Subject::of(user(who), "somebody", NORTH, WorkspaceRole::Guest);
        subject.memberships = memberships.of;
        let access = store.load(documents[document]).await.unwrap().unwrap().access;
        let permit = authorise(
            &subject,
            Action::Share,
            &Resource::Document(documents[document], &access),
        );
        let reads = authorise(
            &subject,
            Action::Read,
            &Resource::Document(documents[document], &access),
        );
        (permit.is_ok(), reads.ok().and_then(|permit| permit.role()))
    };
    let (owner, viewer) = (Some(Role::Owner), Some(Role::Viewer));
    assert_eq!([role(11, 0).await, role(11, 2).await], [(true, owner), (false, None)]);
    assert_eq!(role(12, 0).await, (true, owner), "who made it owns it");
    assert_eq!([role(13, 0).await, role(14, 0).await], [(false, viewer); 2]);
    // Put away: it is read, by all of them.
    assert_eq!(
        [role(12, 1).await, role(14, 1).await],
        [(false, viewer); 2],
        "made by a viewer of today"
    );
    assert_eq!([role(15, 2).await, role(15, 0).await], [(true, owner), (false, None)]);

    let home = |workspace: WorkspaceId, place: &Option<Place>, role| {
        place
            .as_ref()
            .is_some_and(|place| place.workspace.id == workspace && place.role == role)
    };
    for (who, workspace, role) in [
        (11, NORTH, WorkspaceRole::Owner),
        (12, NORTH, WorkspaceRole::Member),
        (13, NORTH, WorkspaceRole::Guest),
        (15, SOUTH, WorkspaceRole::Owner),
    ] {
        assert!(
            home(workspace, &store.account(user(who)).await.unwrap().unwrap().home, role),
            "{who}"
        );
    }
    for (hash, role) in [
        ([1; 32], WorkspaceRole::Owner),
        ([2; 32], WorkspaceRole::Member),
        ([3; 32], WorkspaceRole::Guest),
    ] {
        assert_eq!(store.invitation(hash, 0).await.unwrap().unwrap().role, role);
    }
    let entry = store.document(documents[1]).await.unwrap().unwrap();
    assert_eq!((entry.state, entry.archived_at_ms), (State::Archived, Some(5)));
}
