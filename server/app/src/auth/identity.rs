//! Who sent a request.

use std::collections::BTreeMap;
use std::sync::Arc;

use actix_web::cookie::Cookie;
use actix_web::dev::RequestHead;
use actix_web::http::header;
use actix_web::{HttpResponse, ResponseError};
use fieldbook_core::access::{Bounds, Subject};
use fieldbook_core::id::{UserId, WorkspaceId};
use fieldbook_store::{
    Account, AuditAction, AuditEvent, Credential, Device, Named, SecretState, SessionId, Store, StoreError,
    WorkspaceRole,
};

use super::foreign::ForeignError;
use super::origin::{HostRefused, check_origin};
use super::session::{COOKIE, SessionCookie};
use super::{embedded, now_ms};
use crate::audit;
use crate::http::ApiError;
use crate::startup::State;

/// The endpoint at which a token may stand in the query: browsers cannot set headers on a WebSocket.
const SYNC_PATH: &str = "/sync";

/// When a session was last seen is noted this often, in milliseconds: each note is a write.
const SEEN_STEP_MS: i64 = 60_000;

/// Somebody that the server knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// Who.
    pub user: UserId,
    /// As the store knows them.
    pub name: String,
    /// What they may do, as far as their credential goes.
    pub subject: Arc<Subject>,
    /// The workspaces that somebody else vouches for in place of the stored memberships.
    pub vouched: Option<BTreeMap<WorkspaceId, WorkspaceRole>>,
    /// How they showed it.
    pub via: Credential,
    /// The browser's session, if it was that.
    pub session: Option<SessionId>,
    /// Until when it is good; milliseconds since 1970.
    pub expires_at_ms: i64,
}

