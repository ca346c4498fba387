//! How often: per address and per account, in this process's memory, which is bounded.

use std::hash::{BuildHasher, Hash, RandomState};
use std::net::IpAddr;
use std::num::NonZeroU32;
use std::time::Duration;

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{Payload, ServiceRequest, ServiceResponse};
use actix_web::error::PayloadError;
use actix_web::middleware::Next;
use actix_web::{Error, HttpMessage, ResponseError, web};
use fieldbook_core::id::UserId;
use futures_util::StreamExt;
use governor::clock::{Clock, DefaultClock};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};

use super::ApiError;
use crate::auth::client_address;
use crate::config::Limits;
use crate::startup::State;

/// So many askers are told apart. While there are more, they share `CROWD_BUCKETS` allowances.
const MOST_KEYS: usize = 100_000;
const CROWD_BUCKETS: u64 = 4_096;

/// The limits of the REST API.
#[derive(Debug)]
pub struct RateLimits {
    requests: Limiter,
    user_requests: Limiter,
    sign_in_address: Limiter,
    sign_in_account: Limiter,
}

impl RateLimits {
    /// As configured.
    #[must_use]
    pub fn new(limits: &Limits) -> Self {
        let sign_in = Quota::per_minute(at_least_one(limits.sign_in_per_minute));
        Self {
            requests: Limiter::new(Quota::per_second(at_least_one(limits.requests_per_second))),
            user_requests: Limiter::new(Quota::per_second(at_least_one(limits.user_requests_per_second))),
            sign_in_address: Limiter::new(sign_in),
            sign_in_account: Limiter::new(sign_in),
        }
    }

    /// Counts an API request.
    ///
    /// # Errors
    /// [`ApiError::TooManyRequests`].
    pub fn request(&self, address: IpAddr) -> Result<(), ApiError> {
        self.requests.check(&network(address))
    }

    /// Counts an API request of somebody who is known.
    ///
    /// # Errors
    /// The seconds to wait.
    pub fn user_request(&self, user: UserId) -> Result<(), u64> {
        self.user_requests.count(&user)
    }

    /// Counts an attempt to sign in.
    ///
    /// # Errors
    /// [`ApiError::TooManyRequests`].
    pub fn sign_in(&self, address: IpAddr, name: &str) -> Result<(), ApiError> {
        self.sign_in_address(address)?;
        self.sign_in_account.check(&name.trim().to_lowercase())
    }

    /// Counts an attempt to make an account.
    ///
    /// # Errors
    /// [`ApiError::TooManyRequests`].
    pub fn sign_in_address(&self, address: IpAddr) -> Result<(), ApiError> {
        self.sign_in_address.check(&network(address))
    }

    /// Forgets who has not asked for a while. To be called now and then.
    pub fn sweep(&self) {
        let limiters = [
            &self.requests,
            &self.user_requests,
            &self.sign_in_address,
            &self.sign_in_account,
        ];
        for limiter in limiters {
            limiter.inner.retain_recent();
        }
    }
}

/// Middleware: counts every request it lets through.
pub(super) async fn limit<B: MessageBody + 'static>(
    mut request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let Some(state) = request.app_data::<web::Data<State>>().cloned() else {
        return Ok(next.call(request).await?.map_into_boxed_body());
    };
    let address = client_address(request.head(), &state.config.server);
    if let Err(error) = state.rate.request(address) {
        return Ok(request.into_response(error.error_response()));
    }
    let body = in_time(request.take_payload(), state.config.limits.request_body_ms);
    request.set_payload(body);
    Ok(next.call(request).await?.map_into_boxed_body())
}

/// The body, broken off when its time is over.
fn in_time(body: Payload, milliseconds: u64) -> Payload {
    let deadline = tokio::time::Instant::now() + Duration::from_millis(milliseconds);
    let stream = futures_util::stream::unfold(body, move |mut body| async move {
        match tokio::time::timeout_at(deadline, body.next()).await {
            Ok(bytes) => Some((bytes?, body)),
            Err(_) => Some((Err(PayloadError::Io(std::io::ErrorKind::TimedOut.into())), body)),
        }
    });
    Payload::Stream {
        payload: Box::pin(stream),
    }
}

struct Limiter {
    inner: DefaultKeyedRateLimiter<u64>,
    clock: DefaultClock,
    hasher: RandomState,
}

impl std::fmt::Debug for Limiter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Limiter")
            .field("keys", &self.inner.len())
            .finish_non_exhaustive()
    }
}

impl Limiter {
    fn new(quota: Quota) -> Self {
        Self {
            inner: RateLimiter::keyed(quota),
            clock: DefaultClock::default(),
            hasher: RandomState::new(),
        }
    }

    fn check(&self, key: &impl Hash) -> Result<(), ApiError> {
        self.count(key).map_err(ApiError::TooManyRequests)
    }

    /// The error is the seconds to wait. Keys are kept as keyed hashes: no name or address stays in memory, and nobody can
    /// choose two that collide.
    fn count(&self, key: &impl Hash) -> Result<(), u64> {
        let hash = self.hasher.hash_one(key);
        let key = if self.inner.len() < MOST_KEYS {
            hash
        } else {
            hash % CROWD_BUCKETS
        };
        self.inner.check_key(&key).map_err(|not_until| {
            let wait = not_until.wait_time_from(self.clock.now());
            wait.as_secs() + 1
        })
    }
}

fn at_least_one(number: u32) -> NonZeroU32 {
    NonZeroU32::new(number).unwrap_or(NonZeroU32::MIN)
}

/// Whoever has one IPv6 address has the /64 around it.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            IpAddr::V6(std::net::Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn limits(requests_per_second: u32, sign_in_per_minute: u32) -> RateLimits {
        RateLimits::new(&Limits {
            requests_per_second,
            sign_in_per_minute,
            ..Limits::default()
        })
    }

    #[test]
    fn one_address_does_not_take_anothers_share() {
        let rate = limits(3, 1);
        let (ann, ben) = ("10.0.0.1".parse().unwrap(), "10.0.0.2".parse().unwrap());
        for _ in 0..3 {
            rate.request(ann).unwrap();
        }
        assert!(matches!(rate.request(ann), Err(ApiError::TooManyRequests(1))));
        rate.request(ben).unwrap();
    }

    #[test]
    fn one_ipv6_network_is_one_asker() {
        let rate = limits(1, 1);
        rate.request("2001:db8::1".parse().unwrap()).unwrap();
        assert!(rate.request("2001:db8::2".parse().unwrap()).is_err());
        rate.request("2001:db8:0:1::1".parse().unwrap()).unwrap();
    }

    #[test]
    fn an_account_is_counted_from_every_address_and_however_it_is_written() {
        let rate = limits(1, 2);
        rate.sign_in("10.0.0.1".parse().unwrap(), "Ann").unwrap();
        rate.sign_in("10.0.0.2".parse().unwrap(), " ANN ").unwrap();
        let refused = rate.sign_in("10.0.0.3".parse().unwrap(), "ann");
        assert!(matches!(refused, Err(ApiError::TooManyRequests(seconds)) if seconds > 1));
        rate.sign_in("10.0.0.3".parse().unwrap(), "Ben").unwrap();
    }

    #[test]
    fn a_crowd_does_not_fill_the_memory() {
        let limiter = Limiter::new(Quota::per_second(NonZeroU32::MIN));
        for asker in 0..3 * MOST_KEYS {
            let _ = limiter.check(&asker);
        }
        assert!(limiter.inner.len() <= MOST_KEYS + usize::try_from(CROWD_BUCKETS).unwrap());
    }
}
