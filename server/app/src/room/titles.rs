//! The list's copies of titles. A room brings that of its document up to date; what is left behind, because the process
//! was killed or the disk was full, is found in the store.

use std::time::Duration;

use fieldbook_core::id::DocumentId;
use fieldbook_store::StoreError;
use fieldbook_worker::{Job, Outcome};

use super::Rooms;
use crate::auth::now_ms;

/// How long is waited before looking again, as long as there are some behind; twice as long after each look that
/// changed nothing …
const FIRST_PAUSE: Duration = Duration::from_secs(10);
/// … up to this.
const LONGEST_PAUSE: Duration = Duration::from_secs(10 * 60);
/// How long the child that reads titles waits for another.
pub(super) const IDLE: Duration = Duration::from_secs(5);
/// So many failures end a look: it is the store, or the workers.
const MOST_FAILURES: usize = 10;

/// What a look came to.
#[derive(Debug, Default)]
struct Look {
    behind: usize,
    updated: usize,
    failed: usize,
    error: Option<String>,
}

impl Rooms {
    /// Brings titles up to date that no room cares for: at the start, and after a failure. Ends never.
    pub async fn keep_titles(&self) {
        let (mut pause, mut skip) = (FIRST_PAUSE, 0);
        loop {
            let look = self.look_for_titles(skip).await;
            // Those that failed come last the next time.
            skip += look.failed;
            if look.updated > 0 {
                tracing::info!(documents = look.updated, "titles in the list were brought up to date");
                pause = FIRST_PAUSE;
            }
            if let Some(error) = &look.error
                && self.store_trouble().is_none()
            {
                tracing::warn!(
                    error,
                    "titles in the list could not be brought up to date; it is tried again"
                );
            }
            if look.behind == 0 && look.error.is_none() {
                self.0.titles_behind.notified().await;
                pause = FIRST_PAUSE;
            }
            tokio::time::sleep(pause).await;
            pause = (2 * pause).min(LONGEST_PAUSE);
        }
    }

    /// One after the other, so that there is a place for what somebody waits for.
    async fn look_for_titles(&self, skip: usize) -> Look {
        let mut look = Look::default();
        let mut behind = match self.0.store.behind_in_the_list().await {
            Ok(behind) => behind,
            Err(error) => {
                look.error = Some(error.to_string());
                return look;
            }
        };
        look.behind = behind.len();
        let skip = skip.checked_rem(behind.len()).unwrap_or(0);
        behind.rotate_left(skip);
        for (id, up_to) in behind {
            if self.is_in_memory(id) {
                continue;
            }
            let _turn = self.0.summaries.next().await;
            match update(self, id, up_to).await {
                Ok(()) => look.updated += 1,
                Err(error) => {
                    look.failed += 1;
                    look.error = Some(error);
                    if look.failed == MOST_FAILURES {
                        break;
                    }
                }
            }
        }
        look
    }
}

/// As of the change at this position. An error may be gone the next time. A document of which no title can be read keeps
/// the one that it has, until it changes.
pub(super) async fn update(rooms: &Rooms, id: DocumentId, up_to: u64) -> Result<(), String> {
    let (store, said) = (&rooms.0.store, |error: StoreError| error.to_string());
    let (position, archive) = store.read_archive(id).await.map_err(said)?.unzip();
    let position = position.unwrap_or(0);
    let tail = store.read_changes(id, position, up_to).await.map_err(said)?;
    let up_to = position + tail.len() as u64;
    let title = match rooms.0.titles.run(Job::Summarise { archive, tail }).await {
        Ok(Outcome::Summary { title }) => title,
        Ok(_) => return Err("the worker answered another question".to_owned()),
        Err(error) if error.is_about_the_document() => {
            tracing::warn!(document = %id, %error, "a document's title cannot be read");
            None
        }
        Err(error) => return Err(error.to_string()),
    };
    store
        .set_summary(id, title.as_deref(), now_ms(), up_to)
        .await
        .map_err(said)
}