/// Why nobody is known to have sent a request.
#[derive(Debug, thiserror::Error)]
pub enum AuthError {
    /// There is neither token nor session.
    #[error("sign in first, or send a token: Authorization: Bearer <token>")]
    Missing,
    /// Where a token should be, nothing is.
    #[error(
        "the token is empty; put the one that `fieldbook token` prints after token= in the address, or after Bearer in \
         the header Authorization"
    )]
    EmptyToken,
    /// The token is not good.
    #[error("the token is not good: it expired, or was made by another server; make one with `fieldbook token`")]
    InvalidToken,
    /// The token is another application's, and is not good.
    #[error("{0}; get a new one from the application that made it")]
    Foreign(#[from] ForeignError),
    /// The token is good, and asks for what this server cannot do.
    #[error("{0}")]
    NotCarried(&'static str),
    /// The session is not good.
    #[error("the session has ended; sign in again")]
    InvalidSession,
    /// A page of another address made the request.
    #[error("the request does not come from a page of this server")]
    ForeignOrigin,
    /// We do not know ourselves by the address in the request.
    #[error(transparent)]
    HostRefused(HostRefused),
    /// They ask too often.
    #[error("too many requests; wait {0} s")]
    TooManyRequests(u64),
    /// The store cannot say.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Finds out who sent a request: by the token in `Authorization: Bearer` (or, at `/sync`, in `?token=`), or by the
/// browser's session. With the session, requests that change something, and `/sync`, must come from a page of ours. Counts the
/// request as theirs, unless it is for a socket: those have limits of their own.
///
/// # Errors
/// [`AuthError`]. It is a [`ResponseError`], so handlers pass it on with `?`.
pub async fn identify(request: &RequestHead, state: &State) -> Result<Identity, AuthError> {
    let identity = look_up(request, state).await?;
    if request.uri.path() != SYNC_PATH {
        state
            .rate
            .user_request(identity.user)
            .map_err(AuthError::TooManyRequests)?;
    }
    Ok(identity)
}

async fn look_up(request: &RequestHead, state: &State) -> Result<Identity, AuthError> {
    if let Some(token) = token_of(request)? {
        return if token.is_empty() {
            Err(AuthError::EmptyToken)
        } else {
            by_token(&token, state).await
        };
    }
    let Some(cookie) = session_cookie(request) else {
        return Err(AuthError::Missing);
    };
    if request.uri.path() == SYNC_PATH || !request.method.is_safe() {
        check_origin(request, &state.config.server, true)?;
    }
    by_session(&cookie, request, state).await
}

async fn by_token(token: &str, state: &State) -> Result<Identity, AuthError> {
    if let Some(foreign) = state
        .foreign_tokens
        .as_ref()
        .filter(|foreign| foreign.claims_to_be(token))
    {
        let claims = foreign.read(token).await?;
        let (account, subject) = embedded::account_of(&claims, state.store.as_ref()).await?;
        let mut identity = identity(account, subject, Credential::ForeignToken, claims.expires_at_ms);
        identity.vouched = Some(claims.roles());
        return Ok(identity);
    }
    let claims = state.token_key.read(token).map_err(|_| AuthError::InvalidToken)?;
    let user: UserId = claims.sub.parse().map_err(|_| AuthError::InvalidToken)?;
    let account = state.store.account(user).await?.ok_or(AuthError::InvalidToken)?;
    let mut subject = subject_of(&account, state.store.as_ref()).await?;
    subject.bounds.role = claims.role.into();
    let expires_at_ms = i64::try_from(claims.exp.saturating_mul(1000)).unwrap_or(i64::MAX);
    Ok(identity(account, subject, Credential::Token, expires_at_ms))
}

async fn by_session(value: &str, request: &RequestHead, state: &State) -> Result<Identity, AuthError> {
    let session = SessionCookie::received(value).ok_or(AuthError::InvalidSession)?;
    let account = state
        .store
        .session_account(session.hash(), now_ms())
        .await?
        .ok_or(AuthError::InvalidSession)?;
    let device = state.store.device(session.hash(), now_ms()).await?;
    let (device, secret) = device.ok_or(AuthError::InvalidSession)?;
    keep_to(&device, secret, session.hash(), &account, request, state).await?;
    if now_ms() - device.seen_at_ms > SEEN_STEP_MS
        && let Err(error) = state.store.touch_device(device.id, now_ms()).await
    {
        // Whoever asks is no worse off.
        tracing::debug!(%error, "when a session was last seen could not be noted");
    }
    let subject = subject_of(&account, state.store.as_ref()).await?;
    let mut identity = identity(account, subject, Credential::Session, session.expires_at_ms);
    identity.session = Some(device.id);
    Ok(identity)
}

/// What follows from which of its session's secrets somebody came with.
async fn keep_to(
    device: &Device,
    secret: SecretState,
    hash: [u8; 32],
    account: &Account,
    request: &RequestHead,
    state: &State,
) -> Result<(), AuthError> {
    let now_ms = now_ms();
    match secret {
        SecretState::Current => {}
        SecretState::Next => {
            let grace_ms = state.config.auth.rotation_grace_s.cast_signed() * 1_000;
            // `false`: a request beside this one was faster.
            state.store.take_secret(hash, now_ms, now_ms + grace_ms).await?;
        }
        SecretState::Previous { until_ms } if now_ms < until_ms => {}
        SecretState::Previous { .. } => {
            tracing::warn!(
                "a session came with a secret that was exchanged long ago: it ends, somebody may have a copy"
            );
            let event = AuditEvent {
                workspace: account.home_id(),
                subject: Some(Named::from(account)),
                detail: Some("an old secret of it was used: somebody may have a copy".to_owned()),
                ..audit::asked(
                    AuditAction::SessionEnded,
                    Credential::Session,
                    request,
                    &state.config.server,
                )
            };
            state.store.end_session(account.id, device.id, event).await?;
            state.sockets.sessions.end(device.id);
            return Err(AuthError::InvalidSession);
        }
    }
    Ok(())
}

fn identity(account: Account, subject: Subject, via: Credential, expires_at_ms: i64) -> Identity {
    Identity {
        user: account.id,
        name: account.name,
        subject: Arc::new(subject),
        vouched: None,
        via,
        session: None,
        expires_at_ms,
    }
}

impl Identity {
    /// The same person with the same credential, and what they may do now.
    ///
    /// # Errors
    /// What the store says.
    pub async fn renewed(&self, store: &dyn Store, as_of: u64) -> Result<Arc<Subject>, StoreError> {
        let memberships = store.memberships(self.user, self.vouched.clone()).await?;
        Ok(Arc::new(Subject {
            memberships: memberships.of,
            home: memberships.home,
            as_of,
            ..Subject::clone(&self.subject)
        }))
    }
}

/// Somebody with all that they may do here.
///
/// # Errors
/// What the store says.
pub async fn subject_of(account: &Account, store: &dyn Store) -> Result<Subject, StoreError> {
    let memberships = store.memberships(account.id, None).await?;
    Ok(Subject {
        user: account.id,
        name: account.name.as_str().into(),
        memberships: memberships.of,
        home: memberships.home,
        as_of: 0,
        bounds: Bounds::default(),
    })
}

fn session_cookie(request: &RequestHead) -> Option<String> {
    let headers = request.headers().get_all(header::COOKIE);
    headers
        .filter_map(|header| header.to_str().ok())
        .flat_map(|header| header.split(';'))
        .filter_map(|cookie| Cookie::parse_encoded(cookie.trim()).ok())
        .find(|cookie| cookie.name() == COOKIE)
        .map(|cookie| cookie.value().to_owned())
}

fn token_of(request: &RequestHead) -> Result<Option<String>, AuthError> {
    if let Some(value) = request.headers().get(header::AUTHORIZATION) {
        let value = value.to_str().map_err(|_| AuthError::InvalidToken)?;
        let (scheme, token) = value.split_once(' ').unwrap_or((value, ""));
        let is_bearer = scheme.eq_ignore_ascii_case("bearer");
        return if is_bearer {
            Ok(Some(token.trim().to_owned()))
        } else {
            Err(AuthError::Missing)
        };
    }
    if request.uri.path() != SYNC_PATH {
        return Ok(None);
    }
    // A token has no character that a query would have to escape.
    let pairs = request
        .uri
        .query()
        .unwrap_or_default()
        .split('&')
        .filter_map(|pair| pair.split_once('='));
    Ok(pairs
        .into_iter()
        .find(|(name, _)| *name == "token")
        .map(|(_, token)| token.to_owned()))
}

impl ResponseError for AuthError {
    fn status_code(&self) -> actix_web::http::StatusCode {
        ApiError::from(self).status()
    }

    fn error_response(&self) -> HttpResponse {
        ApiError::from(self).error_response()
    }
}
