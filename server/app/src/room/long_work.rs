//! Work that takes long: away from the threads that serve, so much at a time, and so much of it for one user.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// One user's turns at long work. Who has many documents and sockets waits for themselves, and nobody waits for all that
/// they have sent.
#[derive(Debug, Clone)]
pub struct Turns(Arc<Semaphore>);

/// Goes with a piece of long work, to its end.
#[derive(Debug)]
pub struct Turn(#[expect(dead_code, reason = "held, not read")] OwnedSemaphorePermit);

impl Turns {
    /// So many at a time.
    #[must_use]
    pub fn new(at_a_time: usize) -> Self {
        Self(Arc::new(Semaphore::new(at_a_time.clamp(1, Semaphore::MAX_PERMITS))))
    }

    /// Waits for a turn, in the order of asking.
    pub async fn next(&self) -> Turn {
        match Arc::clone(&self.0).acquire_owned().await {
            Ok(permit) => Turn(permit),
            // Nobody closes it.
            Err(_) => std::future::pending().await,
        }
    }

    /// How many are free.
    #[must_use]
    pub fn free(&self) -> usize {
        self.0.available_permits()
    }
}

/// The threads for long work of all rooms.
pub(super) struct LongWork(Semaphore);

impl LongWork {
    pub(super) fn new(threads: usize) -> Self {
        Self(Semaphore::new(threads.clamp(1, Semaphore::MAX_PERMITS)))
    }

    /// Works where nobody is held up, as soon as there is a thread.
    pub(super) async fn run<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> T {
        let _thread = self.0.acquire().await;
        match tokio::task::spawn_blocking(work).await {
            Ok(done) => done,
            Err(error) => match error.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                // The server is going down.
                Err(_) => std::future::pending().await,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[tokio::test]
    async fn one_users_work_waits_for_their_own_alone() {
        let (ann, ben) = (Turns::new(1), Turns::new(1));
        let first = ann.next().await;
        let mut second = std::pin::pin!(ann.next());
        assert!(futures_util::poll!(second.as_mut()).is_pending());
        let _his = ben.next().await;
        drop(first);
        assert!(futures_util::poll!(second.as_mut()).is_ready());
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn no_more_threads_work_than_are_allowed() {
        let (work, running) = (Arc::new(LongWork::new(2)), Arc::new(AtomicUsize::new(0)));
        let tasks: Vec<_> = (0..8)
            .map(|_| {
                let (work, running) = (Arc::clone(&work), Arc::clone(&running));
                tokio::spawn(async move {
                    let together = work.run(move || {
                        let together = running.fetch_add(1, Ordering::SeqCst) + 1;
                        std::thread::sleep(std::time::Duration::from_millis(20));
                        running.fetch_sub(1, Ordering::SeqCst);
                        together
                    });
                    together.await
                })
            })
            .collect();
        for task in tasks {
            assert!(task.await.unwrap() <= 2);
        }
    }
}
