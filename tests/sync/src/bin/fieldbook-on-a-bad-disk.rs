//! The server as it is shipped, on a disk that fails when a test wants it to, and that knows what a power cut would leave.
//!
//! The disk is the one of the store's own tests: the process's calls go through it (`server/store/tests/power`). A test
//! talks to it, a line at a time, through the socket `disk` beside the data folder.

#[cfg(all(target_os = "linux", target_pointer_width = "64"))]
#[path = "../../../../server/store/tests/power/disk.rs"]
#[allow(dead_code, reason = "the store's tests use more of it")]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]
mod disk;
#[cfg(all(target_os = "linux", target_pointer_width = "64"))]
#[path = "../../../../server/store/tests/power/interpose.rs"]
mod interpose;
#[cfg(all(target_os = "linux", target_pointer_width = "64"))]
#[path = "../../../../server/store/tests/power/replay.rs"]
#[allow(dead_code, reason = "the store's tests use more of it")]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]
mod replay;

use std::process::ExitCode;

fn main() -> ExitCode {
    #[cfg(all(target_os = "linux", target_pointer_width = "64"))]
    control::listen();
    fieldbook::cli::run(std::env::args_os())
}

#[cfg(all(target_os = "linux", target_pointer_width = "64"))]
mod control {
    use std::io::{BufRead, BufReader, Write};
    use std::os::unix::net::UnixListener;
    use std::path::{Path, PathBuf};
    use std::sync::Arc;

    use crate::disk::{Disk, Failure, Fault};
    use crate::replay::{Luck, Replay};

    /// For `serve` only: the workers that it starts are this program, too.
    pub(super) fn listen() {
        let arguments: Vec<_> = std::env::args_os().collect();
        let data = arguments.iter().skip_while(|argument| *argument != "--data").nth(1);
        let Some(data) = data.map(PathBuf::from).filter(|_| arguments[1] == "serve") else {
            return;
        };
        let root = data.parent().expect("the data folder is in another").to_owned();
        let socket = root.join("disk");
        let _ = std::fs::remove_file(&socket);
        let disk = Disk::at(&root);
        let listener = UnixListener::bind(socket).expect("a socket beside the data folder");
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let mut line = String::new();
                let mut client = BufReader::new(client);
                client.read_line(&mut line).expect("a line");
                let answer = obey(&disk, line.trim());
                writeln!(client.get_mut(), "{answer}").expect("somebody listens");
            }
        });
    }

    /// `heal` says how many calls have failed.
    fn obey(disk: &Arc<Disk>, line: &str) -> usize {
        let (order, about) = line.split_once(' ').unwrap_or((line, ""));
        match order {
            "fail" => {
                disk.inject(Fault {
                    what: failure(about),
                    after: 0,
                    lasting: true,
                });
                0
            }
            "heal" => disk.heal(),
            "cut" => {
                let log = disk.log();
                Replay::of(&log, Luck::Synced).cut().write_to(Path::new(about));
                log.len()
            }
            _ => panic!("{line} is no order"),
        }
    }

    fn failure(name: &str) -> Failure {
        let errno = libc::EIO;
        match name {
            "write" => Failure::Write { errno },
            "half-write" => Failure::WriteHalf { errno },
            "read" => Failure::Read { errno },
            "sync" => Failure::Sync { evicted: false },
            "sync-and-lose" => Failure::Sync { evicted: true },
            _ => panic!("{name} is no failure"),
        }
    }
}
