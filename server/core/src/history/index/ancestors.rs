//! What a change has in its past.
//!
//! Actors number their changes, and whoever has seen one of them has seen those before it; so a past is a number for each
//! actor. Nearly always that is "everything up to a position", so only what differs from this is kept.

use super::{ChangeRun, Index, View};

/// How far apart a view's position and a dependency may be, in runs, for the view to be told by the latter.
const RAISE_RUNS: usize = 64;

impl Index {
    /// Is an operation that exists in the past of a change whose view this is? `author`, who made the change, has
    /// their own past in it.
    pub(in crate::history) fn sees(&self, view: &View, author: u32, id: super::OpId) -> bool {
        if id.actor == author {
            return true;
        }
        match view.exception(id.actor) {
            Some(seen) => self.seq_of_op(id) <= seen,
            None => self.position_of_op(id) <= view.up_to,
        }
    }

    /// The last sequence number of an actor that is in the past of a change at `position`, or is that change.
    pub(in crate::history) fn seen_by(&self, position: u64, actor: u32) -> u32 {
        let (run, offset) = self.change(position as u32);
        if run.actor == actor {
            return run.seq + offset;
        }
        self.seen(&run.view, actor)
    }

    /// Greatest op counter of the change at `position`; one less than its start op if it has no operations.
    pub(in crate::history) fn max_op_at(&self, position: u64) -> u32 {
        let (run, offset) = self.change(position as u32);
        run.start_op + (offset + 1) * run.ops - 1
    }

    /// The view of a change that is made on top of the change before it, by the same actor.
    pub(in crate::history) fn view_of_last(&self, actor: u32) -> Option<View> {
        let last = self.changes.last()?;
        (last.actor == actor).then(|| last.view.clone())
    }

    /// The view of a change that has everything in its past.
    pub(in crate::history) fn view_of_all(&self) -> View {
        View {
            up_to: self.last() as u32,
            except: None,
        }
    }

    /// The view of a change made on top of those at `deps`.
    pub(in crate::history) fn view_of(&self, deps: &[u64]) -> View {
        let Some(newest) = deps.iter().max() else {
            return View::default();
        };
        let union = Union::new(self, deps);
        let mut actors: Vec<u32> = union.told.iter().map(|(actor, ..)| *actor).collect();
        let view = self.view_that_differs(union.up_to(), &mut actors, |actor| union.seen(self, actor).0);
        self.raise(view, *newest as u32)
    }

    /// The same view told by a later position, if that makes it no longer.
    fn raise(&self, view: View, to: u32) -> View {
        if to <= view.up_to {
            return view;
        }
        let exceptions = view.exceptions();
        let most = RAISE_RUNS + 2 * exceptions.len();
        let between = || {
            let upper = self.changes.partition_point(|run| run.position <= to);
            let lower = |run: &&ChangeRun| run.position + run.count > view.up_to + 1;
            self.changes[..upper].iter().rev().take_while(lower)
        };
        if between().take(most + 1).count() > most {
            return view;
        }
        let mut actors: Vec<u32> = between()
            .map(|run| run.actor)
            .chain(exceptions.iter().map(|(actor, _)| *actor))
            .collect();
        let raised = self.view_that_differs(to, &mut actors, |actor| self.seen(&view, actor));
        if raised.exceptions().len() <= exceptions.len() {
            raised
        } else {
            view
        }
    }

    fn view_that_differs(&self, up_to: u32, actors: &mut Vec<u32>, seen: impl Fn(u32) -> u32) -> View {
        actors.sort_unstable();
        actors.dedup();
        let except: Vec<_> = actors
            .iter()
            .map(|actor| (*actor, seen(*actor)))
            .filter(|(actor, seen)| *seen != self.seq_at(*actor, up_to))
            .collect();
        View {
            up_to,
            except: (!except.is_empty()).then(|| except.into()),
        }
    }

    fn seen(&self, view: &View, actor: u32) -> u32 {
        view.exception(actor).unwrap_or_else(|| self.seq_at(actor, view.up_to))
    }

