//! Spawns the real server and talks to it as people do.
//!
//! ```no_run
//! # async fn story() {
//! use fieldbook_harness::TestServer;
//! let server = TestServer::start().await;
//! let (mut ann, mut ben) = (server.user("ann").connect().await, server.user("ben").connect().await);
//! let plan = ann.create().await;
//! ann.write(&plan, "Call on the new clinic").await;
//! ann.saved(&plan).await;
//! ben.find(&plan).await.expect("they share a workspace");
//! ben.reads(&plan, "Call on the new clinic").await;
//! # }
//! ```
//!
//! Every wait ends with an event or fails at a deadline; nothing sleeps to let something happen.

pub mod cbor;
mod chunk;
pub mod peer;
pub mod replica;
pub mod server;
pub mod socket;
pub mod trace;
pub mod user;

pub use cbor::Value;
pub use chunk::chunks;
pub use peer::{Peer, Unavailable, converge, converge_within, new_document_id};
pub use server::{Setup, TestServer};
pub use socket::{Arrival, Join, PATIENCE, RawSocket, Refused};
pub use user::TestUser;
