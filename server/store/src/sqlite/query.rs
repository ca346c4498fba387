//! Statements, each prepared once per connection.

use rusqlite::{Connection, Params, Row};

use crate::StoreError;

/// Statements that a connection keeps prepared: more than there are.
pub(super) const MOST_PREPARED: usize = 128;

/// The first row, if there is one.
pub(super) fn first<T>(
    connection: &Connection,
    sql: &str,
    params: impl Params,
    parse: impl FnMut(&Row<'_>) -> Result<T, StoreError>,
) -> Result<Option<T>, StoreError> {
    let mut statement = connection.prepare_cached(sql)?;
    statement.query_and_then(params, parse)?.next().transpose()
}

/// All rows.
pub(super) fn all<T>(
    connection: &Connection,
    sql: &str,
    params: impl Params,
    parse: impl FnMut(&Row<'_>) -> Result<T, StoreError>,
) -> Result<Vec<T>, StoreError> {
    let mut statement = connection.prepare_cached(sql)?;
    statement.query_and_then(params, parse)?.collect()
}

/// The one value that a query always has.
pub(super) fn number(connection: &Connection, sql: &str, params: impl Params) -> Result<i64, StoreError> {
    Ok(connection.prepare_cached(sql)?.query_row(params, |row| row.get(0))?)
}

/// Says whether any row was changed.
pub(super) fn execute(connection: &Connection, sql: &str, params: impl Params) -> Result<bool, StoreError> {
    Ok(connection.prepare_cached(sql)?.execute(params)? > 0)
}
