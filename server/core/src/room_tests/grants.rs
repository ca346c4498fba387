//! D5, D6: what a person may do changes while their socket is open (R5).

use super::*;

fn becomes(scene: &mut Scene, socket: SocketId, role: Role) {
    let subject = Some(subject("ann", role, HOME));
    scene.step(Input::Subject { socket, subject });
}

fn is_removed(scene: &mut Scene, socket: SocketId) {
    scene.step(Input::Subject { socket, subject: None });
}

fn resets(message: &Message) -> bool {
    message
        .flags
        .as_ref()
        .is_some_and(|flags| flags.contains(MessageFlags::SYNC_RESET))
}

/// Somebody who writes other values than the others: the same ones would be no change.
fn author(actor: u8) -> Author {
    let mut author = Author::new(actor);
    author.written = i64::from(actor) * 100;
    author
}

/// Ann (a client of ours) and ben have a document of three changes open and are Live.
struct Two {
    scene: Scene,
    ann: SocketId,
    ben: SocketId,
    anns: Author,
    bens: Author,
}

fn two() -> Two {
    two_with(|_| {})
}

fn two_with(adjust: impl FnOnce(&mut RoomConfig)) -> Two {
    let mut first = Author::new(9);
    let changes = first.write(3);
    let [mut anns, mut bens] = [1, 2].map(author);
    anns.reads(&changes);
    bens.reads(&changes);
    let mut scene = Scene::with(adjust, Some(loaded(&changes)));
    let ann = scene.opens_as("ann", Role::Editor, HOME, true);
    scene.says(ann, anns.hello());
    let ben = scene.joins("ben", &mut bens);
    scene.passes(100);
    scene.outboxes.clear();
    scene.asked.clear();
    Two {
        scene,
        ann,
        ben,
        anns,
        bens,
    }
}

fn appended(scene: &mut Scene) -> Vec<Bytes> {
    let asked = std::mem::take(&mut scene.asked);
    let changes = asked.into_iter().filter_map(|effect| match effect {
        Effect::Append { changes, .. } => Some(changes),
        _ => None,
    });
    changes.flatten().collect()
}

#[test]
fn a_lowered_role_is_told_at_once_and_writes_no_more() {
    let Two {
        mut scene,
        ann,
        mut anns,
        ..
    } = two();
    becomes(&mut scene, ann, Role::Viewer);
    let said = scene.hears(ann);
    let [Said::Fieldbook(kind, text), Said::Sync(message)] = &said[..] else {
        panic!("its role, and a message of its own: {said:?}")
    };
    assert!(kind == "role" && text.contains("viewer"));
    assert!(is_read_only(message) && carries(message).is_empty());
    assert_eq!(message.heads, anns.heads());
    let written = anns.write(1);
    scene.says(ann, anns.offers(&written));
    assert!(appended(&mut scene).is_empty());
    assert!(scene.syncs(ann).iter().all(|message| !is_read_only(message)), "once");
}

#[test]
fn a_raised_role_is_to_offer_again_what_was_dropped() {
    let Two {
        mut scene,
        ann,
        ben,
        mut anns,
        ..
    } = two();
    becomes(&mut scene, ann, Role::Viewer);
    let written = anns.write(1);
    scene.says(ann, anns.offers(&written));
    scene.outboxes.clear();
    becomes(&mut scene, ann, Role::Owner);
    let message = scene.sync(ann);
    assert!(resets(&message) && !is_read_only(&message));
    scene.says(ann, anns.offers(&written));
    scene.stores();
    assert_eq!(carries(&scene.sync(ben)), written);
    assert!(!resets(&scene.sync(ann)), "once");
    becomes(&mut scene, ann, Role::Viewer);
    assert!(is_read_only(&scene.sync(ann)), "and lowered again, it is told again");
}

#[test]
fn the_flag_does_not_wait_for_the_window_and_tells_only_what_was_sent() {
    let Two {
        mut scene,
        ann,
        ben,
        mut anns,
        mut bens,
    } = two_with(|config| config.timing.window_messages = 1);
    let first = bens.write(1);
    scene.says(ben, bens.offers(&first));
    scene.stores();
    anns.reads(&carries(&scene.sync(ann)));
    let second = bens.write(1);
    scene.says(ben, bens.offers(&second));
    scene.stores();
    assert!(scene.syncs(ann).is_empty(), "ann has not answered for the first");
    becomes(&mut scene, ann, Role::Viewer);
    let message = scene.sync(ann);
    assert!(is_read_only(&message));
    assert_eq!(message.heads, anns.heads());
    scene.says(ann, anns.hello());
    assert_eq!(carries(&scene.sync(ann)), second);
}

#[test]
fn what_was_admitted_stays_and_what_waited_goes() {
    let Two {
        mut scene,
        ann,
        ben,
        mut anns,
        mut bens,
    } = two();
    let [bens_first] = &bens.write(1)[..] else {
        panic!("one")
    };
    let admitted = anns.write(1);
    scene.says(ann, anns.offers(&admitted));
    anns.reads(std::slice::from_ref(bens_first));
    let waits = anns.write(1);
    scene.says(ann, anns.offers(&waits));
    becomes(&mut scene, ann, Role::Viewer);
    scene.says(ben, bens.offers(std::slice::from_ref(bens_first)));
    scene.stores();
    assert_eq!(
        appended(&mut scene),
        std::slice::from_ref(bens_first),
        "not what waited for it"
    );
    assert!(carries(&scene.syncs(ben)[0]).contains(&admitted[0]));
}

