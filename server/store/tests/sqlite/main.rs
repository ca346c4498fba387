//! What only the SQLite store promises: group commit, what a failing disk does, other processes, the file itself.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod files;
mod migrations;
#[path = "../contract/sample.rs"]
#[allow(dead_code, reason = "the contract suite uses more of it")]
mod sample;

use std::path::{Path, PathBuf};
use std::time::Duration;

use fieldbook_core::id::DocumentId;
use fieldbook_store::sqlite::{SqliteOptions, SqliteStore};
use fieldbook_store::{AuditLog, Directory, DocumentStore};
use futures_util::FutureExt;
use futures_util::future::join_all;
use rusqlite::Connection;
use sample::{House, account, archive, assert_error, changes, hash};
use tempfile::TempDir;

fn database(folder: &TempDir) -> PathBuf {
    folder.path().join("fieldbook.sqlite")
}

async fn open(path: &Path) -> SqliteStore {
    SqliteStore::open(path, SqliteOptions::default()).await.unwrap()
}

/// A connection that knows nothing of the store, as another process has.
fn stranger(path: &Path) -> Connection {
    Connection::open(path).unwrap()
}

#[tokio::test]
async fn nothing_in_the_audit_log_is_changed_or_taken_out() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("test.sqlite");
    let store = SqliteStore::open(&path, SqliteOptions::default()).await.unwrap();
    let connection = stranger(&path);
    let insert = "insert into audit_log (at_ms, action, credential) values (1, 'signed_in', 'password')";
    connection.execute(insert, []).unwrap();
    for forgery in [
        "update audit_log set at_ms = 2",
        "delete from audit_log",
        "insert or replace into audit_log (key, at_ms, action, credential) values (1, 2, 'signed_in', 'password')",
    ] {
        let refused = connection.execute(forgery, []).unwrap_err().to_string();
        assert!(refused.contains("append-only"), "{forgery}: {refused}");
    }
    let entries = store.audit_log(None, None, 10).await.unwrap();
    assert_eq!(entries.iter().map(|entry| entry.event.at_ms).collect::<Vec<_>>(), [1]);
}

#[tokio::test]
async fn writes_that_wait_together_are_committed_together() {
    let folder = TempDir::new().unwrap();
    let store = open(&database(&folder)).await;
    let house = House::build(&store).await;
    let ids: Vec<DocumentId> = join_all((0..200).map(|_| house.document(&store, 1))).await;
    let before = store.metrics();
    // What comes while a commit goes on waits for the next one; this one takes until the lock is released.
    let stranger = stranger(&database(&folder));
    stranger.execute_batch("begin immediate").unwrap();
    let appends = join_all(
        ids.iter()
            .map(|id| async { store.append(*id, None, 2, changes(2..=4)).await.unwrap() }),
    );
    let release = async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        stranger.execute_batch("rollback").unwrap();
    };
    tokio::join!(appends, release);
    let after = store.metrics();
    assert_eq!(after.writes - before.writes, 200);
    assert_eq!(after.changes - before.changes, 600);
    assert!(
        after.commits - before.commits <= 3,
        "{} commits for 200 appends",
        after.commits - before.commits
    );
    for id in ids {
        assert_eq!(store.load(id).await.unwrap().unwrap().tail, changes(1..=4));
    }
}

#[tokio::test]
async fn a_stream_of_writes_shares_commits_that_keep_their_distance() {
    let folder = TempDir::new().unwrap();
    let commit_interval = Duration::from_millis(20);
    let options = SqliteOptions {
        commit_interval,
        ..SqliteOptions::default()
    };
    let store = SqliteStore::open(&database(&folder), options).await.unwrap();
    let house = House::build(&store).await;
    let ids: Vec<DocumentId> = join_all((0..100).map(|_| house.document(&store, 1))).await;
    let (before, began) = (store.metrics(), std::time::Instant::now());
    // They come one after the other, each a little later than the one before.
    let appends = ids.iter().zip(0..).map(|(id, number)| {
        let store = &store;
        async move {
            tokio::time::sleep(Duration::from_millis(number)).await;
            store.append(*id, None, 2, changes(2..=2)).await.unwrap();
        }
    });
    join_all(appends).await;
    let (after, took) = (store.metrics(), began.elapsed());
    assert_eq!(after.writes - before.writes, 100);
    let most = took.as_millis() / commit_interval.as_millis() + 1;
    let commits = u128::from(after.commits - before.commits);
    assert!(commits <= most, "{commits} commits in {took:?}");
}

