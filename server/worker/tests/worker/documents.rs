//! Good documents, and documents that are not in order.

use std::collections::BTreeMap;

use automerge::transaction::Transactable;
use automerge::{ActorId, Author, AutoCommit, Automerge, Change, ChangeHash, ROOT, ReadDoc};
use bytes::Bytes;
use fieldbook_worker::{Job, Outcome, WorkerError};

use crate::sample::{chunks, conflicts, forge, plan, saved, sorted, unloadable, workers};

async fn compact(archive: Option<Bytes>, tail: Vec<Bytes>, expected_heads: Vec<ChangeHash>) -> (Bytes, Outcome) {
    let outcome = workers()
        .run(Job::Compact {
            archive,
            tail,
            expected_heads,
        })
        .await
        .unwrap();
    let Outcome::Compacted { bytes, .. } = &outcome else {
        panic!("{outcome:?}")
    };
    (bytes.clone(), outcome)
}

async fn refusal(job: Job) -> String {
    match workers().run(job).await {
        Err(WorkerError::Refused(words)) => words,
        other => panic!("expected a refusal, got {other:?}"),
    }
}

fn verify(archive: Option<Bytes>, tail: Vec<Bytes>) -> Job {
    Job::Verify { archive, tail }
}

#[tokio::test]
async fn three_thousand_changes_with_conflicts_are_compacted_in_two_steps() {
    let mut document = conflicts(3000);
    let changes = chunks(&mut document);
    assert_eq!(changes.len(), 3000);
    let mut half = Automerge::new();
    half.load_incremental(&changes[..1500].concat()).unwrap();
    let (first, _) = compact(None, changes[..1500].to_vec(), half.get_heads()).await;
    let mut expected = document.get_heads();
    expected.reverse();
    let (second, outcome) = compact(Some(first), changes[1500..].to_vec(), expected).await;

    let Outcome::Compacted { clock, title, .. } = outcome else {
        unreachable!()
    };
    let decoded: Vec<Change> = changes
        .iter()
        .map(|bytes| Change::from_bytes(bytes.to_vec()).unwrap())
        .collect();
    let last = |actor: u8| {
        decoded
            .iter()
            .filter(|change| change.actor_id().to_bytes()[0] == actor)
            .count() as u64
    };
    assert_eq!(clock, [(vec![1; 16], last(1)), (vec![2; 16], last(2))]);
    assert_eq!(title.as_deref(), Some("Both"));
    let loaded = Automerge::load(&second).unwrap();
    assert_eq!(loaded.stats().num_changes, 3000);
    assert_eq!(loaded.hydrate(None), document.document().hydrate(None));
    assert_eq!(
        loaded.get_all(ROOT, "contested").unwrap(),
        document.get_all(ROOT, "contested").unwrap()
    );
}

/// An author stands in the actor's first change alone: Ann's is in the archive, Ben's comes behind it.
#[tokio::test]
async fn compaction_keeps_who_wrote_what() {
    let by = |name: &str, actor: u8| {
        let author = Author::from(name.as_bytes().to_vec());
        move |document: AutoCommit| {
            document
                .with_author(Some(author))
                .with_actor(ActorId::from([actor; 16]))
        }
    };
    let write = |document: &mut AutoCommit, key: &str| {
        document.put(ROOT, key, 1).unwrap();
        document.commit();
    };
    let mut ann = by("ann", 1)(AutoCommit::new());
    write(&mut ann, "a");
    write(&mut ann, "b");
    let mut ben = by("ben", 2)(ann.fork());
    let mut nobody = ann.fork().with_author(None).with_actor(ActorId::from([3; 16]));
    let archived = chunks(&mut ann);
    let (first, _) = compact(None, archived.clone(), ann.get_heads()).await;
    write(&mut ben, "c");
    write(&mut nobody, "c");
    write(&mut ann, "d");
    ann.merge(&mut ben).unwrap();
    ann.merge(&mut nobody).unwrap();
    let all = chunks(&mut ann);
    let tail = all[archived.len()..].to_vec();
    let (second, _) = compact(Some(first), tail, ann.get_heads()).await;

    let loaded = Automerge::load(&second).unwrap();
    assert_eq!(loaded.get_authors(), ann.document().get_authors());
    assert_eq!(loaded.get_authors().len(), 2);
    let names = |changes: Vec<Change>| -> BTreeMap<_, _> {
        let name = |change: &Change| change.author().map(|author| format!("{author:?}"));
        changes.iter().map(|change| (change.hash(), name(change))).collect()
    };
    let expected = names(ann.get_changes(&[]));
    assert_eq!(expected.values().flatten().count(), 2);
    assert_eq!(names(loaded.get_changes(&[])), expected);
    let job = Job::Expand {
        bytes: second,
        max_changes: 5,
        max_total_bytes: 1 << 20,
    };
    let Outcome::Expanded { changes } = workers().run(job).await.unwrap() else {
        unreachable!()
    };
    let sorted = |mut changes: Vec<Bytes>| {
        changes.sort();
        changes
    };
    assert_eq!(sorted(changes), sorted(all));
}

