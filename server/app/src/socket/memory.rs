//! What is in memory for one user at a time: messages that have not come whole, messages that wait to be taken, changes
//! that wait for others, and what waits to be sent. All sockets of the user have one budget for it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// One user's budget. Who asks while it is used up gets nothing; so it is exceeded by one piece at most.
#[derive(Debug)]
pub struct Memory {
    most: usize,
    used: AtomicUsize,
}

/// A part of a budget, given back when dropped.
#[derive(Debug)]
pub struct Charge {
    memory: Arc<Memory>,
    bytes: usize,
}

impl Memory {
    /// A budget of so many bytes.
    #[must_use]
    pub fn new(most: usize) -> Arc<Self> {
        Arc::new(Self {
            most,
            used: AtomicUsize::new(0),
        })
    }

    /// How many bytes are in use.
    #[must_use]
    pub fn used(&self) -> usize {
        self.used.load(Ordering::Relaxed)
    }

    /// A part that is empty yet.
    #[must_use]
    pub fn charge(self: &Arc<Self>) -> Charge {
        Charge {
            memory: Arc::clone(self),
            bytes: 0,
        }
    }
}

impl Charge {
    /// Makes it this large. `false`: the budget is used up, and it stays as it was.
    #[must_use]
    pub fn set(&mut self, bytes: usize) -> bool {
        let used = &self.memory.used;
        if bytes > self.bytes {
            if self.memory.used() >= self.memory.most {
                return false;
            }
            used.fetch_add(bytes - self.bytes, Ordering::Relaxed);
        } else if bytes < self.bytes {
            used.fetch_sub(self.bytes - bytes, Ordering::Relaxed);
        }
        self.bytes = bytes;
        true
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        self.memory.used.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_is_exceeded_by_one_piece_at_most_and_comes_back() {
        let memory = Memory::new(100);
        let (mut first, mut second) = (memory.charge(), memory.charge());
        assert!(first.set(90));
        assert!(second.set(50));
        assert!(!first.set(91));
        assert_eq!(memory.used(), 140);
        assert!(first.set(10));
        assert!(first.set(20));
        drop(second);
        assert_eq!(memory.used(), 20);
        drop(first);
        assert_eq!(memory.used(), 0);
    }
}
