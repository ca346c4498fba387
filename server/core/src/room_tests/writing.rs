//! S4–S6, S9, S10: changes come in, are refused or wait, and go out to everybody else.

use super::*;

/// Ann writes, the others read; all are Live and have heard what there was.
pub(super) fn live(readers: &[&str]) -> (Scene, Author, SocketId, Vec<SocketId>) {
    let mut device = Author::new(1);
    let changes = device.write(1);
    let mut scene = Scene::with_changes(&changes);
    let ann = scene.joins("ann", &mut device);
    let readers: Vec<_> = readers.iter().map(|name| scene.joins(name, &mut device)).collect();
    scene.outboxes.clear();
    (scene, device, ann, readers)
}

#[test]
fn nothing_is_shown_before_it_is_durable() {
    let (mut scene, mut device, ann, readers) = live(&["ben"]);
    let change = device.writes("title");
    scene.says(ann, device.offers(&[change]));
    scene.passes(60_000);
    assert!(scene.hears(ann).is_empty() && scene.hears(readers[0]).is_empty());
}

#[test]
fn saved_means_heads_alone_for_the_author_and_the_change_for_the_others() {
    let (mut scene, mut device, ann, readers) = live(&["ben"]);
    let change = device.writes("title");
    scene.says(ann, device.offers(std::slice::from_ref(&change)));
    scene.stores();
    let saved = scene.sync(ann);
    assert_eq!((saved.heads, saved.changes.len()), (device.heads(), 0));
    let news = scene.sync(readers[0]);
    assert_eq!((carries(&news), news.heads.clone()), (vec![change], device.heads()));
    assert_eq!(news.have[0].last_sync, news.heads);
}

#[test]
fn what_two_wrote_meanwhile_goes_out_together_and_in_order() {
    let (mut scene, mut anns, ann, readers) = live(&["ben"]);
    let mut bens = Author::new(2);
    let first = anns.writes("a");
    scene.says(ann, anns.offers(std::slice::from_ref(&first)));
    bens.doc.merge(&mut anns.doc).unwrap();
    let second = bens.writes("b");
    scene.says(readers[0], bens.offers(std::slice::from_ref(&second)));
    assert_eq!(scene.asked.len(), 1, "one append is under way, the other change waits");
    scene.stores();
    assert_eq!(scene.sync(ann).heads, anns.heads());
    assert_eq!(carries(&scene.sync(readers[0])), [first]);
    scene.stores();
    assert_eq!(carries(&scene.sync(ann)), [second]);
    assert_eq!(scene.sync(readers[0]).heads, bens.heads());
}

#[test]
fn a_change_is_encoded_once_for_all_who_read() {
    let names: Vec<_> = (0..50).map(|n| format!("reader {n}")).collect();
    let (mut scene, mut device, ann, readers) = live(&names.iter().map(String::as_str).collect::<Vec<_>>());
    let change = device.writes("title");
    scene.says(ann, device.offers(&[change]));
    scene.stores();
    let encodings: std::collections::HashSet<_> = readers
        .iter()
        .flat_map(|reader| scene.frames(*reader))
        .map(|frame| match frame {
            Frame::Addressed(bytes) | Frame::Plain(bytes) => bytes.as_ptr(),
        })
        .collect();
    assert_eq!(encodings.len(), 1);
}

#[test]
fn a_reader_who_does_not_answer_gets_no_more_than_the_window() {
    let (mut scene, mut device, ann, readers) = live(&["ben"]);
    let changes = device.write(7);
    let mut bens = Author::new(2);
    for change in &changes {
        scene.says(ann, device.offers(std::slice::from_ref(change)));
        scene.stores();
    }
    let sent = scene.syncs(readers[0]);
    assert_eq!(sent.iter().flat_map(carries).collect::<Vec<_>>(), changes[..4]);
    // It tells that it has read the first.
    bens.doc = device.doc.fork_at(&sent[0].heads).unwrap();
    scene.says(readers[0], bens.hello());
    assert_eq!(
        carries(&scene.sync(readers[0])),
        changes[4..],
        "the rest in one message"
    );
}

#[test]
fn a_window_opens_by_time_and_does_not_wake_the_room_for_nothing() {
    let (mut scene, mut device, ann, readers) = live(&["ben"]);
    let changes = device.write(7);
    for change in &changes {
        scene.says(ann, device.offers(std::slice::from_ref(change)));
        scene.stores();
        scene.passes(100);
    }
    assert_eq!(scene.syncs(readers[0]).len(), 4);
    let first_opens_at = 5_000;
    let mut wakes = 0;
    while scene.now < first_opens_at {
        scene.now = scene.room.wake_at_ms().unwrap().max(scene.now);
        scene.step(Input::Wake);
        wakes += 1;
    }
    assert!(wakes < 5, "{wakes}");
    assert_eq!(carries(&scene.sync(readers[0])), changes[4..]);
}

