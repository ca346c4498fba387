//! Compaction, titles, leaving.

use super::*;

fn small(config: &mut RoomConfig) {
    config.compaction = Compaction {
        min_changes: 4,
        tail_share: 0.5,
        idle_ms: 10_000,
        idle_changes: 2,
        interval_ms: 1_000,
        retained_changes: 2,
        retained_bytes: 1 << 10,
    };
}

fn compaction(scene: &mut Scene) -> Option<CompactionPlan> {
    let asked = std::mem::take(&mut scene.asked);
    let mut plans = asked.into_iter().filter_map(|effect| match effect {
        Effect::Compact(plan) => Some(plan),
        _ => None,
    });
    plans.next()
}

fn writes(scene: &mut Scene, socket: SocketId, device: &mut Author, changes: usize) -> Vec<Bytes> {
    let made = device.write(changes);
    scene.says(socket, device.offers(&made));
    scene.stores();
    made
}

#[test]
fn a_long_tail_is_compacted() {
    let mut device = Author::new(1);
    let mut changes = device.write(3);
    let mut scene = Scene::with(small, Some(loaded(&changes)));
    let ann = scene.joins("ann", &mut device);
    changes.extend(writes(&mut scene, ann, &mut device, 1));
    assert!(compaction(&mut scene).is_none());
    changes.extend(writes(&mut scene, ann, &mut device, 1));
    let plan = compaction(&mut scene).expect("five are more than four");
    assert_eq!((plan.previous, plan.up_to, plan.heads), (0, 5, device.heads()));
    assert_eq!(
        plan.added.iter().map(|head| head.hash).collect::<Vec<_>>(),
        changes.iter().map(hash).collect::<Vec<_>>()
    );
    assert_eq!(
        (plan.retained.position, plan.retained.heads),
        (4, vec![hash(&changes[2])])
    );
    changes.extend(writes(&mut scene, ann, &mut device, 6));
    assert!(compaction(&mut scene).is_none(), "one at a time");
    scene.step(Input::Compacted {
        archive: Some(archive_meta(&changes, 5, 2)),
    });
    assert_eq!(scene.room.changes_in_memory(), 8, "the tail and what is retained");
    assert!(compaction(&mut scene).is_none(), "not twice within the interval");
    scene.passes(1_000);
    changes.extend(writes(&mut scene, ann, &mut device, 1));
    let plan = compaction(&mut scene).expect("seven are more than half of five, and than four");
    assert_eq!((plan.previous, plan.up_to), (5, 12));
}

#[test]
fn a_quiet_document_s_shorter_tail_is_compacted_too() {
    let mut device = Author::new(1);
    let changes = device.write(2);
    let mut scene = Scene::with(small, Some(loaded(&changes)));
    let ann = scene.joins("ann", &mut device);
    writes(&mut scene, ann, &mut device, 1);
    scene.passes(9_999);
    assert!(compaction(&mut scene).is_none());
    scene.passes(1);
    assert!(compaction(&mut scene).is_some());
}

#[test]
fn a_compaction_that_fails_is_put_off() {
    let mut device = Author::new(1);
    let changes = device.write(4);
    let mut scene = Scene::with(small, Some(loaded(&changes)));
    let ann = scene.joins("ann", &mut device);
    writes(&mut scene, ann, &mut device, 1);
    assert!(compaction(&mut scene).is_some());
    scene.step(Input::Compacted { archive: None });
    assert!(compaction(&mut scene).is_none());
    scene.passes(20_000);
    assert!(compaction(&mut scene).is_some());
}

#[test]
fn what_a_slow_reader_lacks_stays_until_it_has_it() {
    let mut device = Author::new(1);
    let mut changes = device.write(3);
    let mut scene = Scene::with(
        |config| {
            small(config);
            config.timing.window_messages = 1;
        },
        Some(loaded(&changes)),
    );
    let mut bens = Author::new(2);
    bens.reads(&changes);
    let ann = scene.joins("ann", &mut device);
    let ben = scene.joins("ben", &mut bens);
    changes.extend(writes(&mut scene, ann, &mut device, 1));
    changes.extend(writes(&mut scene, ann, &mut device, 1));
    changes.extend(writes(&mut scene, ann, &mut device, 1));
    scene.step(Input::Compacted {
        archive: Some(archive_meta(&changes, 6, 0)),
    });
    assert_eq!(scene.room.changes_in_memory(), 2);
    for message in scene.syncs(ben) {
        bens.reads(&carries(&message));
    }
    scene.says(ben, bens.hello());
    assert_eq!(carries(&scene.sync(ben)), changes[4..]);
    assert_eq!(scene.room.changes_in_memory(), 0, "and then it goes");
}

#[test]
fn a_title_is_read_again_when_people_pause() {
    let mut device = Author::new(1);
    let changes = device.write(1);
    let mut scene = Scene::with_changes(&changes);
    let ann = scene.joins("ann", &mut device);
    writes(&mut scene, ann, &mut device, 1);
    scene.passes(1_000);
    writes(&mut scene, ann, &mut device, 1);
    scene.passes(1_499);
    assert!(scene.next_asked().is_none());
    scene.passes(1);
    assert!(matches!(scene.next_asked(), Some(Effect::Summarise { up_to: 3 })));
    // It takes long, and somebody writes meanwhile.
    writes(&mut scene, ann, &mut device, 1);
    scene.passes(10_000);
    assert!(scene.next_asked().is_none());
    scene.step(Input::Summarised {
        took_ms: 100,
        failed: false,
    });
    scene.passes(4_999);
    assert!(scene.next_asked().is_none(), "a slow one is made less often");
    scene.passes(1);
    assert!(matches!(scene.next_asked(), Some(Effect::Summarise { up_to: 4 })));
    scene.step(Input::Summarised {
        took_ms: 1,
        failed: false,
    });
    scene.passes(100_000);
    assert!(scene.next_asked().is_none());
}

