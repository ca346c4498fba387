//! The history against a model that keeps everything and looks at all of it, on random graphs.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::change::Refusal;
use crate::limits::Limits;

/// Changes at positions 1 ..= n, each by an actor of its own; for each, the positions that it depends on.
#[derive(Debug, Clone)]
struct Graph {
    deps: Vec<Vec<usize>>,
    changes: Vec<Change>,
}

impl Graph {
    fn new(deps: Vec<Vec<usize>>) -> Self {
        let mut changes: Vec<Change> = Vec::new();
        for (at, of) in deps.iter().enumerate() {
            let names = of.iter().map(|dep| changes[dep - 1].hash).collect();
            let max_op = of.iter().map(|dep| changes[dep - 1].max_op).max().unwrap_or(0);
            changes.push(put(at as u64 + 1, 1, max_op + 1, names));
        }
        Self { deps, changes }
    }

    /// Each on top of the one before.
    fn line(length: usize) -> Self {
        Self::new((0..length).map(|at| if at == 0 { vec![] } else { vec![at] }).collect())
    }

    fn len(&self) -> usize {
        self.changes.len()
    }

    fn change(&self, position: usize) -> Change {
        self.changes[position - 1].clone()
    }

    fn hash(&self, position: usize) -> ChangeHash {
        self.changes[position - 1].hash
    }

    fn placed(&self, position: usize) -> Placed {
        Placed {
            hash: self.hash(position),
            position: position as u64,
        }
    }
}

fn unknown() -> ChangeHash {
    ChangeHash([0xff; 32])
}

/// A change that puts something at a key of the root.
fn put(actor: u64, seq: u64, start_op: u64, mut deps: Vec<ChangeHash>) -> Change {
    deps.sort_unstable();
    let change = automerge::ExpandedChange {
        operations: vec![automerge::legacy::Op {
            action: automerge::legacy::OpType::Put(automerge::ScalarValue::Uint(actor)),
            obj: automerge::legacy::ObjectId::Root,
            key: automerge::legacy::Key::Map("key".into()),
            pred: automerge::legacy::SortedVec::new(),
            insert: false,
        }],
        actor_id: actor.to_be_bytes().as_slice().into(),
        hash: None,
        seq,
        start_op: start_op.try_into().unwrap(),
        time: 0,
        message: None,
        author: None,
        deps,
        extra_bytes: Vec::new(),
    };
    let bytes = automerge::Change::from(change).raw_bytes().to_vec();
    Change::parse(bytes.into(), &Limits::default()).unwrap()
}

/// These positions and everything before them.
fn ancestors(graph: &Graph, of: &[usize]) -> BTreeSet<usize> {
    let mut all = BTreeSet::new();
    let mut stack = of.to_vec();
    while let Some(position) = stack.pop() {
        if all.insert(position) {
            stack.extend(&graph.deps[position - 1]);
        }
    }
    all
}

fn heads(graph: &Graph, up_to: usize) -> Vec<ChangeHash> {
    let deps: BTreeSet<_> = graph.deps[..up_to].iter().flatten().copied().collect();
    let mut heads: Vec<_> = (1..=up_to)
        .filter(|position| !deps.contains(position))
        .map(|position| graph.hash(position))
        .collect();
    heads.sort_unstable();
    heads
}

fn archive(graph: &Graph, up_to: usize, retained: usize) -> ArchiveMeta {
    ArchiveMeta {
        position: up_to as u64,
        heads: (1..=up_to)
            .map(|position| graph.placed(position))
            .filter(|at| heads(graph, up_to).contains(&at.hash))
            .collect(),
        clock: (1..=up_to)
            .map(|position| ((position as u64).to_be_bytes().to_vec(), 1))
            .collect(),
        bytes: 0,
        retained: RetainedFrom {
            position: (up_to - retained) as u64 + 1,
            heads: heads(graph, up_to - retained),
        },
        index: index(graph, 0, up_to, Bytes::new()),
    }
}

/// The index up to `to`, made from the one up to `from`.
fn index(graph: &Graph, from: usize, to: usize, before: Bytes) -> Bytes {
    let chunks = graph.changes[from..to].iter().map(|change| change.bytes.clone());
    let place = |dep: &ChangeHash| graph.changes.iter().position(|change| change.hash == *dep);
    let index = extend_index(&before, heads(graph, from), chunks, |dep| {
        place(dep).map(|at| at as u64 + 1)
    })
    .unwrap();
    assert_eq!(index.last(), to as u64);
    index.encode().into()
}

