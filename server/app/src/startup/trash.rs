//! What was in the trash for long enough is deleted for ever.

use std::sync::Arc;
use std::time::Duration;

use fieldbook_store::{AuditAction, Credential, StoreError};

use super::State;
use crate::audit;
use crate::auth::now_ms;

const INTERVAL: Duration = Duration::from_secs(3_600);

/// Empties the trash at the start and every hour, until the server stops.
pub(super) async fn keep_emptying(state: Arc<State>) {
    let mut stopping = state.stopping();
    loop {
        match state.empty_trash(now_ms()).await {
            Ok(0) => {}
            Ok(purged) => tracing::info!(purged, "documents were in the trash for long enough, and are gone"),
            Err(error) => tracing::warn!(%error, "the trash could not be emptied; it is tried again in an hour"),
        }
        tokio::select! {
            _ = stopping.changed() => return,
            () = tokio::time::sleep(INTERVAL) => {}
        }
    }
}

impl State {
    /// Deletes what has been in the trash for `trash.keep_days` at this time, in milliseconds since 1970, and says how many
    /// documents that were. One at a time: others write meanwhile.
    ///
    /// # Errors
    /// What the store says; those before are gone.
    pub async fn empty_trash(&self, now_ms: i64) -> Result<usize, StoreError> {
        let mut purged = 0;
        let Some(kept_ms) = self.config.trash.kept_until_ms(0) else {
            return Ok(purged);
        };
        let event = audit::on_this_machine(AuditAction::DocumentPurged, Credential::Server);
        while !self.is_stopping() {
            let oldest = self.store.purge_oldest(now_ms - kept_ms, now_ms, event.clone());
            let Some(touched) = oldest.await? else { break };
            self.sockets.access_changed(touched).await;
            purged += 1;
        }
        Ok(purged)
    }
}
