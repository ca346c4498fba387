//! What a merge of many pasts costs, counted in steps.

use super::super::ChangeAt;
use super::*;

/// 1,000 actors who have each seen one change of all the others, and not the same ones; then somebody merges them all.
#[test]
fn a_merge_of_1000_pasts_that_differ_takes_steps_as_they_tell_apart_in_sum() {
    const ACTORS: u32 = 1_000;
    let mut index = Index::default();
    let add = |index: &mut Index, actor: u32, seq: u32, view: View| {
        let (actor, _) = index.begin(&actor.to_be_bytes());
        let change = ChangeAt {
            actor,
            seq,
            start_op: seq,
            ops: 1,
        };
        index.add_change(change, view, false);
        index.last()
    };
    for actor in 0..ACTORS {
        add(&mut index, actor, 1, View::default());
    }
    let mut deps = Vec::new();
    for actor in 0..ACTORS {
        let except: Vec<_> = (0..ACTORS)
            .map(|other| (other, u32::from(other % 7 == actor % 7)))
            .collect();
        let view = View {
            up_to: actor,
            except: Some(except.into()),
        };
        deps.push(add(&mut index, actor, 2, view));
    }
    let union = Union::new(&index, &deps);
    assert_eq!(union.told.len(), 1_000_000);
    let steps: usize = (0..ACTORS).map(|actor| union.seen(&index, actor).1).sum();
    assert_eq!(steps, 1_001_000);
    for actor in 0..ACTORS {
        let one_by_one = deps.iter().map(|dep| index.seen_by(*dep, actor)).max();
        assert_eq!(Some(union.seen(&index, actor).0), one_by_one);
    }
    assert_eq!(index.view_of(&deps), index.view_of_all());
}
