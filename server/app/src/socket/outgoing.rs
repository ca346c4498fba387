//! From an outbox to its connection: what has gathered since the connection could last be written to goes out in one
//! write, and nothing else stands between a room and the connection.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use actix_http::ws::{OpCode, Parser};
use bytes::{Buf, Bytes, BytesMut};
use fieldbook_core::wire::Frame;
use tokio::io::AsyncWrite;

use super::outbox::{Item, Shared};

/// Bytes after which no further frame is added to what is written at once. A longer frame is not copied into it.
const WRITE_BYTES: usize = 16 << 10;
/// FIN and the opcode of a binary frame (RFC 6455, 5.2).
const WHOLE_BINARY: u8 = 0x82;

thread_local! {
    /// What is being written now, by a connection of this thread.
    static WRITTEN: RefCell<BytesMut> = RefCell::new(BytesMut::with_capacity(2 * WRITE_BYTES));
}

/// Empties an outbox into its connection.
pub(super) struct Outgoing {
    outbox: Arc<Shared>,
    /// The receiver's name, to complete frames with.
    suffix: Bytes,
    /// What the connection has not taken yet.
    rest: VecDeque<Bytes>,
    /// Its bytes, if the outbox has been told that there are some.
    writing: usize,
    /// The close frame has been written, or there will be none.
    over: bool,
}

impl Outgoing {
    pub(super) fn new(outbox: Arc<Shared>) -> Self {
        Self {
            outbox,
            suffix: Bytes::new(),
            rest: VecDeque::new(),
            writing: 0,
            over: false,
        }
    }

    /// Writes until the outbox is closed and empty, then ends this direction of the connection.
    ///
    /// # Errors
    /// The connection is gone.
    pub(super) async fn write_to(mut self, mut io: impl AsyncWrite + Unpin) -> io::Result<()> {
        std::future::poll_fn(|context| self.poll_write(context, Pin::new(&mut io))).await
    }

    fn poll_write<T: AsyncWrite>(&mut self, context: &mut Context<'_>, mut io: Pin<&mut T>) -> Poll<io::Result<()>> {
        loop {
            self.tell_what_is_left();
            while let Some(first) = self.rest.front_mut() {
                let written = ready!(io.as_mut().poll_write(context, first))?;
                if written == 0 {
                    return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
                }
                first.advance(written);
                if first.is_empty() {
                    self.rest.pop_front();
                }
            }
            self.tell_what_is_left();
            if self.over {
                return io.poll_shutdown(context);
            }
            // Most connections are idle most of the time: they hold nothing.
            self.rest = VecDeque::new();
            let is_idle = WRITTEN.with_borrow_mut(|written| self.write_some(context, io.as_mut(), written))?;
            if is_idle && !self.over {
                ready!(io.as_mut().poll_flush(context))?;
                return Poll::Pending;
            }
        }
    }

    /// What is taken out and not written counts as before.
    fn tell_what_is_left(&mut self) {
        let left = self.rest.iter().map(Bytes::len).sum();
        if left != self.writing {
            self.writing = left;
            self.outbox.is_writing(left);
        }
    }

    /// Writes what waits, as far as the connection takes it. `true`: nothing waits, and whoever puts something in wakes us.
    fn write_some<T: AsyncWrite>(
        &mut self,
        context: &mut Context<'_>,
        io: Pin<&mut T>,
        written: &mut BytesMut,
    ) -> io::Result<bool> {
        written.clear();
        self.gather(context, written);
        if written.is_empty() {
            return Ok(true);
        }
        let taken = match io.poll_write(context, written) {
            Poll::Ready(taken) => taken?,
            Poll::Pending => 0,
        };
        if taken < written.len() {
            self.rest.push_front(Bytes::copy_from_slice(&written[taken..]));
        }
        if written.capacity() > 4 * WRITE_BYTES {
            *written = BytesMut::with_capacity(2 * WRITE_BYTES);
        }
        Ok(false)
    }

    /// What waits, up to [`WRITE_BYTES`]; the body of a longer frame goes to `rest`, where it need not be copied.
    fn gather(&mut self, context: &mut Context<'_>, written: &mut BytesMut) {
        while written.len() < WRITE_BYTES && self.rest.is_empty() && !self.over {
            let item = match self.outbox.take(context.waker(), written.is_empty()) {
                Ok(item) => item,
                Err(closed) => {
                    self.over = closed;
                    return;
                }
            };
            match item {
                Item::Frame(frame) | Item::Droppable(frame) => self.add(written, frame),
                Item::Ping => Parser::write_message(written, b"", OpCode::Ping, true, false),
                Item::Pong(payload) => Parser::write_message(written, payload, OpCode::Pong, true, false),
                Item::Target(name) => self.suffix = name,
                Item::Close(reason) => {
                    Parser::write_close(written, reason, false);
                    self.over = true;
                }
            }
        }
    }

    fn add(&mut self, written: &mut BytesMut, frame: Frame) {
        let (body, suffix) = match frame {
            Frame::Plain(body) => (body, Bytes::new()),
            Frame::Addressed(body) => (body, self.suffix.clone()),
        };
        write_header(written, body.len() + suffix.len());
        if body.len() < WRITE_BYTES {
            written.extend_from_slice(&body);
            written.extend_from_slice(&suffix);
        } else {
            self.rest.push_back(body);
            if !suffix.is_empty() {
                self.rest.push_back(suffix);
            }
        }
    }
}

impl Drop for Outgoing {
    fn drop(&mut self) {
        self.outbox.abandon();
    }
}

/// The header of a binary frame from a server (RFC 6455, 5.2).
fn write_header(written: &mut BytesMut, length: usize) {
    written.extend_from_slice(&[WHOLE_BINARY]);
    match (u8::try_from(length), u16::try_from(length)) {
        (Ok(short @ ..126), _) => written.extend_from_slice(&[short]),
        (_, Ok(medium)) => {
            written.extend_from_slice(&[126]);
            written.extend_from_slice(&medium.to_be_bytes());
        }
        _ => {
            written.extend_from_slice(&[127]);
            written.extend_from_slice(&(length as u64).to_be_bytes());
        }
    }
}

#[cfg(test)]
#[path = "outgoing_tests.rs"]
mod tests;