#[test]
fn a_viewer_with_edits_of_its_own_is_kept_up() {
    let mut device = Author::new(1);
    let changes = device.write(1);
    let mut scene = Scene::with_changes(&changes);
    let ann = scene.joins("ann", &mut device);
    let vic = scene.opens_as("vic", Role::Viewer, HOME, false);
    let mut vics = Author::new(3);
    vics.reads(&changes);
    let own = vics.writes("own");
    for n in 0..10 {
        // As automerge says it: its own heads, which are unknown here, and those that it shares.
        let answer = SyncMessage {
            last_sync: device.heads(),
            ..vics.offers(std::slice::from_ref(&own))
        };
        scene.says(vic, answer);
        scene.outboxes.clear();
        let change = device.writes(&format!("key {n}"));
        scene.says(ann, device.offers(std::slice::from_ref(&change)));
        scene.stores();
        assert_eq!(carries(&scene.sync(vic)), [change]);
    }
}

#[test]
fn a_refused_change_makes_the_session_read_only_and_it_goes_on_receiving() {
    let (mut scene, mut device, ann, _) = live(&[]);
    let eve = scene.opens_as("eve", Role::Editor, HOME, true);
    scene.says(eve, device.hello());
    scene.outboxes.clear();
    // Another hand under Ann's actor: the sequence number is taken.
    let forged = Author::new(1).writes("forged");
    scene.says(eve, device.offers(std::slice::from_ref(&forged)));
    let [Said::Fieldbook(kind, text), Said::Sync(answer)] = &scene.hears(eve)[..] else {
        panic!("told why, and answered")
    };
    assert_eq!(kind, "refused");
    assert!(
        text.contains("fork") && text.contains(&hex::encode(hash(&forged).0)),
        "{text}"
    );
    assert!(is_read_only(answer) && answer.changes.is_empty());
    assert!(matches!(scene.next_asked(), Some(Effect::Refused { rule: "fork", .. })));
    let sound = Author::new(7).writes("sound");
    scene.says(eve, device.offers(&[sound]));
    assert!(scene.next_asked().is_none(), "nothing more is taken of it");
    let change = device.writes("title");
    scene.says(ann, device.offers(std::slice::from_ref(&change)));
    scene.stores();
    let [Said::Sync(news)] = &scene.hears(eve)[..] else {
        panic!("it goes on receiving")
    };
    assert_eq!(carries(news), [change]);
    assert!(news.flags.is_none(), "READ_ONLY is said once");
}

#[test]
fn a_change_that_cannot_be_read_is_refused_by_name() {
    let (mut scene, mut device, _, _) = live(&[]);
    let eve = scene.opens_as("eve", Role::Editor, HOME, true);
    scene.says(eve, device.hello());
    scene.outboxes.clear();
    let mut broken = device.writes("title").to_vec();
    broken[4] ^= 1; // The checksum: the contents, and so the name, are still those of the original.
    scene.says(eve, device.offers(&[broken.into()]));
    let [Said::Fieldbook(_, text), Said::Sync(_)] = &scene.hears(eve)[..] else {
        panic!("told why, and answered")
    };
    let name = hex::encode(device.heads()[0].0);
    assert!(text.contains("checksum") && text.contains(&name), "{text}");
}

#[test]
fn of_a_message_with_a_refused_change_only_what_came_before_it_is_taken() {
    let (mut scene, mut device, ann, _) = live(&[]);
    let [before, after] = [7, 8].map(|actor| Author::new(actor).writes("sound"));
    let forged = Author::new(1).writes("forged");
    let mut broken = forged.to_vec();
    *broken.last_mut().unwrap() ^= 1;
    let whole = device.archive();
    scene.says(ann, device.offers(&[before.clone(), forged, after.clone()]));
    assert!(matches!(scene.next_asked(), Some(Effect::Refused { rule: "fork", .. })));
    assert!(matches!(scene.next_asked(), Some(Effect::Append { changes, .. }) if changes == [before]));
    let ben = scene.joins("ben", &mut device);
    scene.says(ben, device.offers(&[whole, broken.into(), after]));
    assert!(matches!(
        scene.next_asked(),
        Some(Effect::Refused { rule: "checksum", .. })
    ));
    assert!(scene.next_asked().is_none(), "nor is the document taken apart");
}

