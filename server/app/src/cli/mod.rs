//! The command line. What it says goes to standard output if it was asked for, to standard error otherwise.

mod audit;
mod document;
mod reset_password;
mod serve;
mod token;

use std::ffi::OsString;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use fieldbook_store::sqlite::{SqliteOptions, SqliteStore};

use crate::auth::DocumentRole;
use crate::config::{Config, Flag, Sources};
use crate::startup::{has_data, open_store};

/// It did not work out; why stands on standard error.
const FAILED: u8 = 1;
/// It was asked for in a way that cannot work: flags, configuration. (clap uses the same.)
const MISUSED: u8 = 2;

/// Real-time collaboration for field sales teams, on a server of one's own.
#[derive(Debug, Parser)]
#[command(
    name = "fieldbook",
    version,
    subcommand_required = true,
    arg_required_else_help = true
)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Starts the server. The first start prints a link that makes the first account.
    Serve(Serve),
    /// Prints a token, for scripts and sync clients. Works while the server runs.
    Token(Token),
    /// Reads every document, and lists those that do not load or hold what would not be admitted (exit code 1 then). Works
    /// while the server runs.
    Verify(Place),
    /// Writes a document as one .automerge file. Works while the server runs.
    Export(Export),
    /// Prints the audit log: what was done, by whom, from where, the last first. Works while the server runs.
    Audit(Audit),
    /// Prints a link with which somebody who forgot their password gives themselves another. Works while the server runs.
    ResetPassword(ResetPassword),
    /// Reads one document for the server, from standard input.
    #[command(hide = true)]
    Worker,
}

/// Which data folder.
#[derive(Debug, clap::Args)]
struct Place {
    /// The data folder [default: ./data]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// The configuration file [default: fieldbook.toml, if there is one]
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
struct Serve {
    #[command(flatten)]
    place: Place,
    /// Address and port to listen on [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDRESS")]
    listen: Option<String>,
    /// Where browsers find the server, such as https://fieldbook.example.com
    #[arg(long, value_name = "URL")]
    public_url: Option<String>,
    /// The certificate chain for TLS (PEM); together with --tls-key
    #[arg(long, value_name = "FILE")]
    tls_cert: Option<String>,
    /// The certificate's private key (PEM); together with --tls-cert
    #[arg(long, value_name = "FILE")]
    tls_key: Option<String>,
}

/// A user that does not exist is made: without a password, so that only tokens open their account.
#[derive(Debug, clap::Args)]
struct Token {
    #[command(flatten)]
    place: Place,
    /// Whose token. Who does not exist is made, without a password
    #[arg(long, value_name = "NAME")]
    user: String,
    /// The most that the token may do with a document. What its user may do bounds it too
    #[arg(long, value_enum, default_value = "owner")]
    role: DocumentRole,
    /// The workspace of a new user, who becomes a member; it is made if it is not there [default: the first workspace]
    #[arg(long, value_name = "NAME")]
    workspace: Option<String>,
    /// How long it is good: a number and s, m, h or d
    #[arg(long, value_name = "TIME", default_value = "8h", value_parser = token::parse_seconds)]
    ttl: u64,
}

#[derive(Debug, clap::Args)]
struct ResetPassword {
    #[command(flatten)]
    place: Place,
    /// Whose password
    #[arg(long, value_name = "NAME")]
    user: String,
}

#[derive(Debug, clap::Args)]
struct Export {
    #[command(flatten)]
    place: Place,
    /// The document: its id, or its automerge: URL
    document: String,
    /// The file to write [default: standard output, unless that is a terminal]
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
}

#[derive(Debug, clap::Args)]
struct Audit {
    #[command(flatten)]
    place: Place,
    /// How many entries
    #[arg(long, value_name = "NUMBER", default_value_t = 100)]
    limit: u32,
    /// Only entries before the one of this number
    #[arg(long, value_name = "NUMBER")]
    before: Option<i64>,
    /// One JSON object a line
    #[arg(long)]
    json: bool,
}

/// Why a command ended without having done its work.
enum Failure {
    /// In words.
    Failed(String),
    /// The configuration has mistakes.
    Misused(String),
}

impl<E: std::error::Error> From<E> for Failure {
    fn from(error: E) -> Self {
        Self::Failed(error.to_string())
    }
}

/// Does what the arguments say.
#[must_use]
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let command = match Arguments::try_parse_from(arguments) {
        Ok(arguments) => arguments.command,
        Err(error) => {
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(MISUSED));
        }
    };
    // Before any other thread: the child's memory is bounded, and each thread takes some.
    if matches!(command, Command::Worker) {
        return worker();
    }
    match perform(command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failure::Failed(words)) => {
            eprintln!("{words}");
            ExitCode::from(FAILED)
        }
        Err(Failure::Misused(words)) => {
            eprintln!("{words}");
            ExitCode::from(MISUSED)
        }
    }
}