#[tokio::test]
async fn a_saved_document_is_expanded_into_its_changes() {
    let mut document = conflicts(300);
    let job = Job::Expand {
        bytes: saved(&mut document),
        max_changes: 300,
        max_total_bytes: 1 << 20,
    };
    let Outcome::Expanded { changes } = workers().run(job).await.unwrap() else {
        unreachable!()
    };
    assert_eq!(changes.len(), 300);
    let mut rebuilt = Automerge::new();
    for bytes in &changes {
        let change = Change::from_bytes(bytes.to_vec()).unwrap();
        assert_eq!(bytes[4..8], change.hash().0[..4], "the checksum is valid");
        assert!(
            change
                .deps()
                .iter()
                .all(|dep| rebuilt.get_change_meta_by_hash(dep).is_some()),
            "in causal order"
        );
        rebuilt.apply_changes([change]).unwrap();
    }
    assert_eq!(rebuilt.get_heads(), document.get_heads());
}

#[tokio::test]
async fn large_changes_are_expanded_as_deflated_chunks() {
    let mut document = plan(&"long ".repeat(2000), 1);
    let job = Job::Expand {
        bytes: saved(&mut document),
        max_changes: 1,
        max_total_bytes: 1 << 20,
    };
    let Outcome::Expanded { changes } = workers().run(job).await.unwrap() else {
        unreachable!()
    };
    let change = Change::from_bytes(changes[0].to_vec()).unwrap();
    assert_eq!((changes[0][8], change.hash()), (2, document.get_heads()[0]));
    assert_eq!(changes[0][4..8], change.hash().0[..4]);
}

#[tokio::test]
async fn an_expansion_is_bounded() {
    let mut document = plan("Plan", 50);
    let bytes = saved(&mut document);
    let job = |max_changes, max_total_bytes| Job::Expand {
        bytes: bytes.clone(),
        max_changes,
        max_total_bytes,
    };
    assert!(refusal(job(49, 1 << 20)).await.contains("50 changes"));
    assert!(refusal(job(50, 1000)).await.contains("more than 1000 bytes"));
    assert!(workers().run(job(50, 1 << 20)).await.is_ok());
}

#[tokio::test]
async fn only_a_saved_document_is_expanded() {
    let change = chunks(&mut plan("Plan", 1)).remove(0);
    for bytes in [change, Bytes::new(), Bytes::from_static(b"garbage, and more of it")] {
        let words = refusal(Job::Expand {
            bytes,
            max_changes: 9,
            max_total_bytes: 9999,
        })
        .await;
        assert!(words.contains("not a saved automerge document"), "{words}");
    }
}

#[tokio::test]
async fn a_summary_tells_the_title() {
    let summarise = |archive, tail| async move {
        match workers().run(Job::Summarise { archive, tail }).await.unwrap() {
            Outcome::Summary { title } => title,
            other => panic!("{other:?}"),
        }
    };
    let mut document = plan(" Größer\u{7}\nals ", 3);
    assert_eq!(
        summarise(Some(saved(&mut document)), vec![]).await.as_deref(),
        Some("Größer  als")
    );
    assert_eq!(
        summarise(None, chunks(&mut document)).await.as_deref(),
        Some("Größer  als")
    );
    assert_eq!(summarise(None, vec![]).await, None);

    let mut scalar = AutoCommit::new();
    let meta = scalar.put_object(ROOT, "meta", automerge::ObjType::Map).unwrap();
    scalar.put(&meta, "title", "A string").unwrap();
    assert_eq!(summarise(None, chunks(&mut scalar)).await.as_deref(), Some("A string"));
    scalar.put(&meta, "title", 7).unwrap();
    assert_eq!(summarise(None, chunks(&mut scalar)).await, None);
}

