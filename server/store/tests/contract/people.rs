//! Workspaces, accounts, sessions, invitations.

use fieldbook_core::id::{UserId, WorkspaceId};
use fieldbook_store::{Account, Invitation, Place, SessionId, SignInSession, Store, Workspace, WorkspaceRole};
use uuid::Uuid;

use crate::sample::{House, account, assert_error, event, workspace};

const SECRET: [u8; 32] = [9; 32];

pub(crate) async fn a_secret_is_made_once(store: &impl Store) {
    assert_eq!(store.secret("token_key", [1; 32]).await.unwrap(), [1; 32]);
    assert_eq!(store.secret("token_key", [2; 32]).await.unwrap(), [1; 32]);
    assert_eq!(store.secret("storage_id", [3; 32]).await.unwrap(), [3; 32]);
    let (one, two) = tokio::join!(store.secret("raced", [4; 32]), store.secret("raced", [5; 32]));
    assert_eq!(one.unwrap(), two.unwrap());
}

pub(crate) async fn the_first_workspace_stays_the_first(store: &impl Store) {
    assert_eq!(store.first_workspace().await.unwrap(), None);
    let first = workspace("First");
    store.create_workspace(first.clone()).await.unwrap();
    store.create_workspace(workspace("Second")).await.unwrap();
    assert_eq!(store.first_workspace().await.unwrap(), Some(first.clone()));
    store.rename_workspace(first.id, "Renamed").await.unwrap();
    assert_eq!(
        store.first_workspace().await.unwrap(),
        Some(Workspace {
            name: "Renamed".into(),
            ..first.clone()
        })
    );
    assert_error!(store.create_workspace(first).await, Conflict);
}

pub(crate) async fn an_account_is_found_by_id_and_by_name(store: &impl Store) {
    let house = House::build(store).await;
    assert_eq!(store.account(house.ann.id).await.unwrap().as_ref(), Some(&house.ann));
    assert_eq!(store.account_by_name("aNN").await.unwrap().as_ref(), Some(&house.ann));
    assert_eq!(store.account_by_name("Anna").await.unwrap(), None);
    assert_eq!(store.account(UserId(Uuid::new_v4())).await.unwrap(), None);
    store.rename_workspace(house.workspace.id, "Renamed").await.unwrap();
    assert_eq!(
        store
            .account(house.ann.id)
            .await
            .unwrap()
            .unwrap()
            .home
            .unwrap()
            .workspace
            .name,
        "Renamed"
    );
}

pub(crate) async fn a_name_is_taken_without_regard_to_case(store: &impl Store) {
    let house = House::build(store).await;
    assert_error!(store.create_account(account("ann", &house.workspace)).await, Taken);
    store.create_account(account("Žofie", &house.workspace)).await.unwrap();
    assert_error!(store.create_account(account("žOFIE", &house.workspace)).await, Taken);
    let (one, two) = tokio::join!(
        store.create_account(account("Bo", &house.workspace)),
        store.create_account(account("BO", &house.workspace)),
    );
    assert_ne!(one.is_ok(), two.is_ok());
    assert_error!(one.and(two), Taken);
}

pub(crate) async fn accounts_without_a_password_do_not_count_for_sign_in(store: &impl Store) {
    assert_eq!(store.count_sign_in_accounts().await.unwrap(), 0);
    let house = House::build(store).await;
    assert_eq!(store.count_sign_in_accounts().await.unwrap(), 1);
    let robot = Account {
        password_hash: None,
        ..account("Robot", &house.workspace)
    };
    store.create_account(robot.clone()).await.unwrap();
    assert_eq!(store.count_sign_in_accounts().await.unwrap(), 1);
    assert_eq!(store.account(robot.id).await.unwrap(), Some(robot));
}

pub(crate) async fn a_session_is_good_until_it_expires_or_ends(store: &impl Store) {
    let house = House::build(store).await;
    let session = SignInSession {
        id: SessionId(Uuid::new_v4()),
        user_agent: String::new(),
        secret_hash: SECRET,
        user: house.ann.id,
        expires_at_ms: 100,
    };
    store.create_session(session.clone(), 0, event()).await.unwrap();
    assert_eq!(
        store.session_account(SECRET, 99).await.unwrap(),
        Some(house.ann.clone())
    );
    assert_eq!(store.session_account(SECRET, 100).await.unwrap(), None);
    assert_eq!(store.session_account([1; 32], 0).await.unwrap(), None);
    // Dropped on the way of the next one.
    store
        .create_session(
            SignInSession {
                id: SessionId(Uuid::new_v4()),
                secret_hash: [2; 32],
                ..session.clone()
            },
            100,
            event(),
        )
        .await
        .unwrap();
    assert_eq!(store.session_account(SECRET, 0).await.unwrap(), None);
    store
        .create_session(
            SignInSession {
                id: SessionId(Uuid::new_v4()),
                expires_at_ms: 500,
                ..session
            },
            100,
            event(),
        )
        .await
        .unwrap();
    store.delete_session(SECRET, event()).await.unwrap();
    store.delete_session(SECRET, event()).await.unwrap();
    assert_eq!(store.session_account(SECRET, 200).await.unwrap(), None);
}

fn guest(name: &str, workspace: &Workspace) -> Account {
    at_home(name, workspace, WorkspaceRole::Guest)
}

fn at_home(name: &str, workspace: &Workspace, role: WorkspaceRole) -> Account {
    let home = Place {
        workspace: workspace.clone(),
        role,
    };
    Account {
        home: Some(home),
        ..account(name, workspace)
    }
}

