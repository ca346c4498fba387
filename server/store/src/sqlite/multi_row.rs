//! INSERTs of many rows at a time.

use sqlx::query_builder::Separated;
use sqlx::{QueryBuilder, Sqlite, SqliteConnection};

/// Rows that one statement inserts.
pub(super) const GREATEST_PORTION: usize = 256;

/// Runs `{insert} VALUES (…), (…), … {suffix}` for all rows, a portion at a time.
pub(super) async fn insert<T>(
    connection: &mut SqliteConnection,
    insert: &str,
    suffix: &str,
    rows: &[T],
    mut bind: impl FnMut(Separated<'_, Sqlite, &'static str>, &T),
) -> sqlx::Result<()> {
    for portion in portions(rows) {
        let mut query = QueryBuilder::<Sqlite>::new(insert);
        query.push(" ").push_values(portion, &mut bind).push(" ").push(suffix);
        query.build().execute(&mut *connection).await?;
    }
    Ok(())
}

/// Sizes are powers of two, so that there are few different statements and the prepared ones are found again.
fn portions<T>(mut rows: &[T]) -> impl Iterator<Item = &[T]> {
    std::iter::from_fn(move || {
        let size = 1 << rows.len().min(GREATEST_PORTION).checked_ilog2()?;
        let (portion, rest) = rows.split_at(size);
        rows = rest;
        Some(portion)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn portions_are_powers_of_two_and_cover_all_rows() {
        let rows: Vec<u32> = (0..1003).collect();
        let sizes: Vec<usize> = portions(&rows).map(<[u32]>::len).collect();
        assert_eq!(sizes, [256, 256, 256, 128, 64, 32, 8, 2, 1]);
        assert_eq!(portions(&rows).flatten().copied().collect::<Vec<_>>(), rows);
        assert_eq!(portions::<u32>(&[]).count(), 0);
    }
}
