//! What holds for every request: the address it names, the headers of its answer, its line in the log.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Instant;

use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{self, HeaderMap, HeaderValue};
use actix_web::http::{ConnectionType, Uri};
use actix_web::middleware::Next;
use actix_web::{Error, ResponseError, web};
use bytes::Bytes;

use crate::auth::{AuthError, own_origin};
use crate::config::Origin;
use crate::http::ApiError;
use crate::startup::{InFlight, State};

/// Monitors ask by whatever name the machine has, and often; these answers say nothing worth guarding, and what they
/// say stands in the log already.
const FOR_MONITORS: [&str; 2] = ["/healthz", "/readyz"];

/// Middleware around everything.
pub async fn guard<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let Some(state) = request.app_data::<web::Data<State>>().cloned() else {
        return Ok(next.call(request).await?.map_into_boxed_body());
    };
    let started = Instant::now();
    let in_flight = state.in_flight.enter();
    let own = own_origin(request.head(), &state.config.server);
    let mut response = match &own {
        Err(refused) if !FOR_MONITORS.contains(&request.path()) => {
            let error = ApiError::from(AuthError::HostRefused(*refused));
            request.into_response(error.error_response())
        }
        _ => next.call(request).await?.map_into_boxed_body(),
    };
    let own = own.ok();
    set_headers(response.headers_mut(), own.as_ref());
    if own.is_some_and(|own| own.is_https()) {
        set_hsts(response.headers_mut(), state.config.server.hsts_seconds);
    }
    if is_never_kept(response.request().uri()) {
        let no_store = HeaderValue::from_static("no-store");
        response.headers_mut().insert(header::CACHE_CONTROL, no_store);
    }
    if state.is_stopping() && response.status() != actix_web::http::StatusCode::SWITCHING_PROTOCOLS {
        response
            .response_mut()
            .head_mut()
            .set_connection_type(ConnectionType::Close);
    }
    log(&response, started);
    Ok(response.map_body(|_, body| {
        BoxBody::new(Held {
            body,
            _in_flight: in_flight,
        })
    }))
}

/// What every answer tells browsers.
pub fn set_headers(headers: &mut HeaderMap, own: Option<&Origin>) {
    let mut set = |name, value: &'static str| {
        headers.insert(name, HeaderValue::from_static(value));
    };
    set(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    set(header::REFERRER_POLICY, "no-referrer");
    set(header::X_FRAME_OPTIONS, "DENY");
    set(header::CROSS_ORIGIN_OPENER_POLICY, "same-origin");
    set(header::CROSS_ORIGIN_RESOURCE_POLICY, "same-origin");
    if let Ok(policy) = HeaderValue::from_str(&content_security_policy(own)) {
        headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    }
}

/// Only for who asked for it: the promise binds the host name, and a try-out with a certificate of one's own cannot
/// keep it.
fn set_hsts(headers: &mut HeaderMap, seconds: u32) {
    if seconds == 0 {
        return;
    }
    if let Ok(promise) = HeaderValue::from_str(&format!("max-age={seconds}")) {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, promise);
    }
}

/// `'self'` does not cover WebSockets in every browser in use, so they are named. Styles may stand in elements: the
/// editor places carets and menus with `style` attributes.
fn content_security_policy(own: Option<&Origin>) -> String {
    let sockets = own
        .map(|own| format!(" ws://{0} wss://{0}", own.authority()))
        .unwrap_or_default();
    format!(
        "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; connect-src 'self'{sockets}; style-src 'self' \
         'unsafe-inline'; img-src 'self' data:; font-src 'self' data:; object-src 'none'; frame-ancestors 'none'; \
         base-uri 'none'; form-action 'self'"
    )
}

/// The pattern of the route and not the address: secrets of invitations stand in addresses, tokens in queries.
fn log(response: &ServiceResponse<BoxBody>, started: Instant) {
    let route = response.request().match_pattern();
    let route = route.as_deref().unwrap_or("(web client)");
    let status = response.status().as_u16();
    let took_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    let method = response.request().method().as_str();
    if status >= 500 && !FOR_MONITORS.contains(&route) {
        tracing::warn!(method, route, status, took_ms, "request");
    } else {
        tracing::debug!(method, route, status, took_ms, "request");
    }
}

/// A body that counts as under way until it is sent; a socket's lasts as long as the socket.
struct Held {
    body: BoxBody,
    _in_flight: InFlight,
}

impl MessageBody for Held {
    type Error = Box<dyn std::error::Error>;

    fn size(&self) -> BodySize {
        self.body.size()
    }

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Self::Error>>> {
        Pin::new(&mut self.body).poll_next(cx)
    }
}

/// What is true now, and for who asks: no cache keeps it.
fn is_never_kept(uri: &Uri) -> bool {
    is_api(uri) || FOR_MONITORS.contains(&uri.path())
}

/// Whether an address belongs to the API: what is not found there is told as a problem, elsewhere as a page.
pub(super) fn is_api(uri: &Uri) -> bool {
    uri.path() == "/api" || uri.path().starts_with("/api/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_policy_lets_a_page_speak_to_its_own_server_only() {
        let own: Origin = "https://fieldbook.example".parse().unwrap();
        let policy = content_security_policy(Some(&own));
        assert!(
            policy.contains("connect-src 'self' ws://fieldbook.example wss://fieldbook.example;"),
            "{policy}"
        );
        assert!(!policy.contains('*') && !policy.contains("'unsafe-eval'"), "{policy}");
        assert!(content_security_policy(None).contains("connect-src 'self';"));
    }
}