async fn invite(store: &impl Store, house: &House) -> Invitation {
    let invitation = Invitation {
        id: Uuid::new_v4(),
        secret_hash: SECRET,
        workspace: house.workspace.clone(),
        role: WorkspaceRole::Guest,
        expires_at_ms: 100,
    };
    store.create_invitation(invitation.clone(), 0, event()).await.unwrap();
    invitation
}

pub(crate) async fn an_invitation_is_withdrawn_by_its_name(store: &impl Store) {
    let house = House::build(store).await;
    let invitation = invite(store, &house).await;
    let elsewhere = workspace("Elsewhere");
    store.create_workspace(elsewhere.clone()).await.unwrap();
    let (here, id) = (house.workspace.id, invitation.id);
    assert_eq!(store.invitations(here, 99).await.unwrap(), [invitation]);
    assert_eq!(store.invitations(here, 100).await.unwrap(), []);
    assert_eq!(store.invitations(elsewhere.id, 0).await.unwrap(), []);
    assert!(!store.withdraw_invitation(elsewhere.id, id, event()).await.unwrap());
    assert!(!store.withdraw_invitation(here, Uuid::new_v4(), event()).await.unwrap());
    assert!(store.withdraw_invitation(here, id, event()).await.unwrap());
    assert!(!store.withdraw_invitation(here, id, event()).await.unwrap());
    assert_eq!(store.invitations(here, 0).await.unwrap(), []);
    assert_eq!(store.invitation(SECRET, 0).await.unwrap(), None);
}

pub(crate) async fn an_invitation_is_good_until_it_expires(store: &impl Store) {
    let house = House::build(store).await;
    let invitation = invite(store, &house).await;
    assert_eq!(store.invitation(SECRET, 99).await.unwrap(), Some(invitation.clone()));
    assert_eq!(store.invitation(SECRET, 100).await.unwrap(), None);
    assert_eq!(store.invitation([1; 32], 0).await.unwrap(), None);
    let late = guest("Late", &house.workspace);
    assert!(
        !store
            .accept_invitation(SECRET, late.clone(), 100, event())
            .await
            .unwrap()
    );
    assert_eq!(store.account(late.id).await.unwrap(), None);
    let next = Invitation {
        id: Uuid::new_v4(),
        secret_hash: [2; 32],
        expires_at_ms: 500,
        ..invitation
    };
    store.create_invitation(next, 100, event()).await.unwrap();
    assert_eq!(
        store.invitation(SECRET, 0).await.unwrap(),
        None,
        "expired ones are dropped on the way"
    );
}

pub(crate) async fn an_invitation_makes_one_account(store: &impl Store) {
    let house = House::build(store).await;
    invite(store, &house).await;
    let bo = guest("Bo", &house.workspace);
    assert!(store.accept_invitation(SECRET, bo.clone(), 50, event()).await.unwrap());
    assert_eq!(store.account_by_name("bo").await.unwrap(), Some(bo));
    assert_eq!(store.invitation(SECRET, 50).await.unwrap(), None);
    let cy = guest("Cy", &house.workspace);
    assert!(!store.accept_invitation(SECRET, cy.clone(), 50, event()).await.unwrap());
    assert_eq!(store.account(cy.id).await.unwrap(), None);
}

pub(crate) async fn a_taken_name_leaves_the_invitation_good(store: &impl Store) {
    let house = House::build(store).await;
    let invitation = invite(store, &house).await;
    let ann = guest("ANN", &house.workspace);
    assert_error!(store.accept_invitation(SECRET, ann, 50, event()).await, Taken);
    assert_eq!(store.invitation(SECRET, 50).await.unwrap(), Some(invitation));
}

pub(crate) async fn an_invitation_makes_no_other_account(store: &impl Store) {
    let house = House::build(store).await;
    invite(store, &house).await;
    let owner = at_home("Bo", &house.workspace, WorkspaceRole::Owner);
    assert_error!(store.accept_invitation(SECRET, owner, 50, event()).await, Conflict);
    let south = workspace("South");
    store.create_workspace(south.clone()).await.unwrap();
    let elsewhere = guest("Bo", &south);
    assert_error!(store.accept_invitation(SECRET, elsewhere, 50, event()).await, Conflict);
    assert!(store.invitation(SECRET, 50).await.unwrap().is_some());
}

pub(crate) async fn an_invitation_raced_for_makes_one_account(store: &impl Store) {
    let house = House::build(store).await;
    invite(store, &house).await;
    let person = |name| guest(name, &house.workspace);
    let (one, two) = tokio::join!(
        store.accept_invitation(SECRET, person("Bo"), 50, event()),
        store.accept_invitation(SECRET, person("Cy"), 50, event()),
    );
    assert_ne!(one.unwrap(), two.unwrap());
    assert_eq!(store.count_sign_in_accounts().await.unwrap(), 2);
}

pub(crate) async fn what_does_not_exist_cannot_be_changed(store: &impl Store) {
    let nowhere = workspace("Nowhere");
    let nobody = UserId(Uuid::new_v4());
    assert_error!(store.rename_workspace(WorkspaceId(Uuid::new_v4()), "x").await, Conflict);
    assert_error!(store.create_account(account("Bo", &nowhere)).await, Conflict);
    let session = SignInSession {
        id: SessionId(Uuid::new_v4()),
        user_agent: String::new(),
        secret_hash: SECRET,
        user: nobody,
        expires_at_ms: 100,
    };
    assert_error!(store.create_session(session, 0, event()).await, Conflict);
    let invitation = Invitation {
        id: Uuid::new_v4(),
        secret_hash: SECRET,
        workspace: nowhere,
        role: WorkspaceRole::Owner,
        expires_at_ms: 100,
    };
    assert_error!(store.create_invitation(invitation, 0, event()).await, Conflict);
}
