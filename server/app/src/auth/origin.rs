//! Where a request comes from, and under which address it found us.

use std::net::{IpAddr, Ipv4Addr};

use actix_web::dev::RequestHead;
use actix_web::http::header::{self, HeaderName};

use super::AuthError;
use crate::config::{Origin, Server};

/// The request names us by an address that we do not know to be ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "the server does not know itself by this address; start it with --public-url and the address that people open in \
     their browser (or open it by its IP address)"
)]
pub struct HostRefused;

/// Our own address, as this request's browser sees it: the public URL, or without one what the request names, provided
/// that it is an IP address or localhost.
///
/// A name would not do: a page of any name can have that name resolved to our address, and then speaks to us from
/// inside the network as if it were ours (DNS rebinding).
///
/// # Errors
/// [`HostRefused`].
pub fn own_origin(request: &RequestHead, server: &Server) -> Result<Origin, HostRefused> {
    if let Some(origin) = &server.public_url {
        return Ok(origin.clone());
    }
    let forwarded = |name| {
        if comes_through_proxy(request, server) {
            last_of(request, name)
        } else {
            None
        }
    };
    let https = forwarded(header::X_FORWARDED_PROTO).map_or(server.has_tls(), |scheme| scheme == "https");
    let host = forwarded(header::X_FORWARDED_HOST)
        .or_else(|| request.uri.authority().map(|authority| authority.as_str()))
        .or_else(|| request.headers().get(header::HOST)?.to_str().ok());
    let origin = host.and_then(|host| Origin::new(https, host)).ok_or(HostRefused)?;
    if is_address_or_localhost(origin.host()) {
        Ok(origin)
    } else {
        Err(HostRefused)
    }
}

/// Whether the request was made by a page of ours. `None` in the header means that no page made it.
///
/// # Errors
/// [`AuthError::ForeignOrigin`], or [`AuthError::HostRefused`].
pub fn check_origin(request: &RequestHead, server: &Server, required: bool) -> Result<(), AuthError> {
    let own = own_origin(request, server).map_err(AuthError::HostRefused)?;
    match request.headers().get(header::ORIGIN) {
        None if required => Err(AuthError::ForeignOrigin),
        None => Ok(()),
        Some(value) if value.to_str().is_ok_and(|value| value == own.to_string()) => Ok(()),
        Some(_) => Err(AuthError::ForeignOrigin),
    }
}

/// The address of the client: the peer's, or what the last trusted proxy says.
#[must_use]
pub fn client_address(request: &RequestHead, server: &Server) -> IpAddr {
    let Some(peer) = request.peer_addr else {
        return IpAddr::V4(Ipv4Addr::UNSPECIFIED);
    };
    let mut address = peer.ip().to_canonical();
    // From right to left: each trusted proxy wrote down whom it heard.
    let heard: Vec<&str> = request
        .headers()
        .get_all(header::X_FORWARDED_FOR)
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .collect();
    for said in heard.into_iter().rev() {
        let Ok(said) = said.trim().parse::<IpAddr>() else { break };
        if !is_trusted(address, server) {
            break;
        }
        address = said.to_canonical();
    }
    address
}

fn comes_through_proxy(request: &RequestHead, server: &Server) -> bool {
    request.peer_addr.is_some_and(|peer| is_trusted(peer.ip(), server))
}

fn is_trusted(address: IpAddr, server: &Server) -> bool {
    server.trusted_proxies.iter().any(|network| network.contains(address))
}

/// The last value of a header that proxies append to: what the nearest proxy said.
fn last_of(request: &RequestHead, name: HeaderName) -> Option<&str> {
    request
        .headers()
        .get_all(name)
        .last()?
        .to_str()
        .ok()?
        .rsplit(',')
        .next()
        .map(str::trim)
}

