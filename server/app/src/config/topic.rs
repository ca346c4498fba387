//! What a topic file says: its settings, each with its meaning, default and range, once.

use std::fmt;

use super::value::Given;

/// One setting, as the reference shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// The topic: `limits`.
    pub section: &'static str,
    /// The name in it: `frame_bytes`.
    pub name: &'static str,
    /// What it means, as written above the field.
    pub about: &'static [&'static str],
    /// Its default, as TOML; empty when there is none.
    pub default: String,
    /// What it may be, in words.
    pub allowed: String,
}

/// What a setting may be.
#[derive(Debug, Clone, Copy)]
pub(super) enum Allowed {
    /// Whole numbers.
    Whole(u64, u64),
    /// Fractions.
    Fraction(f64, f64),
    /// One of a few words.
    OneOf(&'static [&'static str]),
    /// Something that its type checks, described.
    Text(&'static str),
}

impl fmt::Display for Allowed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Whole(least, most) => write!(f, "{least} to {most}"),
            Self::Fraction(least, most) => write!(f, "{least} to {most}"),
            Self::OneOf(words) => f.write_str(&words.join(", ")),
            Self::Text(text) => f.write_str(text),
        }
    }
}

/// Why a setting was refused.
pub(super) enum Refusal {
    /// There is no setting of that name.
    Unknown,
    /// Its value is not allowed; this is.
    NotAllowed(Allowed),
}

/// One file of the configuration.
pub(super) trait Topic {
    const SECTION: &'static str;
    const ABOUT: &'static [&'static str];
    fn set(&mut self, key: &str, given: &Given<'_>) -> Result<(), Refusal>;
    fn keys() -> Vec<Key>;
}

/// Declares a topic: the struct, its defaults, how it is read and how it is documented.
macro_rules! topic {
    (
        $(#[doc = $about:literal])+
        $topic:ident in $section:literal {
            $(
                $(#[doc = $doc:literal])+
                $key:ident: $type:ty = $default:expr, $allowed:expr;
            )+
        }
    ) => {
        $(#[doc = $about])+
        #[derive(Debug, Clone, PartialEq)]
        pub struct $topic {
            $(
                $(#[doc = $doc])+
                pub $key: $type,
            )+
        }

        impl Default for $topic {
            fn default() -> Self {
                Self { $($key: $default,)+ }
            }
        }

        impl $crate::config::topic::Topic for $topic {
            const SECTION: &'static str = $section;
            const ABOUT: &'static [&'static str] = &[$($about),+];

            fn set(
                &mut self,
                key: &str,
                given: &$crate::config::value::Given<'_>,
            ) -> Result<(), $crate::config::topic::Refusal> {
                use $crate::config::{topic::{Allowed::*, Refusal}, value::Value};
                match key {
                    $(
                        stringify!($key) => {
                            let allowed = $allowed;
                            self.$key = Value::read(given, &allowed).ok_or(Refusal::NotAllowed(allowed))?;
                            Ok(())
                        }
                    )+
                    _ => Err(Refusal::Unknown),
                }
            }

            fn keys() -> Vec<$crate::config::topic::Key> {
                use $crate::config::{topic::{Allowed::*, Key}, value::Value};
                let default = Self::default();
                vec![
                    $(
                        Key {
                            section: $section,
                            name: stringify!($key),
                            about: &[$($doc),+],
                            default: default.$key.show(),
                            allowed: $allowed.to_string(),
                        },
                    )+
                ]
            }
        }
    };
}
pub(super) use topic;
