//! The HTTP shell, through its front door: every test starts a real server on a free port.

// A test may end where something unexpected comes back; helpers of tests are tests to us, though not to clippy.
#![allow(clippy::unwrap_used)]

mod access;
mod at_once;
mod audit;
mod boundary;
mod command_line;
mod devices;
mod documents;
mod foreign_tokens;
mod invitations;
mod log;
mod openapi;
mod password_resets;
mod people;
mod permissions;
mod problems;
mod program;
mod sessions;
mod stopping;
mod tls;
mod tokens;
mod web_client;
mod workspaces;