fn is_address_or_localhost(host: &str) -> bool {
    host.parse::<IpAddr>().is_ok() || host == "localhost" || host.ends_with(".localhost")
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    fn request(peer: &str, headers: &[(&'static str, &str)]) -> actix_web::HttpRequest {
        let request = TestRequest::default().peer_addr(peer.parse().unwrap());
        headers
            .iter()
            .fold(request, |request, header| request.append_header(*header))
            .to_http_request()
    }

    fn behind_proxy() -> Server {
        Server {
            trusted_proxies: vec!["10.0.0.0/8".parse().unwrap()],
            ..Server::default()
        }
    }

    #[test]
    fn a_foreign_name_is_refused_without_a_public_url() {
        let own = |host: &str| own_origin(request("9.9.9.9:1", &[("host", host)]).head(), &Server::default());
        assert_eq!(own("127.0.0.1:8080").unwrap().to_string(), "http://127.0.0.1:8080");
        assert_eq!(own("localhost:5173").unwrap().to_string(), "http://localhost:5173");
        assert_eq!(own("[::1]:80").unwrap().to_string(), "http://[::1]");
        assert_eq!(own("192.168.1.9").unwrap().to_string(), "http://192.168.1.9");
        for host in [
            "evil.example",
            "127.0.0.1.evil.example",
            "localhost.evil.example",
            "",
            "a b",
            "127.0.0.1:x",
        ] {
            assert_eq!(own(host), Err(HostRefused), "{host}");
        }
    }

    #[test]
    fn the_public_url_is_the_only_origin_when_there_is_one() {
        let server = Server {
            public_url: "https://fieldbook.example".parse().ok(),
            ..Server::default()
        };
        let check = |origin: &str| {
            check_origin(
                request("9.9.9.9:1", &[("host", "127.0.0.1:8080"), ("origin", origin)]).head(),
                &server,
                true,
            )
        };
        assert!(check("https://fieldbook.example").is_ok());
        for origin in [
            "http://fieldbook.example",
            "https://evil.example",
            "null",
            "http://127.0.0.1:8080",
        ] {
            assert!(matches!(check(origin), Err(AuthError::ForeignOrigin)), "{origin}");
        }
    }

    #[test]
    fn no_origin_is_enough_only_where_none_is_required() {
        let request = request("9.9.9.9:1", &[("host", "127.0.0.1")]);
        assert!(check_origin(request.head(), &Server::default(), false).is_ok());
        assert!(check_origin(request.head(), &Server::default(), true).is_err());
    }

    #[test]
    fn only_trusted_proxies_are_believed() {
        let headers = [
            ("host", "127.0.0.1:1"),
            ("x-forwarded-host", "127.0.0.2"),
            ("x-forwarded-proto", "https"),
            ("x-forwarded-for", "7.7.7.7"),
        ];
        let direct = request("9.9.9.9:1", &headers);
        assert_eq!(
            own_origin(direct.head(), &behind_proxy()).unwrap().to_string(),
            "http://127.0.0.1:1"
        );
        assert_eq!(client_address(direct.head(), &behind_proxy()).to_string(), "9.9.9.9");
        let proxied = request("10.1.1.1:1", &headers);
        assert_eq!(
            own_origin(proxied.head(), &behind_proxy()).unwrap().to_string(),
            "https://127.0.0.2"
        );
        assert_eq!(client_address(proxied.head(), &behind_proxy()).to_string(), "7.7.7.7");
    }

    #[test]
    fn what_the_client_itself_wrote_into_forwarded_for_is_not_believed() {
        let chain = request("10.1.1.1:1", &[("x-forwarded-for", "1.2.3.4, 7.7.7.7, 10.2.2.2")]);
        assert_eq!(client_address(chain.head(), &behind_proxy()).to_string(), "7.7.7.7");
        let garbled = request("10.1.1.1:1", &[("x-forwarded-for", "nonsense, 7.7.7.7")]);
        assert_eq!(client_address(garbled.head(), &behind_proxy()).to_string(), "7.7.7.7");
    }
}