/// A history with an archive of the first `archived`, and the rest admitted and durable.
fn history(graph: &Graph, archived: usize, retained: usize) -> History {
    let meta = (archived > 0).then(|| archive(graph, archived, retained));
    let mut history = History::behind(meta);
    for position in archived + 1..=graph.len() {
        // What lies in the archive the store has confirmed.
        let old = graph.deps[position - 1].iter().filter(|dep| **dep <= archived);
        history.confirm(old.map(|dep| graph.placed(*dep)));
        let admitted = history.admit(graph.change(position), None);
        assert_eq!(admitted, Admission::Admitted(position as u64));
    }
    history.store_up_to(graph.len() as u64);
    history
}

prop_compose! {
    fn graphs()(choices in prop::collection::vec((any::<[u8; 2]>(), 0..4u8), 1..40)) -> Graph {
        let mut graph = Vec::new();
        for (at, (from, shape)) in choices.into_iter().enumerate() {
            // Mostly a line; at times a branch, a merge, or a new root.
            let back = |byte: u8| at - usize::from(byte) % at.min(6);
            let mut deps = match shape {
                _ if at == 0 => vec![],
                0 | 1 => vec![at],
                2 => vec![back(from[0])],
                _ if from[0] > 250 => vec![],
                _ => vec![back(from[0]), back(from[1])],
            };
            deps.sort_unstable();
            deps.dedup();
            graph.push(deps);
        }
        Graph::new(graph)
    }
}

/// A graph, how much of it is archived, how much of that is retained, and what a client names.
fn scenes() -> impl Strategy<Value = (Graph, usize, usize, Vec<usize>)> {
    graphs().prop_flat_map(|graph| {
        let length = graph.len();
        (
            Just(graph),
            0..=length,
            0..=length,
            prop::collection::vec(1..=length, 0..4),
        )
            .prop_map(|(graph, archived, retained, named)| (graph, archived, retained.min(archived), named))
    })
}

fn check_lacks(history: &History, graph: &Graph, named: &[usize]) -> Result<(), TestCaseError> {
    let has = ancestors(graph, named);
    let names: Vec<_> = named
        .iter()
        .copied()
        .map(|position| graph.hash(position))
        .chain([unknown()])
        .collect();
    let base = history.base() as usize;
    match history.lacks(&names, graph.len() as u64) {
        Lacks::Changes(positions) => {
            let expected: Vec<_> = (1..=graph.len()).filter(|position| !has.contains(position)).collect();
            let expected: Vec<_> = expected.into_iter().map(|position| position as u64).collect();
            prop_assert_eq!(positions, expected);
        }
        Lacks::Everything => {
            let base_heads = heads(graph, base);
            let has: BTreeSet<_> = has.into_iter().map(|position| graph.hash(position)).collect();
            prop_assert!(
                !base_heads.iter().all(|head| has.contains(head)),
                "it could have been told"
            );
        }
    }
    Ok(())
}

