//! `/api/session`: who is signed in.

use actix_web::cookie::Cookie;
use actix_web::http::header;
use actix_web::web::{Data, Json};
use actix_web::{HttpRequest, HttpResponse};
use fieldbook_core::access::Subject;
use fieldbook_core::id::WorkspaceId;
use fieldbook_store::{Account, AuditAction, AuditEvent, Credential, Named, SecretState, SessionId, SignInSession};

use super::devices::end_one;
use super::model::{Session, SignIn};
use super::readers::Object;
use super::{ApiError, Problem};
use crate::audit;
use crate::auth::{
    COOKIE, Identity, SessionCookie, check_origin, client_address, identify, now_ms, own_origin, subject_of,
};
use crate::startup::State;

const DAY_MS: i64 = 86_400_000;
/// Longest name of a browser that is kept.
const MOST_USER_AGENT_CHARACTERS: usize = 256;

/// Says who is signed in.
#[utoipa::path(get, path = "/api/session", operation_id = "showSession", tag = "session", responses(
    (status = 200, description = "Somebody is", body = Session),
    (status = 401, description = "Nobody is", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn show(request: HttpRequest, state: Data<State>) -> Result<HttpResponse, ApiError> {
    let identity = identify(request.head(), &state).await?;
    let mut response = HttpResponse::Ok();
    if let Some(cookie) = rotate(&request, &state).await? {
        response.cookie(cookie);
    }
    answer(response, &identity.subject, &state).await
}

/// Another secret for the session that a request came with, if it is time for that. The old one stays good until the
/// browser comes with the new one: an answer may get lost.
async fn rotate(request: &HttpRequest, state: &State) -> Result<Option<Cookie<'static>>, ApiError> {
    let cookie = request
        .cookie(COOKIE)
        .filter(|_| !request.headers().contains_key(header::AUTHORIZATION));
    let Some(session) = cookie.and_then(|cookie| SessionCookie::received(cookie.value())) else {
        return Ok(None);
    };
    let (now_ms, auth) = (now_ms(), &state.config.auth);
    let Some((device, SecretState::Current)) = state.store.device(session.hash(), now_ms).await? else {
        return Ok(None);
    };
    if now_ms - device.rotated_at_ms < auth.rotation_s.cast_signed() * 1_000 {
        return Ok(None);
    }
    let (next, lost_ms) = (session.next(), auth.rotation_grace_s.cast_signed() * 1_000);
    let is_offered = state
        .store
        .offer_secret(device.id, next.hash(), now_ms, now_ms - lost_ms)
        .await?;
    Ok(is_offered.then_some(next.to_cookie(is_secure(request, state)?, now_ms)))
}