#[tokio::test]
async fn a_document_in_order_is_verified_and_exported() {
    let mut document = conflicts(200);
    let changes = chunks(&mut document);
    let (archive, _) = {
        let mut half = Automerge::new();
        half.load_incremental(&changes[..90].concat()).unwrap();
        compact(None, changes[..90].to_vec(), half.get_heads()).await
    };
    let outcome = workers()
        .run(verify(Some(archive.clone()), changes[90..].to_vec()))
        .await
        .unwrap();
    assert_eq!(
        outcome,
        Outcome::Verified {
            heads: sorted(document.get_heads()),
            changes: 200
        }
    );
    let empty = workers().run(verify(None, vec![])).await.unwrap();
    assert_eq!(
        empty,
        Outcome::Verified {
            heads: vec![],
            changes: 0
        }
    );

    let job = Job::Export {
        archive: Some(archive),
        tail: changes[90..].to_vec(),
    };
    let Outcome::Exported { bytes } = workers().run(job).await.unwrap() else {
        unreachable!()
    };
    assert_eq!(
        Automerge::load(&bytes).unwrap().hydrate(None),
        document.document().hydrate(None)
    );
}

#[tokio::test]
async fn a_missing_change_is_noticed() {
    let mut document = plan("Plan", 9);
    let mut tail = chunks(&mut document);
    let missing = Change::from_bytes(tail.remove(4).to_vec()).unwrap().hash();
    let words = refusal(verify(None, tail)).await;
    assert!(
        words.contains("missing") && words.contains(&missing.to_string()),
        "{words}"
    );
}

#[tokio::test]
async fn a_change_that_is_there_twice_is_noticed() {
    let mut document = plan("Plan", 9);
    let mut tail = chunks(&mut document);
    tail.push(tail[3].clone());
    assert!(
        refusal(verify(None, tail.clone()))
            .await
            .contains("change 10 of the tail is there twice")
    );
    let words = refusal(verify(Some(saved(&mut document)), vec![tail[2].clone()])).await;
    assert!(words.contains("change 1 of the tail is there twice"), "{words}");
}

#[tokio::test]
async fn garbage_is_noticed() {
    let mut document = plan("Plan", 9);
    let (archive, tail) = (saved(&mut document), chunks(&mut document));
    let with = |index: usize, bytes: Bytes| {
        let mut tail = tail.clone();
        tail[index] = bytes;
        tail
    };
    for garbage in [
        Bytes::new(),
        Bytes::from_static(b"garbage"),
        tail[4].slice(..20),
        archive.clone(),
    ] {
        let words = refusal(verify(None, with(4, garbage))).await;
        assert!(words.contains("change 5 of the tail"), "{words}");
    }
    let mut flipped = tail[4].to_vec();
    flipped[5] ^= 1;
    let words = refusal(verify(None, with(4, flipped.into()))).await;
    assert!(words.contains("checksum"), "{words}");

    let mut damaged = archive.to_vec();
    let middle = damaged.len() / 2;
    damaged[middle] ^= 1;
    for archive in [
        damaged.into(),
        archive.slice(..archive.len() - 1),
        [&archive[..], b"more"].concat().into(),
    ] {
        let words = refusal(verify(Some(archive), vec![])).await;
        assert!(words.contains("saved document"), "{words}");
    }
}

#[tokio::test]
async fn other_heads_than_expected_are_noticed() {
    let mut document = plan("Plan", 9);
    let expected_heads = vec![ChangeHash([7; 32])];
    let words = refusal(Job::Compact {
        archive: None,
        tail: chunks(&mut document),
        expected_heads,
    })
    .await;
    assert!(words.contains(&document.get_heads()[0].to_string()), "{words}");
}

#[tokio::test]
async fn what_does_not_load_once_saved_is_not_an_archive() {
    for op in unloadable() {
        let mut document = plan("Plan", 9);
        let forged = forge(&mut document, op);
        let hash = Change::from_bytes(forged.to_vec()).unwrap().hash();
        let tail = [chunks(&mut document), vec![forged]].concat();
        for job in [
            Job::Compact {
                archive: None,
                tail: tail.clone(),
                expected_heads: vec![hash],
            },
            verify(None, tail.clone()),
            Job::Export { archive: None, tail },
        ] {
            match workers().run(job).await {
                Err(error) => assert!(error.is_about_the_document(), "{error}"),
                Ok(outcome) => panic!("{outcome:?}"),
            }
        }
    }
}
