//! The HTTP shell, through its front door: every test starts a real server on a free port.

mod boundary;
mod command_line;
mod documents;
mod invitations;
mod openapi;
mod people;
mod problems;
mod sessions;
mod stopping;
mod tls;
mod tokens;
mod web_client;
