//! WebSocket frames as they come in. What has not come whole is bounded, whatever length it claims, and seen from
//! outside: it counts towards rates and budgets before it is whole.

use std::cell::RefCell;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use actix_http::ws::{OpCode, Parser};
use actix_ws::{Item, Message, ProtocolError};
use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf, ReadHalf};

/// Bytes that are read at once.
const READ_BYTES: usize = 64 << 10;

thread_local! {
    /// What is being read now, by a connection of this thread: one that is idle holds no buffer.
    static READ: RefCell<Vec<u8>> = RefCell::new(vec![0; READ_BYTES]);
}

/// A connection that bytes go to and come from: TCP, or TLS on it.
pub trait Connection: AsyncRead + AsyncWrite + Unpin + 'static {}
impl<T: AsyncRead + AsyncWrite + Unpin + 'static> Connection for T {}

/// The receiving half of a connection.
pub(super) struct Frames<T> {
    io: ReadHalf<T>,
    buffer: Buffer,
}

/// What has come and is not taken yet.
struct Buffer {
    bytes: BytesMut,
    most: usize,
    /// A message is coming in parts.
    in_parts: bool,
    /// Of a frame that is too large: so many bytes are still to come. Who sends it is told once they have, if that is soon.
    too_much: usize,
}

impl<T: Connection> Frames<T> {
    /// Frames of at most `most` bytes each. `begun`: what came along with the handshake.
    pub(super) fn new(io: ReadHalf<T>, begun: &[u8], most: usize) -> Self {
        let mut buffer = Buffer::new(most);
        // A copy: what actix read the handshake into is let go.
        buffer.add(begun);
        Self { io, buffer }
    }

    /// Waits for more, and says how many bytes that were. `None`: the connection is over. May be given up and called again.
    pub(super) async fn arrive(&mut self) -> Option<Result<usize, ProtocolError>> {
        match std::future::poll_fn(|context| self.poll_read(context)).await {
            Ok(0) => None,
            Ok(count) => Some(Ok(count)),
            Err(error) => Some(Err(ProtocolError::Io(error))),
        }
    }

    fn poll_read(&mut self, context: &mut Context<'_>) -> Poll<std::io::Result<usize>> {
        READ.with_borrow_mut(|bytes| {
            let mut read = ReadBuf::new(bytes);
            ready!(Pin::new(&mut self.io).poll_read(context, &mut read))?;
            self.buffer.add(read.filled());
            Poll::Ready(Ok(read.filled().len()))
        })
    }

    /// The next message, or part of one, that has come whole.
    pub(super) fn next(&mut self) -> Result<Option<Message>, ProtocolError> {
        self.buffer.next()
    }

    /// Bytes of a frame that has not come whole.
    pub(super) fn waiting(&self) -> usize {
        self.buffer.bytes.len()
    }

    /// Takes what still comes, and drops it: a connection that is closed while its client speaks loses the reason.
    pub(super) async fn discard(mut self) {
        while let Some(Ok(_)) = self.arrive().await {
            self.buffer.bytes = BytesMut::new();
        }
    }
}

impl Buffer {
    fn new(most: usize) -> Self {
        Self {
            bytes: BytesMut::new(),
            most,
            in_parts: false,
            too_much: 0,
        }
    }

