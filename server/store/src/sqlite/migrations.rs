//! The tables, step by step from one version of them to the next.

use rusqlite::{Connection, TransactionBehavior};

use super::open::Failure;

/// The database's `user_version` says how many of them it has taken. What is here never changes; steps are added.
const STEPS: [&str; 11] = [
    include_str!("../../migrations/0001_documents_and_people.sql"),
    include_str!("../../migrations/0002_titles_in_step.sql"),
    include_str!("../../migrations/0003_people_of_others.sql"),
    include_str!("../../migrations/0004_devices.sql"),
    include_str!("../../migrations/0005_rotation.sql"),
    include_str!("../../migrations/0006_access.sql"),
    include_str!("../../migrations/0007_audit_log.sql"),
    include_str!("../../migrations/0008_password_resets.sql"),
    include_str!("../../migrations/0009_trash.sql"),
    include_str!("../../migrations/0010_invitations.sql"),
    include_str!("../../migrations/0011_makers_of_resets.sql"),
];

/// Takes the steps that are due, all of them or none.
pub(super) fn run(connection: &mut Connection) -> Result<(), Failure> {
    // The lock is taken before looking: another process may be about to do the same.
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    if transaction.table_exists(None, "_sqlx_migrations")? {
        let words = "it was made by an earlier build of this unreleased version: \
                     export what matters with that build, and start with a new data folder";
        return Err(words.into());
    }
    let version: i64 = transaction.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let due = usize::try_from(version).ok().and_then(|taken| STEPS.get(taken..));
    let Some(due) = due else {
        return Err("it was written by a newer version of Fieldbook".into());
    };
    if due.is_empty() {
        return Ok(());
    }
    for step in due {
        transaction.execute_batch(step)?;
    }
    transaction.execute_batch(&format!("pragma user_version = {}", STEPS.len()))?;
    Ok(transaction.commit()?)
}
