//! What it means that a change is harmless, asked of automerge itself.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::panic::{AssertUnwindSafe, catch_unwind};

use automerge::{Automerge, Change, ChangeHash, ObjId, ObjType, Prop, ROOT, ReadDoc, Value};

use super::rng::Rng;

/// These changes can be applied in any order that their dependencies allow; what comes of it is the same, can be read,
/// saved, and loaded.
pub(crate) fn check(changes: &[Change], rng: &mut Rng) -> Result<(), String> {
    let attempt = catch_unwind(AssertUnwindSafe(|| {
        let heads = heads(changes);
        let at_once = apply(changes.to_vec(), &heads)?;
        let read = read(&at_once);
        for _ in 0..2 {
            let one_by_one = apply_one_by_one(&in_another_order(changes, rng), &heads)?;
            if self::read(&one_by_one) != read {
                return Err("another order gives another document".to_owned());
            }
        }
        for document in [&at_once, &apply_one_by_one(changes, &heads)?] {
            let loaded =
                Automerge::load(&document.save()).map_err(|error| format!("saved, it does not load: {error}"))?;
            expect_heads(&loaded, &heads, "saved and loaded")?;
            if self::read(&loaded) != read {
                return Err("saved and loaded it is another document".to_owned());
            }
            let again = loaded.get_changes(&[]);
            if again.len() != changes.len() {
                return Err(format!("{} changes came back of {}", again.len(), changes.len()));
            }
        }
        Ok(())
    }));
    attempt.unwrap_or_else(|_| Err("automerge panics".to_owned()))
}

fn apply(changes: Vec<Change>, heads: &[ChangeHash]) -> Result<Automerge, String> {
    let mut document = Automerge::new();
    document
        .apply_changes(changes)
        .map_err(|error| format!("cannot be applied: {error}"))?;
    expect_heads(&document, heads, "applied at once")?;
    Ok(document)
}

fn apply_one_by_one(changes: &[Change], heads: &[ChangeHash]) -> Result<Automerge, String> {
    let mut document = Automerge::new();
    for change in changes {
        document
            .apply_changes([change.clone()])
            .map_err(|error| format!("cannot be applied alone: {error}"))?;
    }
    expect_heads(&document, heads, "applied one by one")?;
    Ok(document)
}

fn expect_heads(document: &Automerge, heads: &[ChangeHash], when: &str) -> Result<(), String> {
    if document.get_heads() == heads {
        Ok(())
    } else {
        Err(format!("{when}, the heads are others"))
    }
}

fn heads(changes: &[Change]) -> Vec<ChangeHash> {
    let mut heads: BTreeSet<_> = changes.iter().map(Change::hash).collect();
    for dep in changes.iter().flat_map(Change::deps) {
        heads.remove(dep);
    }
    heads.into_iter().collect()
}

/// Everything that can be read of a document, in words, by object.
fn read(document: &Automerge) -> BTreeMap<String, String> {
    drop(document.hydrate(None));
    let mut read = BTreeMap::from([("authors".to_owned(), format!("{:?}", document.get_authors()))]);
    let mut objects = vec![(ROOT, ObjType::Map)];
    while let Some((object, kind)) = objects.pop() {
        let mut words = match kind {
            ObjType::Text => read_text(document, &object),
            ObjType::List => read_places(document, &object, (0..document.length(&object)).map(Prop::from)),
            _ => read_places(document, &object, document.keys(&object).map(Prop::from)),
        };
        for (value, id) in document.values(&object) {
            if let Value::Object(kind) = value {
                objects.push((id, kind));
            }
        }
        words += &format!(" {kind:?}");
        read.insert(object.to_string(), words);
    }
    read
}

fn read_places(document: &Automerge, object: &ObjId, places: impl Iterator<Item = Prop>) -> String {
    let places = places.map(|place| {
        let all = document.get_all(object, place.clone()).unwrap_or_default();
        let all: Vec<_> = all.into_iter().map(|(value, id)| format!("{value:?} {id}")).collect();
        format!("{place}: {all:?}")
    });
    places.collect::<Vec<_>>().join(", ")
}

fn read_text(document: &Automerge, text: &ObjId) -> String {
    let mut marks: Vec<_> = document
        .marks(text)
        .iter()
        .flatten()
        .map(|mark| format!("{mark:?}"))
        .collect();
    marks.sort_unstable();
    let spans = document.spans(text).map(Iterator::count);
    format!("{:?} {marks:?} {spans:?}", document.text(text))
}

/// The same changes, in another order in which each comes after those that it depends on.
pub(crate) fn in_another_order(changes: &[Change], rng: &mut Rng) -> Vec<Change> {
    let mut left: Vec<&Change> = changes.iter().collect();
    let mut there = HashSet::new();
    let mut ordered = Vec::with_capacity(changes.len());
    while !left.is_empty() {
        let free: Vec<_> = (0..left.len())
            .filter(|at| left[*at].deps().iter().all(|dep| there.contains(dep)))
            .collect();
        let change = left.remove(rng.pick(&free));
        there.insert(change.hash());
        ordered.push(change.clone());
    }
    ordered
}
