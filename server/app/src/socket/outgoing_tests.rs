use std::task::Waker;

use actix_codec::Decoder;
use actix_http::ws;

use super::super::memory::Memory;
use super::super::outbox::{self, Outbox};
use super::*;
use crate::config::Limits;

/// A connection that takes so much at a time, and no more than so much until it is asked to.
#[derive(Default)]
struct Slow {
    at_once: usize,
    room: usize,
    taken: Vec<u8>,
    writes: usize,
    is_shut: bool,
}

impl AsyncWrite for Slow {
    fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let length = bytes.len().min(self.at_once).min(self.room);
        if length == 0 {
            return Poll::Pending;
        }
        self.writes += 1;
        self.room -= length;
        self.taken.extend_from_slice(&bytes[..length]);
        Poll::Ready(Ok(length))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.is_shut = true;
        Poll::Ready(Ok(()))
    }
}

fn wide() -> Slow {
    Slow {
        at_once: usize::MAX,
        room: usize::MAX,
        ..Slow::default()
    }
}

fn writing() -> (Outbox, Outgoing) {
    let limits = Limits {
        outbox_bytes: 1 << 20,
        ..Limits::default()
    };
    let (outbox, shared) = outbox::new(&limits, &Memory::new(usize::MAX));
    (outbox, Outgoing::new(shared))
}

fn poll(outgoing: &mut Outgoing, connection: &mut Slow) -> Poll<io::Result<()>> {
    outgoing.poll_write(&mut Context::from_waker(Waker::noop()), Pin::new(connection))
}

/// Binary frames' payloads.
fn read(bytes: &[u8]) -> Vec<Vec<u8>> {
    let (mut codec, mut bytes) = (ws::Codec::new().client_mode().max_size(1 << 20), BytesMut::from(bytes));
    let frames = std::iter::from_fn(|| codec.decode(&mut bytes).unwrap());
    frames
        .filter_map(|frame| match frame {
            ws::Frame::Binary(payload) => Some(payload.to_vec()),
            _ => None,
        })
        .collect()
}

fn payload(length: usize) -> Vec<u8> {
    (0..length).map(|number| (number % 251) as u8).collect()
}

#[test]
fn what_has_gathered_goes_out_in_one_write() {
    let ((outbox, mut outgoing), mut connection) = (writing(), wide());
    assert!(poll(&mut outgoing, &mut connection).is_pending());
    let lengths = [0, 1, 125, 126, 4_000];
    for length in lengths {
        outbox.send(Frame::Plain(payload(length).into()));
    }
    assert!(poll(&mut outgoing, &mut connection).is_pending());
    assert_eq!(connection.writes, 1);
    assert_eq!(read(&connection.taken), lengths.map(payload));
}

#[test]
fn frames_are_completed_with_the_receivers_name() {
    let ((outbox, mut outgoing), mut connection) = (writing(), wide());
    outbox.send(Frame::Plain(Bytes::from_static(b"a")));
    outbox.address(Bytes::from_static(b"-ann"));
    let long = payload(100_000);
    for body in [b"b".to_vec(), long.clone(), b"c".to_vec()] {
        outbox.send(Frame::Addressed(body.into()));
    }
    assert!(poll(&mut outgoing, &mut connection).is_pending());
    let with_name = |body: &[u8]| [body, b"-ann"].concat();
    let expected = [b"a".to_vec(), with_name(b"b"), with_name(&long), with_name(b"c")];
    assert_eq!(read(&connection.taken), expected);
}

#[test]
fn a_connection_that_takes_little_at_a_time_gets_everything_in_order() {
    for at_once in [1, 7, 20_000] {
        let (outbox, mut outgoing) = writing();
        let mut connection = Slow {
            at_once,
            ..Slow::default()
        };
        let lengths = [3, 70_000, 200, 16_383, 16_384, 5];
        for length in lengths {
            outbox.send(Frame::Plain(payload(length).into()));
        }
        outbox.finish();
        while poll(&mut outgoing, &mut connection).is_pending() {
            connection.room += 30_011;
        }
        assert_eq!(read(&connection.taken), lengths.map(payload), "{at_once} at once");
        assert!(connection.is_shut);
    }
}

#[test]
fn a_connection_that_is_gone_takes_nothing() {
    let (outbox, outgoing) = writing();
    drop(outgoing);
    outbox.send(Frame::Plain(payload(10).into()));
    assert!(outbox.is_closed());
}
