//! S2, S7, S8: what a session is told first, and when it begins again.

use super::*;

#[test]
fn a_client_gets_what_it_lacks_and_no_more() {
    let mut device = Author::new(1);
    let changes = device.write(3);
    let mut scene = Scene::with_changes(&changes);
    let mut old = Author::new(2);
    old.reads(&changes[..1]);
    let [ben, cat, dan] = ["ben", "cat", "dan"].map(|name| scene.opens(name));
    scene.says(ben, old.hello());
    assert_eq!(carries(&scene.sync(ben)), changes[1..]);
    scene.says(cat, device.hello());
    let nothing = scene.sync(cat);
    assert_eq!((nothing.changes.len(), nothing.heads), (0, device.heads()));
    scene.requests(dan);
    assert_eq!(carries(&scene.sync(dan)), changes);
}

#[test]
fn a_client_with_offline_edits_is_asked_for_them_and_gets_the_rest() {
    let mut device = Author::new(1);
    let changes = device.write(3);
    let mut scene = Scene::with_changes(&changes);
    let mut offline = Author::new(2);
    offline.reads(&changes[..2]);
    let shared = offline.heads();
    offline.writes("offline");
    let ben = scene.opens("ben");
    let hello = SyncMessage {
        last_sync: shared,
        ..offline.hello()
    };
    scene.says(ben, hello.clone());
    let answer = scene.sync(ben);
    assert_eq!(carries(&answer), changes[2..], "as its last_sync says");
    assert_eq!(answer.need, offline.heads());
    assert_eq!(answer.have[0].last_sync, device.heads(), "S3");
    scene.says(ben, hello);
    assert!(scene.hears(ben).is_empty(), "the same is not asked for twice in a row");
}

#[test]
fn who_asks_for_changes_by_name_is_told_again_what_its_heads_lack() {
    let mut device = Author::new(1);
    let changes = device.write(3);
    let mut scene = Scene::with_changes(&changes);
    // Its document was saved before its sync state, and it has an edit of its own.
    let mut forgetful = Author::new(2);
    forgetful.reads(&changes[..1]);
    forgetful.writes("offline");
    let ben = scene.opens("ben");
    scene.says(
        ben,
        SyncMessage {
            last_sync: device.heads(),
            ..forgetful.hello()
        },
    );
    assert_eq!(carries(&scene.sync(ben)).len(), 0);
    scene.says(
        ben,
        SyncMessage {
            last_sync: device.heads(),
            need: device.heads(),
            ..forgetful.offers(&[])
        },
    );
    assert_eq!(carries(&scene.sync(ben)), changes, "of what it names nothing is known");
}

#[test]
fn a_viewer_is_told_read_only_once() {
    let mut device = Author::new(1);
    let changes = device.write(1);
    let mut scene = Scene::with_changes(&changes);
    let ann = scene.joins("ann", &mut device);
    let vic = scene.opens_as("vic", Role::Viewer, HOME, false);
    scene.requests(vic);
    assert!(is_read_only(&scene.sync(vic)));
    let more = device.writes("more");
    scene.says(ann, device.offers(&[more]));
    scene.stores();
    assert!(scene.sync(vic).flags.is_none());
    assert!(scene.syncs(ann).iter().all(|message| message.flags.is_none()));
}

#[test]
fn what_a_viewer_sends_is_dropped_and_draws_no_answer() {
    let mut device = Author::new(1);
    let changes = device.write(1);
    let mut scene = Scene::with_changes(&changes);
    let vic = scene.opens_as("vic", Role::Viewer, HOME, true);
    scene.says(vic, device.hello());
    scene.hears(vic);
    let own = device.writes("own");
    scene.says(vic, device.offers(&[own]));
    assert!(scene.syncs(vic).is_empty());
    assert!(scene.next_asked().is_none());
}

#[test]
fn a_reset_is_answered_once() {
    let mut device = Author::new(1);
    let changes = device.write(2);
    let mut scene = Scene::with_changes(&changes);
    let ann = scene.joins("ann", &mut device);
    scene.hears(ann);
    let reset = SyncMessage {
        empty_have: true,
        ..device.hello()
    };
    scene.says(ann, reset.clone());
    assert_eq!(scene.sync(ann).heads, device.heads());
    scene.passes(4_999);
    scene.says(ann, reset.clone());
    assert!(scene.hears(ann).is_empty());
    scene.passes(1);
    scene.says(ann, reset);
    assert_eq!(scene.sync(ann).heads, device.heads());
}

