//! `/api/password`: one's own.

use actix_web::web::{Data, Json};
use actix_web::{HttpRequest, HttpResponse};
use fieldbook_store::AuditAction;

use super::devices::end_one;
use super::model::NewPassword;
use super::readers::Object;
use super::{ApiError, Problem, permission, session};
use crate::audit;
use crate::auth::{client_address, identify, now_ms};
use crate::startup::State;

/// Changes the password of the person who asks, and signs them out everywhere else.
#[utoipa::path(post, path = "/api/password", operation_id = "changePassword", tag = "session",
    request_body = NewPassword, responses(
    (status = 204, description = "It is changed"),
    (status = 401, description = "Nobody is signed in", body = Problem, content_type = "application/problem+json"),
    (status = 403, description = "The old password is wrong, or a token asks",
        body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn change(
    request: HttpRequest,
    state: Data<State>,
    body: Json<Object<NewPassword>>,
) -> Result<HttpResponse, ApiError> {
    let Object(NewPassword { old, new }) = body.into_inner();
    let identity = identify(request.head(), &state).await?;
    let Some(current) = identity.session else {
        let words = "only who is signed in with a browser changes the password; a token does not";
        return Err(ApiError::Forbidden(words.to_owned()));
    };
    let address = client_address(request.head(), &state.config.server);
    state.rate.sign_in(address, &identity.name)?;
    let account = session::account_of(&identity, &state).await?;
    if !state.passwords.verify(old, account.password_hash.clone()).await? {
        return Err(ApiError::Forbidden("the old password is wrong".to_owned()));
    }
    let company = account.home.as_ref().map_or("", |home| &home.workspace.name);
    let known = [account.name.as_str(), company];
    let hash = state.passwords.hash_new(new, &known).await?;
    let server = &state.config.server;
    let event = audit::by(&identity, AuditAction::PasswordChanged, request.head(), server);
    let ended = audit::by(&identity, AuditAction::SessionEnded, request.head(), server);
    let (task, user) = (state.clone(), identity.user);
    let changed = permission::to_the_end(&state, async move {
        let before = account.password_hash.as_deref();
        if !task.store.set_password(user, before, &hash, event).await? {
            return Ok(false);
        }
        for device in task.store.devices(user, now_ms()).await? {
            if device.id != current {
                end_one(user, &device, ended.clone(), &task).await?;
            }
        }
        Ok(true)
    });
    if !changed.await? {
        return Err(ApiError::Forbidden(
            "the password was changed in this moment".to_owned(),
        ));
    }
    Ok(HttpResponse::NoContent().finish())
}
