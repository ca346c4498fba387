//! A person with a token.

use std::net::SocketAddr;

use crate::peer::Peer;
use crate::socket::{Join, RawSocket, Refused};

/// A person who may connect.
#[derive(Debug, Clone)]
pub struct TestUser {
    name: String,
    token: String,
    address: SocketAddr,
}

impl TestUser {
    /// Somebody who has this token already.
    #[must_use]
    pub fn new(name: &str, token: &str, address: SocketAddr) -> Self {
        Self {
            name: name.into(),
            token: token.into(),
            address,
        }
    }

    /// As the server knows them.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Their JWT.
    #[must_use]
    pub fn token(&self) -> &str {
        &self.token
    }

    /// The server's.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where stock clients connect: the token is in the URL.
    #[must_use]
    pub fn sync_url(&self) -> String {
        format!("ws://{}/sync?token={}", self.address, self.token)
    }

    /// A stock client with a peer id of its own.
    pub async fn connect(&self) -> Peer {
        self.connect_as(Join::new(&self.name)).await
    }

    /// A client of our own kind, that gets `fb` frames.
    pub async fn connect_fieldbook(&self) -> Peer {
        self.connect_as(Join::new(&self.name).fieldbook()).await
    }

    /// A client that joins like this.
    pub async fn connect_as(&self, join: Join) -> Peer {
        Peer::connect(self.clone(), join).await
    }

    /// A bare socket, upgraded but not joined.
    pub async fn raw(&self) -> RawSocket {
        self.try_raw()
            .await
            .expect("the server takes a socket with a token (C1)")
    }

    /// A bare socket, or how it was refused.
    ///
    /// # Errors
    /// The HTTP status of the refusal.
    pub async fn try_raw(&self) -> Result<RawSocket, Refused> {
        RawSocket::open(self.address, &format!("/sync?token={}", self.token), &[]).await
    }

    /// A bare socket that has joined with a peer id of its own.
    pub async fn raw_joined(&self) -> RawSocket {
        let mut socket = self.raw().await;
        socket.join(&Join::new(&self.name)).await;
        socket
    }
}
