//! The stock protocol, as thinly as it can be spoken.

use anyhow::{Context, Result, bail};
use automerge::ChangeHash;
use automerge::sync::{BloomFilter, ChunkList, Have, Message, MessageFlags, MessageVersion};
use fieldbook_harness::{Join, Value};
use futures_util::{SinkExt, StreamExt};
use minicbor::{Decoder, Encoder};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message as Frame;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

/// A joined socket that counts its bytes.
pub(crate) struct Socket {
    stream: WebSocketStream<MaybeTlsStream<TcpStream>>,
    peer: String,
    server: String,
    /// Bytes of all frames received.
    pub(crate) down: u64,
    /// Bytes of all frames sent.
    pub(crate) up: u64,
}

/// What the server sends, as far as it matters here.
pub(crate) enum Heard {
    /// A sync message.
    Sync(Message),
    /// The document is not there for us.
    Unavailable,
    /// Anything else.
    Other,
}

impl Socket {
    pub(crate) async fn join(url: &str) -> Result<Self> {
        let config = WebSocketConfig::default().max_message_size(None).max_frame_size(None);
        let (stream, _) = tokio_tungstenite::connect_async_with_config(url, Some(config), true).await?;
        let join = Join::new("load");
        let mut socket = Self {
            stream,
            peer: join.peer_id.clone(),
            server: String::new(),
            down: 0,
            up: 0,
        };
        socket.send(join.frame().encode()).await?;
        let welcome = Value::decode(&socket.next().await?).map_err(anyhow::Error::msg)?;
        if welcome.kind() != "peer" {
            bail!("the server does not want us: {welcome:?}");
        }
        socket.server = welcome.text("senderId").to_owned();
        Ok(socket)
    }

    /// Says what we have, what the server has as far as we know, and what is new.
    pub(crate) async fn say(
        &mut self,
        kind: &str,
        document: &str,
        heads: &[ChangeHash],
        common: &[ChangeHash],
        changes: Vec<Vec<u8>>,
    ) -> Result<()> {
        let mut flags = MessageFlags::new();
        flags.set(MessageFlags::SUPPORTS_SYNC_RESET);
        let message = Message {
            heads: heads.to_vec(),
            need: Vec::new(),
            have: vec![Have {
                last_sync: common.to_vec(),
                bloom: BloomFilter::default(),
            }],
            changes: ChunkList::from(changes),
            flags: Some(flags),
            version: MessageVersion::V1,
        };
        let mut frame = Encoder::new(Vec::with_capacity(512));
        frame
            .map(5)?
            .str("type")?
            .str(kind)?
            .str("senderId")?
            .str(&self.peer)?
            .str("targetId")?
            .str(&self.server)?;
        frame
            .str("documentId")?
            .str(document)?
            .str("data")?
            .bytes(&message.encode())?;
        self.send(frame.into_writer()).await
    }

    /// Waits for the next frame. Cancelling loses nothing.
    pub(crate) async fn hear(&mut self) -> Result<Heard> {
        let frame = self.next().await?;
        let mut decoder = Decoder::new(&frame);
        let (mut kind, mut data) = ("", None);
        for _ in 0..decoder.map()?.context("a map without a length")? {
            match decoder.str()? {
                "type" => kind = decoder.str()?,
                "data" => data = Some(decoder.bytes()?),
                _ => decoder.skip()?,
            }
        }
        Ok(match (kind, data) {
            ("sync", Some(data)) => Heard::Sync(Message::decode(data)?),
            ("doc-unavailable", _) => Heard::Unavailable,
            _ => Heard::Other,
        })
    }

    async fn send(&mut self, frame: Vec<u8>) -> Result<()> {
        self.up += frame.len() as u64;
        Ok(self.stream.send(Frame::Binary(frame.into())).await?)
    }

    async fn next(&mut self) -> Result<bytes::Bytes> {
        loop {
            match self.stream.next().await.context("the server has closed the socket")?? {
                Frame::Binary(bytes) => {
                    self.down += bytes.len() as u64;
                    return Ok(bytes);
                }
                Frame::Close(reason) => bail!("the server has closed the socket: {reason:?}"),
                _ => {}
            }
        }
    }
}
