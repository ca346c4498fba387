//! `/api/password`: one's own.

use actix_web::web::{Data, Json};
use actix_web::{HttpRequest, HttpResponse};

use super::model::NewPassword;
use super::readers::Object;
use super::{ApiError, Problem};
use crate::auth::{client_address, identify, now_ms};
use crate::startup::State;

/// Shortest and longest, in characters. Hashing takes time for each.
const CHARACTERS: std::ops::RangeInclusive<usize> = 10..=200;

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
    check(&new)?;
    let address = client_address(request.head(), &state.config.server);
    state.rate.sign_in(address, &identity.name)?;
    let account = state.store.account(identity.user).await?;
    let stored = account.and_then(|account| account.password_hash);
    let old = old.chars().take(*CHARACTERS.end() + 1).collect();
    if !state.passwords.verify(old, stored).await? {
        return Err(ApiError::Forbidden("the old password is wrong".to_owned()));
    }
    let hash = state.passwords.hash(new).await?;
    state.store.set_password(identity.user, &hash).await?;
    for device in state.store.devices(identity.user, now_ms()).await? {
        if device.id != current {
            state.store.end_session(identity.user, device.id).await?;
            state.sockets.sessions.end(device.id);
        }
    }
    Ok(HttpResponse::NoContent().finish())
}

/// Whether a new password is one.
///
/// # Errors
/// [`ApiError::Invalid`], in words.
pub(super) fn check(password: &str) -> Result<(), ApiError> {
    if CHARACTERS.contains(&password.chars().count()) {
        Ok(())
    } else {
        Err(ApiError::Invalid("the password has 10 to 200 characters".to_owned()))
    }
}
