//! [`Identities`] on SQLite.

use async_trait::async_trait;
use fieldbook_core::id::UserId;
use rusqlite::{Connection, Row, params};
use tokio::sync::oneshot;

use super::accounts::{insert_account, parse_account, select_account};
use super::error::damaged;
use super::{SqliteStore, query};
use crate::{Account, AuditEvent, Device, ExternalId, Identities, PasswordReset, SecretState, SessionId, StoreError};

#[async_trait]
impl Identities for SqliteStore {
    async fn external_account(&self, id: &ExternalId) -> Result<Option<Account>, StoreError> {
        let id = id.clone();
        self.readers.read(move |snapshot| find(snapshot, &id)).await
    }

    async fn create_external_account(&self, id: &ExternalId, account: Account) -> Result<Account, StoreError> {
        let owned = id.clone();
        let write = self.writer.write(move |connection| match find(connection, &owned)? {
            Some(_) => Ok(false),
            None => insert(connection, &owned, &account),
        });
        write.await?;
        self.external_account(id)
            .await?
            .ok_or_else(|| damaged("an account that was just stored"))
    }

    async fn device(&self, secret_hash: [u8; 32], now_ms: i64) -> Result<Option<(Device, SecretState)>, StoreError> {
        let read = self.readers.read(move |snapshot| {
            let sql = select_device!(
                "where (secret_hash = ?1 or next_hash = ?1 or previous_hash = ?1) and expires_at_ms > ?2"
            );
            query::first(snapshot, sql, params![secret_hash, now_ms], |row| {
                let state = match (row.get::<_, [u8; 32]>(6)?, row.get::<_, Option<[u8; 32]>>(7)?) {
                    (current, _) if current == secret_hash => SecretState::Current,
                    (_, Some(next)) if next == secret_hash => SecretState::Next,
                    _ => SecretState::Previous { until_ms: row.get(8)? },
                };
                Ok((parse_device(row)?, state))
            })
        });
        read.await
    }

    async fn offer_secret(
        &self,
        id: SessionId,
        next_hash: [u8; 32],
        now_ms: i64,
        unless_after_ms: i64,
    ) -> Result<bool, StoreError> {
        let write = self.writer.write(move |connection| {
            let sql = "update sessions set next_hash = ?, next_at_ms = ?
                 where id = ? and (next_hash is null or next_at_ms <= ?)";
            query::execute(connection, sql, params![next_hash, now_ms, id.0, unless_after_ms])
        });
        write.await
    }

    async fn take_secret(&self, next_hash: [u8; 32], now_ms: i64, previous_until_ms: i64) -> Result<bool, StoreError> {
        let write = self.writer.write(move |connection| {
            let sql = "update sessions set previous_hash = secret_hash, previous_until_ms = ?, secret_hash = next_hash,
                     next_hash = null, rotated_at_ms = ?
                 where next_hash = ?";
            query::execute(connection, sql, params![previous_until_ms, now_ms, next_hash])
        });
        write.await
    }

    async fn devices(&self, user: UserId, now_ms: i64) -> Result<Vec<Device>, StoreError> {
        let read = self.readers.read(move |snapshot| {
            let sql = select_device!(
                "where account = (select key from accounts where id = ?) and expires_at_ms > ?
                 order by seen_at_ms desc, sessions.id"
            );
            query::all(snapshot, sql, params![user.0, now_ms], parse_device)
        });
        read.await
    }

    async fn touch_device(&self, id: SessionId, seen_at_ms: i64) -> Result<(), StoreError> {
        let write = self.writer.write(move |connection| {
            let sql = "update sessions set seen_at_ms = ?1 where id = ?2 and seen_at_ms < ?1";
            query::execute(connection, sql, params![seen_at_ms, id.0])
        });
        write.await.map(|_| ())
    }

    async fn set_password(
        &self,
        user: UserId,
        before: Option<&str>,
        password_hash: &str,
        event: AuditEvent,
    ) -> Result<bool, StoreError> {
        let (before, hash) = (before.map(str::to_owned), password_hash.to_owned());
        let write = self.write_audited(event, move |connection| {
            let sql = "update accounts set password_hash = ? where id = ? and password_hash is ?";
            if !query::execute(connection, sql, params![hash, user.0, before])? {
                return Ok(false);
            }
            end_password_resets(connection, user)?;
            Ok(true)
        });
        write.await
    }

