//! Appending and loading.

use bytes::Bytes;
use fieldbook_core::id::{UserId, WorkspaceId};
use fieldbook_store::{NewDocument, Store};
use uuid::Uuid;

use crate::sample::{House, assert_error, changes, creation, document_id};

pub(crate) async fn a_document_that_does_not_exist_is_none(store: &impl Store) {
    let id = document_id();
    assert!(store.load(id).await.unwrap().is_none());
    assert!(store.read_archive(id).await.unwrap().is_none());
    assert!(store.read_retained(id).await.unwrap().is_empty());
    assert!(store.read_changes(id, 0, 9).await.unwrap().is_empty());
    assert!(store.document(id).await.unwrap().is_none());
}

pub(crate) async fn what_is_appended_is_loaded_in_order(store: &impl Store) {
    let house = House::build(store).await;
    let id = house.document(store, 3).await;
    store.append(id, None, 4, changes(4..=700)).await.unwrap();
    store.append(id, None, 701, changes([701])).await.unwrap();
    let loaded = store.load(id).await.unwrap().unwrap();
    assert_eq!(loaded.tail, changes(1..=701));
    assert_eq!(loaded.access.workspace, house.workspace.id);
    assert!(loaded.archive.is_none());
}

pub(crate) async fn a_document_is_made_by_its_first_append(store: &impl Store) {
    let house = House::build(store).await;
    let id = house.document(store, 1).await;
    let entry = store.document(id).await.unwrap().unwrap();
    assert_eq!(entry.id, id);
    assert_eq!(entry.workspace, house.workspace.id);
    assert_eq!(entry.kind.as_deref(), Some("account_plan"));
    assert_eq!(entry.title, "Plan");
    assert_eq!(entry.created_by, "Ann");
    assert_eq!((entry.created_at_ms, entry.changed_at_ms), (1000, 1000));
    assert_eq!(entry.archived_at_ms, None);
}

pub(crate) async fn a_second_first_append_changes_nothing_in_the_list(store: &impl Store) {
    let house = House::build(store).await;
    let id = house.document(store, 1).await;
    let before = store.document(id).await.unwrap();
    let again = NewDocument {
        title: "Another".into(),
        created_at_ms: 5,
        ..house.new_document()
    };
    store.append(id, Some(again), 2, changes([2])).await.unwrap();
    assert_eq!(store.document(id).await.unwrap(), before);
    assert_eq!(store.load(id).await.unwrap().unwrap().tail, changes(1..=2));
}

pub(crate) async fn without_new_a_document_must_exist(store: &impl Store) {
    let id = document_id();
    assert_error!(store.append(id, None, 1, changes([1])).await, Conflict);
    assert!(store.load(id).await.unwrap().is_none());
}

pub(crate) async fn workspace_and_creator_must_exist(store: &impl Store) {
    let house = House::build(store).await;
    let id = document_id();
    let nowhere = NewDocument {
        creation: creation(house.ann.id, WorkspaceId(Uuid::new_v4())),
        ..house.new_document()
    };
    assert_error!(store.append(id, Some(nowhere), 1, changes([1])).await, Conflict);
    let nobody = NewDocument {
        creation: creation(UserId(Uuid::new_v4()), house.workspace.id),
        ..house.new_document()
    };
    assert_error!(store.append(id, Some(nobody), 1, changes([1])).await, Conflict);
    assert!(store.load(id).await.unwrap().is_none());
}

pub(crate) async fn the_same_changes_again_are_a_success(store: &impl Store) {
    let house = House::build(store).await;
    let id = house.document(store, 5).await;
    store
        .append(id, Some(house.new_document()), 1, changes(1..=5))
        .await
        .unwrap();
    store.append(id, None, 2, changes(2..=3)).await.unwrap();
    store.append(id, None, 5, changes([5])).await.unwrap();
    assert_eq!(store.load(id).await.unwrap().unwrap().tail, changes(1..=5));
    // At once as well: one of them finds the other's rows.
    let (one, two) = tokio::join!(
        store.append(id, None, 6, changes(6..=9)),
        store.append(id, None, 6, changes(6..=9))
    );
    one.and(two).unwrap();
    assert_eq!(store.load(id).await.unwrap().unwrap().tail, changes(1..=9));
}

pub(crate) async fn an_append_may_overlap_what_is_stored(store: &impl Store) {
    let house = House::build(store).await;
    let id = house.document(store, 5).await;
    store.append(id, None, 4, changes(4..=8)).await.unwrap();
    assert_eq!(store.load(id).await.unwrap().unwrap().tail, changes(1..=8));
}

