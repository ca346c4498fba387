//! The list of documents.

use fieldbook_core::access::{State, Subject, WorkspaceRole};
use fieldbook_core::id::DocumentId;
use fieldbook_store::{NewDocument, Store};

use crate::sample::{House, account, assert_error, changes, creation, document_id, workspace};

fn ann(house: &House) -> Subject {
    Subject::of(house.ann.id, "Ann", house.workspace.id, WorkspaceRole::Member)
}

async fn listed(store: &impl Store, house: &House, state: State) -> Vec<DocumentId> {
    let entries = store.list_documents(&ann(house), state).await.unwrap();
    entries.into_iter().map(|entry| entry.id).collect()
}

pub(crate) async fn the_list_shows_the_last_changed_first(store: &impl Store) {
    let house = House::build(store).await;
    assert!(listed(store, &house, State::InUse).await.is_empty());
    let (one, two, three) = (
        house.document(store, 1).await,
        house.document(store, 1).await,
        house.document(store, 1).await,
    );
    store.set_summary(one, None, 3000, 1).await.unwrap();
    store.set_summary(two, None, 5000, 1).await.unwrap();
    assert_eq!(listed(store, &house, State::InUse).await, [two, one, three]);
}

pub(crate) async fn the_list_is_of_one_workspace(store: &impl Store) {
    let house = House::build(store).await;
    house.document(store, 1).await;
    let south = workspace("South");
    store.create_workspace(south.clone()).await.unwrap();
    let bo = account("Bo", &south);
    store.create_account(bo.clone()).await.unwrap();
    let id = document_id();
    let new = NewDocument {
        creation: creation(bo.id, south.id),
        kind: None,
        ..house.new_document()
    };
    store.append(id, Some(new), 1, changes([1])).await.unwrap();
    let of_bo = Subject::of(bo.id, "Bo", south.id, WorkspaceRole::Member);
    let entries = store.list_documents(&of_bo, State::InUse).await.unwrap();
    assert_eq!(entries.len(), 1);
    assert_eq!(
        (entries[0].id, &entries[0].kind, entries[0].created_by.as_str()),
        (id, &None, "Bo")
    );
    assert_eq!(Some(&entries[0]), store.document(id).await.unwrap().as_ref());
}

pub(crate) async fn a_summary_changes_title_and_time(store: &impl Store) {
    let house = House::build(store).await;
    let id = house.document(store, 1).await;
    store.set_summary(id, Some("Größer"), 2000, 1).await.unwrap();
    store.set_summary(id, None, 3000, 1).await.unwrap();
    let entry = store.document(id).await.unwrap().unwrap();
    assert_eq!(
        (entry.title.as_str(), entry.created_at_ms, entry.changed_at_ms),
        ("Größer", 1000, 3000)
    );
    store.set_summary(id, Some(""), 3000, 1).await.unwrap();
    assert_eq!(store.document(id).await.unwrap().unwrap().title, "");
}

pub(crate) async fn the_list_knows_what_it_is_behind(store: &impl Store) {
    let house = House::build(store).await;
    let (one, two) = (house.document(store, 2).await, house.document(store, 1).await);
    let behind = async || {
        let mut behind = store.behind_in_the_list().await.unwrap();
        behind.sort_unstable_by_key(|(_, last)| std::cmp::Reverse(*last));
        behind
    };
    assert_eq!(behind().await, [(one, 2), (two, 1)]);
    store.set_summary(one, Some("new"), 3000, 2).await.unwrap();
    assert_eq!(behind().await, [(two, 1)]);
    assert_eq!(store.load(one).await.unwrap().unwrap().summarised_up_to, 2);
    // An answer that comes late.
    store.set_summary(one, Some("old"), 2000, 1).await.unwrap();
    let entry = store.document(one).await.unwrap().unwrap();
    assert_eq!((entry.title.as_str(), entry.changed_at_ms), ("new", 3000));
    store.set_summary(two, None, 3000, 1).await.unwrap();
    assert_eq!(behind().await, []);
    store.append(one, None, 3, changes([3])).await.unwrap();
    assert_eq!(behind().await, [(one, 3)]);
}

pub(crate) async fn a_document_that_does_not_exist_cannot_be_changed(store: &impl Store) {
    assert_error!(store.set_summary(document_id(), Some("x"), 1, 1).await, Conflict);
}