#[test]
fn who_has_lost_everything_gets_everything_again() {
    let mut device = Author::new(1);
    let changes = device.write(2);
    let mut scene = Scene::with_changes(&changes);
    let ann = scene.joins("ann", &mut device);
    scene.hears(ann);
    scene.says(ann, Author::new(9).hello());
    assert_eq!(carries(&scene.sync(ann)), changes);
}

#[test]
fn a_newcomer_gets_archive_and_tail_in_one_piece() {
    let mut device = Author::new(1);
    let changes = device.write(5);
    let mut before = Author::new(9);
    before.reads(&changes[..3]);
    let archive = before.archive();
    let mut scene = Scene::with(|_| {}, Some(loaded_with_archive(&changes, 3, 0)));
    let sockets = ["ann", "ben", "cat"].map(|name| scene.opens(name));
    for socket in sockets {
        scene.requests(socket);
    }
    assert!(matches!(scene.next_asked(), Some(Effect::ReadArchive)));
    assert!(scene.next_asked().is_none(), "it is read once for all");
    scene.step(Input::Archive {
        read: Some((3, archive.clone())),
    });
    let whole = [&archive[..], &changes[3..].concat()].concat();
    for socket in sockets {
        let message = scene.sync(socket);
        assert_eq!(carries(&message)[..], [&whole[..]]);
        assert_eq!(message.heads, device.heads());
        let mut newcomer = Author::new(8);
        newcomer.reads(&carries(&message));
        assert_eq!(newcomer.heads(), device.heads());
    }
}

#[test]
fn who_was_away_for_a_moment_gets_the_retained_changes() {
    let mut device = Author::new(1);
    let changes = device.write(6);
    let mut scene = Scene::with(|_| {}, Some(loaded_with_archive(&changes, 5, 3)));
    let mut away = Author::new(2);
    away.reads(&changes[..3]);
    let ben = scene.joins("ben", &mut away);
    let Some(Effect::Recall { hashes, retained, .. }) = scene.next_asked() else {
        panic!("the store is asked")
    };
    assert_eq!((hashes, retained), (away.heads(), true));
    scene.step(Input::Recalled {
        socket: ben,
        archived: vec![placed(&changes, 3)],
        retained: changes[2..5].to_vec(),
        failed: false,
    });
    assert_eq!(carries(&scene.sync(ben)), changes[3..], "and no archive");
    assert!(scene.next_asked().is_none());
    let again = scene.joins("cat", &mut away);
    assert_eq!(carries(&scene.sync(again)), changes[3..], "now without asking");
}

#[test]
fn the_tail_follows_the_archive_that_was_read_not_the_one_that_took_its_place() {
    let mut device = Author::new(1);
    let changes = device.write(6);
    let mut before = Author::new(9);
    before.reads(&changes[..3]);
    let old = before.archive();
    let mut scene = Scene::with(|_| {}, Some(loaded_with_archive(&changes, 3, 0)));
    let ann = scene.opens("ann");
    scene.requests(ann);
    // Meanwhile a compaction ends that retains all of the old tail.
    scene.step(Input::Compacted {
        archive: Some(archive_meta(&changes, 6, 3)),
    });
    scene.step(Input::Archive { read: Some((3, old)) });
    let mut newcomer = Author::new(8);
    newcomer.reads(&carries(&scene.sync(ann)));
    assert_eq!(newcomer.heads(), device.heads());
}

#[test]
fn an_archive_whose_tail_is_gone_is_read_again() {
    let changes = Author::new(1).write(6);
    let mut scene = Scene::with(|_| {}, Some(loaded_with_archive(&changes, 3, 0)));
    let ann = scene.opens("ann");
    scene.requests(ann);
    assert!(matches!(scene.next_asked(), Some(Effect::ReadArchive)));
    scene.step(Input::Compacted {
        archive: Some(archive_meta(&changes, 6, 0)),
    });
    scene.step(Input::Archive {
        read: Some((3, Bytes::from_static(b"old"))),
    });
    assert!(scene.hears(ann).is_empty());
    assert!(matches!(scene.next_asked(), Some(Effect::ReadArchive)));
    scene.step(Input::Archive {
        read: Some((6, Bytes::from_static(b"new"))),
    });
    assert_eq!(carries(&scene.sync(ann)), [Bytes::from_static(b"new")]);
}

