//! People whom another application knows.

use fieldbook_store::{ExternalId, Store};

use crate::sample::{House, account, assert_error, workspace};

fn external(issuer: &str, subject: &str) -> ExternalId {
    ExternalId {
        issuer: issuer.into(),
        subject: subject.into(),
    }
}

pub(crate) async fn somebody_from_elsewhere_gets_one_account(store: &impl Store) {
    let house = House::build(store).await;
    let id = external("https://crm.example", "42");
    assert_eq!(store.external_account(&id).await.unwrap(), None);
    let zoe = account("Zoë", &house.workspace);
    assert_eq!(store.create_external_account(&id, zoe.clone()).await.unwrap(), zoe);
    assert_eq!(store.external_account(&id).await.unwrap(), Some(zoe.clone()));
    assert_eq!(store.account(zoe.id).await.unwrap(), Some(zoe.clone()));
    let again = account("Zoë again", &house.workspace);
    assert_eq!(store.create_external_account(&id, again.clone()).await.unwrap(), zoe);
    assert_eq!(store.account(again.id).await.unwrap(), None);
}

pub(crate) async fn each_issuer_has_names_of_its_own(store: &impl Store) {
    let house = House::build(store).await;
    let (here, there) = (external("https://a.example", "42"), external("https://b.example", "42"));
    let (one, two) = (account("One", &house.workspace), account("Two", &house.workspace));
    store.create_external_account(&here, one.clone()).await.unwrap();
    assert_eq!(store.external_account(&there).await.unwrap(), None);
    store.create_external_account(&there, two.clone()).await.unwrap();
    assert_eq!(store.external_account(&here).await.unwrap(), Some(one));
    assert_eq!(store.external_account(&there).await.unwrap(), Some(two));
    for other in [
        external("https://a.example", "042"),
        external("https://A.example", "42"),
    ] {
        assert_eq!(store.external_account(&other).await.unwrap(), None, "{other:?}");
    }
}

pub(crate) async fn first_sights_at_once_make_one_account(store: &impl Store) {
    let house = House::build(store).await;
    let id = external("https://crm.example", "raced");
    let (one, two) = tokio::join!(
        store.create_external_account(&id, account("One", &house.workspace)),
        store.create_external_account(&id, account("Two", &house.workspace)),
    );
    let (one, two) = (one.unwrap(), two.unwrap());
    assert_eq!(one, two);
    assert_eq!(store.external_account(&id).await.unwrap(), Some(one));
}

pub(crate) async fn a_taken_name_maps_nobody(store: &impl Store) {
    let house = House::build(store).await;
    let id = external("https://crm.example", "1");
    assert_error!(
        store
            .create_external_account(&id, account("ann", &house.workspace))
            .await,
        Taken
    );
    let nowhere = account("Nowhere", &workspace("Not stored"));
    assert_error!(store.create_external_account(&id, nowhere).await, Conflict);
    assert_eq!(store.external_account(&id).await.unwrap(), None);
}
