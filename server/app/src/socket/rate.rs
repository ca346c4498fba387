//! How much a socket may send: a token bucket (one second's worth may come at once).

use std::time::{Duration, Instant};

/// So many per second.
#[derive(Debug)]
pub(super) struct Rate {
    per_second: f64,
    left: f64,
    at: Instant,
}

impl Rate {
    pub(super) fn new(per_second: u32, now: Instant) -> Self {
        let per_second = f64::from(per_second);
        Self {
            per_second,
            left: per_second,
            at: now,
        }
    }

    /// Takes `amount`, even beyond what is left, and says how long to wait until that is made good.
    pub(super) fn take(&mut self, amount: usize, now: Instant) -> Duration {
        self.refill(now);
        self.left -= amount as f64;
        if self.left >= 0.0 {
            Duration::ZERO
        } else {
            Duration::from_secs_f64(-self.left / self.per_second)
        }
    }

    /// Takes `amount` if that much is left, or all there can be.
    pub(super) fn try_take(&mut self, amount: usize, now: Instant) -> bool {
        self.refill(now);
        let amount = amount as f64;
        let there = self.left >= amount.min(self.per_second);
        if there {
            self.left -= amount;
        }
        there
    }

    /// Nothing has been taken, or all of it has come back.
    pub(super) fn is_full(&mut self, now: Instant) -> bool {
        self.refill(now);
        self.left >= self.per_second
    }

    fn refill(&mut self, now: Instant) {
        let gained = now.saturating_duration_since(self.at).as_secs_f64() * self.per_second;
        self.left = (self.left + gained).min(self.per_second);
        self.at = now;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beyond_the_rate_one_waits_and_then_goes_on() {
        let start = Instant::now();
        let mut rate = Rate::new(10, start);
        assert_eq!(rate.take(10, start), Duration::ZERO);
        assert_eq!(rate.take(5, start), Duration::from_millis(500));
        let later = start + Duration::from_millis(500);
        assert!(!rate.try_take(1, later));
        assert!(rate.try_take(1, later + Duration::from_millis(101)));
        let much_later = later + Duration::from_secs(5);
        assert!(rate.try_take(25, much_later), "as much as there can be is there");
        assert!(!rate.try_take(1, much_later + Duration::from_secs(1)));
    }
}
