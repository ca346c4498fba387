//! Would the simulator notice? Each mutant of the engine breaks an invariant, and `convergence` must say which.
//!
//! That the list fits the sources is a plain test; the mutants themselves are compiled and run by `make mutants` only.
//! `FIELDBOOK_MUTANT=orphans,cursor` runs those with such words in their names, `FIELDBOOK_MUTANT=one-each` one for each invariant;
//! `FIELDBOOK_SEEDS` sets how many lives each gets.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

#[path = "mutants/list.rs"]
mod list;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::{env, fs};

use list::{MUTANTS, Mutant, ONE_EACH, UNNOTICED};

/// Lives of each mutant; `make test` gives the engine itself more.
const SEEDS: &str = "300";
/// A mutant that has not come to its end by then is cut off, and what it has said counts.
const MOST_SECONDS: &str = "600";

#[test]
fn each_mutant_is_one_place_in_the_sources() {
    let core = Path::new(env!("CARGO_MANIFEST_DIR"));
    for mutant in MUTANTS.iter().chain(UNNOTICED) {
        mutate(core, mutant).unwrap_or_else(|why| panic!("{why}"));
    }
    for name in ONE_EACH {
        assert!(
            MUTANTS.iter().any(|mutant| mutant.name == *name),
            "\"{name}\" is no mutant"
        );
    }
}

#[test]
#[ignore = "compiles the engine once for each mutant: make mutants"]
fn the_simulator_notices_each_mutant() {
    let copy = Copy::make();
    let built = copy.build();
    assert!(built.status.success(), "the copy does not compile:\n{}", tell(&built));
    let engine = copy.live(None);
    assert!(engine.status.success(), "the engine itself fails:\n{}", tell(&engine));
    let words = env::var("FIELDBOOK_MUTANT").unwrap_or_default();
    let chosen = |mutant: &&Mutant| match words.as_str() {
        "one-each" => ONE_EACH.contains(&mutant.name),
        words => words.split(',').any(|word| mutant.name.contains(word)),
    };
    let mut missed = Vec::new();
    for mutant in MUTANTS.iter().filter(chosen) {
        let noticed = copy.notices(mutant);
        let how = noticed.as_deref().unwrap_or("MISSED");
        println!("{:<4} {}: {how}", mutant.breaks, mutant.name);
        missed.extend(noticed.err());
    }
    assert!(missed.is_empty(), "{}", missed.join("\n"));
}

/// The mutant's file, with its one change made.
fn mutate(core: &Path, mutant: &Mutant) -> Result<String, String> {
    let source = fs::read_to_string(core.join("src").join(mutant.file)).map_err(|error| error.to_string())?;
    match source.matches(mutant.find).count() {
        1 => Ok(source.replace(mutant.find, mutant.replace)),
        times => Err(format!(
            "\"{}\": src/{} has its text {times} times, not once; mend it in tests/mutants/list.rs",
            mutant.name, mutant.file
        )),
    }
}

/// A workspace of the engine alone, outside the clone.
struct Copy {
    folder: tempfile::TempDir,
    core: PathBuf,
    target: PathBuf,
}

impl Copy {
    fn make() -> Self {
        let from = Path::new(env!("CARGO_MANIFEST_DIR"));
        let clone = from.ancestors().nth(2).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let core = folder.path().join("server/core");
        copy_tree(from, &core);
        fs::copy(clone.join("Cargo.lock"), folder.path().join("Cargo.lock")).unwrap();
        let manifest = fs::read_to_string(clone.join("Cargo.toml")).unwrap();
        let (before, rest) = manifest.split_once("members = [").unwrap();
        let (_, after) = rest.split_once("\n]").unwrap();
        fs::write(
            folder.path().join("Cargo.toml"),
            format!("{before}members = [\"server/core\"]{after}"),
        )
        .unwrap();
        // Apart from the clone's: to cargo the copy is the same package, and a mutant would be taken for the engine.
        let target = env::var_os("CARGO_TARGET_DIR").map_or_else(|| clone.join("target"), PathBuf::from);
        let target = target.join("mutants");
        Self { folder, core, target }
    }

    /// Says by which seeds it was noticed, or why it was not.
    fn notices(&self, mutant: &Mutant) -> Result<String, String> {
        let file = self.core.join("src").join(mutant.file);
        let engine = fs::read_to_string(&file).unwrap();
        fs::write(&file, mutate(&self.core, mutant)?).unwrap();
        let built = self.build();
        let lived = built.status.success().then(|| self.live(mutant.seed));
        fs::write(&file, engine).unwrap();
        let Some(lived) = lived else {
            return Err(format!("\"{}\" does not compile:\n{}", mutant.name, tell(&built)));
        };
        let told = tell(&lived);
        if told.contains(&format!("{}: ", mutant.breaks)) && !lived.status.success() {
            let seeds = told
                .lines()
                .find(|line| line.contains("seeds failed"))
                .unwrap_or("noticed");
            return Ok(seeds.chars().take(100).collect());
        }
        let mut other: Vec<_> = told
            .lines()
            .filter(|line| line.contains("panicked") || line.contains(": "))
            .collect();
        other.truncate(10);
        Err(format!(
            "\"{}\" is not told as {}:\n{}",
            mutant.name,
            mutant.breaks,
            other.join("\n")
        ))
    }

    /// However long it takes: the first time, dependencies are compiled, too.
    fn build(&self) -> Output {
        self.cargo("0", None, &["--no-run"])
    }

    /// All seeds, or one.
    fn live(&self, seed: Option<u64>) -> Output {
        self.cargo(MOST_SECONDS, seed, &["--", "--nocapture", "all_have"])
    }

    /// `timeout` ends those that do not end by themselves; "0": never.
    fn cargo(&self, most_seconds: &str, seed: Option<u64>, arguments: &[&str]) -> Output {
        let seeds = env::var("FIELDBOOK_SEEDS").unwrap_or_else(|_| SEEDS.to_owned());
        let mut command = Command::new("timeout");
        command
            .args([most_seconds, env!("CARGO"), "test", "--offline", "--quiet"])
            .args(["--package", "fieldbook-core", "--test", "convergence"])
            .args(arguments)
            .current_dir(self.folder.path())
            .env("CARGO_TARGET_DIR", &self.target)
            .env("FIELDBOOK_SEEDS", seeds)
            .env_remove("FIELDBOOK_SEED");
        if let Some(seed) = seed {
            command.env("FIELDBOOK_SEED", seed.to_string());
        }
        command.output().unwrap()
    }
}

fn copy_tree(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_tree(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).unwrap();
        }
    }
}

fn tell(output: &Output) -> String {
    [&output.stdout[..], &output.stderr]
        .map(String::from_utf8_lossy)
        .concat()
}