proptest! {
    #[test]
    fn what_a_client_lacks_is_what_is_no_ancestor((graph, archived, retained, named) in scenes()) {
        let mut history = history(&graph, archived, retained);
        check_lacks(&history, &graph, &named)?;
        // The same when the retained changes are read back in.
        let can = history.can_recall();
        prop_assert_eq!(can, archived > 0 && retained > 0);
        let rows = (archived - retained + 1..=archived).map(|position| graph.change(position));
        history.recall(rows.collect());
        prop_assert_eq!(history.base() as usize, archived - retained);
        prop_assert_eq!(history.base_heads.iter().copied().collect::<Vec<_>>(), heads(&graph, archived - retained));
        check_lacks(&history, &graph, &named)?;
        prop_assert!(!history.can_recall());
    }

    #[test]
    fn heads_cover_what_is_before_them((graph, archived, _, reported) in scenes(), wanted in prop::collection::vec(any::<u8>(), 1..4)) {
        let history = history(&graph, archived, 0);
        let in_memory = graph.len() - archived;
        prop_assume!(in_memory > 0);
        let wanted: Vec<_> = wanted.into_iter().map(|byte| archived + 1 + usize::from(byte) % in_memory).collect();
        let covered = ancestors(&graph, &reported);
        let expected = wanted.iter().all(|position| covered.contains(position));
        let names = |positions: &[usize]| positions.iter().copied().map(|position| graph.hash(position)).collect::<Vec<_>>();
        let mut named = names(&reported);
        prop_assert_eq!(history.covers(&named, &names(&wanted)), expected);
        named.push(unknown());
        prop_assert_eq!(history.covers(&named, &names(&wanted)), expected);
        prop_assert!(!history.covers(&named, &[ChangeHash([0xfe; 32])]), "nobody has what is not there");
    }

    #[test]
    fn heads_and_durable_heads_are_those_of_the_log(graph in graphs(), durable in any::<prop::sample::Index>()) {
        let mut history = History::default();
        for position in 1..=graph.len() {
            history.admit(graph.change(position), None);
        }
        let durable = durable.index(graph.len() + 1);
        history.store_up_to(durable as u64);
        prop_assert_eq!(history.stored_heads(), heads(&graph, durable));
        prop_assert_eq!(history.heads.iter().copied().collect::<Vec<_>>(), heads(&graph, graph.len()));
        prop_assert_eq!((history.last(), history.stored()), (graph.len() as u64, durable as u64));
    }

    #[test]
    fn an_archive_lets_changes_go_but_not_what_somebody_lacks(
        (graph, archived, retained, named) in scenes(),
        (before, all_have) in any::<(prop::sample::Index, prop::sample::Index)>(),
    ) {
        let before = before.index(archived + 1);
        let mut history = history(&graph, before, 0);
        let all_have = (before + all_have.index(graph.len() - before + 1)) as u64;
        prop_assume!(archived > 0);
        history.archived(archive(&graph, archived, retained));
        history.trim(all_have, false, HashSet::new);
        let expected = ((archived - retained) as u64).min(all_have).max(before as u64);
        prop_assert_eq!(history.base(), expected);
        prop_assert_eq!(history.len() as u64, graph.len() as u64 - expected);
        prop_assert_eq!(history.base_heads.iter().copied().collect::<Vec<_>>(), heads(&graph, expected as usize));
        prop_assert_eq!(history.stored_heads(), heads(&graph, graph.len()));
        check_lacks(&history, &graph, &named)?;
        let archive_known = heads(&graph, archived).iter().all(|head| history.knows(head));
        prop_assert!(archive_known, "what the archive ends with can be written on");
        // When the last has caught up, the rest goes.
        history.trim(u64::MAX, false, HashSet::new);
        prop_assert!(!history.may_trim());
        check_lacks(&history, &graph, &named)?;
    }

    #[test]
    fn what_is_retained_is_the_end_within_its_bounds(
        (graph, archived, _, _) in scenes(),
        up_to in any::<prop::sample::Index>(),
        (changes, bytes) in (0..10usize, 0..1_000usize),
    ) {
        let history = history(&graph, archived, 0);
        let up_to = archived + up_to.index(graph.len() - archived + 1);
        let kept = history.retain(up_to as u64, changes, bytes);
        let first = kept.position as usize;
        let size = |from: usize| (from..=up_to).map(|position| graph.change(position).bytes.len()).sum::<usize>();
        prop_assert!(first > archived && first <= up_to + 1);
        prop_assert!(up_to + 1 - first <= changes && size(first) <= bytes);
        let could_have_kept_more = first > archived + 1 && up_to + 2 - first <= changes && size(first - 1) <= bytes;
        prop_assert!(!could_have_kept_more);
        prop_assert_eq!(kept.heads, heads(&graph, first - 1));
    }

    #[test]
    fn changes_are_admitted_in_any_order_that_respects_what_they_depend_on(graph in graphs(), order in any::<u64>()) {
        let mut history = History::default();
        let mut left: BTreeMap<u64, usize> =
            (1..=graph.len()).map(|position| ((position as u64).wrapping_mul(order | 1), position)).collect();
        while !left.is_empty() {
            let before = left.len();
            left.retain(|_, position| match history.admit(graph.change(*position), None) {
                Admission::Admitted(_) => false,
                Admission::Waits { missing, .. } => !missing.is_empty(),
                other => panic!("{other:?}"),
            });
            prop_assert!(left.len() < before);
        }
        prop_assert_eq!(history.heads.iter().copied().collect::<Vec<_>>(), heads(&graph, graph.len()));
    }
}

