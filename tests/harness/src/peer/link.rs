//! The connection under a peer: what arrives is read in the background, until the test says not to.

use futures_util::stream::{SplitSink, SplitStream};
use futures_util::{SinkExt, StreamExt};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;

use crate::cbor::Value;
use crate::socket::{Arrival, RawSocket, arrival, within};

type Stream = WebSocketStream<TcpStream>;

/// A socket that has joined.
pub(super) struct Link {
    sink: SplitSink<Stream, Message>,
    arrivals: mpsc::UnboundedReceiver<Arrival>,
    reading: watch::Sender<bool>,
    reader: JoinHandle<()>,
    /// The server's peer id.
    pub server_id: String,
    /// Code and reason, once the peer has taken in that the server closed it.
    pub closed: Option<(Option<u16>, String)>,
}

impl Link {
    pub(super) fn over(socket: RawSocket) -> Self {
        let server_id = socket.server_id.clone();
        let (sink, stream) = socket.into_stream().split();
        let (sender, arrivals) = mpsc::unbounded_channel();
        let (reading, watched) = watch::channel(true);
        let reader = tokio::spawn(read(stream, watched, sender));
        Self {
            sink,
            arrivals,
            reading,
            reader,
            server_id,
            closed: None,
        }
    }

    /// Into a lost connection it goes unheard.
    pub(super) async fn send(&mut self, frame: &Value) {
        let _ = within(self.sink.send(Message::Binary(frame.encode().into()))).await;
    }

    /// What has arrived already.
    pub(super) fn arrived(&mut self) -> Option<Arrival> {
        self.arrivals.try_recv().ok()
    }

    /// What arrives next; `None` after the end. Cancelling loses nothing.
    pub(super) async fn arrival(&mut self) -> Option<Arrival> {
        self.arrivals.recv().await
    }

    pub(super) fn stop_reading(&self) {
        self.reading.send_replace(false);
    }

    /// Closes in good order.
    pub(super) async fn close(mut self) {
        let _ = within(self.sink.close()).await;
        // With something unread, dropping the socket would reset the connection before the server reads the close frame.
        while let Some(arrival) = within(self.arrivals.recv()).await {
            if matches!(arrival, Arrival::Closed(..)) {
                return;
            }
        }
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.reader.abort();
    }
}

async fn read(
    mut stream: SplitStream<Stream>,
    mut reading: watch::Receiver<bool>,
    sender: mpsc::UnboundedSender<Arrival>,
) {
    loop {
        if reading.wait_for(|reading| *reading).await.is_err() {
            return;
        }
        let Some(arrival) = arrival(stream.next().await) else {
            continue;
        };
        let last = matches!(arrival, Arrival::Closed(..));
        if sender.send(arrival).is_err() || last {
            return;
        }
    }
}
