//! A WebSocket that says exactly what it is told to.

use std::net::SocketAddr;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::{HeaderName, HeaderValue};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::protocol::frame::Frame;
use tokio_tungstenite::tungstenite::{Error, Message};

use crate::cbor::Value;

/// How long anything that should happen may take.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// The HTTP status that refused an upgrade.
#[derive(Debug, PartialEq, Eq)]
pub struct Refused(pub u16);

/// What arrives at a socket.
#[derive(Debug, Clone, PartialEq)]
pub enum Arrival {
    /// A frame.
    Frame(Value),
    /// The end: the close frame's code and reason; no code if the connection just broke.
    Closed(Option<u16>, String),
}

/// How to join.
#[derive(Debug, Clone)]
pub struct Join {
    /// The peer id.
    pub peer_id: String,
    fieldbook: bool,
}

impl Join {
    /// With a new peer id that begins with this name.
    #[must_use]
    pub fn new(name: &str) -> Self {
        Self::with_peer_id(&format!("{name}-{}", uuid::Uuid::new_v4().simple()))
    }

    /// With this peer id.
    #[must_use]
    pub fn with_peer_id(peer_id: &str) -> Self {
        Self {
            peer_id: peer_id.into(),
            fieldbook: false,
        }
    }

    /// Asking for `fb` frames.
    #[must_use]
    pub fn fieldbook(mut self) -> Self {
        self.fieldbook = true;
        self
    }

    /// The frame.
    #[must_use]
    pub fn frame(&self) -> Value {
        let metadata = Value::Map(vec![("isEphemeral".into(), true.into())]);
        let frame = Value::frame("join")
            .with("senderId", self.peer_id.as_str())
            .with("peerMetadata", metadata)
            .with("supportedProtocolVersions", vec![Value::from("1")]);
        if self.fieldbook {
            frame.with("fieldbook", 1)
        } else {
            frame
        }
    }
}

/// A WebSocket to the server.
pub struct RawSocket {
    stream: WebSocketStream<TcpStream>,
    /// The peer id it joined with; empty before.
    pub peer_id: String,
    /// The server's peer id; empty before joining.
    pub server_id: String,
}

impl RawSocket {
    /// Upgrades a connection.
    ///
    /// # Errors
    /// The HTTP status if the server does not want to.
    pub async fn open(address: SocketAddr, path: &str, headers: &[(&str, &str)]) -> Result<Self, Refused> {
        let tcp = within(TcpStream::connect(address))
            .await
            .expect("the server accepts connections");
        Self::open_over(tcp, address, path, headers).await
    }

    /// Upgrades over a connection that was made before.
    ///
    /// # Errors
    /// The HTTP status if the server does not want to.
    pub async fn open_over(
        tcp: TcpStream,
        address: SocketAddr,
        path: &str,
        headers: &[(&str, &str)],
    ) -> Result<Self, Refused> {
        tcp.set_nodelay(true).expect("a connected socket takes options");
        let mut request = format!("ws://{address}{path}")
            .into_client_request()
            .expect("a valid URL");
        for (name, value) in headers {
            let name = HeaderName::from_bytes(name.as_bytes()).expect("a header's name");
            request
                .headers_mut()
                .insert(name, HeaderValue::from_str(value).expect("a header's value"));
        }
        let config = WebSocketConfig::default().max_message_size(None).max_frame_size(None);
        match within(tokio_tungstenite::client_async_with_config(request, tcp, Some(config))).await {
            Ok((stream, _)) => Ok(Self {
                stream,
                peer_id: String::new(),
                server_id: String::new(),
            }),
            Err(Error::Http(answer)) => Err(Refused(answer.status().as_u16())),
            Err(error) => panic!("neither an upgrade nor a refusal: {error}"),
        }
    }

    /// Joins and takes the server's `peer` (C3).
    pub async fn join(&mut self, join: &Join) -> Value {
        self.send(&join.frame()).await;
        let frame = self.frame().await;
        assert_eq!(frame.kind(), "peer", "join is answered with peer (C3): {frame:?}");
        self.peer_id.clone_from(&join.peer_id);
        self.server_id = frame.text("senderId").into();
        frame
    }

