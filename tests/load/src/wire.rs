//! The stock protocol, as thinly as it can be spoken.

use std::time::Duration;

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
    /// Somebody's ephemeral message, and the frame itself.
    Ephemeral(Ephemeral),
    /// A frame of Fieldbook's own.
    Fieldbook(Value),
    /// The document is not there for us.
    Unavailable,
    /// Anything else.
    Other,
}

/// One ephemeral message.
pub(crate) struct Ephemeral {
    pub(crate) sender: String,
    pub(crate) session: String,
    pub(crate) count: u32,
    pub(crate) data: Vec<u8>,
}

impl Socket {
    /// Connects and joins as a stock client.
    pub(crate) async fn join(url: &str) -> Result<Self> {
        Self::join_as(url, &stock_join()).await
    }

    /// Connects and joins like this.
    pub(crate) async fn join_as(url: &str, join: &Join) -> Result<Self> {
        let config = WebSocketConfig::default().max_message_size(None).max_frame_size(None);
        let (stream, _) = tokio_tungstenite::connect_async_with_config(url, Some(config), true).await?;
        let mut socket = Self {
            stream,
            peer: join.peer_id.clone(),
            server: String::new(),
            down: 0,
            up: 0,
        };
        socket.send(join.frame().encode()).await?;
        let welcome = socket.next().await?;
        socket.server = server_name(&welcome)?.context("the server does not want us")?;
        Ok(socket)
    }

    /// The peer id that it joined with.
    pub(crate) fn peer(&self) -> &str {
        &self.peer
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
        self.feed(kind, document, heads, common, changes).await?;
        self.flush().await
    }

    /// The same, to be sent together with what follows, by [`Self::flush`].
    pub(crate) async fn feed(
        &mut self,
        kind: &str,
        document: &str,
        heads: &[ChangeHash],
        common: &[ChangeHash],
        changes: Vec<Vec<u8>>,
    ) -> Result<()> {
        let mut flags = MessageFlags::new();
        flags.set(MessageFlags::SUPPORTS_SYNC_RESET);
        // So that nobody is sent its own.
        let own: Vec<&ChangeHash> = heads.iter().filter(|head| !common.contains(head)).collect();
        let message = Message {
            heads: heads.to_vec(),
            need: Vec::new(),
            have: vec![Have {
                last_sync: common.to_vec(),
                bloom: BloomFilter::from_hashes(own.into_iter()),
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
        let frame = frame.into_writer();
        self.up += frame.len() as u64;
        Ok(self.stream.feed(Frame::Binary(frame.into())).await?)
    }

    /// Sends what was fed.
    pub(crate) async fn flush(&mut self) -> Result<()> {
        Ok(self.stream.flush().await?)
    }

    /// Sends an ephemeral message: one's own, or an echo of another's.
    pub(crate) async fn broadcast(&mut self, kind: &str, document: &str, message: &Ephemeral) -> Result<()> {
        let frame = Value::frame(kind)
            .with("senderId", message.sender.as_str())
            .with("targetId", self.server.as_str())
            .with("documentId", document)
            .with("count", i64::from(message.count))
            .with("sessionId", message.session.as_str())
            .with("data", message.data.clone());
        self.send(frame.encode()).await
    }

    /// Sends a presence frame of Fieldbook's own.
    pub(crate) async fn present(&mut self, document: &str, data: Vec<u8>) -> Result<()> {
        let frame = Value::frame("fb").with("kind", "presence");
        self.send(frame.with("documentId", document).with("data", data).encode())
            .await
    }

    /// Waits for the next frame. Cancelling loses nothing.
    pub(crate) async fn hear(&mut self) -> Result<Heard> {
        let frame = self.next().await?;
        let mut decoder = Decoder::new(&frame);
        let (mut kind, mut data, mut sender, mut session, mut count) = ("", None, "", "", 0);
        for _ in 0..decoder.map()?.context("a map without a length")? {
            match decoder.str()? {
                "type" => kind = decoder.str()?,
                "senderId" => sender = decoder.str()?,
                "sessionId" => session = decoder.str()?,
                "count" => count = decoder.u32()?,
                "data" => data = Some(bytes(&mut decoder)?),
                _ => decoder.skip()?,
            }
        }
        Ok(match (kind, data) {
            ("sync", Some(data)) => Heard::Sync(Message::decode(data)?),
            ("ephemeral", Some(data)) => Heard::Ephemeral(Ephemeral {
                sender: sender.to_owned(),
                session: session.to_owned(),
                count,
                data: data.to_vec(),
            }),
            ("fb", _) => Heard::Fieldbook(Value::decode(&frame).map_err(anyhow::Error::msg)?),
            ("doc-unavailable", _) => Heard::Unavailable,
            _ => Heard::Other,
        })
    }

    /// The same, but not for longer than this.
    pub(crate) async fn hear_within(&mut self, patience: Duration) -> Result<Heard> {
        let heard = tokio::time::timeout(patience, self.hear()).await;
        heard.unwrap_or_else(|_| bail!("the server said nothing for {patience:?}"))
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

/// With a peer id as stock clients give themselves one.
pub(crate) fn stock_join() -> Join {
    let letters = std::iter::repeat_with(|| fastrand::digit(36)).take(11);
    Join::with_peer_id(&format!("peer-{}", letters.collect::<String>()))
}

/// Does its sender not know what we have? A stock client says it then.
pub(crate) fn asks(message: &Message) -> bool {
    message.have.iter().all(|have| have.last_sync.is_empty())
}

/// Bytes, which some servers put into tag 64.
fn bytes<'a>(decoder: &mut Decoder<'a>) -> Result<&'a [u8]> {
    if decoder.datatype()? == minicbor::data::Type::Tag {
        decoder.tag()?;
    }
    Ok(decoder.bytes()?)
}

/// The `senderId` of a `peer` frame.
fn server_name(welcome: &[u8]) -> Result<Option<String>> {
    let mut decoder = Decoder::new(welcome);
    let (mut kind, mut sender) = ("", "");
    for _ in 0..decoder.map()?.context("a map without a length")? {
        match decoder.str()? {
            "type" => kind = decoder.str()?,
            "senderId" => sender = decoder.str()?,
            _ => decoder.skip()?,
        }
    }
    Ok((kind == "peer").then(|| sender.to_owned()))
}
