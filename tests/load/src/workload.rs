//! The workloads, by name.

mod growth;
mod history;
mod idle;
mod kill;
mod one_writer;
mod open;
mod presence;
mod reconnect;
mod typing;

use anyhow::Result;
use clap::ValueEnum;

use crate::bench::Bench;
use crate::report::Table;

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Workload {
    /// One document, 200 connections, 5 of them type 5 keys a second.
    FanOut,
    /// 100 documents with 5 connections each, 500 keys a second together.
    ManyDocuments,
    /// What a reader gets for a key, in bytes: at one key a frame, and when keys are bundled.
    Bytes,
    /// One writer as fast as it goes, 9 readers.
    OneWriter,
    /// The fan-out on an empty document and on one with a long history.
    History,
    /// A long document opened after a restart.
    Open,
    /// 2,000 connections, each with a small document open.
    Idle,
    /// 100 connections that tell where their cursors are, twice a second.
    Presence,
    /// The server is killed at the last acknowledgement.
    Kill,
    /// 1,500 observers of one writer.
    Observers,
    /// 2,000 clients come back at once after a restart.
    Reconnect,
    /// How cost grows with connections, documents and history.
    Growth,
}

impl Workload {
    pub(crate) async fn run(self, bench: &mut Bench) -> Result<Table> {
        match self {
            Self::FanOut => typing::fan_out(bench).await,
            Self::Bytes => typing::bytes(bench).await,
            Self::ManyDocuments => typing::many_documents(bench).await,
            Self::Observers => typing::observers(bench).await,
            Self::OneWriter => one_writer::run(bench).await,
            Self::History => history::run(bench).await,
            Self::Open => open::run(bench).await,
            Self::Idle => idle::run(bench).await,
            Self::Presence => presence::run(bench).await,
            Self::Kill => kill::run(bench).await,
            Self::Reconnect => reconnect::run(bench).await,
            Self::Growth => growth::run(bench).await,
        }
    }
}