    async fn create_password_reset(
        &self,
        reset: PasswordReset,
        now_ms: i64,
        event: AuditEvent,
    ) -> Result<(), StoreError> {
        let write = self.write_audited(event, move |connection| {
            let sql = "delete from password_resets where expires_at_ms <= ?";
            query::execute(connection, sql, [now_ms])?;
            let sql = "insert into password_resets (account, secret_hash, expires_at_ms, maker)
                 select key, ?, ?, (select key from accounts where id = ?) from accounts
                 where id = ? and not exists (select 1 from external_accounts where account = key)
                 on conflict (account) do update set
                     secret_hash = excluded.secret_hash, expires_at_ms = excluded.expires_at_ms, maker = excluded.maker";
            let (maker, user) = (reset.maker.map(|maker| maker.0), reset.user.0);
            query::execute(connection, sql, params![reset.secret_hash, reset.expires_at_ms, maker, user])
        });
        if write.await? {
            Ok(())
        } else {
            Err(StoreError::Conflict(
                "there is no such account, or another application vouches for it: it has no password here".into(),
            ))
        }
    }

    async fn password_reset(&self, secret_hash: [u8; 32], now_ms: i64) -> Result<Option<Account>, StoreError> {
        let read = self.readers.read(move |snapshot| {
            let sql = select_account!(
                "join password_resets on password_resets.account = accounts.key where secret_hash = ? and expires_at_ms > ?"
            );
            query::first(snapshot, sql, params![secret_hash, now_ms], parse_account)
        });
        read.await
    }

    async fn use_password_reset(
        &self,
        secret_hash: [u8; 32],
        password_hash: &str,
        now_ms: i64,
        event: AuditEvent,
    ) -> Result<Option<Vec<SessionId>>, StoreError> {
        let password_hash = password_hash.to_owned();
        let (told, ended) = oneshot::channel();
        let write = self.write_audited(event, move |connection| {
            let sessions = reset_password(connection, secret_hash, &password_hash, now_ms)?;
            let is_good = sessions.is_some();
            // Whoever asked may have gone.
            let _ = told.send(sessions);
            Ok(is_good)
        });
        write.await?;
        ended.await.map_err(|_| damaged("which sessions a reset ended"))
    }

    async fn end_session(&self, user: UserId, id: SessionId, event: AuditEvent) -> Result<bool, StoreError> {
        let write = self.write_audited(event, move |connection| {
            let sql = "delete from sessions where id = ? and account = (select key from accounts where id = ?)";
            query::execute(connection, sql, params![id.0, user.0])
        });
        write.await
    }
}

/// The columns that [`parse_device`] takes.
macro_rules! select_device {
    ($rest:literal) => {
        concat!(
            "select id, user_agent, made_at_ms, seen_at_ms, expires_at_ms, rotated_at_ms, secret_hash, next_hash,
                    previous_until_ms
             from sessions ",
            $rest
        )
    };
}
use select_device;

fn parse_device(row: &Row<'_>) -> Result<Device, StoreError> {
    Ok(Device {
        id: SessionId(row.get(0)?),
        user_agent: row.get(1)?,
        made_at_ms: row.get(2)?,
        seen_at_ms: row.get(3)?,
        expires_at_ms: row.get(4)?,
        rotated_at_ms: row.get(5)?,
    })
}

/// Links for somebody's password, and those that they made for others, are worth nothing from now on.
pub(super) fn end_password_resets(connection: &Connection, user: UserId) -> Result<(), StoreError> {
    let sql = "delete from password_resets where (select key from accounts where id = ?) in (account, maker)";
    query::execute(connection, sql, [user.0]).map(|_| ())
}

fn reset_password(
    connection: &Connection,
    secret_hash: [u8; 32],
    password_hash: &str,
    now_ms: i64,
) -> Result<Option<Vec<SessionId>>, StoreError> {
    let sql = "delete from password_resets where secret_hash = ? and expires_at_ms > ? returning account";
    let account = query::first(connection, sql, params![secret_hash, now_ms], |row| {
        Ok(row.get::<_, i64>(0)?)
    })?;
    let Some(account) = account else { return Ok(None) };
    let sql = "update accounts set password_hash = ? where key = ?";
    query::execute(connection, sql, params![password_hash, account])?;
    let sql = "delete from sessions where account = ? returning id";
    query::all(connection, sql, [account], |row| Ok(SessionId(row.get(0)?))).map(Some)
}

fn find(connection: &Connection, id: &ExternalId) -> Result<Option<Account>, StoreError> {
    let sql = select_account!(
        "join external_accounts on external_accounts.account = accounts.key where issuer = ? and subject = ?"
    );
    query::first(connection, sql, params![id.issuer, id.subject], parse_account)
}

fn insert(connection: &Connection, id: &ExternalId, account: &Account) -> Result<bool, StoreError> {
    insert_account(connection, account)?;
    let sql = "insert into external_accounts (issuer, subject, account) select ?, ?, key from accounts where id = ?";
    query::execute(connection, sql, params![id.issuer, id.subject, account.id.0])
}
