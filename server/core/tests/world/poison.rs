//! Changes with a right checksum that harm whoever applies them: automerge panics, or saves what does not load (R4).

use automerge::legacy::{ElementId, Key, ObjectId, Op, OpId, OpType};
use automerge::{ActorId, Automerge, Change, ExpandedChange, ObjId, ROOT, ReadDoc};

use super::rng::Rng;

/// What the change gets wrong.
const WAYS: [Way; 8] = [
    Way::ObjectNeverMade,
    Way::ObjectIsNone,
    Way::ElementNeverMade,
    Way::ElementIsNone,
    Way::PredecessorElsewhere,
    Way::StartBelowDeps,
    Way::SequenceSkips,
    Way::InsertionIntoMap,
];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    ObjectNeverMade,
    ObjectIsNone,
    ElementNeverMade,
    ElementIsNone,
    PredecessorElsewhere,
    StartBelowDeps,
    SequenceSkips,
    InsertionIntoMap,
}

/// A change on top of `document`, by an actor that has written nothing yet.
pub(crate) fn poison(document: &Automerge, actor: ActorId, rng: &mut Rng) -> Option<Change> {
    let (_, ObjId::Id(counter, maker, _)) = document.get(ROOT, "text").ok()?? else {
        return None;
    };
    // The text was made with its first letters, right behind it.
    let (text, letter) = (OpId::new(counter, &maker), OpId::new(counter + 1, &maker));
    let last = document.get_changes(&[]).iter().map(Change::max_op).max()?;
    let never_made = OpId::new(last, &actor);
    let way = rng.pick(&WAYS);
    let key = Key::Map("title".into());
    let (object, key, predecessors) = match way {
        Way::ObjectNeverMade => (ObjectId::Id(never_made), key, vec![]),
        Way::ObjectIsNone => (ObjectId::Id(letter), key, vec![]),
        Way::ElementNeverMade => (ObjectId::Id(text), Key::Seq(ElementId::Id(never_made)), vec![]),
        Way::ElementIsNone => (ObjectId::Id(text.clone()), Key::Seq(ElementId::Id(text)), vec![]),
        Way::PredecessorElsewhere => (ObjectId::Root, key, vec![letter]),
        Way::StartBelowDeps | Way::SequenceSkips => (ObjectId::Root, key, vec![]),
        Way::InsertionIntoMap => (ObjectId::Root, Key::head(), vec![]),
    };
    let insert = matches!(key, Key::Seq(_));
    let start = if way == Way::StartBelowDeps { 1 } else { last + 1 };
    Some(Change::from(ExpandedChange {
        operations: vec![Op {
            action: OpType::Put("x".into()),
            obj: object,
            key,
            pred: predecessors.into(),
            insert,
        }],
        actor_id: actor,
        hash: None,
        seq: if way == Way::SequenceSkips { 2 } else { 1 },
        start_op: start.try_into().ok()?,
        time: 0,
        message: None,
        deps: document.get_heads(),
        extra_bytes: Vec::new(),
        author: None,
    }))
}
