//! Children that are no workers at all, and what becomes of them.
#![cfg(unix)]

use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use fieldbook_worker::{Job, WorkerError, WorkerLimits, Workers};
use tempfile::TempDir;

use crate::sample::{limits, with_limits};

const JOB: Job = Job::Verify {
    archive: None,
    tail: Vec::new(),
};

pub(crate) fn script(folder: &TempDir, lines: &str) -> PathBuf {
    let path = folder.path().join("program");
    std::fs::write(&path, format!("#!/bin/sh\n{lines}\n")).unwrap();
    std::fs::set_permissions(&path, PermissionsExt::from_mode(0o700)).unwrap();
    path
}

fn quick(program: PathBuf) -> Workers {
    Workers::new(
        program,
        WorkerLimits {
            deadline: Duration::from_millis(500),
            ..limits()
        },
    )
}

pub(crate) fn pid(file: &Path) -> String {
    std::fs::read_to_string(file).unwrap().trim().to_owned()
}

pub(crate) fn is_alive(pid: &str) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"));
    stat.is_ok_and(|stat| !stat.contains(") Z "))
}

#[tokio::test]
async fn an_endless_loop_is_killed_at_the_deadline() {
    let folder = TempDir::new().unwrap();
    let pid_file = folder.path().join("pid");
    let lines = format!("echo $$ > {}; while :; do :; done", pid_file.display());
    let start = Instant::now();
    let outcome = quick(script(&folder, &lines)).run(JOB).await;
    assert_eq!(outcome, Err(WorkerError::Deadline(Duration::from_millis(500))));
    assert!(start.elapsed() < Duration::from_secs(3));
    assert!(!is_alive(&pid(&pid_file)));
}

#[tokio::test]
async fn a_job_that_is_given_up_kills_its_child() {
    let folder = TempDir::new().unwrap();
    let pid_file = folder.path().join("pid");
    let lines = format!("echo $$ > {}; while :; do :; done", pid_file.display());
    let workers = Workers::new(script(&folder, &lines), limits());
    tokio::time::timeout(Duration::from_millis(500), workers.run(JOB))
        .await
        .unwrap_err();
    let pid = pid(&pid_file);
    for _ in 0..100 {
        if !is_alive(&pid) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("the child is still there");
}

#[tokio::test]
async fn a_program_that_is_no_worker_is_an_error() {
    let folder = TempDir::new().unwrap();
    let silent = quick(script(&folder, "exit 3")).run(JOB).await.unwrap_err();
    assert!(
        matches!(&silent, WorkerError::Crashed(how) if how.contains('3')),
        "{silent:?}"
    );
    let killed = quick(script(&folder, "kill -SEGV $$")).run(JOB).await.unwrap_err();
    assert!(matches!(killed, WorkerError::Crashed(_)), "{killed:?}");
    let talkative = quick(script(&folder, "while :; do echo yes; done")).run(JOB).await;
    assert_eq!(talkative, Err(WorkerError::OutputTooLarge));
    let short = quick(script(&folder, r"printf '\0\0\0\0\0\0\0\7abc'"))
        .run(JOB)
        .await
        .unwrap_err();
    assert!(matches!(short, WorkerError::Crashed(_)), "{short:?}");
    let garbage = quick(script(&folder, r"printf '\0\0\0\0\0\0\0\3abc'"))
        .run(JOB)
        .await
        .unwrap_err();
    assert!(matches!(garbage, WorkerError::Crashed(_)), "{garbage:?}");
    // The answer of Job::Summarise.
    let other = quick(script(&folder, r"printf '\0\0\0\0\0\0\0\3\202\2\366'"))
        .run(JOB)
        .await
        .unwrap_err();
    assert_eq!(other, WorkerError::Crashed("it answered another question".into()));
    assert!(!other.is_about_the_document());
}

#[tokio::test]
async fn a_program_that_does_not_exist_cannot_be_started() {
    let outcome = Workers::new("/there/is/no/such/program".into(), limits())
        .run(JOB)
        .await;
    assert!(matches!(outcome, Err(WorkerError::Start(_))), "{outcome:?}");
}

#[tokio::test]
async fn a_large_job_for_a_child_that_does_not_read_it() {
    let folder = TempDir::new().unwrap();
    let tail = vec![vec![0; 4 << 20].into()];
    let outcome = quick(script(&folder, "exit 0"))
        .run(Job::Verify { archive: None, tail })
        .await;
    assert!(matches!(outcome, Err(WorkerError::Crashed(_))), "{outcome:?}");
}

#[tokio::test]
async fn no_more_children_than_allowed_run_at_the_same_time() {
    let folder = TempDir::new().unwrap();
    let log = folder.path().join("log");
    let lines = format!("echo in >> {log}; sleep 0.1; echo out >> {log}", log = log.display());
    let workers = Workers::new(
        script(&folder, &lines),
        WorkerLimits {
            concurrent: 1,
            ..limits()
        },
    );
    let jobs: Vec<_> = (0..4)
        .map(|_| {
            let workers = workers.clone();
            tokio::spawn(async move { workers.run(JOB).await })
        })
        .collect();
    for job in jobs {
        job.await.unwrap().unwrap_err();
    }
    assert_eq!(std::fs::read_to_string(log).unwrap(), "in\nout\n".repeat(4));
}

#[tokio::test]
async fn a_child_inherits_no_secrets() {
    let folder = TempDir::new().unwrap();
    let seen = folder.path().join("environment");
    // PATH is always there: it says that there is an environment to inherit.
    assert!(std::env::var_os("PATH").is_some_and(|path| !path.is_empty()));
    let program = script(&folder, &format!("/usr/bin/env > {}", seen.display()));
    quick(program).run(JOB).await.unwrap_err();
    let seen = std::fs::read_to_string(seen).unwrap();
    assert!(
        seen.lines()
            .all(|line| line.starts_with("PWD=") || line.starts_with("_=") || line.starts_with("SHLVL=")),
        "{seen}"
    );
}

#[tokio::test]
async fn many_jobs_at_once_all_come_to_an_end() {
    let workers = with_limits(WorkerLimits {
        concurrent: 3,
        ..limits()
    });
    let jobs: Vec<_> = (0..12)
        .map(|_| {
            let workers = workers.clone();
            tokio::spawn(async move { workers.run(JOB).await })
        })
        .collect();
    for job in jobs {
        job.await.unwrap().unwrap();
    }
}
