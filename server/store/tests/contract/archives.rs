//! Archives and what they retain.

use automerge::ChangeHash;
use fieldbook_store::{Placed, RetainedFrom, Store};

use crate::sample::{House, archive, assert_error, changes, document_id, hash};

pub(crate) async fn without_an_archive_there_is_none(store: &impl Store) {
    let house = House::build(store).await;
    let id = house.document(store, 3).await;
    assert!(store.read_archive(id).await.unwrap().is_none());
    assert!(store.read_retained(id).await.unwrap().is_empty());
    assert!(store.find_archived(id, &[hash(1)]).await.unwrap().is_empty());
}

pub(crate) async fn an_archive_takes_the_place_of_the_tail(store: &impl Store) {
    let house = House::build(store).await;
    let id = house.document(store, 10).await;
    let first = archive(0, 8, 9);
    store.replace_archive(id, 0, first.clone()).await.unwrap();
    let loaded = store.load(id).await.unwrap().unwrap();
    assert_eq!(loaded.archive, Some(first.meta));
    assert_eq!(loaded.tail, changes(9..=10));
    assert_eq!(store.read_archive(id).await.unwrap(), Some((8, first.bytes)));

    let second = archive(8, 10, 11);
    store.replace_archive(id, 8, second.clone()).await.unwrap();
    let loaded = store.load(id).await.unwrap().unwrap();
    assert_eq!(loaded.archive, Some(second.meta));
    assert!(loaded.tail.is_empty());
    assert_eq!(store.read_archive(id).await.unwrap(), Some((10, second.bytes)));
}

pub(crate) async fn retained_rows_stay_at_hand(store: &impl Store) {
    let house = House::build(store).await;
    let id = house.document(store, 10).await;
    store.replace_archive(id, 0, archive(0, 8, 5)).await.unwrap();
    assert_eq!(store.read_retained(id).await.unwrap(), changes(5..=8));
    assert_eq!(store.load(id).await.unwrap().unwrap().tail, changes(9..=10));
    assert_eq!(store.read_changes(id, 4, 9).await.unwrap(), changes(5..=9));
    // The second archive retains some that the first archived.
    store.replace_archive(id, 8, archive(8, 10, 7)).await.unwrap();
    assert_eq!(store.read_retained(id).await.unwrap(), changes(7..=10));
    // Letting go of them later needs no new changes.
    store.replace_archive(id, 10, archive(10, 10, 11)).await.unwrap();
    assert!(store.read_retained(id).await.unwrap().is_empty());
}

pub(crate) async fn metadata_survives(store: &impl Store) {
    let house = House::build(store).await;
    let id = house.document(store, 4).await;
    let mut given = archive(0, 4, 3);
    given.meta.heads = vec![
        Placed {
            hash: ChangeHash([0; 32]),
            position: 0,
        },
        Placed {
            hash: ChangeHash([128; 32]),
            position: u64::MAX,
        },
    ];
    given.meta.clock = vec![(vec![], 1), (vec![255; 16], u64::MAX), (vec![0; 200], 7)];
    given.meta.retained = RetainedFrom {
        position: 3,
        heads: vec![hash(1), hash(2)],
    };
    store.replace_archive(id, 0, given.clone()).await.unwrap();
    assert_eq!(store.load(id).await.unwrap().unwrap().archive, Some(given.meta));
}

pub(crate) async fn archived_changes_are_found_by_hash(store: &impl Store) {
    let house = House::build(store).await;
    let id = house.document(store, 3000).await;
    store.replace_archive(id, 0, archive(0, 2900, 2901)).await.unwrap();
    let mut asked: Vec<ChangeHash> = (1..=3100).map(hash).collect();
    asked.reverse();
    let mut found = store.find_archived(id, &asked).await.unwrap();
    found.sort_by_key(|change| change.position);
    let expected: Vec<_> = (1..=2900)
        .map(|n| Placed {
            hash: hash(n),
            position: n,
        })
        .collect();
    assert_eq!(found, expected);
    assert!(store.find_archived(id, &[]).await.unwrap().is_empty());
    assert_eq!(
        store
            .find_archived(id, &[hash(9999), hash(1), hash(9998)])
            .await
            .unwrap()
            .len(),
        1
    );
    let other = house.document(store, 3).await;
    assert!(
        store.find_archived(other, &[hash(1)]).await.unwrap().is_empty(),
        "an index is of one document"
    );
    assert!(store.find_archived(document_id(), &[hash(1)]).await.unwrap().is_empty());
}

pub(crate) async fn the_hash_index_grows_with_each_archive(store: &impl Store) {
    let house = House::build(store).await;
    let id = house.document(store, 9).await;
    store.replace_archive(id, 0, archive(0, 3, 4)).await.unwrap();
    store.replace_archive(id, 3, archive(3, 6, 7)).await.unwrap();
    let asked: Vec<ChangeHash> = (1..=9).map(hash).collect();
    assert_eq!(store.find_archived(id, &asked).await.unwrap().len(), 6);
}