#[test]
fn what_the_store_was_asked_for_is_not_admitted_afterwards() {
    let mut first = Author::new(9);
    let changes = first.write(3);
    let mut scene = Scene::with(|_| {}, Some(loaded_with_archive(&changes, 3, 0)));
    let mut anns = author(1);
    anns.reads(&changes[..2]);
    let ann = scene.opens_as("ann", Role::Editor, HOME, false);
    let written = anns.write(1);
    scene.says(ann, anns.offers(&written));
    let Some(Effect::Recall { .. }) = scene.next_asked() else {
        panic!("the store is asked for what the change depends on")
    };
    becomes(&mut scene, ann, Role::Viewer);
    becomes(&mut scene, ann, Role::Editor);
    let answer = |scene: &mut Scene| {
        scene.step(Input::Recalled {
            socket: ann,
            archived: vec![placed(&changes, 2)],
            retained: Vec::new(),
            failed: false,
        });
    };
    answer(&mut scene);
    assert!(
        appended(&mut scene).is_empty(),
        "asked again, of what is left of the message"
    );
    answer(&mut scene);
    assert!(appended(&mut scene).is_empty());
    scene.says(ann, anns.offers(&written));
    assert_eq!(appended(&mut scene), written);
}

#[test]
fn a_document_that_is_being_taken_apart_is_not_admitted_afterwards() {
    let Two {
        mut scene,
        ann,
        mut anns,
        ..
    } = two();
    let written = anns.write(1);
    let whole = anns.archive();
    scene.says(ann, anns.offers(&[whole]));
    let Some(Effect::Expand { .. }) = scene.next_asked() else {
        panic!("a worker is asked")
    };
    is_removed(&mut scene, ann);
    becomes(&mut scene, ann, Role::Editor);
    scene.says(ann, anns.hello());
    scene.step(Input::Expanded {
        socket: ann,
        changes: Ok(written.clone()),
    });
    assert!(appended(&mut scene).is_empty());
    scene.says(ann, anns.offers(&written));
    assert_eq!(appended(&mut scene), written);
}

/// Ann has said more than a step admits: part of it is put off.
fn with_work_of_ann() -> Two {
    let mut two = two_with(|config| config.work_at_once = 300);
    let written = two.anns.write(20);
    two.scene.says(two.ann, two.anns.offers(&written));
    assert!(two.scene.room.is_working_for(two.ann));
    two
}

#[test]
fn who_is_removed_while_their_work_is_put_off_is_not_answered() {
    let mut two = with_work_of_ann();
    is_removed(&mut two.scene, two.ann);
    let admitted = two.scene.room.history.last();
    two.scene.hears(two.ann);
    two.scene.passes(0);
    assert!(two.scene.hears(two.ann).is_empty());
    assert_eq!(two.scene.room.history.last(), admitted);
    assert!(!two.scene.room.is_working_for(two.ann));
}

#[test]
fn what_was_put_off_is_not_admitted_after_a_role_was_lowered_and_raised() {
    let mut two = with_work_of_ann();
    becomes(&mut two.scene, two.ann, Role::Viewer);
    becomes(&mut two.scene, two.ann, Role::Editor);
    let admitted = two.scene.room.history.last();
    two.scene.passes(0);
    assert_eq!(two.scene.room.history.last(), admitted);
    // A worker's answer for what she offers again is taken: what she had said before was none of its questions.
    let whole = two.anns.archive();
    two.scene.says(two.ann, two.anns.offers(&[whole]));
    while !matches!(two.scene.next_asked(), Some(Effect::Expand { .. })) {}
    let changes = two.anns.doc.get_changes(&[]);
    let changes = changes.iter().map(|change| Bytes::copy_from_slice(change.raw_bytes()));
    two.scene.step(Input::Expanded {
        socket: two.ann,
        changes: Ok(changes.collect()),
    });
    two.scene.passes(0);
    assert_eq!(two.scene.room.history.last(), 3 + 20);
}

#[test]
fn who_is_removed_hears_that_and_nothing_more() {
    let Two {
        mut scene,
        ann,
        ben,
        mut anns,
        mut bens,
    } = two();
    is_removed(&mut scene, ann);
    assert!(matches!(&scene.hears(ann)[..], [Said::Unavailable]));
    let written = bens.write(1);
    scene.says(ben, bens.offers(&written));
    scene.stores();
    scene.step(Input::Ephemeral {
        socket: ben,
        message: ephemeral(1, Bytes::from_static(b"hello")),
    });
    scene.step(Input::Presence {
        socket: ann,
        data: Bytes::from_static(b"CURSOR"),
    });
    scene.passes(1_000);
    assert!(scene.hears(ann).is_empty());
    let cat = scene.opens_as("cat", Role::Viewer, HOME, true);
    assert!(!format!("{:?}", scene.hears(cat)).contains("ann"), "it is not here");
    scene.says(ann, anns.hello());
    scene.passes(1_000);
    assert!(matches!(&scene.hears(ann)[..], [Said::Unavailable]), "D2");
    let elsewhere = Some(subject("ben", Role::Editor, ELSEWHERE));
    scene.step(Input::Subject {
        socket: ben,
        subject: elsewhere,
    });
    assert!(matches!(scene.hears(ben).last(), Some(Said::Unavailable)));
}

