//! What is wrong with a configuration, in words.

use std::fmt;
use std::path::PathBuf;

/// Where a setting was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// A line of the file.
    File(PathBuf, usize),
    /// A variable of the environment.
    Environment(String),
    /// A flag of the command line.
    Flag(&'static str),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path, line) => write!(f, "in {}, line {line}", path.display()),
            Self::Environment(name) => write!(f, "in the environment variable {name}"),
            Self::Flag(name) => write!(f, "in the flag {name}"),
        }
    }
}

/// One mistake.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Mistake {
    /// The file cannot be read.
    #[error("the configuration file {path} cannot be read: {reason}", path = path.display())]
    Unreadable {
        /// Which file.
        path: PathBuf,
        /// What the system says.
        reason: String,
    },
    /// The file is not TOML.
    #[error("{}, line {line}: this is not TOML: {reason}", path.display())]
    NotToml {
        /// Which file.
        path: PathBuf,
        /// Counted from 1.
        line: usize,
        /// What the parser says.
        reason: String,
    },
    /// There is no such setting.
    #[error("{name} {place}: there is no such setting; {suggestion}")]
    Unknown {
        /// As it was written, with its section.
        name: String,
        /// Where.
        place: Place,
        /// The nearest known one, or all of that section.
        suggestion: String,
    },
    /// The value is not allowed.
    #[error("{name} {place}: {found} is not allowed; allowed: {allowed}")]
    NotAllowed {
        /// Section and key.
        name: String,
        /// Where.
        place: Place,
        /// What was given.
        found: String,
        /// What may be.
        allowed: String,
    },
    /// Two settings do not go together.
    #[error("{0}")]
    Together(String),
}

/// Every mistake in a configuration, one line each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError(pub Vec<Mistake>);

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, mistake) in self.0.iter().enumerate() {
            if index > 0 {
                writeln!(f)?;
            }
            write!(f, "{mistake}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigError {}