#[test]
fn of_names_that_only_the_archive_could_know_so_many_are_looked_up() {
    // R6: beyond that, it is cheaper to send everything.
    let changes = Author::new(1).write(4);
    let asked_by_one_who_names = |names: u8| {
        let mut scene = Scene::with(
            |config| config.limits.message_lookups = 10,
            Some(loaded_with_archive(&changes, 4, 0)),
        );
        let ben = scene.opens("ben");
        let name = |n: u8| ChangeHash([n; 32]);
        let message = SyncMessage {
            heads: vec![name(0)],
            last_sync: (1..names).map(name).collect(),
            ..SyncMessage::default()
        };
        scene.says(ben, message);
        scene.next_asked()
    };
    let Some(Effect::Recall { hashes, .. }) = asked_by_one_who_names(10) else {
        panic!("they are looked up")
    };
    assert_eq!(hashes.len(), 10);
    assert!(matches!(asked_by_one_who_names(11), Some(Effect::ReadArchive)));
}

#[test]
fn however_many_wait_for_the_archive_it_is_encoded_once_for_all_who_are_told_the_same() {
    // R6
    let changes = Author::new(1).write(4);
    let mut scene = Scene::with(|_| {}, Some(loaded_with_archive(&changes, 4, 0)));
    let viewers = [1, 2, 3].map(|_| scene.opens_as("vic", Role::Viewer, HOME, false));
    let editors = ["ben", "cat"].map(|name| scene.opens(name));
    let unknown = [7, 8].map(|n| ChangeHash([n; 32]));
    for viewer in viewers {
        scene.requests(viewer);
    }
    for (editor, head) in editors.into_iter().zip(unknown) {
        let heads = vec![head];
        scene.says(
            editor,
            SyncMessage {
                heads,
                ..SyncMessage::default()
            },
        );
        let socket = editor;
        scene.step(Input::Recalled {
            socket,
            archived: Vec::new(),
            retained: Vec::new(),
            failed: false,
        });
    }
    scene.step(Input::Archive {
        read: Some((4, Bytes::from_static(b"archive"))),
    });
    let first = |scene: &Scene, socket: SocketId| match &scene.outboxes[&socket][0] {
        Frame::Addressed(bytes) => bytes.as_ptr(),
        Frame::Plain(_) => panic!("a sync frame is addressed"),
    };
    let of_viewers = viewers.map(|socket| first(&scene, socket));
    assert_eq!(of_viewers, [of_viewers[0]; 3]);
    assert_eq!(first(&scene, editors[0]), first(&scene, editors[1]));
    for viewer in viewers {
        assert!(is_read_only(&scene.sync(viewer)), "S7");
    }
    for (editor, head) in editors.into_iter().zip(unknown) {
        let [document, question] = &scene.syncs(editor)[..] else {
            panic!("the document, and a question")
        };
        assert_eq!((document.changes.len(), question.changes.len()), (1, 0));
        assert_eq!(question.need, [head]);
    }
}

#[test]
fn who_begins_again_too_often_is_closed() {
    // S8, R6
    let mut device = Author::new(1);
    let changes = device.write(1);
    let mut scene = Scene::with(|config| config.limits.resets_per_minute = 5, Some(loaded(&changes)));
    let ben = scene.opens("ben");
    scene.says(ben, device.hello());
    let shared = device.heads();
    let asks_again = |scene: &mut Scene, number: u8| {
        // With the same heads it would be the same again.
        let message = SyncMessage {
            heads: vec![ChangeHash([number; 32])],
            need: shared.clone(),
            ..SyncMessage::default()
        };
        scene.says(ben, message);
        scene.next_asked()
    };
    for number in 0..5 {
        assert!(asks_again(&mut scene, number).is_none());
    }
    scene.passes(60_000);
    for number in 0..5 {
        assert!(asks_again(&mut scene, number).is_none(), "a minute is over");
    }
    let closed = asks_again(&mut scene, 5);
    assert!(matches!(closed, Some(Effect::Close(_, Closing::TooManyResets))));
}
