//! Which of two elements comes first in its sequence.
//!
//! A sequence is a tree: each element is a child of the one after which it was inserted, parents come before their
//! children, and of two children the one with the greater id comes first (the RGA of Roh et al., "Replicated abstract
//! data types", 2011, as automerge orders it). So the order of two elements never changes once both exist.

use std::cmp::Ordering;

use super::{HEAD, Index, OpId, Slot};

/// An element on the way up from where one began, and the child through which one came.
#[derive(Clone, Copy)]
struct Climber {
    at: OpId,
    through: Option<OpId>,
}

impl Index {
    /// Does `first` come before `second` in their sequence? `None`: to find out takes more than the `steps` that are
    /// left, or one of them is no element.
    pub(in crate::history) fn precedes(&self, first: OpId, second: OpId, steps: &mut u32) -> Option<bool> {
        let climber = |at| Climber { at, through: None };
        let (mut a, mut b) = (climber(first), climber(second));
        loop {
            *steps = steps.checked_sub(1)?;
            let (start_a, start_b) = (self.run_start(a.at)?, self.run_start(b.at)?);
            if start_a == start_b {
                return Some(match a.at.counter.cmp(&b.at.counter) {
                    Ordering::Equal => self.parted(a.through, b.through),
                    Ordering::Less => self.parted(a.through, Some(next(a.at))),
                    Ordering::Greater => self.parted(Some(next(b.at)), b.through),
                });
            }
            // The run that began later cannot have the other's element below it.
            if self.greater(start_a, start_b) {
                a = self.climb(start_a)?;
            } else {
                b = self.climb(start_b)?;
            }
        }
    }

    /// Two ways down from the same element: who stays there comes first, then the child with the greater id.
    fn parted(&self, a: Option<OpId>, b: Option<OpId>) -> bool {
        match (a, b) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(a), Some(b)) => self.greater(a, b),
        }
    }

    /// By counter, then by the actor's bytes.
    pub(in crate::history) fn greater(&self, a: OpId, b: OpId) -> bool {
        let actor = |id: OpId| &self.actors[id.actor as usize].id;
        a.counter > b.counter || (a.counter == b.counter && a != b && actor(a) > actor(b))
    }

    fn run_start(&self, id: OpId) -> Option<OpId> {
        if id == HEAD {
            return Some(HEAD);
        }
        let (run, _) = self.run(id)?;
        matches!(run.slot, Slot::Inserted { .. }).then_some(OpId {
            counter: run.start,
            actor: id.actor,
        })
    }

    fn climb(&self, start: OpId) -> Option<Climber> {
        let (run, _) = self.run(start)?;
        match run.slot {
            Slot::Inserted { after } => Some(Climber {
                at: after,
                through: Some(start),
            }),
            _ => None,
        }
    }
}

/// The child of an element in its own run.
fn next(id: OpId) -> OpId {
    OpId {
        counter: id.counter + 1,
        ..id
    }
}
