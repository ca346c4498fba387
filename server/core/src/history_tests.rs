//! The history against a model that keeps everything and looks at all of it, on random graphs.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::change::Refusal;

/// Positions 1 ..= n; for each, the positions that it depends on.
type Graph = Vec<Vec<usize>>;

fn hash(position: usize) -> ChangeHash {
    let mut bytes = [0; 32];
    // So that the order of hashes is not the order of positions.
    bytes[..8].copy_from_slice(&(position as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes());
    ChangeHash(bytes)
}

fn unknown() -> ChangeHash {
    ChangeHash([0xff; 32])
}

/// As automerge would make it: the op counter goes up along every path. Each change has an actor of its own.
fn change(graph: &Graph, position: usize) -> Change {
    let max_op = depth(graph, position);
    Change {
        hash: hash(position),
        deps: graph[position - 1].iter().map(|dep| hash(*dep)).collect(),
        actor: (position as u64).to_be_bytes().into(),
        seq: 1,
        start_op: max_op,
        max_op,
        bytes: vec![0; position % 7 + 1].into(),
    }
}

/// The length of the longest path that ends here.
fn depth(graph: &Graph, position: usize) -> u64 {
    let mut depths = vec![0; position];
    for at in 0..position {
        depths[at] = 1 + graph[at].iter().map(|dep| depths[dep - 1]).max().unwrap_or(0);
    }
    depths[position - 1]
}

/// These positions and everything before them.
fn ancestors(graph: &Graph, of: &[usize]) -> BTreeSet<usize> {
    let mut all = BTreeSet::new();
    let mut stack = of.to_vec();
    while let Some(position) = stack.pop() {
        if all.insert(position) {
            stack.extend(&graph[position - 1]);
        }
    }
    all
}

fn heads(graph: &Graph, up_to: usize) -> Vec<ChangeHash> {
    let deps: BTreeSet<_> = graph[..up_to].iter().flatten().copied().collect();
    let mut heads: Vec<_> = (1..=up_to)
        .filter(|position| !deps.contains(position))
        .map(hash)
        .collect();
    heads.sort_unstable();
    heads
}

fn archive(graph: &Graph, up_to: usize, retained: usize) -> ArchiveMeta {
    ArchiveMeta {
        position: up_to as u64,
        heads: (1..=up_to)
            .filter(|position| heads(graph, up_to).contains(&hash(*position)))
            .map(|position| HeadAt {
                hash: hash(position),
                max_op: depth(graph, position),
            })
            .collect(),
        clock: (1..=up_to)
            .map(|position| ((position as u64).to_be_bytes().to_vec(), 1))
            .collect(),
        bytes: 0,
        retained: RetainedFrom {
            position: (up_to - retained) as u64 + 1,
            heads: heads(graph, up_to - retained),
        },
    }
}

/// A history with an archive of the first `archived`, and the rest admitted and durable.
fn history(graph: &Graph, archived: usize, retained: usize) -> History {
    let meta = (archived > 0).then(|| archive(graph, archived, retained));
    let mut history = History::behind(meta);
    for position in archived + 1..=graph.len() {
        // What lies in the archive the store has confirmed.
        let old = graph[position - 1].iter().filter(|dep| **dep <= archived);
        history.confirm(old.map(|dep| HeadAt {
            hash: hash(*dep),
            max_op: depth(graph, *dep),
        }));
        let admitted = history.admit(change(graph, position), None);
        assert_eq!(admitted, Admission::Admitted(position as u64));
    }
    history.store_up_to(graph.len() as u64);
    history
}

prop_compose! {
    fn graphs()(choices in prop::collection::vec((any::<[u8; 2]>(), 0..4u8), 1..40)) -> Graph {
        let mut graph: Graph = Vec::new();
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
        graph
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
    let names: Vec<_> = named.iter().copied().map(hash).chain([unknown()]).collect();
    let base = history.base() as usize;
    match history.lacks(&names, graph.len() as u64) {
        Lacks::Changes(positions) => {
            let expected: Vec<_> = (1..=graph.len()).filter(|position| !has.contains(position)).collect();
            let expected: Vec<_> = expected.into_iter().map(|position| position as u64).collect();
            prop_assert_eq!(positions, expected);
        }
        Lacks::Everything => {
            let base_heads = heads(graph, base);
            let has: BTreeSet<_> = has.into_iter().map(hash).collect();
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
        let rows = (archived - retained + 1..=archived).map(|position| change(&graph, position));
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
        let names = |positions: &[usize]| positions.iter().copied().map(hash).collect::<Vec<_>>();
        let mut named = names(&reported);
        prop_assert_eq!(history.covers(&named, &names(&wanted)), expected);
        named.push(unknown());
        prop_assert_eq!(history.covers(&named, &names(&wanted)), expected);
        prop_assert!(!history.covers(&named, &[hash(10_000)]), "nobody has what is not there");
    }

    #[test]
    fn heads_and_durable_heads_are_those_of_the_log(graph in graphs(), durable in any::<prop::sample::Index>()) {
        let mut history = History::default();
        for position in 1..=graph.len() {
            history.admit(change(&graph, position), None);
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
        history.trim(all_have, false);
        let expected = ((archived - retained) as u64).min(all_have).max(before as u64);
        prop_assert_eq!(history.base(), expected);
        prop_assert_eq!(history.len() as u64, graph.len() as u64 - expected);
        prop_assert_eq!(history.base_heads.iter().copied().collect::<Vec<_>>(), heads(&graph, expected as usize));
        prop_assert_eq!(history.stored_heads(), heads(&graph, graph.len()));
        check_lacks(&history, &graph, &named)?;
        let archive_known = heads(&graph, archived).iter().all(|head| history.knows(head));
        prop_assert!(archive_known, "what the archive ends with can be written on");
        // When the last has caught up, the rest goes.
        history.trim(u64::MAX, false);
        prop_assert!(!history.may_trim());
        check_lacks(&history, &graph, &named)?;
    }

    #[test]
    fn what_is_retained_is_the_end_within_its_bounds(
        (graph, archived, _, _) in scenes(),
        up_to in any::<prop::sample::Index>(),
        (changes, bytes) in (0..10usize, 0..40usize),
    ) {
        let history = history(&graph, archived, 0);
        let up_to = archived + up_to.index(graph.len() - archived + 1);
        let kept = history.retain(up_to as u64, changes, bytes);
        let first = kept.position as usize;
        let size = |from: usize| (from..=up_to).map(|position| change(&graph, position).bytes.len()).sum::<usize>();
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
            left.retain(|_, position| match history.admit(change(&graph, *position), None) {
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
    let graph = vec![vec![], vec![1]];
    let with = |adjust: fn(&mut Change)| {
        let mut history = History::default();
        history.admit(change(&graph, 1), None);
        let mut next = change(&graph, 2);
        adjust(&mut next);
        history.admit(next, None)
    };
    assert_eq!(with(|_| {}), Admission::Admitted(2));
    assert_eq!(with(|next| next.seq = 2), Admission::Refused(Refusal::Sequence));
    assert_eq!(
        with(|next| next.actor = 1u64.to_be_bytes().into()),
        Admission::Refused(Refusal::Fork)
    );
    assert_eq!(with(|next| next.start_op = 1), Admission::Refused(Refusal::StartOp));
    assert_eq!(with(|next| next.hash = hash(1)), Admission::Known);
}

#[test]
fn names_are_forgotten_after_a_compaction_unless_somebody_waits() {
    let graph: Graph = (0..5).map(|at| if at == 0 { vec![] } else { vec![at] }).collect();
    for keep_names in [false, true] {
        let mut history = history(&graph, 0, 0);
        history.archived(archive(&graph, 5, 1));
        history.trim(u64::MAX, keep_names);
        let known: Vec<_> = (1..=5).map(|position| history.knows(&hash(position))).collect();
        assert_eq!(
            known,
            [keep_names, keep_names, keep_names, true, true],
            "the base's head is 4"
        );
    }
}

#[test]
fn retained_changes_of_another_archive_are_left_out() {
    let graph: Graph = (0..6).map(|at| if at == 0 { vec![] } else { vec![at] }).collect();
    let mut history = history(&graph, 4, 2);
    history.recall(vec![change(&graph, 4)]);
    assert_eq!(history.base(), 4, "one is missing");
    history.recall(vec![change(&graph, 5), change(&graph, 6)]);
    assert_eq!(history.base(), 4, "as many, but of an archive that is not heard of yet");
    history.archived(archive(&graph, 6, 0));
    history.recall(vec![change(&graph, 3), change(&graph, 4)]);
    assert_eq!(history.base(), 4, "a compaction came in between");
}
