//! The listening socket, its TLS, and what is set on each connection.

use std::any::Any;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use actix_codec::Framed;
use actix_http::{HttpService, TlsAcceptorConfig};
use actix_service::{fn_service, map_config};
use actix_tls::accept::rustls_0_23::TlsStream;
use actix_web::dev::AppConfig;
use actix_web::rt::net::TcpStream;
use actix_web::web;
use rustls::ServerConfig;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use socket2::{Domain, Protocol, SockRef, Socket, Type};

use super::{StartError, State, app};
use crate::config::Config;
use crate::socket;

/// Connections that wait to be taken, so that thousands may come back at once; the system has a bound of its own
/// (`net.core.somaxconn`).
const BACKLOG: i32 = 8_192;
/// Connections beside the sockets that are allowed: requests, and sockets that are about to be refused in words.
const SPARE_CONNECTIONS: usize = 1_000;

/// What actix does with connections of one type; one that asks for an upgrade becomes a socket of ours. This is what
/// `actix_web::HttpServer` is made of, which has no place for upgrades. (A macro, since the type has no name.)
macro_rules! http_service {
    ($state:expr, $Connection:ty) => {{
        let (limits, sync) = (&$state.config.limits, &$state.config.sync);
        // Three pings without an answer: the system gives up on what it could not deliver, too.
        let user_timeout = Duration::from_millis(3 * sync.ping_interval_ms);
        let upgrading = $state.clone();
        HttpService::build()
            .client_request_timeout(Duration::from_millis(limits.request_head_ms))
            .keep_alive(Duration::from_millis(limits.idle_connection_ms))
            .on_connect_ext(move |connection: &$Connection, _| tune(connection, user_timeout))
            .upgrade(fn_service(move |(request, connection): (_, Framed<$Connection, _>)| {
                socket::upgrade(upgrading.clone(), request, connection)
            }))
            .finish(map_config(app(&$state), |()| AppConfig::default()))
    }};
}

/// Begins to listen. The server runs once it is awaited.
pub(super) fn listen(state: &web::Data<State>) -> Result<(SocketAddr, actix_web::dev::Server), StartError> {
    let config = &state.config;
    let cannot = |reason| StartError::Listen {
        address: config.server.listen,
        reason,
    };
    let listener = bind(config.server.listen).map_err(cannot)?;
    let address = listener.local_addr().map_err(cannot)?;
    let tls = tls_config(config)?;
    let name = "fieldbook";
    let server = actix_web::dev::Server::build()
        .workers(config.server.serving_threads())
        .max_concurrent_connections(config.limits.sockets.saturating_add(SPARE_CONNECTIONS))
        .disable_signals();
    let state = state.clone();
    let server = match tls {
        None => server.listen(name, listener, move || http_service!(state, TcpStream).tcp()),
        Some(tls) => {
            let handshake = Duration::from_millis(config.limits.request_head_ms);
            server.listen(name, listener, move || {
                let acceptor = TlsAcceptorConfig::default().handshake_timeout(handshake);
                http_service!(state, TlsStream<TcpStream>).rustls_0_23_with_config(tls.clone(), acceptor)
            })
        }
    };
    Ok((address, server.map_err(cannot)?.run()))
}

/// What to open in a browser.
pub(crate) fn url(config: &Config, address: SocketAddr) -> String {
    if let Some(public) = &config.server.public_url {
        return public.to_string();
    }
    let ip = match address.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    let scheme = if config.server.has_tls() { "https" } else { "http" };
    format!("{scheme}://{}", SocketAddr::new(ip, address.port()))
}

fn bind(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    // A server that is started again need not wait until the system has forgotten the old one's connections.
    #[cfg(unix)]
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// Edits are small and must not wait for one another; a peer that is gone is noticed although nothing says so.
fn tune(connection: &dyn Any, user_timeout: Duration) {
    let plain = connection.downcast_ref::<TcpStream>();
    let tcp = plain.or_else(|| {
        connection
            .downcast_ref::<TlsStream<TcpStream>>()
            .map(|tls| tls.get_ref().0)
    });
    let Some(tcp) = tcp else { return };
    let socket = SockRef::from(tcp);
    let done = socket
        .set_tcp_nodelay(true)
        .and_then(|()| set_user_timeout(&socket, user_timeout));
    if let Err(reason) = done {
        tracing::debug!(%reason, "a connection keeps the system's own settings");
    }
}

#[cfg(target_os = "linux")]
fn set_user_timeout(socket: &SockRef<'_>, timeout: Duration) -> std::io::Result<()> {
    socket.set_tcp_user_timeout(Some(timeout))
}

#[cfg(not(target_os = "linux"))]
fn set_user_timeout(_: &SockRef<'_>, _: Duration) -> std::io::Result<()> {
    Ok(())
}

fn tls_config(config: &Config) -> Result<Option<ServerConfig>, StartError> {
    let (Some(certificate), Some(key)) = (&config.server.tls_cert, &config.server.tls_key) else {
        return Ok(None);
    };
    let chain = read_chain(certificate)?;
    let key = PrivateKeyDer::from_pem_file(key)
        .map_err(|error| StartError::Tls(format!("server.tls_key, {}: {error}", key.display())))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map(|builder| builder.with_no_client_auth())
        .and_then(|builder| builder.with_single_cert(chain, key))
        .map_err(|error| StartError::Tls(format!("the certificate and the key cannot be used: {error}")))?;
    Ok(Some(tls))
}

fn read_chain(path: &Path) -> Result<Vec<CertificateDer<'static>>, StartError> {
    let unreadable =
        |error: &dyn std::fmt::Display| StartError::Tls(format!("server.tls_cert, {}: {error}", path.display()));
    let chain = CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| unreadable(&error))?;
    if chain.is_empty() {
        return Err(unreadable(
            &"there is no certificate in it (a PEM file has BEGIN CERTIFICATE lines)",
        ));
    }
    Ok(chain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_connection_sends_at_once_and_notices_that_its_peer_is_gone() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let connection = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
        tune(&connection, Duration::from_secs(15));
        let socket = SockRef::from(&connection);
        assert!(socket.tcp_nodelay().unwrap());
        #[cfg(target_os = "linux")]
        assert_eq!(socket.tcp_user_timeout().unwrap(), Some(Duration::from_secs(15)));
    }

    #[test]
    fn the_printed_address_can_be_opened() {
        let open = |listen: &str| url(&Config::default(), listen.parse().unwrap());
        assert_eq!(open("127.0.0.1:8080"), "http://127.0.0.1:8080");
        assert_eq!(open("0.0.0.0:8080"), "http://127.0.0.1:8080");
        assert_eq!(open("[::]:8080"), "http://[::1]:8080");
        let mut config = Config::default();
        config.server.public_url = "https://fieldbook.example".parse().ok();
        assert_eq!(
            url(&config, "127.0.0.1:1".parse().unwrap()),
            "https://fieldbook.example"
        );
    }
}
