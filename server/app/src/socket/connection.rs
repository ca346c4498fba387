//! One WebSocket connection: what comes in as messages, what is in the outbox as bytes.
//!
//! The connection is ours from the handshake on. While nothing is on its way it holds no buffer: bytes are read into, and
//! frames are put together in, memory that all connections of a thread share for the moment of the call.

use std::cell::RefCell;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use actix_codec::Decoder;
use actix_http::ws::{Codec, Frame};
use actix_ws::{Message, ProtocolError};
use bytes::BytesMut;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf, ReadHalf};

/// Bytes that are read at once.
const READ_BYTES: usize = 64 << 10;

thread_local! {
    static READ: RefCell<Vec<u8>> = RefCell::new(vec![0; READ_BYTES]);
}

/// A connection that bytes go to and come from: TCP, or TLS on it.
pub trait Connection: AsyncRead + AsyncWrite + Unpin + 'static {}
impl<T: AsyncRead + AsyncWrite + Unpin + 'static> Connection for T {}

/// What a client says, message by message.
pub(super) struct Incoming<T> {
    io: ReadHalf<T>,
    codec: Codec,
    /// The beginning of a frame whose end has not come yet.
    begun: BytesMut,
}

impl<T: Connection> Incoming<T> {
    /// `begun`: what came along with the handshake.
    pub(super) fn new(io: ReadHalf<T>, begun: &[u8], most_frame_bytes: usize) -> Self {
        Self {
            io,
            codec: Codec::new().max_size(most_frame_bytes),
            // A copy: what actix read the handshake into is let go.
            begun: BytesMut::from(begun),
        }
    }

    /// The next message or part of one; `None`: the connection has ended. Nothing is lost when the wait is given up.
    pub(super) async fn recv(&mut self) -> Option<Result<Message, ProtocolError>> {
        std::future::poll_fn(|context| self.poll_recv(context)).await
    }

    /// Reads on, and listens no more, until the client has ended the connection, too: what it gets last would be lost if
    /// the connection were cut while something of the client's is unread.
    pub(super) async fn run_out(mut self) {
        self.begun = BytesMut::new();
        while std::future::poll_fn(|context| self.poll_read(context))
            .await
            .is_ok_and(|read| read > 0)
        {
            self.begun.clear();
        }
    }

    fn poll_recv(&mut self, context: &mut Context<'_>) -> Poll<Option<Result<Message, ProtocolError>>> {
        loop {
            match self.decode() {
                Ok(None) => {}
                Ok(Some(message)) => return Poll::Ready(Some(Ok(message))),
                Err(error) => return Poll::Ready(Some(Err(error))),
            }
            match ready!(self.poll_read(context)) {
                Ok(0) => return Poll::Ready(None),
                Ok(_) => {}
                Err(error) => return Poll::Ready(Some(Err(ProtocolError::Io(error)))),
            }
        }
    }

    fn decode(&mut self) -> Result<Option<Message>, ProtocolError> {
        if self.begun.is_empty() {
            return Ok(None);
        }
        let frame = self.codec.decode(&mut self.begun)?;
        if self.begun.is_empty() {
            self.begun = BytesMut::new();
        }
        frame.map(message).transpose()
    }

    fn poll_read(&mut self, context: &mut Context<'_>) -> Poll<std::io::Result<usize>> {
        READ.with_borrow_mut(|bytes| {
            let mut read = ReadBuf::new(bytes);
            ready!(Pin::new(&mut self.io).poll_read(context, &mut read))?;
            self.begun.extend_from_slice(read.filled());
            Poll::Ready(Ok(read.filled().len()))
        })
    }
}

fn message(frame: Frame) -> Result<Message, ProtocolError> {
    Ok(match frame {
        Frame::Text(bytes) => Message::Text(bytes.try_into().map_err(|_| ProtocolError::BadOpCode)?),
        Frame::Binary(bytes) => Message::Binary(bytes),
        Frame::Continuation(part) => Message::Continuation(part),
        Frame::Ping(payload) => Message::Ping(payload),
        Frame::Pong(payload) => Message::Pong(payload),
        Frame::Close(reason) => Message::Close(reason),
    })
}
