//! The Fieldbook server: the world around the sync engine.
//!
//! [`startup`] alone wires the parts together: [`config`] is read once, [`auth`] knows who asks, [`audit`]
//! writes down what they do, [`http`] is the REST
//! API and the web client, [`socket`] the sync endpoint, [`room`] the documents in memory, [`telemetry`] the log, [`cli`]
//! the command line.

pub mod audit;
pub mod auth;
pub mod cli;
pub mod config;
pub mod http;
pub mod room;
pub mod socket;
pub mod startup;
pub mod telemetry;