#[test]
fn too_much_that_waits_behind_a_question_closes_the_socket() {
    let mut device = Author::new(1);
    let changes = device.write(4);
    let mut scene = Scene::with(
        |config| config.limits.orphan_bytes = 300,
        Some(loaded_with_archive(&changes, 4, 0)),
    );
    let ben = scene.opens("ben");
    let large = device.write(4);
    scene.says(ben, Author::new(2).offers(&changes));
    scene.asked.clear();
    scene.says(ben, device.hello());
    assert!(scene.next_asked().is_none(), "what is being worked on does not count");
    scene.says(ben, device.offers(&large));
    assert!(matches!(
        scene.next_asked(),
        Some(Effect::Close(_, Closing::TooMuchHeld))
    ));
}

#[test]
fn messages_without_changes_that_wait_behind_a_question_count_too() {
    let changes = Author::new(1).write(4);
    let mut scene = Scene::with(
        |config| config.limits.orphan_bytes = 10_000,
        Some(loaded_with_archive(&changes, 4, 0)),
    );
    let ben = scene.opens("ben");
    scene.says(ben, Author::new(2).offers(&changes));
    scene.asked.clear();
    let names = |count: u8| SyncMessage {
        heads: (0..count).map(|n| ChangeHash([n; 32])).collect(),
        ..SyncMessage::default()
    };
    scene.says(ben, names(200));
    assert!(scene.next_asked().is_none());
    scene.says(ben, names(200));
    assert!(matches!(
        scene.next_asked(),
        Some(Effect::Close(_, Closing::TooMuchHeld))
    ));
}

#[test]
fn a_stock_client_is_refused_without_frames_that_it_does_not_know() {
    let (mut scene, mut device, ann, _) = live(&[]);
    let forged = Author::new(1).writes("forged");
    scene.says(ann, device.offers(&[forged]));
    assert!(is_read_only(&scene.sync(ann)));
}

#[test]
fn changes_that_wait_for_others_are_kept_and_these_asked_for() {
    let mut device = Author::new(1);
    let changes = device.write(3);
    let mut scene = Scene::with_changes(&changes[..1]);
    let mut bens = Author::new(2);
    bens.reads(&changes);
    let ben = scene.joins("ben", &mut bens);
    scene.outboxes.clear();
    scene.says(ben, bens.offers(&changes[2..]));
    assert_eq!(scene.sync(ben).need, [hash(&changes[1])]);
    assert!(scene.next_asked().is_none());
    scene.says(ben, bens.offers(&changes[1..2]));
    let Some(Effect::Append { changes: appended, .. }) = scene.next_asked() else {
        panic!("both go to the store")
    };
    assert_eq!(appended, changes[1..]);
}

#[test]
fn of_too_many_waiting_changes_the_oldest_are_dropped_and_asked_for_again() {
    let mut device = Author::new(1);
    let changes = device.write(5);
    let mut scene = Scene::with(|config| config.limits.orphans = 2, Some(loaded(&changes[..1])));
    let ben = scene.joins("ben", &mut device);
    scene.outboxes.clear();
    scene.says(ben, device.offers(&changes[2..]));
    let asked = scene.sync(ben);
    assert_eq!(asked.need, [hash(&changes[2])]);
    // By name alone it would not send again what it has sent.
    assert!(asked.flags.unwrap().contains(MessageFlags::SYNC_RESET));
    scene.says(ben, device.offers(&changes[1..3]));
    scene.stores();
    assert_eq!(scene.room.stored_heads(), device.heads());
}

#[test]
fn a_change_that_is_known_already_is_answered() {
    let (mut scene, mut device, ann, _) = live(&[]);
    let change = device.writes("title");
    scene.says(ann, device.offers(std::slice::from_ref(&change)));
    scene.stores();
    scene.outboxes.clear();
    scene.says(ann, device.offers(&[change]));
    assert_eq!(scene.sync(ann).heads, device.heads());
}