pub(crate) async fn another_change_at_a_position_is_a_conflict(store: &impl Store) {
    let house = House::build(store).await;
    let id = house.document(store, 5).await;
    assert_error!(store.append(id, None, 5, changes([99])).await, Conflict);
    assert_error!(store.append(id, None, 4, changes([4, 99, 100])).await, Conflict);
    assert_eq!(store.load(id).await.unwrap().unwrap().tail, changes(1..=5));
    let (one, two) = tokio::join!(
        store.append(id, None, 6, changes([6])),
        store.append(id, None, 6, changes([7]))
    );
    assert_ne!(one.is_ok(), two.is_ok(), "one of them wins");
    assert_error!(one.and(two), Conflict);
    assert_eq!(store.load(id).await.unwrap().unwrap().tail.len(), 6);
}

pub(crate) async fn a_gap_is_a_conflict(store: &impl Store) {
    let house = House::build(store).await;
    let id = house.document(store, 5).await;
    assert_error!(store.append(id, None, 7, changes([7])).await, Conflict);
    assert_error!(store.append(id, None, 0, changes([0])).await, Conflict);
    assert_error!(store.append(id, None, u64::MAX, changes([7])).await, Conflict);
    assert_eq!(store.load(id).await.unwrap().unwrap().tail, changes(1..=5));
    let other = document_id();
    assert_error!(
        store.append(other, Some(house.new_document()), 2, changes([2])).await,
        Conflict
    );
    assert!(
        store.load(other).await.unwrap().is_none(),
        "a conflict makes no document"
    );
}

pub(crate) async fn many_appends_at_once_all_arrive(store: &impl Store) {
    let house = House::build(store).await;
    let rooms = (0..40).map(|_| async {
        let id = house.document(store, 1).await;
        for position in 2..=20 {
            store.append(id, None, position, changes([position])).await.unwrap();
        }
        id
    });
    for id in futures_util::future::join_all(rooms).await {
        assert_eq!(store.load(id).await.unwrap().unwrap().tail, changes(1..=20));
    }
}

pub(crate) async fn a_conflict_fails_nobody_else(store: &impl Store) {
    let house = House::build(store).await;
    let (good, bad) = (house.document(store, 1).await, house.document(store, 1).await);
    let appends = (2..=30).map(|position| async move {
        let wrong = store.append(bad, None, 1, changes([99])).await;
        let right = store.append(good, None, position, changes([position])).await;
        (wrong, right)
    });
    for append in appends {
        let (wrong, right) = append.await;
        assert_error!(wrong, Conflict);
        right.unwrap();
    }
    let (gap, fine, other) = tokio::join!(
        store.append(bad, None, 9, changes([9])),
        store.append(good, None, 31, changes([31])),
        store.append(bad, None, 2, changes([2])),
    );
    assert_error!(gap, Conflict);
    fine.and(other).unwrap();
    assert_eq!(store.load(good).await.unwrap().unwrap().tail, changes(1..=31));
    assert_eq!(store.load(bad).await.unwrap().unwrap().tail, changes(1..=2));
}

pub(crate) async fn changes_are_read_by_position(store: &impl Store) {
    let house = House::build(store).await;
    let id = house.document(store, 10).await;
    assert_eq!(store.read_changes(id, 0, 10).await.unwrap(), changes(1..=10));
    assert_eq!(store.read_changes(id, 3, 6).await.unwrap(), changes(4..=6));
    assert_eq!(store.read_changes(id, 8, u64::MAX).await.unwrap(), changes(9..=10));
    assert!(store.read_changes(id, 10, 20).await.unwrap().is_empty());
    assert!(store.read_changes(id, 5, 5).await.unwrap().is_empty());
    assert!(store.read_changes(id, u64::MAX, u64::MAX).await.unwrap().is_empty());
}

pub(crate) async fn large_and_empty_changes_survive(store: &impl Store) {
    let house = House::build(store).await;
    let id = document_id();
    let changes = vec![Bytes::new(), vec![0; 3_000_000].into(), vec![255; 1001].into()];
    store
        .append(id, Some(house.new_document()), 1, changes.clone())
        .await
        .unwrap();
    assert_eq!(store.load(id).await.unwrap().unwrap().tail, changes);
    store.append(id, None, 4, Vec::new()).await.unwrap();
    assert_eq!(store.load(id).await.unwrap().unwrap().tail, changes);
}

pub(crate) async fn document_ids_lists_all(store: &impl Store) {
    let house = House::build(store).await;
    let mut ids = vec![
        house.document(store, 1).await,
        house.document(store, 1).await,
        house.document(store, 1).await,
    ];
    let mut listed = store.document_ids().await.unwrap();
    ids.sort();
    listed.sort();
    assert_eq!(listed, ids);
}
