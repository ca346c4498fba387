//! What a receipt takes in, and when the room has to see everything.

use super::writing::live;
use super::*;

#[test]
fn an_acknowledgement_opens_the_window_without_a_step() {
    let (mut scene, mut device, ann, readers) = live(&["ben"]);
    let receipt = Arc::clone(&scene.receipts[&readers[0]]);
    let changes = device.write(7);
    for change in &changes {
        let has_it = SyncMessage {
            heads: vec![hash(change)],
            ..SyncMessage::default()
        };
        scene.says(ann, device.offers(std::slice::from_ref(change)));
        assert!(!receipt.takes(&has_it), "it was not told yet");
        scene.stores();
        assert!(receipt.takes(&has_it), "ben has read it");
    }
    assert_eq!(scene.syncs(readers[0]).len(), 7);
}

#[test]
fn while_something_is_open_the_room_sees_every_message() {
    let (mut scene, mut device, ann, readers) = live(&["ben"]);
    let receipt = Arc::clone(&scene.receipts[&readers[0]]);
    let changes = device.write(2);
    scene.says(ann, device.offers(&changes[..1]));
    scene.stores();
    let mut bens = Author::new(2);
    bens.doc = device.doc.fork_at(&[hash(&changes[0])]).unwrap();
    let own = bens.write(2);
    // The first of two is missing: the second waits.
    scene.says(readers[0], bens.offers(&own[1..]));
    let knows_all = SyncMessage {
        heads: vec![hash(&changes[0])],
        ..SyncMessage::default()
    };
    assert!(!receipt.takes(&knows_all), "an orphan waits for what it says");
    scene.says(readers[0], bens.offers(&own));
    scene.stores();
    assert!(receipt.takes(&bens.hello()), "all is settled");
}