    /// An actor's last sequence number at positions up to this one.
    fn seq_at(&self, actor: u32, up_to: u32) -> u32 {
        let runs = &self.actors[actor as usize].changes;
        let before = runs.partition_point(|run| self.changes[*run as usize].position <= up_to);
        match before.checked_sub(1) {
            Some(last) => {
                let run = &self.changes[runs[last] as usize];
                run.seq + (up_to - run.position).min(run.count - 1)
            }
            None => 0,
        }
    }

    fn change(&self, position: u32) -> (&ChangeRun, u32) {
        let run = self.changes.partition_point(|run| run.position <= position) - 1;
        let run = &self.changes[run];
        (run, position - run.position)
    }

    /// The run of changes in which an operation is made, and which of its changes that is.
    fn change_of_op(&self, id: super::OpId) -> Option<(&ChangeRun, u32)> {
        let runs = &self.actors[id.actor as usize].changes;
        let before = runs.partition_point(|run| self.changes[*run as usize].start_op <= id.counter);
        let run = &self.changes[runs[before.checked_sub(1)?] as usize];
        Some((run, (id.counter - run.start_op).checked_div(run.ops)?))
    }

    fn seq_of_op(&self, id: super::OpId) -> u32 {
        self.change_of_op(id).map_or(u32::MAX, |(run, offset)| run.seq + offset)
    }

    fn position_of_op(&self, id: super::OpId) -> u32 {
        self.change_of_op(id)
            .map_or(u32::MAX, |(run, offset)| run.position + offset)
    }
}

/// What several changes together have in their pasts. To find out what it says of all actors that they tell apart takes
/// as many steps as they tell apart in sum, however many changes that are.
struct Union {
    /// Up to which position each of the changes has everything else; the greatest first.
    up_to: Vec<u32>,
    /// What is told apart: the actor, the place in `up_to` of who tells it, the last sequence number. Sorted.
    told: Vec<(u32, u32, u32)>,
}

impl Union {
    fn new(index: &Index, deps: &[u64]) -> Self {
        let mut changes: Vec<_> = deps.iter().map(|dep| index.change(*dep as u32)).collect();
        changes.sort_unstable_by_key(|(run, _)| std::cmp::Reverse(run.view.up_to));
        let mut told = Vec::new();
        for (place, (run, offset)) in (0..).zip(&changes) {
            told.push((run.actor, place, run.seq + offset));
            let others = run.view.exceptions().iter().filter(|(actor, _)| *actor != run.actor);
            told.extend(others.map(|(actor, seen)| (*actor, place, *seen)));
        }
        told.sort_unstable();
        Self {
            up_to: changes.iter().map(|(run, _)| run.view.up_to).collect(),
            told,
        }
    }

    fn up_to(&self) -> u32 {
        self.up_to.first().copied().unwrap_or(0)
    }

    /// An actor's last sequence number in any of the pasts; and the steps that it took to find it.
    fn seen(&self, index: &Index, actor: u32) -> (u32, usize) {
        let from = self.told.partition_point(|(other, ..)| *other < actor);
        let told = self.told[from..].iter().take_while(|(other, ..)| *other == actor);
        let (mut seen, mut untold, mut steps) = (0, 0, 1);
        for (_, place, seq) in told {
            seen = seen.max(*seq);
            // Of those that do not tell this actor apart, the first has seen the most.
            untold += usize::from(*place as usize == untold);
            steps += 1;
        }
        if let Some(up_to) = self.up_to.get(untold) {
            seen = seen.max(index.seq_at(actor, *up_to));
        }
        (seen, steps)
    }
}

impl View {
    fn exceptions(&self) -> &[(u32, u32)] {
        self.except.as_deref().unwrap_or_default()
    }

    /// How many actors it tells apart.
    pub(in crate::history) fn len(&self) -> usize {
        self.exceptions().len()
    }

    fn exception(&self, actor: u32) -> Option<u32> {
        let exceptions = self.exceptions();
        let found = exceptions.binary_search_by_key(&actor, |(actor, _)| *actor).ok()?;
        Some(exceptions[found].1)
    }
}

#[cfg(test)]
#[path = "ancestors_tests.rs"]
mod tests;