/// Signs in. The session's cookie comes with the answer.
#[utoipa::path(post, path = "/api/session", operation_id = "signIn", tag = "session", request_body = SignIn, responses(
    (status = 200, description = "Signed in", body = Session,
        headers(("Set-Cookie" = String, description = "`fieldbook_session`"))),
    (status = 401, description = "The name or the password is wrong; which, is not said",
        body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn create(
    request: HttpRequest,
    state: Data<State>,
    body: Json<Object<SignIn>>,
) -> Result<HttpResponse, ApiError> {
    check_origin(request.head(), &state.config.server, false)?;
    let Object(SignIn { name, password }) = body.into_inner();
    state
        .rate
        .sign_in(client_address(request.head(), &state.config.server), &name)?;
    let account = state.store.account_by_name(name.trim()).await?;
    let stored = account.as_ref().and_then(|account| account.password_hash.clone());
    let found = account
        .as_ref()
        .map(|account| (Named::from(account), account.home_id()));
    let is_right = state.passwords.verify(password, stored).await?;
    let Some(account) = account.filter(|_| is_right) else {
        note_refusal(found, &request, state);
        return Err(ApiError::Unauthenticated(
            "the name or the password is wrong".to_owned(),
        ));
    };
    let mut response = HttpResponse::Ok();
    response.cookie(begin(&account, Credential::Password, &request, &state).await?);
    let subject = subject_of(&account, state.store.as_ref()).await?;
    answer(response, &subject, &state).await
}

/// Signs out.
#[utoipa::path(delete, path = "/api/session", operation_id = "signOut", tag = "session", responses(
    (status = 204, description = "Nobody is signed in any more"),
    (status = 403, description = "The request does not come from a page of this server",
        body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn end(request: HttpRequest, state: Data<State>) -> Result<HttpResponse, ApiError> {
    let mut response = HttpResponse::NoContent();
    if let Some(cookie) = request.cookie(COOKIE) {
        check_origin(request.head(), &state.config.server, true)?;
        if let Some(session) = SessionCookie::received(cookie.value()) {
            sign_out(&session, &request, &state).await?;
        }
        response.cookie(removal(&request, &state)?);
    }
    Ok(response.finish())
}

async fn sign_out(session: &SessionCookie, request: &HttpRequest, state: &State) -> Result<(), ApiError> {
    let now_ms = now_ms();
    let Some((device, _)) = state.store.device(session.hash(), now_ms).await? else {
        return Ok(());
    };
    if let Some(account) = state.store.session_account(session.hash(), now_ms).await? {
        let (head, server) = (request.head(), &state.config.server);
        let event = audit::by_account(&account, Credential::Session, AuditAction::SignedOut, head, server);
        state.store.delete_session(session.hash(), event).await?;
    }
    state.sockets.sessions.end(device.id);
    Ok(())
}

/// Writes down that somebody tried in vain. Whoever asks does not wait for it: how long it takes would tell whether
/// there is such an account. Names that nobody has are not kept: some are passwords, in the wrong field.
fn note_refusal(found: Option<(Named, Option<WorkspaceId>)>, request: &HttpRequest, state: Data<State>) {
    let (subject, workspace) = found.unzip();
    let event = AuditEvent {
        subject,
        workspace: workspace.flatten(),
        ..audit::asked(
            AuditAction::SignInRefused,
            Credential::Password,
            request.head(),
            &state.config.server,
        )
    };
    state.runtime.clone().spawn(async move {
        let most = state.config.limits.audited_refusals_per_minute;
        if let Err(error) = state.store.record_refusal(event, most).await {
            tracing::warn!(%error, "a sign-in that was refused is not in the audit log");
        }
    });
}

/// Begins a session for an account: the cookie that it is known by. The account is as it was when its password was checked:
/// that takes a while, and whoever has another password by now, which ended their sessions, does not get one more by the old.
pub(super) async fn begin(
    account: &Account,
    via: Credential,
    request: &HttpRequest,
    state: &State,
) -> Result<Cookie<'static>, ApiError> {
    let secure = is_secure(request, state)?;
    let now_ms = now_ms();
    let session = SessionCookie::fresh(now_ms + i64::from(state.config.auth.session_days) * DAY_MS);
    let stored = SignInSession {
        secret_hash: session.hash(),
        id: SessionId(uuid::Uuid::new_v4()),
        user: account.id,
        expires_at_ms: session.expires_at_ms,
        user_agent: user_agent(request),
    };
    let (head, server) = (request.head(), &state.config.server);
    let event = AuditEvent {
        detail: Some(stored.user_agent.clone()),
        ..audit::by_account(account, via, AuditAction::SignedIn, head, server)
    };
    let id = stored.id;
    state.store.create_session(stored, now_ms, event).await?;
    let now = state.store.account(account.id).await?;
    if now.is_none_or(|now| now.password_hash != account.password_hash) {
        let event = audit::by_account(account, via, AuditAction::SessionEnded, head, server);
        state.store.end_session(account.id, id, event).await?;
        return Err(ApiError::Unauthenticated(
            "the password was changed in this moment; sign in with the new one".to_owned(),
        ));
    }
    let devices = state.store.devices(account.id, now_ms).await?;
    for device in devices.into_iter().skip(state.config.auth.sessions_per_user) {
        let event = audit::by_account(account, via, AuditAction::SessionEnded, head, server);
        end_one(account.id, &device, event, state).await?;
    }
    Ok(session.to_cookie(secure, now_ms))
}

/// Takes the cookie out of the browser.
pub(super) fn removal(request: &HttpRequest, state: &State) -> Result<Cookie<'static>, ApiError> {
    Ok(SessionCookie::removal(is_secure(request, state)?))
}

/// What the browser calls itself, shortened: people tell their devices apart by it.
fn user_agent(request: &HttpRequest) -> String {
    let header = request.headers().get(header::USER_AGENT);
    let text = header.and_then(|value| value.to_str().ok()).unwrap_or_default();
    text.chars().take(MOST_USER_AGENT_CHARACTERS).collect()
}

/// The answer that says who is signed in.
pub(super) async fn answer(
    mut response: actix_web::HttpResponseBuilder,
    subject: &Subject,
    state: &State,
) -> Result<HttpResponse, ApiError> {
    let home = match subject.home {
        Some(home) => state.store.workspace(home).await?,
        None => None,
    };
    Ok(response.json(Session::new(subject, home, state.storage_id.as_str())))
}

/// The account of whoever asks.
pub(super) async fn account_of(identity: &Identity, state: &State) -> Result<Account, ApiError> {
    let account = state.store.account(identity.user).await?;
    account.ok_or_else(|| ApiError::Unauthenticated("this account is gone".to_owned()))
}

fn is_secure(request: &HttpRequest, state: &State) -> Result<bool, ApiError> {
    let own = own_origin(request.head(), &state.config.server);
    own.map(|own| own.is_https())
        .map_err(|refused| crate::auth::AuthError::HostRefused(refused).into())
}
