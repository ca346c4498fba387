//! D1–D4: documents that are not there, that come to be, that are none of one's business.

use super::*;

#[test]
fn an_unknown_document_is_unavailable_after_the_grace() {
    let mut scene = Scene::new();
    let ann = scene.opens("ann");
    scene.requests(ann);
    scene.passes(299);
    assert!(scene.hears(ann).is_empty());
    scene.passes(1);
    assert!(matches!(scene.hears(ann)[..], [Said::Unavailable]));
    scene.passes(10_000);
    assert!(scene.hears(ann).is_empty(), "it is said once");
}

#[test]
fn a_creators_first_sync_creates() {
    let mut scene = Scene::new();
    let (mut device, ann) = (Author::new(1), scene.opens("ann"));
    let changes = device.write(2);
    scene.says(ann, device.hello());
    let first = scene.sync(ann);
    assert!(first.heads.is_empty());
    assert_eq!(first.need, device.heads(), "what is brought is asked for");
    assert!(first.flags.is_none(), "without flags a client uploads single changes");
    scene.says(ann, device.offers(&changes));
    assert!(scene.hears(ann).is_empty(), "R1: nothing is durable yet");
    let Some(Effect::Append {
        new: Some(creation),
        first_position: 1,
        changes: appended,
    }) = scene.next_asked()
    else {
        panic!("the document is made with its first changes")
    };
    assert_eq!(creation.workspace().0.as_u128(), HOME);
    assert_eq!(creation.creator().0.as_u128(), 100 + u128::from(b'a'));
    assert_eq!(appended, changes);
    scene.step(Input::Stored { up_to: 2 });
    let saved = scene.sync(ann);
    assert_eq!((saved.heads, saved.changes.len()), (device.heads(), 0));
}

#[test]
fn a_creator_may_bring_the_first_changes_at_once() {
    let mut scene = Scene::new();
    let (mut device, ann) = (Author::new(1), scene.opens("ann"));
    let changes = device.write(2);
    scene.says(ann, device.offers(&changes));
    assert!(
        scene.hears(ann).is_empty(),
        "R1: nothing is durable yet, and nothing is missing"
    );
    scene.stores();
    let saved = scene.sync(ann);
    assert_eq!((saved.heads, saved.changes.len()), (device.heads(), 0));
}

#[test]
fn what_a_creator_s_first_changes_depend_on_is_asked_for() {
    let mut scene = Scene::new();
    let (mut device, ann) = (Author::new(1), scene.opens("ann"));
    let changes = device.write(2);
    scene.says(ann, device.offers(&changes[1..]));
    assert_eq!(scene.sync(ann).need, [hash(&changes[0])]);
    scene.says(ann, device.offers(&changes[..1]));
    scene.stores();
    assert_eq!(scene.sync(ann).heads, device.heads());
}

#[test]
fn created_here_it_is_found_there_a_moment_later() {
    let mut scene = Scene::new();
    let ben = scene.opens("ben");
    scene.requests(ben);
    scene.passes(200);
    let (mut device, ann) = (Author::new(1), scene.opens("ann"));
    let changes = device.write(1);
    scene.says(ann, device.hello());
    scene.says(ann, device.offers(&changes));
    scene.stores();
    let found = scene.sync(ben);
    assert_eq!((carries(&found), found.heads), (changes, device.heads()));
    scene.passes(1_000);
    assert!(scene.hears(ben).is_empty(), "no `doc-unavailable` after all");
}

#[test]
fn somebody_else_s_document_looks_like_none() {
    let changes = Author::new(1).write(1);
    let mut ways = [Scene::new(), Scene::with_changes(&changes)].map(|mut scene| {
        let eve = scene.opens_as("eve", Role::Editor, ELSEWHERE, true);
        scene.requests(eve);
        scene.passes(299);
        let early = scene.frames(eve);
        scene.passes(1);
        (early, scene.frames(eve))
    });
    assert!(ways[0].0.is_empty());
    assert_eq!(ways[0], ways[1], "neither what is said nor when tells them apart");
    assert!(matches!(read(ways[0].1.remove(0)), Said::Unavailable));
}

#[test]
fn bringing_somebody_else_s_document_looks_like_none_too() {
    let mut device = Author::new(1);
    let changes = device.write(1);
    let mut scene = Scene::with_changes(&changes);
    let eve = scene.opens_as("eve", Role::Owner, ELSEWHERE, true);
    let more = device.writes("more");
    scene.says(eve, device.offers(&[more]));
    scene.passes(300);
    assert!(matches!(scene.hears(eve)[..], [Said::Unavailable]));
    assert!(scene.next_asked().is_none(), "nothing of it is stored");
}