pub(crate) async fn another_previous_is_a_conflict(store: &impl Store) {
    let house = House::build(store).await;
    let id = house.document(store, 9).await;
    assert_error!(store.replace_archive(id, 2, archive(2, 5, 6)).await, Conflict);
    store.replace_archive(id, 0, archive(0, 4, 5)).await.unwrap();
    assert_error!(store.replace_archive(id, 0, archive(0, 6, 7)).await, Conflict);
    assert_error!(store.replace_archive(id, 3, archive(3, 6, 7)).await, Conflict);
    assert_error!(
        store.replace_archive(document_id(), 0, archive(0, 4, 5)).await,
        Conflict
    );
    let loaded = store.load(id).await.unwrap().unwrap();
    assert_eq!(loaded.archive, Some(archive(0, 4, 5).meta));
    assert_eq!(loaded.tail, changes(5..=9));
    let asked: Vec<ChangeHash> = (1..=9).map(hash).collect();
    assert_eq!(
        store.find_archived(id, &asked).await.unwrap().len(),
        4,
        "nothing of a conflict can be seen"
    );
}

pub(crate) async fn the_same_archive_again_is_a_success(store: &impl Store) {
    let house = House::build(store).await;
    let id = house.document(store, 9).await;
    store.replace_archive(id, 0, archive(0, 4, 3)).await.unwrap();
    store.replace_archive(id, 0, archive(0, 4, 3)).await.unwrap();
    let loaded = store.load(id).await.unwrap().unwrap();
    assert_eq!(loaded.archive, Some(archive(0, 4, 3).meta));
    assert_eq!(loaded.tail, changes(5..=9));
}

pub(crate) async fn an_archive_beyond_the_log_is_a_conflict(store: &impl Store) {
    let house = House::build(store).await;
    let id = house.document(store, 9).await;
    assert_error!(store.replace_archive(id, 0, archive(0, 10, 11)).await, Conflict);
    assert!(store.load(id).await.unwrap().unwrap().archive.is_none());
    let asked: Vec<ChangeHash> = (1..=9).map(hash).collect();
    assert!(
        store.find_archived(id, &asked).await.unwrap().is_empty(),
        "what was indexed in vain does not count"
    );
    store.replace_archive(id, 0, archive(0, 9, 10)).await.unwrap();
    assert_eq!(store.find_archived(id, &asked).await.unwrap().len(), 9);
}

pub(crate) async fn retained_rows_that_are_gone_are_a_conflict(store: &impl Store) {
    let house = House::build(store).await;
    let id = house.document(store, 9).await;
    store.replace_archive(id, 0, archive(0, 4, 4)).await.unwrap();
    assert_error!(store.replace_archive(id, 4, archive(4, 8, 3)).await, Conflict);
    assert_error!(store.replace_archive(id, 4, archive(4, 8, 10)).await, Conflict);
    store.replace_archive(id, 4, archive(4, 8, 4)).await.unwrap();
    assert_eq!(store.read_retained(id).await.unwrap(), changes(4..=8));
}

pub(crate) async fn counts_that_do_not_fit_are_a_conflict(store: &impl Store) {
    let house = House::build(store).await;
    let id = house.document(store, 9).await;
    let mut short = archive(0, 4, 5);
    short.added.pop();
    assert_error!(store.replace_archive(id, 0, short).await, Conflict);
    let mut cut = archive(0, 4, 5);
    cut.bytes.truncate(3);
    assert_error!(store.replace_archive(id, 0, cut).await, Conflict);
    assert!(store.load(id).await.unwrap().unwrap().archive.is_none());
}

pub(crate) async fn appends_go_on_while_an_archive_is_replaced(store: &impl Store) {
    let house = House::build(store).await;
    let id = house.document(store, 9000).await;
    let other = house.document(store, 1).await;
    let replace = store.replace_archive(id, 0, archive(0, 9000, 9001));
    let append = async {
        for position in 2..=10 {
            store.append(other, None, position, changes([position])).await.unwrap();
            store
                .append(id, None, 8999 + position, changes([8999 + position]))
                .await
                .unwrap();
        }
    };
    tokio::join!(replace, append).0.unwrap();
    let loaded = store.load(id).await.unwrap().unwrap();
    assert_eq!(loaded.archive.unwrap().position, 9000);
    assert_eq!(loaded.tail, changes(9001..=9009));
    assert_eq!(store.load(other).await.unwrap().unwrap().tail, changes(1..=10));
}

pub(crate) async fn positions_go_on_after_an_archive_that_retains_nothing(store: &impl Store) {
    let house = House::build(store).await;
    let id = house.document(store, 4).await;
    store.replace_archive(id, 0, archive(0, 4, 5)).await.unwrap();
    assert_error!(store.append(id, None, 6, changes([6])).await, Conflict);
    assert_error!(store.append(id, None, 1, changes([1])).await, Conflict);
    store.append(id, None, 5, changes([5])).await.unwrap();
    assert_eq!(store.load(id).await.unwrap().unwrap().tail, changes([5]));
}

pub(crate) async fn archived_positions_are_not_read_as_rows(store: &impl Store) {
    let house = House::build(store).await;
    let id = house.document(store, 9).await;
    store.replace_archive(id, 0, archive(0, 6, 4)).await.unwrap();
    assert_error!(store.read_changes(id, 2, 9).await, Conflict);
    assert_eq!(store.read_changes(id, 3, 9).await.unwrap(), changes(4..=9));
    assert_eq!(store.read_changes(id, 6, 9).await.unwrap(), changes(7..=9));
}
