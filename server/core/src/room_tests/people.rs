//! E1, E2, P1, P2: what is not stored.

use super::*;

fn two() -> (Scene, SocketId, SocketId) {
    let mut scene = Scene::with_changes(&Author::new(1).write(1));
    let [ann, ben] = ["ann", "ben"].map(|name| scene.opens_as(name, Role::Editor, HOME, true));
    scene.passes(100);
    scene.outboxes.clear();
    (scene, ann, ben)
}

fn whispers(scene: &mut Scene, socket: SocketId, count: u32, data: &'static [u8]) {
    scene.step(Input::Ephemeral {
        socket,
        message: ephemeral(count, Bytes::from_static(data)),
    });
}

#[test]
fn an_ephemeral_message_goes_to_the_others_once() {
    let (mut scene, ann, ben) = two();
    whispers(&mut scene, ann, 3, b"hello");
    whispers(&mut scene, ann, 3, b"echo");
    whispers(&mut scene, ann, 2, b"late");
    let [Said::Ephemeral(heard)] = &scene.hears(ben)[..] else {
        panic!("one message")
    };
    assert_eq!(*heard, ephemeral(3, Bytes::from_static(b"hello")));
    assert!(scene.hears(ann).is_empty());
}

#[test]
fn what_is_too_large_or_from_a_stranger_is_dropped() {
    let mut scene = Scene::with(
        |config| config.limits.ephemeral_bytes = 4,
        Some(loaded(&Author::new(1).write(1))),
    );
    let ann = scene.opens("ann");
    let ben = scene.opens("ben");
    let eve = scene.opens_as("eve", Role::Owner, ELSEWHERE, false);
    whispers(&mut scene, ann, 1, b"large");
    whispers(&mut scene, eve, 1, b"eve");
    assert!(scene.hears(ben).is_empty());
    whispers(&mut scene, ann, 2, b"ok");
    assert_eq!((scene.hears(ben).len(), scene.hears(eve).len()), (1, 0));
}

#[test]
fn the_server_says_goodbye_for_a_stock_peer_that_was_present() {
    let (mut scene, ann, ben) = two();
    whispers(&mut scene, ben, 1, b"not presence");
    scene.step(Input::Ephemeral {
        socket: ann,
        message: ephemeral(7, wire::stock_goodbye()),
    });
    scene.outboxes.clear();
    scene.step(Input::Left {
        socket: ann,
        clean: false,
    });
    let [Said::Ephemeral(goodbye)] = &scene.hears(ben)[..] else {
        panic!("one goodbye")
    };
    assert_eq!(*goodbye, ephemeral(8, wire::stock_goodbye()));
    let cat = scene.opens("cat");
    scene.step(Input::Left {
        socket: ben,
        clean: false,
    });
    assert!(scene.hears(cat).is_empty(), "who was not present need not go");
}

#[test]
fn cursors_are_told_once_a_tick() {
    let (mut scene, ann, ben) = two();
    for n in 0..100u8 {
        scene.step(Input::Presence {
            socket: ann,
            data: Bytes::from(vec![b'0' + n % 10; 4]),
        });
    }
    scene.step(Input::Presence {
        socket: ann,
        data: Bytes::from(vec![b'x'; 5_000]),
    });
    assert!(scene.hears(ben).is_empty());
    scene.passes(50);
    let [Said::Fieldbook(kind, text)] = &scene.hears(ben)[..] else {
        panic!("one frame")
    };
    assert!(
        kind == "presence" && text.contains("9999") && text.contains("ann"),
        "{text}"
    );
    assert!(scene.hears(ann).is_empty(), "one's own cursor is not told");
    scene.passes(1_000);
    assert!(scene.hears(ben).is_empty());
}

#[test]
fn a_lost_device_shows_as_reconnecting_and_then_goes() {
    let (mut scene, ann, ben) = two();
    scene.step(Input::Left {
        socket: ann,
        clean: false,
    });
    scene.passes(100);
    assert!(format!("{:?}", scene.hears(ben)).contains("reconnecting"));
    scene.passes(9_800);
    assert!(scene.hears(ben).is_empty());
    scene.passes(200);
    assert!(format!("{:?}", scene.hears(ben)).contains("ann"));
}

#[test]
fn who_comes_sees_who_is_here() {
    let (mut scene, _, _) = two();
    let cat = scene.opens_as("cat", Role::Viewer, HOME, true);
    let said = scene.hears(cat);
    let [Said::Fieldbook(role, as_what), Said::Fieldbook(roster, who)] = &said[..] else {
        panic!("a role and a roster: {said:?}")
    };
    assert!(role == "role" && as_what.contains("viewer"));
    assert!(roster == "roster" && who.contains("ann") && who.contains("ben") && !who.contains("cat"));
}

#[test]
fn a_device_that_came_again_before_there_was_a_document_stays() {
    let mut scene = Scene::new();
    let ben = scene.opens_as("ben", Role::Editor, HOME, true);
    scene.requests(ben);
    let old = scene.opens_as("ann", Role::Editor, HOME, true);
    scene.requests(old);
    let new = scene.opens_as("ann", Role::Editor, HOME, true);
    let mut device = Author::new(1);
    let changes = device.write(1);
    // The creator is welcomed at once, and who waits for the document when it is there: the older socket comes later.
    scene.says(new, device.offers(&changes));
    scene.stores();
    scene.passes(100);
    scene.step(Input::Left {
        socket: old,
        clean: true,
    });
    scene.outboxes.clear();
    scene.passes(100);
    assert!(scene.hears(ben).is_empty(), "nobody has gone");
    scene.step(Input::Presence {
        socket: new,
        data: Bytes::from_static(b"CURSOR"),
    });
    scene.passes(100);
    assert!(format!("{:?}", scene.hears(ben)).contains("CURSOR"));
    scene.step(Input::Left {
        socket: new,
        clean: true,
    });
    scene.passes(100);
    assert!(format!("{:?}", scene.hears(ben)).contains("ann"), "and now it has");
}
