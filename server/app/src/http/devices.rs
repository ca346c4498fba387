//! `/api/devices`: where one is signed in.

use actix_web::web::{Data, Path};
use actix_web::{HttpRequest, HttpResponse};
use fieldbook_core::id::UserId;
use fieldbook_store::{AuditAction, AuditEvent, SessionId};

use super::model::{Device, Devices};
use super::session::removal;
use super::{ApiError, Problem};
use crate::audit;
use crate::auth::{Identity, identify, now_ms};
use crate::startup::State;

/// Lists where the person who asks is signed in, the last seen first.
#[utoipa::path(get, path = "/api/devices", operation_id = "listDevices", tag = "devices", responses(
    (status = 200, description = "The browsers", body = Devices),
    (status = 401, description = "Nobody is signed in", body = Problem, content_type = "application/problem+json"),
    (status = 403, description = "A token has no devices", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn list(request: HttpRequest, state: Data<State>) -> Result<HttpResponse, ApiError> {
    let identity = identify(request.head(), &state).await?;
    let current = session_of(&identity)?;
    let devices = state.store.devices(identity.user, now_ms()).await?;
    let devices = devices.into_iter().map(|device| Device::new(device, current)).collect();
    Ok(HttpResponse::Ok().json(Devices { devices }))
}

/// Signs one browser out. Its open connections end at once.
#[utoipa::path(delete, path = "/api/devices/{id}", operation_id = "endDevice", tag = "devices",
    params(("id" = String, Path, description = "The device's id")), responses(
    (status = 204, description = "It is signed out"),
    (status = 401, description = "Nobody is signed in", body = Problem, content_type = "application/problem+json"),
    (status = 403, description = "A token has no devices; requests come from a page of this server",
        body = Problem, content_type = "application/problem+json"),
    (status = 404, description = "The person who asks has no such device",
        body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn end(request: HttpRequest, state: Data<State>, id: Path<String>) -> Result<HttpResponse, ApiError> {
    let identity = identify(request.head(), &state).await?;
    let current = session_of(&identity)?;
    let devices = state.store.devices(identity.user, now_ms()).await?;
    let device = devices.into_iter().find(|device| device.id.0.to_string() == *id);
    let event = audit::by(
        &identity,
        AuditAction::SessionEnded,
        request.head(),
        &state.config.server,
    );
    let is_ended = match &device {
        Some(device) => end_one(identity.user, device, event, &state).await?,
        None => false,
    };
    if !is_ended {
        return Err(ApiError::NotFound("you are not signed in on such a device".to_owned()));
    }
    let mut response = HttpResponse::NoContent();
    if device.is_some_and(|device| device.id == current) {
        response.cookie(removal(&request, &state)?);
    }
    Ok(response.finish())
}

/// Signs the person who asks out everywhere, here too. All open connections end at once.
#[utoipa::path(delete, path = "/api/devices", operation_id = "endDevices", tag = "devices", responses(
    (status = 204, description = "They are signed in nowhere any more"),
    (status = 401, description = "Nobody is signed in", body = Problem, content_type = "application/problem+json"),
    (status = 403, description = "A token has no devices; requests come from a page of this server",
        body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn end_all(request: HttpRequest, state: Data<State>) -> Result<HttpResponse, ApiError> {
    let identity = identify(request.head(), &state).await?;
    session_of(&identity)?;
    let devices = state.store.devices(identity.user, now_ms()).await?;
    // One by one: what is ended is then what is told to its sockets, whatever is begun or ended meanwhile.
    let event = audit::by(
        &identity,
        AuditAction::SessionEnded,
        request.head(),
        &state.config.server,
    );
    for device in devices {
        end_one(identity.user, &device, event.clone(), &state).await?;
    }
    let mut response = HttpResponse::NoContent();
    response.cookie(removal(&request, &state)?);
    Ok(response.finish())
}

/// Signs one browser out, and its sockets with it. `false`: it was so already.
pub(super) async fn end_one(
    user: UserId,
    device: &fieldbook_store::Device,
    event: AuditEvent,
    state: &State,
) -> Result<bool, ApiError> {
    let event = AuditEvent {
        detail: Some(device.user_agent.clone()),
        ..event
    };
    let is_ended = state.store.end_session(user, device.id, event).await?;
    state.sockets.sessions.end(device.id);
    Ok(is_ended)
}

/// The session that the request came with. A token, which may be a script's, does not end people's sessions.
fn session_of(identity: &Identity) -> Result<SessionId, ApiError> {
    identity.session.ok_or_else(|| {
        ApiError::Forbidden(
            "devices are those of a person who is signed in with a browser; a token has none".to_owned(),
        )
    })
}