#[test]
fn a_viewer_creates_nothing() {
    let mut scene = Scene::new();
    let (mut device, vic) = (Author::new(1), scene.opens_as("vic", Role::Viewer, HOME, false));
    let changes = device.write(1);
    scene.says(vic, device.hello());
    scene.says(vic, device.offers(&changes));
    scene.passes(300);
    assert!(matches!(scene.hears(vic)[..], [Said::Unavailable]));
    assert!(scene.next_asked().is_none());
}

#[test]
fn of_two_creators_from_two_workspaces_the_first_has_it() {
    let mut scene = Scene::new();
    let (mut anns, mut eves) = (Author::new(1), Author::new(2));
    let (of_ann, of_eve) = (anns.write(1), eves.write(1));
    let ann = scene.opens_as("ann", Role::Editor, HOME, true);
    let eve = scene.opens_as("eve", Role::Editor, ELSEWHERE, true);
    scene.says(ann, anns.hello());
    scene.says(eve, eves.hello());
    assert_eq!((scene.syncs(ann).len(), scene.syncs(eve).len()), (1, 1));
    scene.step(Input::Ephemeral {
        socket: ann,
        message: ephemeral(1, Bytes::from_static(b"hello")),
    });
    assert!(scene.hears(eve).is_empty(), "they have nothing in common");
    scene.says(eve, eves.offers(&of_eve));
    scene.says(ann, anns.offers(&of_ann));
    scene.stores();
    assert_eq!(scene.sync(eve).heads, eves.heads());
    assert!(scene.hears(ann).is_empty());
    scene.passes(300);
    assert!(matches!(scene.hears(ann)[..], [Said::Unavailable]));
    assert_eq!(scene.room.stored_heads(), eves.heads());
}

#[test]
fn of_two_creators_from_one_workspace_both_are_welcome() {
    let mut scene = Scene::new();
    let mut device = Author::new(1);
    let changes = device.write(1);
    let sockets = ["ann", "ben"].map(|name| scene.opens_as(name, Role::Editor, HOME, true));
    for socket in sockets {
        scene.says(socket, device.hello());
    }
    scene.says(sockets[0], device.offers(&changes));
    scene.stores();
    for socket in sockets {
        let said = scene.hears(socket);
        let is_role = |said: &Said| matches!(said, Said::Fieldbook(kind, _) if kind == "role");
        assert!(said.iter().any(is_role), "{said:?}");
    }
    scene.passes(100);
    let said = format!("{:?}", scene.hears(sockets[0]));
    assert!(said.contains("ben"), "each is shown to the other: {said}");
}

#[test]
fn of_two_creators_one_who_keeps_it_to_themselves_has_it_alone() {
    let mut scene = Scene::new();
    let mut device = Author::new(1);
    let changes = device.write(1);
    let ann = scene.opens_as("ann", Role::Editor, HOME, false);
    let mut keeps = Subject::clone(&subject("ann", Role::Owner, HOME));
    for membership in keeps.memberships.values_mut() {
        membership.new_documents = Visibility::Private;
    }
    let subject = Some(Arc::new(keeps));
    scene.step(Input::Subject { socket: ann, subject });
    let ben = scene.opens("ben");
    for socket in [ann, ben] {
        scene.says(socket, device.hello());
    }
    scene.says(ann, device.offers(&changes));
    scene.stores();
    assert_eq!(
        scene.syncs(ann).last().map(|saved| saved.heads.clone()),
        Some(device.heads())
    );
    scene.hears(ben);
    scene.passes(300);
    assert!(matches!(scene.hears(ben)[..], [Said::Unavailable]));
}

#[test]
fn what_is_not_durable_yet_is_not_told_to_newcomers() {
    let mut scene = Scene::new();
    let (mut device, ann) = (Author::new(1), scene.opens("ann"));
    let changes = device.write(1);
    scene.says(ann, device.hello());
    scene.says(ann, device.offers(&changes));
    let ben = scene.opens("ben");
    scene.requests(ben);
    scene.passes(500);
    assert!(scene.hears(ben).is_empty());
    scene.stores();
    assert_eq!(carries(&scene.sync(ben)), changes);
}