#[test]
fn what_cannot_be_is_refused() {
    let first = put(1, 1, 1, vec![]);
    let after = |next: Change| {
        let mut history = History::default();
        history.admit(first.clone(), None);
        history.admit(next, None)
    };
    let deps = vec![first.hash];
    assert_eq!(after(put(2, 1, 2, deps.clone())), Admission::Admitted(2));
    assert_eq!(after(put(1, 2, 2, deps.clone())), Admission::Admitted(2));
    let refused = |refusal| Admission::Refused(refusal);
    assert_eq!(after(put(2, 2, 2, deps.clone())), refused(Refusal::Sequence));
    assert_eq!(after(put(1, 3, 2, deps.clone())), refused(Refusal::Sequence));
    assert_eq!(
        after(put(1, 2, 2, vec![])),
        refused(Refusal::Sequence),
        "not on top of its own"
    );
    assert_eq!(after(put(1, 1, 2, deps.clone())), refused(Refusal::Fork));
    assert_eq!(after(put(2, 1, 1, deps.clone())), refused(Refusal::StartOp));
    assert_eq!(after(put(2, 1, 2 + MAX_AHEAD, deps.clone())), Admission::Admitted(2));
    assert_eq!(after(put(2, 1, 3 + MAX_AHEAD, deps)), refused(Refusal::StartOp));
    assert_eq!(after(first.clone()), Admission::Known);
}

#[test]
fn what_all_leave_out_together_has_a_bound_and_nobody_uses_it_up_at_once() {
    let mut history = History::default();
    let root = put(0, 1, 1, vec![]);
    history.admit(root.clone(), None);
    let mut admitted = 0;
    for actor in 1.. {
        // As if on top of an old state, and as far ahead as may be.
        let start = u64::from(history.index.as_ref().unwrap().max_op()) + 1 + MAX_AHEAD;
        match history.admit(put(actor, 1, start, vec![root.hash]), None) {
            Admission::Admitted(_) => admitted += 1,
            other => {
                assert_eq!(other, Admission::Refused(Refusal::StartOp));
                break;
            }
        }
    }
    // Each leaves out what those before it did, and so much more.
    assert_eq!(admitted, 8, "1 + 2 + … + 8 times 100,000 are 3.6 million");
    let typed = put(500, 1, 2, vec![root.hash]);
    assert!(
        matches!(history.admit(typed, None), Admission::Admitted(_)),
        "who leaves nothing out goes on"
    );
}

#[test]
fn a_past_with_too_many_branches_is_refused() {
    const BRANCHES: u64 = 800;
    let mut history = History::default();
    let mut some_of_all = Vec::new();
    for round in 1..=3 {
        let branches = (1..=BRANCHES).map(|actor| put(round * 10_000 + actor, 1, 1, vec![]));
        let branches: Vec<_> = branches.collect();
        for branch in &branches {
            assert!(matches!(history.admit(branch.clone(), None), Admission::Admitted(_)));
        }
        let all: Vec<_> = history.heads.iter().copied().collect();
        let merge = put(round, 1, round * 10 + 1, all);
        assert!(
            matches!(history.admit(merge, None), Admission::Admitted(_)),
            "everything is nothing special"
        );
        // Who merges every other branch, and nothing else, tells 400 apart each time.
        some_of_all.extend(branches.iter().step_by(2).map(|change| change.hash));
        let some = put(round * 1_000, 1, round * 10 + 2, some_of_all.clone());
        some_of_all = vec![some.hash];
        let outcome = history.admit(some, None);
        if round * BRANCHES / 2 <= MAX_BRANCHES as u64 {
            assert!(matches!(outcome, Admission::Admitted(_)), "{outcome:?}");
        } else {
            assert_eq!(outcome, Admission::Refused(Refusal::Branches));
        }
    }
}