#[test]
fn who_may_be_here_again_gets_everything_and_offers_everything() {
    let Two {
        mut scene,
        ann,
        mut anns,
        ..
    } = two();
    is_removed(&mut scene, ann);
    let written = anns.write(1);
    scene.says(ann, anns.offers(&written));
    scene.outboxes.clear();
    becomes(&mut scene, ann, Role::Editor);
    let said = scene.hears(ann);
    let [Said::Fieldbook(..), Said::Fieldbook(..), Said::Sync(message)] = &said[..] else {
        panic!("role, roster, document: {said:?}")
    };
    assert!(resets(message) && carries(message).len() == 3);
    scene.says(ann, anns.offers(&written));
    assert_eq!(appended(&mut scene), written);
}

#[test]
fn who_was_bringing_the_document_and_may_not_any_more_has_none() {
    let mut scene = Scene::new();
    let mut anns = Author::new(1);
    let ann = scene.opens("ann");
    scene.says(ann, anns.hello());
    becomes(&mut scene, ann, Role::Viewer);
    let written = anns.write(1);
    scene.says(ann, anns.offers(&written));
    assert!(appended(&mut scene).is_empty());
    scene.passes(1_000);
    assert!(matches!(scene.hears(ann).last(), Some(Said::Unavailable)));
    becomes(&mut scene, ann, Role::Editor);
    scene.says(ann, anns.offers(&written));
    assert_eq!(appended(&mut scene), written, "as if opened now");
}

#[test]
fn what_changes_at_the_document_holds_for_all_who_have_it_open() {
    let Two {
        mut scene, ann, ben, ..
    } = two();
    let mut private = access();
    private.visibility = Visibility::Private;
    let user = subject("ann", Role::Owner, HOME).user;
    private.grants.insert(Grantee::User(user), Role::Commenter);
    scene.step(anew(private.clone()));
    assert!(matches!(scene.hears(ben)[..], [Said::Unavailable]), "D6");
    let said = scene.hears(ann);
    let [Said::Fieldbook(kind, role), Said::Sync(message)] = &said[..] else {
        panic!("a role and a flag: {said:?}")
    };
    assert!(
        kind == "role" && role.contains("commenter") && is_read_only(message),
        "D5"
    );
    private.state = State::Archived;
    private.grants.insert(Grantee::User(user), Role::Owner);
    scene.step(anew(private.clone()));
    assert!(matches!(&scene.hears(ann)[..], [Said::Fieldbook(_, role)] if role.contains("viewer")));
    private.state = State::InUse;
    scene.step(anew(private));
    let said = scene.hears(ann);
    assert!(matches!(&said[..], [Said::Fieldbook(..), Said::Sync(message)] if resets(message)));
}

#[test]
fn what_is_purged_is_nobodys() {
    let Two {
        mut scene,
        ann,
        ben,
        mut anns,
        ..
    } = two();
    let purged = DocumentAccess {
        state: State::Purged,
        ..access()
    };
    scene.step(anew(purged));
    for socket in [ann, ben] {
        assert!(matches!(scene.hears(socket)[..], [Said::Unavailable]));
    }
    let written = anns.write(1);
    scene.says(ann, anns.offers(&written));
    assert!(appended(&mut scene).is_empty(), "no client brings it back");
}

fn anew(access: DocumentAccess) -> Input {
    let since = Vec::new();
    Input::Access { access, since }
}

/// Their grant goes with the membership; the room reads the one before the other.
#[test]
fn who_leaves_is_not_for_a_moment_what_members_are() {
    let mut two = two();
    let [before, after] = [Some(Role::Viewer), None].map(|by_name| {
        let mut access = access();
        let ben = Grantee::User(subject("ben", Role::Owner, HOME).user);
        access.grants.extend(by_name.map(|role| (ben, role)));
        access
    });
    two.scene.step(anew(before));
    let role_of = |two: &Two| two.scene.room.sessions[&two.ben].role;
    assert_eq!(role_of(&two), Some(Role::Viewer));
    let ben = subject("ben", Role::Owner, HOME);
    let since = vec![(ben.user, 5)];
    two.scene.step(Input::Access { access: after, since });
    assert_eq!(role_of(&two), None);
    let as_of = |as_of| {
        Arc::new(Subject {
            as_of,
            ..Subject::clone(&ben)
        })
    };
    for (number, role) in [(4, None), (5, Some(Role::Owner))] {
        let (socket, subject) = (two.ben, Some(as_of(number)));
        two.scene.step(Input::Subject { socket, subject });
        assert_eq!(role_of(&two), role, "as of {number}");
    }
}
