//! `/api/devices`: where one is signed in.

use actix_web::web::{Data, Path};
use actix_web::{HttpRequest, HttpResponse};
use fieldbook_store::SessionId;

use super::model::{Device, Devices};
use super::session::removal;
use super::{ApiError, Problem};
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
    let unknown = || ApiError::NotFound("you are not signed in on such a device".to_owned());
    let id = SessionId(id.parse().map_err(|_| unknown())?);
    if !state.store.end_session(identity.user, id).await? {
        return Err(unknown());
    }
    state.sockets.sessions.end(id);
    let mut response = HttpResponse::NoContent();
    if id == current {
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
    for device in devices {
        state.store.end_session(identity.user, device.id).await?;
        state.sockets.sessions.end(device.id);
    }
    let mut response = HttpResponse::NoContent();
    response.cookie(removal(&request, &state)?);
    Ok(response.finish())
}

/// The session that the request came with. A token, which may be a script's, does not end people's sessions.
fn session_of(identity: &Identity) -> Result<SessionId, ApiError> {
    identity.session.ok_or_else(|| {
        ApiError::Forbidden(
            "devices are those of a person who is signed in with a browser; a token has none".to_owned(),
        )
    })
}
