//! The store fails, and works again.

use super::*;

fn one_unsaved(scene: &mut Scene) -> (Author, SocketId) {
    let mut device = Author::new(1);
    let changes = device.write(1);
    let ann = scene.opens_as("ann", Role::Editor, HOME, true);
    scene.says(ann, device.hello());
    scene.says(ann, device.offers(&changes));
    scene.asked.clear();
    scene.outboxes.clear();
    (device, ann)
}

/// What somebody heard of the store: that it works, or not.
fn told_of_store(scene: &mut Scene, socket: SocketId) -> Vec<bool> {
    let frames = scene.frames(socket);
    of_store(scene, &frames)
}

fn of_store(scene: &Scene, frames: &[Frame]) -> Vec<bool> {
    let bytes = |frame: &Frame| match frame {
        Frame::Plain(bytes) => Some(bytes.clone()),
        Frame::Addressed(_) => None,
    };
    let says =
        |frame: &Frame, ok| bytes(frame).is_some_and(|told| Some(told) == bytes(&wire::store(scene.room.id, ok)));
    let told = |frame| [false, true].into_iter().find(|ok| says(frame, *ok));
    frames.iter().filter_map(told).collect()
}

#[test]
fn while_the_store_fails_our_clients_are_told_once_and_it_is_tried_again() {
    let mut scene = Scene::new();
    let (mut device, ann) = one_unsaved(&mut scene);
    let stock = scene.opens("stock");
    scene.step(Input::StoreFailed { conflict: false });
    assert_eq!(told_of_store(&mut scene, ann), [false]);
    assert!(
        scene.hears(stock).is_empty(),
        "stock clients get no frames that they do not know"
    );
    for _ in 0..3 {
        scene.passes(999);
        assert!(scene.next_asked().is_none());
        scene.passes(1);
        assert!(matches!(
            scene.next_asked(),
            Some(Effect::Append {
                first_position: 1,
                new: Some(_),
                ..
            })
        ));
        scene.step(Input::StoreFailed { conflict: false });
    }
    let more = device.writes("more");
    scene.says(ann, device.offers(&[more]));
    assert!(scene.next_asked().is_none(), "edits wait");
    assert!(scene.syncs(ann).is_empty(), "R1: and are not acknowledged");
    let ben = scene.opens_as("ben", Role::Editor, HOME, true);
    assert_eq!(told_of_store(&mut scene, ben), [false], "newcomers are told too");
    scene.passes(1_000);
    scene.stores();
    let said = scene.frames(ann);
    assert_eq!(of_store(&scene, &said), [true], "it works again");
    assert!(
        said.into_iter()
            .any(|frame| matches!(read(frame), Said::Sync(message) if message.heads == device.heads()))
    );
}

#[test]
fn who_writes_beside_us_makes_the_room_begin_again() {
    let mut scene = Scene::new();
    let (_, ann) = one_unsaved(&mut scene);
    scene.step(Input::StoreFailed { conflict: true });
    let Some(Effect::Close(socket, why)) = scene.next_asked() else {
        panic!("everybody connects again")
    };
    assert_eq!((socket, why.code()), (ann, 1012));
}

#[test]
fn too_much_that_is_not_durable_stops_the_room_from_listening() {
    let mut scene = Scene::with(|config| config.limits.unsaved_bytes = 150, None);
    let (mut device, ann) = one_unsaved(&mut scene);
    assert!(!scene.room.is_full());
    let changes = device.write(2);
    scene.says(ann, device.offers(&changes));
    assert!(scene.room.is_full());
    scene.step(Input::Stored { up_to: 1 });
    scene.step(Input::Stored { up_to: 3 });
    assert!(!scene.room.is_full());
}

#[test]
fn who_asks_when_the_store_cannot_be_read_begins_again_later() {
    let changes = Author::new(1).write(4);
    let mut scene = Scene::with(|_| {}, Some(loaded_with_archive(&changes, 4, 0)));
    let ann = scene.opens("ann");
    scene.requests(ann);
    scene.step(Input::Archive { read: None });
    let ben = scene.opens("ben");
    let unknown = Author::new(2).writes("unknown");
    let mut bens = Author::new(3);
    bens.reads(&[unknown]);
    scene.says(ben, bens.hello());
    scene.step(Input::Recalled {
        socket: ben,
        archived: Vec::new(),
        retained: Vec::new(),
        failed: true,
    });
    let closed: Vec<_> = scene
        .asked
        .iter()
        .filter_map(|effect| match effect {
            Effect::Close(socket, Closing::CannotRead) => Some(*socket),
            _ => None,
        })
        .collect();
    assert_eq!(closed, [ann, ben]);
}

#[test]
fn what_is_stored_must_read_back() {
    let mut changes = Author::new(1).write(2);
    changes.swap_remove(0);
    changes.push(changes[0].clone());
    let config = Scene::new().room.config;
    let id = Scene::new().room.id;
    let Err(damaged) = Room::new(id, config, Some(loaded(&changes)), 0) else {
        panic!("the same change twice")
    };
    assert_eq!(damaged.position, 2);
}

#[test]
fn who_comes_while_the_room_is_full_is_told_that_the_store_fails() {
    let mut scene = Scene::with(|config| config.limits.unsaved_bytes = 1, None);
    one_unsaved(&mut scene);
    scene.step(Input::StoreFailed { conflict: false });
    assert!(scene.room.is_full());
    let ben = scene.opens_as("ben", Role::Editor, HOME, true);
    assert_eq!(told_of_store(&mut scene, ben), [false]);
    scene.passes(1_000);
    scene.stores();
    assert_eq!(told_of_store(&mut scene, ben), [true]);
}

#[test]
fn while_what_is_stored_cannot_be_read_our_clients_are_told_and_nobody_is_closed() {
    let changes = Author::new(1).write(4);
    let mut scene = Scene::with(|_| {}, Some(loaded_with_archive(&changes, 4, 0)));
    let ann = scene.opens_as("ann", Role::Editor, HOME, true);
    scene.requests(ann);
    scene.outboxes.clear();
    for _ in 0..3 {
        scene.step(Input::Reading { fails: true });
    }
    assert_eq!(told_of_store(&mut scene, ann), [false], "once");
    let ben = scene.opens_as("ben", Role::Editor, HOME, true);
    assert_eq!(told_of_store(&mut scene, ben), [false]);
    scene.step(Input::Reading { fails: false });
    scene.step(Input::Archive {
        read: Some((4, Bytes::from_static(b"the archive"))),
    });
    let said = scene.frames(ann);
    assert_eq!(of_store(&scene, &said), [true]);
    assert!(
        said.into_iter().any(|frame| matches!(read(frame), Said::Sync(_))),
        "it goes on"
    );
    assert_eq!(told_of_store(&mut scene, ben), [true]);
}

#[test]
fn who_is_let_in_again_is_told_that_the_store_works_again() {
    let mut scene = Scene::new();
    one_unsaved(&mut scene);
    let ben = scene.opens_as("ben", Role::Editor, HOME, true);
    let ben_as_he_was = scene.room.sessions[&ben].subject.clone();
    scene.step(Input::StoreFailed { conflict: false });
    assert_eq!(told_of_store(&mut scene, ben), [false]);
    scene.step(Input::Subject {
        socket: ben,
        subject: None,
    });
    scene.passes(1_000);
    scene.stores();
    assert_eq!(
        told_of_store(&mut scene, ben),
        [false; 0],
        "it is none of their business"
    );
    scene.step(Input::Subject {
        socket: ben,
        subject: ben_as_he_was,
    });
    assert_eq!(told_of_store(&mut scene, ben), [true]);
}