#[test]
fn a_change_on_top_of_the_archive_is_admitted_once_the_store_knows_its_ground() {
    let mut device = Author::new(1);
    let changes = device.write(4);
    let mut scene = Scene::with(|_| {}, Some(loaded_with_archive(&changes, 4, 0)));
    let mut bens = Author::new(2);
    bens.reads(&changes[..2]);
    let ben = scene.opens("ben");
    let offline = bens.writes("offline");
    scene.says(ben, bens.offers(std::slice::from_ref(&offline)));
    let Some(Effect::Recall { hashes, .. }) = scene.next_asked() else {
        panic!("the store is asked")
    };
    assert!(hashes.contains(&hash(&changes[1])));
    let later = bens.writes("later");
    scene.says(ben, bens.offers(std::slice::from_ref(&later)));
    assert!(scene.next_asked().is_none(), "what comes meanwhile waits its turn");
    scene.step(Input::Recalled {
        socket: ben,
        archived: vec![placed(&changes, 2)],
        retained: Vec::new(),
        failed: false,
    });
    let appends = scene
        .asked
        .iter()
        .filter(|effect| matches!(effect, Effect::Append { .. }));
    assert_eq!(appends.count(), 1);
    scene.stores();
    scene.stores();
    let heads = scene.room.stored_heads();
    assert!(heads.contains(&hash(&later)) && !heads.contains(&hash(&offline)));
}

#[test]
fn a_name_that_is_trimmed_while_the_store_is_asked_stays_known() {
    let mut device = Author::new(1);
    let changes = device.write(6);
    let mut scene = Scene::with(|_| {}, Some(loaded_with_archive(&changes, 3, 0)));
    let ben = scene.joins("ben", &mut device);
    scene.outboxes.clear();
    // All of it again: the store is asked for the archived ones alone, the others being in memory.
    scene.says(ben, device.offers(&changes));
    let Some(Effect::Recall { hashes, .. }) = scene.next_asked() else {
        panic!("the store is asked")
    };
    assert_eq!(hashes.len(), 2, "one of the three is the archive's head");
    scene.step(Input::Compacted {
        archive: Some(archive_meta(&changes, 6, 0)),
    });
    scene.step(Input::Recalled {
        socket: ben,
        archived: vec![placed(&changes, 1), placed(&changes, 2)],
        retained: Vec::new(),
        failed: false,
    });
    assert!(scene.next_asked().is_none(), "nothing is refused as a fork");
    assert_eq!(scene.sync(ben).heads, device.heads());
}

#[test]
fn a_whole_document_is_taken_apart_by_a_worker() {
    let (mut scene, mut device, ann, _) = live(&[]);
    let changes = device.write(2);
    let whole = device.archive();
    scene.says(ann, device.offers(std::slice::from_ref(&whole)));
    let Some(Effect::Expand { chunks, .. }) = scene.next_asked() else {
        panic!("a worker is asked")
    };
    assert_eq!(chunks, [whole]);
    scene.step(Input::Expanded {
        socket: ann,
        changes: Ok(changes),
    });
    scene.stores();
    assert_eq!(scene.sync(ann).heads, device.heads());
}

#[test]
fn a_whole_document_that_cannot_be_read_is_refused() {
    let (mut scene, mut device, ann, _) = live(&[]);
    let whole = device.archive();
    scene.says(ann, device.offers(&[whole]));
    scene.step(Input::Expanded {
        socket: ann,
        changes: Err("it does not load".to_owned()),
    });
    assert!(is_read_only(&scene.sync(ann)));
    let refused = |effect: &Effect| matches!(effect, Effect::Refused { rule: "document", .. });
    assert!(scene.asked.iter().any(refused));
}

#[test]
fn bytes_that_are_no_chunk_close_the_socket() {
    let (mut scene, mut device, ann, _) = live(&[]);
    scene.says(ann, device.offers(&[Bytes::from_static(b"not a chunk")]));
    assert!(matches!(
        scene.next_asked(),
        Some(Effect::Close(_, Closing::NotAutomerge))
    ));
}

#[test]
fn a_client_that_applies_nothing_gets_heads_alone_until_it_begins_to() {
    let (mut scene, mut device, ann, readers) = live(&["pub"]);
    let mut theirs = Author::new(5);
    theirs.doc.merge(&mut device.doc).unwrap();
    let flagged = |bits: u8, theirs: &mut Author| SyncMessage {
        flags: Some(bits),
        ..theirs.hello()
    };
    scene.says(readers[0], flagged(crate::message::flags::READ_ONLY, &mut theirs));
    let change = device.writes("title");
    scene.says(ann, device.offers(std::slice::from_ref(&change)));
    scene.stores();
    let told = scene.sync(readers[0]);
    assert_eq!((told.heads.clone(), told.changes.len()), (device.heads(), 0));
    assert!(told.have[0].last_sync.is_empty(), "it would not know them");
    scene.says(readers[0], flagged(crate::message::flags::SYNC_RESET, &mut theirs));
    assert_eq!(carries(&scene.sync(readers[0])), [change]);
}
