//! One child for many jobs.
#![cfg(unix)]

use std::path::Path;
use std::time::Duration;

use fieldbook_worker::{Job, LastingWorker, Outcome, WorkerError, WorkerLimits, Workers};
use tempfile::TempDir;

use crate::process::{is_alive, pid, script};
use crate::sample::{limits, plan, saved};

const IDLE: Duration = Duration::from_millis(300);

/// The worker's own program; tells in a file when it is started, and as which process.
fn counted(folder: &TempDir, before: &str) -> Workers {
    let (starts, worker) = (folder.path().join("starts"), env!("CARGO_BIN_EXE_fieldbook-worker"));
    let lines = format!("echo $$ >> {}\n{before}\nexec {worker} worker", starts.display());
    let deadline = Duration::from_secs(20);
    Workers::new(script(folder, &lines), WorkerLimits { deadline, ..limits() })
}

fn starts(folder: &TempDir) -> Vec<String> {
    let file = std::fs::read_to_string(folder.path().join("starts")).unwrap_or_default();
    file.lines().map(str::to_owned).collect()
}

fn summarise(title: &str) -> Job {
    Job::Summarise {
        archive: Some(saved(&mut plan(title, 3))),
        tail: Vec::new(),
    }
}

fn title(outcome: Result<Outcome, WorkerError>) -> Option<String> {
    match outcome.unwrap() {
        Outcome::Summary { title } => title,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_hundred_titles_take_one_child_which_ends_when_idle() {
    let folder = TempDir::new().unwrap();
    let worker = LastingWorker::new(counted(&folder, ""), IDLE);
    for number in 0..100 {
        let name = format!("plan {number}");
        assert_eq!(title(worker.run(summarise(&name)).await), Some(name));
    }
    let [child] = &starts(&folder)[..] else {
        panic!("{:?}", starts(&folder))
    };
    for _ in 0..100 {
        if !is_alive(child) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(!is_alive(child), "it waits for ever");
    title(worker.run(summarise("again")).await);
    assert_eq!(starts(&folder).len(), 2);
}

#[tokio::test]
async fn a_document_that_is_refused_does_not_cost_the_child() {
    let folder = TempDir::new().unwrap();
    let worker = LastingWorker::new(counted(&folder, ""), IDLE);
    title(worker.run(summarise("before")).await);
    let broken = Job::Summarise {
        archive: Some(bytes::Bytes::from_static(b"no document at all")),
        tail: Vec::new(),
    };
    assert!(matches!(worker.run(broken).await, Err(WorkerError::Refused(_))));
    assert_eq!(title(worker.run(summarise("after")).await).as_deref(), Some("after"));
    assert_eq!(starts(&folder).len(), 1);
}

#[tokio::test]
async fn what_ends_the_child_does_not_fail_the_next_job() {
    let folder = TempDir::new().unwrap();
    let worker = LastingWorker::new(counted(&folder, ""), Duration::from_secs(60));
    title(worker.run(summarise("before")).await);
    let kill = |child: &str| {
        let done = std::process::Command::new("kill").args(["-9", child]).status();
        assert!(done.unwrap().success());
    };
    kill(&starts(&folder)[0]);
    assert_eq!(title(worker.run(summarise("after")).await).as_deref(), Some("after"));
    assert_eq!(starts(&folder).len(), 2);
}

#[tokio::test]
async fn a_child_that_fails_at_once_fails_its_job_alone() {
    let folder = TempDir::new().unwrap();
    let flag = folder.path().join("fails");
    std::fs::write(&flag, "").unwrap();
    let before = format!("[ ! -e {} ] || exit 7", flag.display());
    let worker = LastingWorker::new(counted(&folder, &before), IDLE);
    assert!(matches!(
        worker.run(summarise("lost")).await,
        Err(WorkerError::Crashed(_))
    ));
    std::fs::remove_file(&flag).unwrap();
    title(worker.run(summarise("after")).await);
}

#[tokio::test]
async fn a_job_that_is_given_up_takes_its_child_with_it() {
    let folder = TempDir::new().unwrap();
    let worker = LastingWorker::new(counted(&folder, "sleep 1"), IDLE);
    let given_up = tokio::time::timeout(Duration::from_millis(500), worker.run(summarise("lost")));
    assert!(given_up.await.is_err());
    assert_eq!(title(worker.run(summarise("after")).await).as_deref(), Some("after"));
    assert_eq!(starts(&folder).len(), 2);
    assert!(!is_alive(&pid_of_first(folder.path())));
}

fn pid_of_first(folder: &Path) -> String {
    pid(&folder.join("starts"))
        .lines()
        .next()
        .unwrap_or_default()
        .to_owned()
}
