//! People whom another application knows.

use fieldbook_store::{Device, ExternalId, PasswordReset, SecretState, SessionId, SignInSession, Store};
use uuid::Uuid;

use crate::sample::{House, account, assert_error, event, workspace};

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

/// Signs Ann in at this time; the secret is made of it, too.
async fn sign_in(store: &impl Store, house: &House, at: u8) -> SessionId {
    let id = SessionId(Uuid::new_v4());
    let session = SignInSession {
        id,
        secret_hash: [at; 32],
        user: house.ann.id,
        expires_at_ms: 1_000,
        user_agent: format!("Browser {at}"),
    };
    store.create_session(session, at.into(), event()).await.unwrap();
    id
}

async fn ids(store: &impl Store, house: &House, now_ms: i64) -> Vec<SessionId> {
    let devices = store.devices(house.ann.id, now_ms).await.unwrap();
    devices.into_iter().map(|device| device.id).collect()
}

pub(crate) async fn a_device_is_known_by_its_secret(store: &impl Store) {
    let house = House::build(store).await;
    let (first, second) = (sign_in(store, &house, 1).await, sign_in(store, &house, 2).await);
    let device = Device {
        id: first,
        user_agent: "Browser 1".into(),
        made_at_ms: 1,
        seen_at_ms: 1,
        expires_at_ms: 1_000,
        rotated_at_ms: 1,
    };
    let found = store.device([1; 32], 999).await.unwrap();
    assert_eq!(found, Some((device, SecretState::Current)));
    assert_eq!(store.device([1; 32], 1_000).await.unwrap(), None);
    assert_eq!(store.device([9; 32], 0).await.unwrap(), None);
    assert_eq!(ids(store, &house, 0).await, [second, first]);
    store.touch_device(first, 50).await.unwrap();
    store.touch_device(first, 40).await.unwrap();
    store.touch_device(SessionId(Uuid::new_v4()), 40).await.unwrap();
    assert_eq!(store.device([1; 32], 0).await.unwrap().unwrap().0.seen_at_ms, 50);
    assert_eq!(ids(store, &house, 0).await, [first, second]);
    assert_eq!(ids(store, &house, 1_000).await, []);
}

pub(crate) async fn a_session_is_ended_by_its_owner_only(store: &impl Store) {
    let house = House::build(store).await;
    let bo = account("Bo", &house.workspace);
    store.create_account(bo.clone()).await.unwrap();
    let mut made = Vec::new();
    for at in 1..=5 {
        made.push(sign_in(store, &house, at).await);
    }
    assert!(
        !store.end_session(bo.id, made[0], event()).await.unwrap(),
        "it is not his"
    );
    assert!(store.end_session(house.ann.id, made[0], event()).await.unwrap());
    assert!(!store.end_session(house.ann.id, made[0], event()).await.unwrap());
    assert_eq!(store.session_account([1; 32], 0).await.unwrap(), None);
    assert_eq!(ids(store, &house, 0).await, [made[4], made[3], made[2], made[1]]);
}

fn reset(house: &House, secret: u8) -> PasswordReset {
    PasswordReset {
        secret_hash: [secret; 32],
        user: house.ann.id,
        maker: None,
        expires_at_ms: 100,
    }
}

pub(crate) async fn a_password_reset_is_good_once_and_ends_all_sessions(store: &impl Store) {
    let house = House::build(store).await;
    let bo = account("Bo", &house.workspace);
    store.create_account(bo.clone()).await.unwrap();
    let (first, second) = (sign_in(store, &house, 1).await, sign_in(store, &house, 2).await);
    store.create_password_reset(reset(&house, 7), 0, event()).await.unwrap();
    assert_eq!(
        store.password_reset([7; 32], 99).await.unwrap(),
        Some(house.ann.clone())
    );
    assert_eq!(store.password_reset([7; 32], 100).await.unwrap(), None);
    assert_eq!(
        store.use_password_reset([7; 32], "$new", 100, event()).await.unwrap(),
        None
    );
    assert_eq!(
        store.use_password_reset([8; 32], "$new", 99, event()).await.unwrap(),
        None
    );
    assert_eq!(ids(store, &house, 0).await, [second, first]);
    assert_eq!(store.account(house.ann.id).await.unwrap(), Some(house.ann.clone()));

    let logged = store.audit_log(None, None, 100).await.unwrap().len();
    let mut ended = store
        .use_password_reset([7; 32], "$new", 99, event())
        .await
        .unwrap()
        .unwrap();
    ended.sort_by_key(|id| id.0);
    let mut both = vec![first, second];
    both.sort_by_key(|id| id.0);
    assert_eq!(ended, both);
    assert_eq!(ids(store, &house, 0).await, []);
    let ann = store.account(house.ann.id).await.unwrap().unwrap();
    assert_eq!(ann.password_hash.as_deref(), Some("$new"));
    assert_eq!(store.account(bo.id).await.unwrap(), Some(bo));
    assert_eq!(
        store.use_password_reset([7; 32], "$newer", 99, event()).await.unwrap(),
        None
    );
    assert_eq!(store.audit_log(None, None, 100).await.unwrap().len(), logged + 1);
}

