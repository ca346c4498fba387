//! A child that does one job after the other, for jobs so small that starting a child would be most of the work.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Mutex;
use tokio::time::Instant;

use crate::job::{Job, Outcome};
use crate::parent::{Running, WorkerError, Workers};

/// One child at a time, which is started when there is a job and ended when there was none for a while. A job must not be
/// worse off for those before it: what fails with a child that has done something already is tried again with a new one.
///
/// For documents that were admitted, not for what somebody has just uploaded: one child reads them all.
#[derive(Debug, Clone)]
pub struct LastingWorker {
    workers: Workers,
    idle: Duration,
    child: Arc<Mutex<Option<Used>>>,
}

#[derive(Debug)]
struct Used {
    running: Running,
    /// How long its jobs took.
    spent: Duration,
    last: Instant,
}

impl LastingWorker {
    /// None is started yet. `idle`: how long one waits for a job.
    #[must_use]
    pub fn new(workers: Workers, idle: Duration) -> Self {
        let child = Arc::default();
        Self { workers, idle, child }
    }

    /// Does one job, after those that came before.
    ///
    /// # Errors
    /// See [`WorkerError`].
    pub async fn run(&self, job: Job) -> Result<Outcome, WorkerError> {
        let mut slot = self.child.lock().await;
        let _place = self.workers.place_for(&job).await?;
        // Taken out: if the future is dropped the child goes with it, in the middle of an answer that nobody reads.
        if let Some(used) = slot.take() {
            match self.perform(used, &job).await {
                (Err(error), None) if !matches!(error, WorkerError::Deadline(_)) => {}
                (outcome, used) => {
                    *slot = used;
                    return outcome;
                }
            }
        }
        let new = Used {
            running: self.workers.start()?,
            spent: Duration::ZERO,
            last: Instant::now(),
        };
        let (outcome, used) = self.perform(new, &job).await;
        if used.is_some() {
            tokio::spawn(end_when_idle(Arc::clone(&self.child), self.idle));
        }
        *slot = used;
        outcome
    }

    /// The child comes back if it is good for another job. Its limit on CPU time is for all of its jobs.
    async fn perform(&self, mut used: Used, job: &Job) -> (Result<Outcome, WorkerError>, Option<Used>) {
        let (limits, began) = (self.workers.limits(), Instant::now());
        let outcome = used.running.perform(job, limits).await;
        used.last = Instant::now();
        used.spent += used.last - began;
        let lost = outcome.as_ref().is_err_and(WorkerError::is_about_the_child);
        if lost || used.spent >= limits.deadline {
            used.running.end().await;
            return (outcome, None);
        }
        (outcome, Some(used))
    }
}

async fn end_when_idle(child: Arc<Mutex<Option<Used>>>, idle: Duration) {
    loop {
        let mut slot = child.lock().await;
        let Some(used) = &*slot else { return };
        let end = used.last + idle;
        if end <= Instant::now() {
            if let Some(used) = slot.take() {
                used.running.end().await;
            }
            return;
        }
        drop(slot);
        tokio::time::sleep_until(end).await;
    }
}