#[tokio::test]
async fn a_large_batch_is_split() {
    let folder = TempDir::new().unwrap();
    let options = SqliteOptions {
        batch_bytes: 100,
        ..SqliteOptions::default()
    };
    let store = SqliteStore::open(&database(&folder), options).await.unwrap();
    let house = House::build(&store).await;
    let ids: Vec<DocumentId> = join_all((0..20).map(|_| house.document(&store, 1))).await;
    let before = store.metrics().commits;
    let append = |id: &DocumentId| store.append(*id, None, 2, vec![vec![1; 60].into()]);
    join_all(ids.iter().map(append))
        .await
        .into_iter()
        .for_each(Result::unwrap);
    assert!(store.metrics().commits - before >= 10);
}

#[tokio::test]
async fn everything_is_there_after_a_restart() {
    let folder = TempDir::new().unwrap();
    let store = open(&database(&folder)).await;
    let house = House::build(&store).await;
    let id = house.document(&store, 50).await;
    store.replace_archive(id, 0, archive(0, 40, 31)).await.unwrap();
    store.secret("token_key", [7; 32]).await.unwrap();
    // A copy taken while the store runs is what a power cut leaves: the file and its log.
    let crashed = TempDir::new().unwrap();
    for file in ["fieldbook.sqlite", "fieldbook.sqlite-wal"] {
        std::fs::copy(folder.path().join(file), crashed.path().join(file)).unwrap();
    }
    store.close().await;
    assert_error!(store.append(id, None, 51, changes([51])).await, Unavailable);
    assert_error!(store.load(id).await.map(|_| ()), Unavailable);

    for folder in [&folder, &crashed] {
        let store = open(&database(folder)).await;
        let loaded = store.load(id).await.unwrap().unwrap();
        assert_eq!(loaded.tail, changes(41..=50));
        assert_eq!(loaded.archive, Some(archive(0, 40, 31).meta));
        assert_eq!(store.read_retained(id).await.unwrap(), changes(31..=40));
        assert_eq!(store.find_archived(id, &[hash(1), hash(41)]).await.unwrap().len(), 1);
        assert_eq!(store.account_by_name("ann").await.unwrap(), Some(house.ann.clone()));
        assert_eq!(store.secret("token_key", [8; 32]).await.unwrap(), [7; 32]);
        store.append(id, None, 51, changes([51])).await.unwrap();
    }
}

#[tokio::test]
async fn dropping_the_store_finishes_what_waits() {
    let folder = TempDir::new().unwrap();
    let store = open(&database(&folder)).await;
    let house = House::build(&store).await;
    let id = house.document(&store, 1).await;
    let appends = tokio::spawn({
        let store = store.clone();
        async move { store.append(id, None, 2, changes(2..=500)).await }
    });
    tokio::task::yield_now().await;
    drop(store);
    appends.await.unwrap().unwrap();
    assert_eq!(
        open(&database(&folder)).await.load(id).await.unwrap().unwrap().tail,
        changes(1..=500)
    );
}

#[tokio::test]
async fn a_full_disk_is_unavailable_until_there_is_room_again() {
    let folder = TempDir::new().unwrap();
    let path = database(&folder);
    let store = open(&path).await;
    let house = House::build(&store).await;
    let id = house.document(&store, 1).await;
    let other = house.document(&store, 1).await;
    let stranger = stranger(&path);
    stranger
        .execute_batch("create table ballast as select zeroblob(2000000) as bytes")
        .unwrap();
    let pages: u32 = stranger
        .pragma_query_value(None, "page_count", |row| row.get(0))
        .unwrap();
    store.close().await;

    let options = SqliteOptions {
        max_pages: Some(pages + 20),
        ..SqliteOptions::default()
    };
    let store = SqliteStore::open(&path, options).await.unwrap();
    let large = |byte: u8| vec![vec![byte; 10_000].into()];
    let mut acknowledged = changes([1]);
    let full = loop {
        let position = acknowledged.len() as u64 + 1;
        match store.append(id, None, position, large(1)).await {
            Ok(()) => acknowledged.extend(large(1)),
            Err(error) => break error,
        }
        assert!(acknowledged.len() < 100, "the limit holds");
    };
    assert!(
        matches!(&full, fieldbook_store::StoreError::Unavailable(words) if words.contains("full")),
        "{full:?}"
    );
    assert_eq!(store.load(id).await.unwrap().unwrap().tail, acknowledged);

    // In one batch nobody hears that something was stored which was not.
    let position = acknowledged.len() as u64 + 1;
    let (one, two) = tokio::join!(
        store.append(id, None, position, large(2)),
        store.append(other, None, 2, changes([2]))
    );
    assert_error!(one, Unavailable);
    assert_eq!(
        store.load(other).await.unwrap().unwrap().tail.len(),
        1 + usize::from(two.is_ok())
    );
    assert!(store.metrics().failures >= 2);

    stranger.execute_batch("drop table ballast").unwrap();
    store.append(id, None, position, large(2)).await.unwrap();
    acknowledged.extend(large(2));
    store.append(other, None, 2, changes([2])).await.unwrap();
    store.close().await;
    let store = open(&path).await;
    assert_eq!(store.load(id).await.unwrap().unwrap().tail, acknowledged);
    assert_eq!(store.load(other).await.unwrap().unwrap().tail, changes(1..=2));
}