#[test]
fn heads_are_bounded_and_a_merge_always_fits() {
    let mut history = History::default();
    let root = put(0, 1, 1, vec![]);
    history.admit(root.clone(), None);
    for actor in 1..=MAX_HEADS as u64 {
        let branch = put(actor, 1, 2, vec![root.hash]);
        assert_eq!(history.admit(branch, None), Admission::Admitted(actor + 1));
    }
    let one_more = || put(5_000, 1, 2, vec![root.hash]);
    assert_eq!(history.admit(one_more(), None), Admission::Refused(Refusal::Branches));
    let heads: Vec<_> = history.heads.iter().copied().collect();
    let too_many = [&heads[..], &[root.hash]].concat();
    assert_eq!(
        history.admit(put(5_001, 1, 3, too_many), None),
        Admission::Refused(Refusal::Branches),
        "more dependencies than there can be heads"
    );
    for (actor, deps) in [(5_002, &heads[..1]), (5_003, &heads[1..3]), (5_004, &heads[3..])] {
        let outcome = history.admit(put(actor, 1, 3, deps.to_vec()), None);
        assert!(matches!(outcome, Admission::Admitted(_)), "{outcome:?}");
    }
    assert_eq!(history.heads.len(), 3);
    assert!(matches!(history.admit(one_more(), None), Admission::Admitted(_)));
    assert_eq!(history.heads.len(), 4);
}

/// Elsewhere the changes come in another order than here, where nobody had to wait for places.
#[test]
fn what_is_stored_is_sound_in_any_order() {
    let root = put(0, 1, 1, vec![]);
    let branches: Vec<_> = (1..=MAX_HEADS as u64 + 1)
        .map(|actor| put(actor, 1, 2, vec![root.hash]))
        .collect();
    let merge = put(5_000, 1, 3, vec![branches[0].hash, branches[1].hash]);
    let here = [&root, &branches[0], &branches[1], &merge]
        .into_iter()
        .chain(&branches[2..]);
    let mut history = History::default();
    for change in here {
        assert!(matches!(history.admit(change.clone(), None), Admission::Admitted(_)));
    }
    let elsewhere = [&root].into_iter().chain(&branches).chain([&merge]);
    let history = History::of_stored(elsewhere.map(|change| change.bytes.clone()));
    assert_eq!(history.map(|history| history.last()), Ok(MAX_HEADS as u64 + 3));
}

#[test]
fn names_are_forgotten_after_a_compaction_unless_somebody_waits() {
    let graph = Graph::line(5);
    for keep_names in [false, true] {
        let mut history = history(&graph, 0, 0);
        history.archived(archive(&graph, 5, 1));
        history.trim(u64::MAX, keep_names, HashSet::new);
        let known: Vec<_> = (1..=5).map(|position| history.knows(&graph.hash(position))).collect();
        assert_eq!(
            known,
            [keep_names, keep_names, keep_names, true, true],
            "the base's head is 4"
        );
    }
    let mut history = history(&graph, 0, 0);
    history.archived(archive(&graph, 5, 1));
    history.trim(u64::MAX, false, || HashSet::from([graph.hash(2)]));
    assert!(history.knows(&graph.hash(2)) && !history.knows(&graph.hash(3)));
}

#[test]
fn retained_changes_of_another_archive_are_left_out() {
    let graph = Graph::line(6);
    let mut history = history(&graph, 4, 2);
    history.recall(vec![graph.change(4)]);
    assert_eq!(history.base(), 4, "one is missing");
    history.recall(vec![graph.change(5), graph.change(6)]);
    assert_eq!(history.base(), 4, "as many, but of an archive that is not heard of yet");
    history.archived(archive(&graph, 6, 0));
    history.recall(vec![graph.change(3), graph.change(4)]);
    assert_eq!(history.base(), 4, "a compaction came in between");
}

#[test]
fn a_damaged_index_is_found_out_or_harmless_to_read() {
    let deps = vec![vec![], vec![1], vec![1], vec![2, 3], vec![3], vec![4, 5]];
    let graph = Graph::new(deps);
    let whole = index(&graph, 0, graph.len(), Bytes::new());
    let decoded = Index::decode(&whole).unwrap();
    assert_eq!(decoded.encode(), whole, "it survives its bytes");
    for length in 0..whole.len() {
        assert!(Index::decode(&whole[..length]).is_err(), "cut after {length} bytes");
    }
    for at in 0..whole.len() {
        for bit in 0..8 {
            let mut damaged = whole.to_vec();
            damaged[at] ^= 1 << bit;
            if let Ok(other) = Index::decode(&damaged) {
                assert_ne!(other, decoded, "byte {at}, bit {bit} says nothing");
            }
        }
    }
}