fn worker() -> ExitCode {
    let input = std::io::stdin();
    let done = if input.is_terminal() {
        Err(std::io::Error::other("standard input is a terminal"))
    } else {
        fieldbook_worker::run_child(input.lock(), std::io::stdout().lock())
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!(
                "`fieldbook worker` is not to be started by hand: the server starts it, and gives it a document to \
                 read on standard input ({error}). To read documents, use `fieldbook verify` or `fieldbook export`"
            );
            ExitCode::from(FAILED)
        }
    }
}

fn perform(command: Command) -> Result<(), Failure> {
    // Connections and documents are served elsewhere (`server.threads`); here are the store's writer and timers.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()?;
    runtime.block_on(async {
        match command {
            Command::Serve(serve) => {
                let sources = serve.place.sources(serve.flags());
                serve::serve(serve.place.config(&sources)?, &sources.strays()).await
            }
            Command::Token(token) => token::token(&token.place.config_alone()?, &token).await,
            Command::Verify(place) => document::verify(&place.config_alone()?).await,
            Command::Export(export) => document::export(&export.place.config_alone()?, &export).await,
            Command::Audit(audit) => audit::audit(&audit.place.config_alone()?, &audit).await,
            Command::ResetPassword(reset) => reset_password::reset_password(&reset.place.config_alone()?, &reset).await,
            Command::Worker => Ok(()),
        }
    })
}

impl Serve {
    fn flags(&self) -> Vec<Flag> {
        let given = [
            ("--listen", ("server", "listen"), &self.listen),
            ("--public-url", ("server", "public_url"), &self.public_url),
            ("--tls-cert", ("server", "tls_cert"), &self.tls_cert),
            ("--tls-key", ("server", "tls_key"), &self.tls_key),
        ];
        let flags = given.into_iter();
        flags
            .filter_map(|(flag, setting, value)| {
                Some(Flag {
                    flag,
                    setting,
                    value: value.clone()?,
                })
            })
            .collect()
    }
}

impl Place {
    fn sources(&self, flags: Vec<Flag>) -> Sources {
        Sources::of_process(self.config.clone(), flags)
    }

    fn config(&self, sources: &Sources) -> Result<Config, Failure> {
        let mut config = Config::load(sources).map_err(|error| Failure::Misused(error.to_string()))?;
        if let Some(data) = &self.data {
            // Not through the text of a flag: a path need not be Unicode.
            config.server.data.clone_from(data);
        }
        Ok(config)
    }

    /// For commands that have no flags of their own for settings.
    fn config_alone(&self) -> Result<Config, Failure> {
        self.config(&self.sources(Vec::new()))
    }
}

/// The store in a data folder that a server has used.
async fn open_existing(config: &Config) -> Result<SqliteStore, Failure> {
    let folder = &config.server.data;
    if !has_data(folder) {
        return Err(no_data(folder));
    }
    Ok(open_store(folder, SqliteOptions::default()).await?)
}

fn no_data(folder: &Path) -> Failure {
    let folder = folder.display();
    Failure::Failed(format!(
        "there is no Fieldbook data in {folder}; check --data, or start `fieldbook serve --data {folder}` once"
    ))
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_flags_fit_together() {
        Arguments::command().debug_assert();
    }
}