#[tokio::test]
async fn another_process_that_holds_the_lock_is_waited_for_and_then_unavailable() {
    let folder = TempDir::new().unwrap();
    let path = database(&folder);
    let options = SqliteOptions {
        busy_timeout: Duration::from_millis(200),
        ..SqliteOptions::default()
    };
    let store = SqliteStore::open(&path, options).await.unwrap();
    let house = House::build(&store).await;
    let id = house.document(&store, 1).await;
    let stranger = stranger(&path);

    stranger.execute_batch("begin immediate").unwrap();
    assert_error!(store.append(id, None, 2, changes([2])).await, Unavailable);
    assert_eq!(store.load(id).await.unwrap().unwrap().tail, changes([1]), "reads go on");
    let append = store.append(id, None, 2, changes([2]));
    let release = async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        stranger.execute_batch("rollback").unwrap();
    };
    tokio::join!(append, release).0.unwrap();
    assert_eq!(store.load(id).await.unwrap().unwrap().tail, changes(1..=2));
}

#[tokio::test]
async fn two_stores_on_one_file_take_turns() {
    let folder = TempDir::new().unwrap();
    let path = database(&folder);
    let (one, two) = tokio::join!(open(&path), open(&path));
    let house = House::build(&one).await;
    let id = house.document(&one, 1).await;
    let alternate = async {
        for position in (2..=40).step_by(2) {
            one.append(id, None, position, changes([position])).await.unwrap();
            two.append(id, None, position + 1, changes([position + 1]))
                .await
                .unwrap();
        }
    };
    let people = join_all((0..20).map(|number| {
        let (two, workspace) = (&two, &house.workspace);
        async move {
            two.create_account(account(&format!("Person {number}"), workspace))
                .await
                .unwrap()
        }
    }));
    tokio::join!(alternate, people);
    assert_eq!(one.load(id).await.unwrap().unwrap().tail, changes(1..=41));
    assert_eq!(one.count_sign_in_accounts().await.unwrap(), 21);
    // What the other has written is not forgotten by what one remembers.
    assert_error!(one.append(id, None, 41, changes([99])).await, Conflict);
}

#[tokio::test]
async fn a_write_that_its_caller_gave_up_is_still_whole() {
    let folder = TempDir::new().unwrap();
    let store = open(&database(&folder)).await;
    let house = House::build(&store).await;
    let id = house.document(&store, 1).await;
    let stranger = stranger(&database(&folder));
    stranger.execute_batch("begin immediate").unwrap();
    let given_up = store.append(id, None, 2, changes(2..=300)).now_or_never();
    assert!(given_up.is_none());
    stranger.execute_batch("rollback").unwrap();
    store.append(id, None, 2, changes(2..=300)).await.unwrap();
    assert_eq!(store.load(id).await.unwrap().unwrap().tail, changes(1..=300));
}

#[tokio::test]
async fn a_missing_row_is_noticed() {
    let folder = TempDir::new().unwrap();
    let store = open(&database(&folder)).await;
    let house = House::build(&store).await;
    let id = house.document(&store, 9).await;
    stranger(&database(&folder))
        .execute_batch("delete from changes where position = 4")
        .unwrap();
    assert_error!(store.load(id).await.map(|_| ()), Damaged);
    assert_error!(store.read_changes(id, 0, 9).await, Damaged);
}

#[tokio::test]
async fn what_is_no_database_is_told_in_words() {
    let folder = TempDir::new().unwrap();
    std::fs::write(database(&folder), "It was a dark and stormy night. ".repeat(200)).unwrap();
    let outcome = SqliteStore::open(&database(&folder), SqliteOptions::default()).await;
    let words = outcome.map(|_| ()).unwrap_err().to_string();
    assert!(
        words.contains("fieldbook.sqlite") && words.contains("not a database"),
        "{words}"
    );
}

#[tokio::test]
async fn a_database_of_another_version_is_refused() {
    for (make, expected) in [
        ("pragma user_version = 1000", "a newer version"),
        ("pragma user_version = -1", "a newer version"),
        ("create table _sqlx_migrations (version)", "an earlier build"),
    ] {
        let folder = TempDir::new().unwrap();
        let path = database(&folder);
        open(&path).await.close().await;
        stranger(&path).execute_batch(make).unwrap();
        let outcome = SqliteStore::open(&path, SqliteOptions::default()).await;
        let words = outcome.map(|_| ()).unwrap_err().to_string();
        assert!(
            words.contains("fieldbook.sqlite") && words.contains(expected),
            "{words}"
        );
    }
}