pub(crate) async fn a_password_reset_takes_the_place_of_the_one_before(store: &impl Store) {
    let house = House::build(store).await;
    store.create_password_reset(reset(&house, 1), 0, event()).await.unwrap();
    store.create_password_reset(reset(&house, 2), 0, event()).await.unwrap();
    assert_eq!(store.password_reset([1; 32], 0).await.unwrap(), None);
    assert_eq!(store.password_reset([2; 32], 0).await.unwrap(), Some(house.ann.clone()));
    let nobody = PasswordReset {
        user: account("Nobody", &house.workspace).id,
        ..reset(&house, 3)
    };
    assert_error!(store.create_password_reset(nobody, 0, event()).await, Conflict);
    let zoe = account("Zoe", &house.workspace);
    let zoe = store
        .create_external_account(&external("https://crm.example", "zoe"), zoe)
        .await
        .unwrap();
    let foreign = PasswordReset {
        user: zoe.id,
        ..reset(&house, 4)
    };
    assert_error!(store.create_password_reset(foreign, 0, event()).await, Conflict);
    assert_eq!(store.password_reset([4; 32], 0).await.unwrap(), None);
}

pub(crate) async fn a_secret_is_exchanged_when_the_next_one_comes_back(store: &impl Store) {
    let house = House::build(store).await;
    let id = sign_in(store, &house, 1).await;
    let state = async |secret: u8| store.device([secret; 32], 0).await.unwrap().map(|(_, state)| state);
    assert!(store.offer_secret(id, [2; 32], 100, 40).await.unwrap());
    assert!(
        !store.offer_secret(id, [3; 32], 110, 50).await.unwrap(),
        "one is on its way"
    );
    assert_eq!(state(1).await, Some(SecretState::Current));
    assert_eq!(state(2).await, Some(SecretState::Next));
    // The answer with it was lost.
    assert!(store.offer_secret(id, [4; 32], 200, 140).await.unwrap());
    assert_eq!(state(2).await, None);
    assert!(!store.take_secret([2; 32], 210, 270).await.unwrap());
    assert!(store.take_secret([4; 32], 210, 270).await.unwrap());
    assert!(!store.take_secret([4; 32], 220, 280).await.unwrap());
    assert_eq!(state(4).await, Some(SecretState::Current));
    assert_eq!(state(1).await, Some(SecretState::Previous { until_ms: 270 }));
    let (device, _) = store.device([4; 32], 0).await.unwrap().unwrap();
    assert_eq!((device.id, device.rotated_at_ms), (id, 210));
    for secret in [1, 4] {
        let account = store.session_account([secret; 32], 0).await.unwrap();
        assert_eq!(account, Some(house.ann.clone()));
    }
    store.delete_session([1; 32], event()).await.unwrap();
    assert_eq!(state(4).await, None, "any of its secrets ends it");
}

pub(crate) async fn a_password_is_changed(store: &impl Store) {
    let house = House::build(store).await;
    let before = house.ann.password_hash.as_deref();
    assert!(
        !store
            .set_password(house.ann.id, Some("$other"), "another", event())
            .await
            .unwrap()
    );
    assert!(
        store
            .set_password(house.ann.id, before, "another", event())
            .await
            .unwrap()
    );
    assert!(
        !store
            .set_password(house.ann.id, before, "a third", event())
            .await
            .unwrap()
    );
    let ann = store.account(house.ann.id).await.unwrap().unwrap();
    assert_eq!(ann.password_hash.as_deref(), Some("another"));
    assert_eq!(ann.name, house.ann.name);
    let nobody = fieldbook_core::id::UserId(Uuid::new_v4());
    assert!(!store.set_password(nobody, None, "x", event()).await.unwrap());
}