    /// A frame of ours about a document, with both ids filled in.
    #[must_use]
    pub fn about(&self, kind: &str, document: &str) -> Value {
        addressed(kind, &self.peer_id, &self.server_id).with("documentId", document)
    }

    /// Sends a frame; a socket that the server has closed already swallows it.
    pub async fn send(&mut self, frame: &Value) {
        self.send_bytes(frame.encode()).await;
    }

    /// Sends bytes as one binary frame.
    pub async fn send_bytes(&mut self, bytes: impl Into<Vec<u8>>) {
        self.send_message(Message::Binary(bytes.into().into())).await;
    }

    /// Sends any WebSocket message.
    pub async fn send_message(&mut self, message: Message) {
        let _ = within(self.stream.send(message)).await;
    }

    /// Sends WebSocket frames as they are.
    pub async fn send_fragments(&mut self, frames: impl IntoIterator<Item = Frame>) {
        for frame in frames {
            if within(self.stream.feed(Message::Frame(frame))).await.is_err() {
                return;
            }
        }
        let _ = within(self.stream.flush()).await;
    }

    /// What arrives next.
    pub async fn next(&mut self) -> Arrival {
        within(self.arrival()).await
    }

    /// What arrives next, if it does within this time.
    pub async fn next_within(&mut self, time: Duration) -> Option<Arrival> {
        timeout(time, self.arrival()).await.ok()
    }

    /// The next frame; it must not be the end.
    pub async fn frame(&mut self) -> Value {
        match self.next().await {
            Arrival::Frame(frame) => frame,
            Arrival::Closed(code, reason) => panic!("closed ({code:?}: {reason}) instead of a frame"),
        }
    }

    /// The next frame of this type, past others.
    pub async fn frame_of(&mut self, kind: &str) -> Value {
        loop {
            let frame = self.frame().await;
            if frame.kind() == kind {
                return frame;
            }
        }
    }

    /// Waits until the server closes the socket; gives code and reason.
    pub async fn closed(&mut self) -> (Option<u16>, String) {
        loop {
            if let Arrival::Closed(code, reason) = self.next().await {
                return (code, reason);
            }
        }
    }

    /// Breaks the connection without a word.
    pub fn abort(self) {
        let tcp = self.stream.into_inner();
        let _ = tcp.set_zero_linger();
    }

    /// Closes in good order.
    pub async fn close(mut self) {
        let _ = within(self.stream.close(None)).await;
    }

    pub(crate) fn into_stream(self) -> WebSocketStream<TcpStream> {
        self.stream
    }

    async fn arrival(&mut self) -> Arrival {
        loop {
            if let Some(arrival) = arrival(self.stream.next().await) {
                return arrival;
            }
        }
    }
}

/// A frame with `senderId` and `targetId`.
#[must_use]
pub fn addressed(kind: &str, sender: &str, target: &str) -> Value {
    Value::frame(kind).with("senderId", sender).with("targetId", target)
}

/// What a WebSocket message means; `None` for pings, pongs and the like.
pub(crate) fn arrival(message: Option<Result<Message, Error>>) -> Option<Arrival> {
    match message {
        Some(Ok(Message::Binary(bytes))) => Some(Arrival::Frame(
            Value::decode(&bytes).unwrap_or_else(|error| panic!("the server sent {error}")),
        )),
        Some(Ok(Message::Text(text))) => panic!("the server sent text (F1): {text}"),
        Some(Ok(Message::Close(Some(frame)))) => {
            Some(Arrival::Closed(Some(frame.code.into()), frame.reason.as_str().into()))
        }
        Some(Ok(Message::Close(None))) | None => Some(Arrival::Closed(None, String::new())),
        Some(Ok(_)) => None,
        Some(Err(error)) => Some(Arrival::Closed(None, error.to_string())),
    }
}

/// The future's outcome; panics if it takes longer than [`PATIENCE`].
pub async fn within<T>(future: impl Future<Output = T>) -> T {
    timeout(PATIENCE, future)
        .await
        .unwrap_or_else(|_| panic!("nothing happened for {PATIENCE:?}"))
}
