//! [`AuditLog`] on SQLite.

use async_trait::async_trait;
use fieldbook_core::id::WorkspaceId;
use rusqlite::{Connection, Row, Savepoint, params};

use super::error::damaged;
use super::{SqliteStore, query};
use crate::StoreError;
use crate::audit::{AuditAction, AuditEntry, AuditEvent, AuditLog, Credential, Named};

const MINUTE_MS: i64 = 60_000;

#[async_trait]
impl AuditLog for SqliteStore {
    async fn record(&self, event: AuditEvent) -> Result<(), StoreError> {
        self.write_audited(event, |_| Ok(true)).await.map(|_| ())
    }

    async fn record_refusal(&self, event: AuditEvent, most_per_minute: u32) -> Result<bool, StoreError> {
        let subject = event.subject.as_ref().map(|subject| subject.id.clone());
        let (address, minute) = (
            event.address.map(|address| address.to_string()),
            event.at_ms / MINUTE_MS,
        );
        let write = self.write_audited(event, move |connection| {
            let sql = "select count(*), coalesce(sum(subject_id is ? and address is ?), 0) from audit_log
                 where action = 'sign_in_refused' and at_ms >= ? and at_ms < ?";
            let values = params![subject, address, minute * MINUTE_MS, (minute + 1) * MINUTE_MS];
            let found = query::first(connection, sql, values, |row| {
                Ok((row.get::<_, u32>(0)?, row.get::<_, u32>(1)?))
            })?;
            Ok(found.is_none_or(|(all, same)| all < most_per_minute && same == 0))
        });
        write.await
    }

    async fn audit_log(
        &self,
        workspace: Option<WorkspaceId>,
        before: Option<i64>,
        limit: u32,
    ) -> Result<Vec<AuditEntry>, StoreError> {
        let read = self.readers.read(move |snapshot| {
            let values = params![workspace.map(|id| id.0), before.unwrap_or(i64::MAX), limit];
            let sql = "select key, at_ms, workspace, action, actor_id, actor_name, credential, subject_id,
                     subject_name, detail, address
                 from audit_log where (?1 is null or workspace is null or workspace = ?1) and key < ?2
                 order by key desc limit ?3";
            query::all(snapshot, sql, values, parse_entry)
        });
        read.await
    }
}

impl SqliteStore {
    /// Does a job and, if it found what it wanted to change, writes down that it did: both or neither.
    pub(super) async fn write_audited<J>(&self, event: AuditEvent, job: J) -> Result<bool, StoreError>
    where
        J: FnOnce(&Savepoint<'_>) -> Result<bool, StoreError> + Send + 'static,
    {
        let write = self
            .writer
            .write(move |connection| Ok(job(connection)? && append(connection, &event)?));
        write.await
    }
}

/// Adds an entry at the end.
pub(super) fn append(connection: &Connection, event: &AuditEvent) -> Result<bool, StoreError> {
    let sql = "insert into audit_log (at_ms, workspace, action, actor_id, actor_name, credential, subject_id,
             subject_name, detail, address)
         values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
    let (actor, subject) = (event.actor.as_ref(), event.subject.as_ref());
    let values = params![
        event.at_ms,
        event.workspace.map(|id| id.0),
        event.action.as_str(),
        actor.map(|actor| &actor.id),
        actor.map(|actor| &actor.name),
        event.credential.as_str(),
        subject.map(|subject| &subject.id),
        subject.map(|subject| &subject.name),
        event.detail,
        event.address.map(|address| address.to_string()),
    ];
    query::execute(connection, sql, values)
}

fn parse_entry(row: &Row<'_>) -> Result<AuditEntry, StoreError> {
    let word = |column: usize| row.get::<_, String>(column);
    let wrong = || damaged("an entry of the audit log");
    let address: Option<String> = row.get(10)?;
    let address = address.map(|text| text.parse().map_err(|_| wrong())).transpose()?;
    Ok(AuditEntry {
        number: row.get(0)?,
        event: AuditEvent {
            at_ms: row.get(1)?,
            workspace: row.get::<_, Option<_>>(2)?.map(WorkspaceId),
            action: AuditAction::parse(&word(3)?).ok_or_else(wrong)?,
            actor: parse_named(row, 4)?,
            credential: Credential::parse(&word(6)?).ok_or_else(wrong)?,
            subject: parse_named(row, 7)?,
            detail: row.get(9)?,
            address,
        },
    })
}

fn parse_named(row: &Row<'_>, column: usize) -> Result<Option<Named>, StoreError> {
    let id: Option<String> = row.get(column)?;
    let name: Option<String> = row.get(column + 1)?;
    Ok(id.map(|id| Named {
        id,
        name: name.unwrap_or_default(),
    }))
}