    fn add(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    fn next(&mut self) -> Result<Option<Message>, ProtocolError> {
        if self.too_much > 0 {
            return self.skip();
        }
        let Some(length) = frame_length(&self.bytes) else {
            return Ok(None);
        };
        if length > self.most.saturating_add(LONGEST_HEAD) {
            self.too_much = length;
            return self.skip();
        }
        // The parser would set memory aside for what is announced.
        if self.bytes.len() < length {
            return Ok(None);
        }
        let Some((last, opcode, payload)) = Parser::parse(&mut self.bytes, true, self.most)? else {
            return Ok(None);
        };
        if self.bytes.is_empty() {
            // An empty one holds on to what it was part of.
            self.bytes = BytesMut::new();
        }
        self.message(last, opcode, payload.unwrap_or_default().freeze())
            .map(Some)
    }

    fn skip(&mut self) -> Result<Option<Message>, ProtocolError> {
        let some = self.too_much.min(self.bytes.len());
        let is_soon_over = self.too_much <= 2 * self.most;
        self.too_much -= some;
        self.bytes = self.bytes.split_off(some);
        if is_soon_over && self.too_much > 0 {
            Ok(None)
        } else {
            Err(ProtocolError::Overflow)
        }
    }

    fn message(&mut self, last: bool, opcode: OpCode, payload: Bytes) -> Result<Message, ProtocolError> {
        let starts = matches!(opcode, OpCode::Text | OpCode::Binary);
        if starts && self.in_parts {
            return Err(ProtocolError::ContinuationStarted);
        }
        if matches!(opcode, OpCode::Continue) && !self.in_parts {
            return Err(ProtocolError::ContinuationNotStarted);
        }
        let message = match (opcode, last) {
            (OpCode::Text, false) => Message::Continuation(Item::FirstText(payload)),
            (OpCode::Binary, false) => Message::Continuation(Item::FirstBinary(payload)),
            (OpCode::Continue, false) => Message::Continuation(Item::Continue(payload)),
            (OpCode::Continue, true) => Message::Continuation(Item::Last(payload)),
            // What it says is of no interest: it is refused.
            (OpCode::Text, true) => Message::Text(String::new().into()),
            (OpCode::Binary, true) => Message::Binary(payload),
            (OpCode::Ping, true) => Message::Ping(payload),
            (OpCode::Pong, true) => Message::Pong(payload),
            (OpCode::Close, true) => Message::Close(Parser::try_parse_close_payload(&payload)?),
            (other, false) => return Err(ProtocolError::ContinuationFragment(other)),
            (OpCode::Bad, true) => return Err(ProtocolError::BadOpCode),
        };
        if starts || matches!(opcode, OpCode::Continue) {
            self.in_parts = !last;
        }
        Ok(message)
    }
}

/// Two bytes, a length of eight, and a mask.
const LONGEST_HEAD: usize = 2 + 8 + 4;

/// How long the frame says that it is, with its head. `None`: that has not come yet.
fn frame_length(bytes: &[u8]) -> Option<usize> {
    let second = *bytes.get(1)?;
    let mask = if second & 0x80 == 0 { 0 } else { 4 };
    let (head, length) = match second & 0x7f {
        126 => (4, u64::from(u16::from_be_bytes(bytes.get(2..4)?.try_into().ok()?))),
        127 => (10, u64::from_be_bytes(bytes.get(2..10)?.try_into().ok()?)),
        short => (2, u64::from(short)),
    };
    Some(
        usize::try_from(length)
            .unwrap_or(usize::MAX)
            .saturating_add(head + mask),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(opcode: OpCode, last: bool, payload: &[u8]) -> Bytes {
        let mut bytes = BytesMut::new();
        Parser::write_message(&mut bytes, payload, opcode, last, true);
        bytes.freeze()
    }

    fn binary(message: Option<Message>) -> usize {
        match message {
            Some(Message::Binary(bytes)) => bytes.len(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn frames_are_taken_as_they_become_whole_whichever_way_they_are_cut() {
        let sent = [0, 1, 125, 126, 65_535, 65_536, 100_000].map(|size| vec![7; size]);
        let bytes: Vec<u8> = sent.iter().flat_map(|p| frame(OpCode::Binary, true, p)).collect();
        for cut in [1, 7, 4_096, bytes.len()] {
            let mut buffer = Buffer::new(100_000);
            let mut taken = Vec::new();
            for some in bytes.chunks(cut) {
                buffer.add(some);
                while let Some(message) = buffer.next().unwrap() {
                    taken.push(binary(Some(message)));
                }
            }
            assert_eq!(taken, sent.each_ref().map(Vec::len));
            assert!(buffer.bytes.is_empty() && buffer.bytes.capacity() == 0);
        }
    }

    #[test]
    fn a_length_that_is_claimed_costs_nothing() {
        let mut buffer = Buffer::new(1 << 30);
        buffer.add(&frame(OpCode::Binary, true, &vec![0; 1 << 20])[..1_000]);
        assert!(buffer.next().unwrap().is_none());
        assert!(buffer.bytes.capacity() < 10_000);
    }

    #[test]
    fn a_frame_that_is_too_large_is_not_kept() {
        let mut buffer = Buffer::new(1_000);
        for some in frame(OpCode::Binary, true, &[0; 1_500]).chunks(100) {
            buffer.add(some);
            if buffer.too_much == 0 {
                assert!(buffer.next().unwrap().is_none(), "it is read to its end");
            } else if buffer.next().is_err() {
                assert_eq!(buffer.too_much, 0);
                return;
            }
            assert!(buffer.bytes.is_empty());
        }
        panic!("it was taken");
    }

    #[test]
    fn a_frame_that_is_far_too_large_is_not_waited_for() {
        let mut buffer = Buffer::new(1_000);
        let head = [0x82, 0xff, 0, 0, 1, 0, 0, 0, 0, 0];
        buffer.add(&head);
        assert!(matches!(buffer.next(), Err(ProtocolError::Overflow)));
    }

    #[test]
    fn what_breaks_the_rules_of_frames_is_an_error() {
        let broken: [&[(OpCode, bool)]; 5] = [
            &[(OpCode::Continue, true)],
            &[(OpCode::Binary, false), (OpCode::Binary, true)],
            &[
                (OpCode::Binary, false),
                (OpCode::Continue, true),
                (OpCode::Continue, true),
            ],
            &[(OpCode::Ping, false)],
            &[(OpCode::Bad, true)],
        ];
        for frames in broken {
            let mut buffer = Buffer::new(1_000);
            for (opcode, last) in frames {
                buffer.add(&frame(*opcode, *last, b"x"));
            }
            let mut outcome = Ok(None);
            for _ in frames {
                outcome = buffer.next();
            }
            assert!(outcome.is_err(), "{frames:?}");
        }
        let mut buffer = Buffer::new(1_000);
        buffer.add(&[0x82, 0x01, b'x']);
        assert!(matches!(buffer.next(), Err(ProtocolError::UnmaskedFrame)));
    }

    #[test]
    fn a_ping_may_come_between_the_parts_of_a_message() {
        let mut buffer = Buffer::new(1_000);
        let parts = [(OpCode::Binary, false), (OpCode::Ping, true), (OpCode::Continue, true)];
        for (opcode, last) in parts {
            buffer.add(&frame(opcode, last, b"x"));
        }
        assert!(matches!(
            buffer.next(),
            Ok(Some(Message::Continuation(Item::FirstBinary(_))))
        ));
        assert!(matches!(buffer.next(), Ok(Some(Message::Ping(_)))));
        assert!(matches!(buffer.next(), Ok(Some(Message::Continuation(Item::Last(_))))));
    }
}