#[test]
fn a_title_that_could_not_be_stored_is_tried_again() {
    let mut device = Author::new(1);
    let changes = device.write(1);
    let mut scene = Scene::with_changes(&changes);
    let ann = scene.joins("ann", &mut device);
    writes(&mut scene, ann, &mut device, 1);
    scene.passes(1_500);
    assert!(matches!(scene.next_asked(), Some(Effect::Summarise { up_to: 2 })));
    for pause in [1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000] {
        scene.step(Input::Summarised {
            took_ms: 1,
            failed: true,
        });
        scene.passes(pause - 1);
        assert!(scene.next_asked().is_none(), "not within {pause} ms");
        scene.passes(1);
        assert!(matches!(scene.next_asked(), Some(Effect::Summarise { up_to: 2 })));
    }
    scene.step(Input::Summarised {
        took_ms: 1,
        failed: false,
    });
    scene.passes(100_000);
    assert!(scene.next_asked().is_none());

    writes(&mut scene, ann, &mut device, 1);
    scene.passes(1_500);
    assert!(matches!(scene.next_asked(), Some(Effect::Summarise { up_to: 3 })));
    scene.step(Input::Left {
        socket: ann,
        clean: true,
    });
    scene.passes(60_000);
    assert!(!scene.room.may_unload(scene.now), "an answer is on its way");
    scene.step(Input::Summarised {
        took_ms: 1,
        failed: true,
    });
    scene.passes(10_000);
    assert!(scene.next_asked().is_none());
    assert!(scene.room.may_unload(scene.now), "what is behind is known to the store");
}

#[test]
fn a_title_that_the_list_does_not_know_is_read_when_the_room_begins() {
    let mut device = Author::new(1);
    let changes = device.write(3);
    let behind = Loaded {
        summarised_up_to: 2,
        ..loaded(&changes)
    };
    let mut scene = Scene::with(|_| {}, Some(behind));
    scene.passes(1_500);
    assert!(matches!(scene.next_asked(), Some(Effect::Summarise { up_to: 3 })));
}

#[test]
fn a_room_goes_when_nobody_is_here_and_nothing_is_under_way() {
    let mut device = Author::new(1);
    let changes = device.write(1);
    let mut scene = Scene::with_changes(&changes);
    let ann = scene.joins("ann", &mut device);
    scene.passes(60_000);
    assert!(!scene.room.may_unload(scene.now));
    let change = device.writes("title");
    scene.says(ann, device.offers(&[change]));
    scene.step(Input::Left {
        socket: ann,
        clean: true,
    });
    scene.passes(60_000);
    assert!(!scene.room.may_unload(scene.now), "something is not durable yet");
    scene.stores();
    scene.passes(60_000);
    assert!(!scene.room.may_unload(scene.now), "the title is being read");
    scene.step(Input::Summarised {
        took_ms: 1,
        failed: false,
    });
    scene.passes(10_000);
    assert!(scene.room.may_unload(scene.now));
    scene.opens("ben");
    assert!(!scene.room.may_unload(scene.now), "somebody came back");
}

#[test]
fn a_name_on_which_a_waiting_change_depends_stays_known_when_the_archive_grows() {
    let mut device = Author::new(1);
    let mut changes = device.write(4);
    let mut scene = Scene::with(|_| {}, Some(loaded_with_archive(&changes, 4, 0)));
    let ann = scene.joins("ann", &mut device);
    let apart = Author::new(3).writes("apart");
    let mut bens = Author::new(2);
    bens.reads(&changes[..2]);
    bens.reads(std::slice::from_ref(&apart));
    let merge = bens.writes("merge");
    let ben = scene.opens("ben");
    scene.asked.clear();
    scene.says(ben, bens.offers(&[merge]));
    let Some(Effect::Recall { hashes, .. }) = scene.next_asked() else {
        panic!("the store is asked")
    };
    assert!(hashes.contains(&hash(&changes[1])));
    scene.step(Input::Recalled {
        socket: ben,
        archived: vec![placed(&changes, 2)],
        retained: Vec::new(),
        failed: false,
    });
    scene.asked.clear();
    changes.extend(writes(&mut scene, ann, &mut device, 1));
    scene.step(Input::Compacted {
        archive: Some(archive_meta(&changes, 5, 0)),
    });
    // It is in nobody's archive, as the store says.
    scene.asked.clear();
    scene.says(ben, bens.offers(&[apart]));
    if let Some(Effect::Recall { .. }) = scene.next_asked() {
        scene.step(Input::Recalled {
            socket: ben,
            archived: Vec::new(),
            retained: Vec::new(),
            failed: false,
        });
    }
    assert_eq!(scene.room.history.last(), 7, "what it waited for, and itself");
}
