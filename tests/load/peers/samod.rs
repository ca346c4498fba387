//! A sync server made of samod, for comparison: its repo, its file storage, and a WebSocket listener.

use std::net::SocketAddr;
use std::path::PathBuf;

use futures_util::{Sink, SinkExt, Stream, StreamExt, TryStreamExt};
use samod::storage::TokioFilesystemStorage;
use samod::{AcceptorHandle, Repo, ShareConfig, Transport, Url};
use tokio::net::{TcpListener, TcpStream};
use tokio_tungstenite::accept_async;
use tokio_tungstenite::tungstenite::{Error, Message};

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(address), Some(folder)) = (arguments.next(), arguments.next()) else {
        return Err("usage: fieldbook-load-samod ADDRESS:PORT FOLDER".into());
    };
    let repo = Repo::build_tokio()
        .with_storage(TokioFilesystemStorage::new(PathBuf::from(folder)))
        // As other sync servers: documents are for those who ask for them.
        .with_share_policy(ShareConfig::read_write().with_announce(false))
        .load()
        .await;
    let acceptor = repo.make_acceptor(Url::parse(&format!("ws://{address}"))?)?;
    let address: SocketAddr = address.parse()?;
    let listener = TcpListener::bind(address).await?;
    loop {
        let (tcp, _) = listener.accept().await?;
        tokio::spawn(serve(tcp, acceptor.clone()));
    }
}

async fn serve(tcp: TcpStream, acceptor: AcceptorHandle) {
    let _ = tcp.set_nodelay(true);
    if let Ok(socket) = accept_async(tcp).await {
        let (sink, stream) = socket.split();
        let _ = acceptor.accept(Transport::new(binary(stream).boxed(), Box::pin(frames(sink))));
    }
}

fn binary(stream: impl Stream<Item = Result<Message, Error>>) -> impl Stream<Item = Result<Vec<u8>, Error>> {
    stream.try_filter_map(async |message| {
        Ok(match message {
            Message::Binary(bytes) => Some(bytes.to_vec()),
            _ => None,
        })
    })
}

fn frames(sink: impl Sink<Message, Error = Error>) -> impl Sink<Vec<u8>, Error = Error> {
    sink.with(|bytes: Vec<u8>| std::future::ready(Ok(Message::Binary(bytes.into()))))
}
