use fieldbook_core::access::{Action, Resource, Subject, WorkspaceRole, authorise};
use fieldbook_core::id::UserId;
use fieldbook_store::{AuditAction, AuditEvent, Credential, Named, Store};
use uuid::Uuid;

use crate::sample::{House, account, assert_error, event, workspace};

async fn events(store: &impl Store) -> Vec<AuditEvent> {
    let entries = store.audit_log(None, None, 1_000).await.unwrap();
    entries.into_iter().map(|entry| entry.event).collect()
}

fn refusal(name: &str, address: &str, at_ms: i64) -> AuditEvent {
    AuditEvent {
        at_ms,
        action: AuditAction::SignInRefused,
        subject: Some(Named {
            id: name.to_owned(),
            name: name.to_owned(),
        }),
        address: Some(address.parse().unwrap()),
        ..event()
    }
}

pub(crate) async fn an_event_is_read_as_it_was_written(store: &impl Store) {
    let house = House::build(store).await;
    let id = house.document(store, 1).await;
    let whole = AuditEvent {
        at_ms: 1_234,
        workspace: Some(house.workspace.id),
        action: AuditAction::DocumentExported,
        actor: Some(Named::from(&house.ann)),
        credential: Credential::CommandLine,
        subject: Some(Named::document(id, "Plan")),
        detail: Some("more".into()),
        address: Some("2001:db8::1".parse().unwrap()),
    };
    store.record(whole.clone()).await.unwrap();
    store.record(event()).await.unwrap();
    assert_eq!(events(store).await, [event(), whole]);
}

pub(crate) async fn the_last_come_first_and_page_by_page(store: &impl Store) {
    // In the order in which they came, whatever their clocks say.
    for at_ms in [5, 3, 4] {
        store.record(AuditEvent { at_ms, ..event() }).await.unwrap();
    }
    let first = store.audit_log(None, None, 2).await.unwrap();
    let times = |entries: &[fieldbook_store::AuditEntry]| -> Vec<i64> {
        entries.iter().map(|entry| entry.event.at_ms).collect()
    };
    assert_eq!(times(&first), [4, 3]);
    let second = store.audit_log(None, Some(first[1].number), 2).await.unwrap();
    assert_eq!(times(&second), [5]);
}

pub(crate) async fn a_workspace_sees_its_own_and_what_belongs_to_none(store: &impl Store) {
    let (north, south) = (workspace("North").id, workspace("South").id);
    for (at_ms, workspace) in [(1, Some(north)), (2, Some(south)), (3, None)] {
        let event = AuditEvent {
            at_ms,
            workspace,
            ..event()
        };
        store.record(event).await.unwrap();
    }
    let seen = store.audit_log(Some(north), None, 10).await.unwrap();
    assert_eq!(seen.iter().map(|entry| entry.event.at_ms).collect::<Vec<_>>(), [3, 1]);
}

pub(crate) async fn what_was_not_done_is_not_written_down(store: &impl Store) {
    House::build(store).await;
    let nobody = UserId(Uuid::new_v4());
    store.delete_session([1; 32], event()).await.unwrap();
    assert!(!store.set_password(nobody, None, "x", event()).await.unwrap());
    assert_eq!(events(store).await, []);
}

pub(crate) async fn refusals_are_written_down_once_a_minute(store: &impl Store) {
    let record = async |event| store.record_refusal(event, 100).await.unwrap();
    assert!(record(refusal("Ann", "10.0.0.1", 60_000)).await);
    assert!(!record(refusal("Ann", "10.0.0.1", 119_999)).await);
    assert!(record(refusal("Ann", "10.0.0.2", 60_000)).await);
    assert!(record(refusal("Bo", "10.0.0.1", 60_000)).await);
    assert!(record(refusal("Ann", "10.0.0.1", 120_000)).await);
    let nobody = AuditEvent {
        subject: None,
        ..refusal("", "10.0.0.1", 60_000)
    };
    assert!(record(nobody.clone()).await);
    assert!(!record(nobody).await);
    assert_eq!(events(store).await.len(), 5);
}

pub(crate) async fn refusals_have_a_bound(store: &impl Store) {
    for n in 0..20 {
        let event = refusal("Ann", &format!("10.0.0.{n}"), 60_000);
        assert_eq!(store.record_refusal(event, 7).await.unwrap(), n < 7);
    }
    assert!(
        store
            .record_refusal(refusal("Ann", "10.0.0.9", 120_000), 7)
            .await
            .unwrap()
    );
}

pub(crate) async fn a_change_of_access_and_its_entry_are_one(store: &impl Store) {
    let house = House::build(store).await;
    let owner = Subject::of(UserId(Uuid::nil()), "owner", house.workspace.id, WorkspaceRole::Owner);
    let change = Action::ChangeMember(WorkspaceRole::Owner);
    let permit = authorise(&owner, change, &Resource::Workspace(house.workspace.id)).unwrap();
    let changed = AuditEvent {
        action: AuditAction::MemberChanged,
        ..event()
    };
    let guest = Some(WorkspaceRole::Guest);
    let nobody = UserId(Uuid::new_v4());
    assert_error!(
        store.set_member(&permit, nobody, guest, changed.clone()).await,
        Conflict
    );
    assert_eq!(events(store).await, []);
    // The last owner stays, so an owner is made before.
    let zoe = account("Zoe", &house.workspace);
    store.create_account(zoe.clone()).await.unwrap();
    store
        .set_member(&permit, zoe.id, Some(WorkspaceRole::Owner), changed.clone())
        .await
        .unwrap();
    store
        .set_member(&permit, house.ann.id, guest, changed.clone())
        .await
        .unwrap();
    assert_eq!(events(store).await, [changed.clone(), changed]);
}
