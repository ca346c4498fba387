//! `/api/password-resets`: links with which people who forgot their password give themselves another.

use std::sync::Arc;

use actix_web::web::{Data, Json, Path};
use actix_web::{HttpRequest, HttpResponse};
use fieldbook_core::access::Action;
use fieldbook_store::{Account, AuditAction, AuditEvent, Credential, Named};

use super::model::{PasswordReset, PasswordResetLink, ResetPassword, Session};
use super::readers::Object;
use super::workspaces::find_member;
use super::{ApiError, Problem, permission, session};
use crate::audit;
use crate::auth::{
    AuthError, Identity, Secret, check_origin, client_address, identify, now_ms, own_origin, reset_link, subject_of,
};
use crate::startup::State;

/// Makes a link for somebody who forgot their password. It takes the place of any that was made for them before.
#[utoipa::path(post, path = "/api/workspaces/{id}/members/{person}/password-reset", operation_id = "makePasswordReset",
    tag = "workspaces",
    params(("id" = String, Path, description = "The workspace's id"), ("person" = String, Path, description = "Their id")),
    responses(
    (status = 201, description = "The link; it is shown this once", body = PasswordResetLink),
    (status = 401, description = "Nobody is signed in", body = Problem, content_type = "application/problem+json"),
    (status = 403, description = "Admins and owners of every workspace in which the person is do that, from a page of this \
     server, for nobody above them", body = Problem, content_type = "application/problem+json"),
    (status = 404, description = "There is no such workspace for whoever asks, or nobody of this id in it",
        body = Problem, content_type = "application/problem+json"),
    (status = 409, description = "They have no password here: another application vouches for them",
        body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn create(
    request: HttpRequest,
    state: Data<State>,
    path: Path<(String, String)>,
) -> Result<HttpResponse, ApiError> {
    let identity = identify(request.head(), &state).await?;
    if identity.session.is_none() {
        let words = "only who is signed in with a browser makes such a link: it is worth more than a token";
        return Err(ApiError::Forbidden(words.to_owned()));
    }
    let (_, member) = find_member(&identity, &path, &state).await?;
    let account = state.store.account(member.user).await?;
    let account = account.ok_or_else(|| ApiError::NotFound("this account is gone".to_owned()))?;
    if account.id == identity.user {
        let words = "your own password you change with the old one; if you forgot it, ask another admin for a link";
        return Err(ApiError::Forbidden(words.to_owned()));
    }
    may_reset(&identity, &account, &state).await?;
    let own = own_origin(request.head(), &state.config.server).map_err(AuthError::HostRefused)?;
    let event = AuditEvent {
        subject: Some(Named::from(&account)),
        ..audit::by(
            &identity,
            AuditAction::PasswordResetMade,
            request.head(),
            &state.config.server,
        )
    };
    let (path, reset) = reset_link(account.id, Some(identity.user), state.config.auth.reset_hours);
    let expires_at = reset.expires_at_ms;
    let made = state.store.create_password_reset(reset, now_ms(), event).await;
    made.map_err(ApiError::of_change)?;
    let url = format!("{own}{path}");
    Ok(HttpResponse::Created().json(PasswordResetLink { url, expires_at }))
}

/// Says whose password a link is for.
#[utoipa::path(get, path = "/api/password-resets/{secret}", operation_id = "showPasswordReset", tag = "session",
    params(("secret" = String, Path, description = "What follows `/reset/` in the link")), responses(
    (status = 200, description = "The link is good", body = PasswordReset),
    (status = 404, description = "It was used, or expired, or another was made after it, or it never was",
        body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn show(secret: Path<String>, state: Data<State>) -> Result<HttpResponse, ApiError> {
    let (_, account) = find(&secret, &state).await?;
    Ok(HttpResponse::Ok().json(PasswordReset { name: account.name }))
}

/// Gives the person whom a link is for another password, signs them out everywhere, and in here.
#[utoipa::path(post, path = "/api/password-resets/{secret}", operation_id = "resetPassword", tag = "session",
    params(("secret" = String, Path, description = "What follows `/reset/` in the link")), request_body = ResetPassword,
    responses(
    (status = 200, description = "They have it, and are signed in", body = Session,
        headers(("Set-Cookie" = String, description = "`fieldbook_session`"))),
    (status = 404, description = "The link was used, or expired, or another was made after it, or it never was",
        body = Problem, content_type = "application/problem+json"),
    (status = 422, description = "The password is not allowed", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn reset(
    request: HttpRequest,
    secret: Path<String>,
    state: Data<State>,
    body: Json<Object<ResetPassword>>,
) -> Result<HttpResponse, ApiError> {
    let server = &state.config.server;
    check_origin(request.head(), server, false)?;
    let (hash, account) = find(&secret, &state).await?;
    // Hashing is dear, so these attempts count like signing in, once they hold a good link.
    state.rate.sign_in_address(client_address(request.head(), server))?;
    let company = account.home.as_ref().map_or("", |home| &home.workspace.name);
    let known = [account.name.as_str(), company];
    let password_hash = state.passwords.hash_new(body.into_inner().0.password, &known).await?;
    let event = audit::by_account(
        &account,
        Credential::Link,
        AuditAction::PasswordReset,
        request.head(),
        server,
    );
    let (store, sockets, new) = (
        Arc::clone(&state.store),
        Arc::clone(&state.sockets),
        password_hash.clone(),
    );
    let used = permission::to_the_end(&state, async move {
        let ended = store.use_password_reset(hash, &new, now_ms(), event).await?;
        for session in ended.iter().flatten() {
            sockets.sessions.end(*session);
        }
        Ok(ended.is_some())
    });
    if !used.await? {
        return Err(gone());
    }
    let account = Account {
        password_hash: Some(password_hash),
        ..account
    };
    let mut response = HttpResponse::Ok();
    response.cookie(session::begin(&account, Credential::Link, &request, &state).await?);
    let subject = subject_of(&account, state.store.as_ref()).await?;
    session::answer(response, &subject, &state).await
}

/// Who has the link has the account, and all that it may do: so it takes somebody who looks after every workspace in which its
/// person is.
async fn may_reset(identity: &Identity, account: &Account, state: &State) -> Result<(), ApiError> {
    let subject = subject_of(account, state.store.as_ref()).await?;
    for (workspace, membership) in &subject.memberships {
        let action = Action::ResetPassword(membership.role);
        permission::in_workspace(identity, action, *workspace).map_err(|_| {
            ApiError::Forbidden(
                "a link for another password takes an admin of every workspace in which the person is, and an owner \
                 where they own one; or `fieldbook reset-password` on the server's machine"
                    .to_owned(),
            )
        })?;
    }
    Ok(())
}

async fn find(secret: &str, state: &State) -> Result<([u8; 32], Account), ApiError> {
    let hash = Secret::received(secret).hash();
    let account = state.store.password_reset(hash, now_ms()).await?;
    account.map(|account| (hash, account)).ok_or_else(gone)
}

fn gone() -> ApiError {
    ApiError::NotFound(
        "this link was used already, or it expired, or a newer one was made; ask an admin of your workspace for another"
            .to_owned(),
    )
}
