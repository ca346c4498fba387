//! [`Identities`] on SQLite.

use async_trait::async_trait;
use rusqlite::{Connection, params};

use super::accounts::{insert_account, parse_account, select_account};
use super::error::damaged;
use super::{SqliteStore, query};
use crate::{Account, ExternalId, Identities, StoreError};

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
