//! R6: no step works for long, whatever a message brings; what is put off goes on, and others come between.

use super::*;

/// More than this no change of these stories is: a key, put.
const ONE_CHANGE: u64 = 200;

/// A document, and Ann with so many more changes of her own that have not been sent yet. Ben reads.
fn with_much_to_say(changes: usize) -> (Scene, Author, Vec<Bytes>, [SocketId; 2]) {
    let mut device = Author::new(1);
    let mut scene = Scene::with_changes(&device.write(1));
    let sockets = [scene.joins("ann", &mut device), scene.joins("ben", &mut device)];
    let unsent = device.write(changes);
    (scene, device, unsent, sockets)
}

fn last(scene: &Scene) -> u64 {
    scene.room.history.last()
}

#[test]
fn a_step_is_bounded_in_work() {
    const CHANGES: usize = 2_000;
    let (mut scene, mut device, unsent, [ann, ben]) = with_much_to_say(CHANGES);
    let mut bens = Author::new(2);
    let (mut steps, mut told) = (1, 0);
    scene.says(ann, device.offers(&unsent));
    assert!(scene.room.is_working_for(ann) && scene.room.wake_at_ms() == Some(scene.now));
    while scene.room.works_for().is_some() {
        assert!(scene.room.worked > WORK_AT_ONCE / 2, "it is a step worth its while");
        assert!(scene.room.worked < WORK_AT_ONCE + ONE_CHANGE, "{}", scene.room.worked);
        let before = last(&scene);
        let word = bens.writes("word");
        scene.says(ben, bens.offers(&[word]));
        assert_eq!(last(&scene), before + 1, "Ben does not wait for all of it");
        told += 1;
        assert!(scene.room.load(&Input::Wake).is_long(), "where nobody waits for it");
        scene.step(Input::Wake);
        steps += 1;
    }
    assert!(steps > 4, "{steps}");
    assert_eq!(last(&scene), 1 + CHANGES as u64 + told);
    assert!(!scene.room.is_working_for(ann));
    while scene.asked.iter().any(|effect| matches!(effect, Effect::Append { .. })) {
        scene.stores();
    }
    let mut heads = [device.heads(), bens.heads()].concat();
    heads.sort_unstable();
    assert_eq!(scene.room.stored_heads(), heads);
}

#[test]
fn what_comes_behind_unfinished_work_is_taken_after_it() {
    let (mut scene, mut device, unsent, [ann, _]) = with_much_to_say(1_000);
    scene.says(ann, device.offers(&unsent));
    let more = device.writes("more");
    scene.says(ann, device.offers(&[more]));
    assert!(last(&scene) < 1_000);
    scene.passes(0);
    assert_eq!(last(&scene), 1_002);
    scene.stores();
    scene.stores();
    let saved = scene.syncs(ann);
    assert_eq!(saved.last().map(|message| message.heads.clone()), Some(device.heads()));
}

#[test]
fn who_goes_or_may_no_longer_write_ends_their_own_work_alone() {
    let (mut scene, mut device, unsent, [ann, ben]) = with_much_to_say(1_000);
    let mut bens = Author::new(2);
    let own = bens.write(500);
    // Ben's wait for the first of Ann's, which is not there yet.
    let mut waits = Author::new(3);
    waits.reads(&[device.archive()]);
    let waiting = waits.write(500);
    scene.says(ben, waits.offers(&waiting));
    scene.says(ben, bens.offers(&own));
    while scene.room.is_working_for(ben) {
        scene.step(Input::Wake);
    }
    assert_eq!(last(&scene), 501, "one half waits");
    scene.says(ann, device.offers(&unsent));
    while last(&scene) < 1_501 {
        assert!(scene.room.is_working_for(ann));
        scene.step(Input::Wake);
    }
    scene.step(Input::Left {
        socket: ann,
        clean: true,
    });
    scene.passes(0);
    assert_eq!(last(&scene), 2_001, "what waited for hers is Ben's");

    let (mut scene, mut device, unsent, [ann, _]) = with_much_to_say(1_000);
    scene.says(ann, device.offers(&unsent));
    scene.step(Input::Left {
        socket: ann,
        clean: true,
    });
    scene.passes(0);
    assert!(last(&scene) < 1_000 && scene.room.works_for().is_none());
}

#[test]
fn a_full_room_works_on_once_the_store_has_caught_up() {
    let mut device = Author::new(1);
    let small = |config: &mut RoomConfig| config.limits.unsaved_bytes = 5_000;
    let mut scene = Scene::with(small, Some(loaded(&device.write(1))));
    let ann = scene.joins("ann", &mut device);
    let unsent = device.write(1_000);
    scene.says(ann, device.offers(&unsent));
    while scene.room.works_for().is_some() {
        scene.step(Input::Wake);
    }
    assert!(scene.room.is_full() && scene.room.is_working_for(ann));
    let before = last(&scene);
    scene.passes(100);
    assert_eq!(last(&scene), before, "it is not woken for it");
    while scene.room.is_working_for(ann) {
        scene.stores();
        scene.passes(0);
    }
    assert_eq!(last(&scene), 1_001);
}

#[test]
fn long_work_is_told_from_what_a_change_means_not_from_its_bytes() {
    let mut device = Author::new(1);
    let text = device.doc.put_object(ROOT, "list", automerge::ObjType::List).unwrap();
    device.doc.commit();
    for at in 0..30_000 {
        device.doc.insert(&text, at, automerge::ScalarValue::Null).unwrap();
    }
    device.doc.commit();
    let nulls = Bytes::copy_from_slice(device.doc.get_last_local_change().unwrap().raw_bytes());
    assert!(nulls.len() < 150);
    assert!(Load::of(std::slice::from_ref(&nulls)).is_long());
    device
        .doc
        .splice(&text, 0, 30_000, [automerge::ScalarValue::Bytes(vec![0; 1 << 20])])
        .unwrap();
    device.doc.commit();
    let zeros = Bytes::copy_from_slice(&device.doc.get_last_local_change().unwrap().bytes());
    assert!(zeros.len() < 10_000);
    assert!(Load::of(&[zeros]).is_long());
    let keys = Author::new(2).write(600);
    assert!(!Load::of(&keys[..200]).is_long() && Load::of(&keys).is_long());
    // The first change after a load is held against an index that must be made first.
    let mut device = Author::new(3);
    let mut scene = Scene::with_changes(&device.write(1));
    let ann = scene.joins("ann", &mut device);
    let says = |message| Input::Sync {
        socket: ann,
        request: false,
        message,
    };
    let key = device.writes("key");
    assert!(
        scene
            .room
            .load(&says(device.offers(std::slice::from_ref(&key))))
            .is_long()
    );
    assert!(!scene.room.load(&says(device.hello())).is_long());
    scene.says(ann, device.offers(&[key]));
    let key = device.writes("key");
    assert!(!scene.room.load(&says(device.offers(&[key]))).is_long());
}
