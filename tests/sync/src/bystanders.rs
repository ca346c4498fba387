//! Two people who mind their own business.

use std::time::Duration;

use fieldbook_harness::TestServer;
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// Ada and Bob type in a document of their own while others misbehave. Each waits for the other's words.
pub struct Bystanders {
    rounds: watch::Receiver<u64>,
    task: JoinHandle<()>,
}

/// Longest that one's words may take to the other.
const NOTICEABLE: Duration = Duration::from_secs(3);

impl Bystanders {
    /// They sit down and begin.
    pub async fn of(server: &TestServer) -> Self {
        let (ada, bob) = (server.user("ada"), server.user("bob"));
        let (mut ada, mut bob) = (ada.connect().await, bob.connect().await);
        let document = ada.create().await;
        ada.saved(&document).await;
        bob.find(&document).await.expect("they share a workspace");
        let (told, rounds) = watch::channel(0);
        let task = tokio::spawn(async move {
            for round in 1_u64.. {
                let (hers, his) = (format!("<a{round}>"), format!("<b{round}>"));
                ada.write(&document, &hers).await;
                bob.until_within(NOTICEABLE, "Ada's words", |bob| bob.text(&document).contains(&hers))
                    .await;
                bob.write(&document, &his).await;
                ada.until_within(NOTICEABLE, "Bob's words", |ada| ada.text(&document).contains(&his))
                    .await;
                told.send_replace(round);
                tokio::time::sleep(Duration::from_millis(5)).await; // people, not machines
            }
        });
        Self { rounds, task }
    }

    /// Two more rounds arrive: they have noticed nothing.
    ///
    /// # Panics
    /// When they have.
    pub async fn type_on(&mut self, after: &str) {
        let enough = *self.rounds.borrow() + 2;
        let went_on = self.rounds.wait_for(|round| *round >= enough).await.is_ok();
        assert!(went_on, "after {after}: the words of two bystanders no longer arrive");
    }
}

impl Drop for Bystanders {
    fn drop(&mut self) {
        self.task.abort();
    }
}
