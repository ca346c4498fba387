//! `/api/documents/{id}/access`: who may do what with a document.

use std::sync::Arc;

use actix_web::web::{Data, Json, Path};
use actix_web::{HttpRequest, HttpResponse};
use fieldbook_core::access::{Action, DocumentAccess, Grantee, Permit, Role, Visibility};
use fieldbook_core::id::{GroupId, UserId};
use fieldbook_store::{AuditAction, AuditEvent, Named};

use super::model::access::{NewGrant, NewVisibility, Sharing};
use super::readers::Object;
use super::{ApiError, Problem, permission};
use crate::audit;
use crate::auth::{Identity, identify};
use crate::startup::State;

/// Shows who may do what with a document, and by what.
#[utoipa::path(get, path = "/api/documents/{id}/access", operation_id = "showAccess", tag = "access",
    params(("id" = String, Path, description = "The document's id")), responses(
    (status = 200, description = "Who may do what", body = Sharing),
    (status = 401, description = "Nobody is signed in", body = Problem, content_type = "application/problem+json"),
    (status = 404, description = "There is no such document for whoever asks",
        body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn show(request: HttpRequest, state: Data<State>, id: Path<String>) -> Result<HttpResponse, ApiError> {
    let identity = identify(request.head(), &state).await?;
    let (permit, access) = permission::with_access(&identity, Action::Read, &id, &state).await?;
    let grants = state.store.grants(&permit).await?;
    let own = permit.role().unwrap_or(Role::Viewer);
    Ok(HttpResponse::Ok().json(Sharing::new(&access, grants, own)))
}

/// Changes who sees a document without a grant.
#[utoipa::path(put, path = "/api/documents/{id}/access", operation_id = "setVisibility", tag = "access",
    params(("id" = String, Path, description = "The document's id")), request_body = NewVisibility, responses(
    (status = 204, description = "It is so; open connections know"),
    (status = 401, description = "Nobody is signed in", body = Problem, content_type = "application/problem+json"),
    (status = 403, description = "Its owners do that, while it is not in the trash; requests come from a page of this server",
        body = Problem, content_type = "application/problem+json"),
    (status = 404, description = "There is no such document for whoever asks",
        body = Problem, content_type = "application/problem+json"),
    (status = 409, description = "A private document needs an owner by name",
        body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn set_visibility(
    request: HttpRequest,
    state: Data<State>,
    id: Path<String>,
    body: Json<Object<NewVisibility>>,
) -> Result<HttpResponse, ApiError> {
    let Object(body) = body.into_inner();
    let identity = identify(request.head(), &state).await?;
    let (permit, access) = permission::with_access(&identity, Action::ChangeVisibility, &id, &state).await?;
    let visibility = Visibility::from(body.visibility);
    let after = DocumentAccess {
        visibility: visibility.max(access.visibility),
        ..access
    };
    let event = AuditEvent {
        detail: Some(visibility.as_str().to_owned()),
        ..event_about(
            &identity,
            AuditAction::VisibilityChanged,
            (&permit, &after),
            &request,
            &state,
        )
        .await?
    };
    let store = Arc::clone(&state.store);
    let change = async move { store.set_visibility(&permit, visibility, event).await };
    permission::answer_change(change, &state).await
}

/// Grants a role to a person of the document's workspace, in place of the one that they were granted.
#[utoipa::path(put, path = "/api/documents/{id}/access/people/{person}", operation_id = "grantToPerson", tag = "access",
    params(("id" = String, Path, description = "The document's id"), ("person" = String, Path, description = "Their id")),
    request_body = NewGrant, responses(
    (status = 204, description = "They have it; open connections know"),
    (status = 401, description = "Nobody is signed in", body = Problem, content_type = "application/problem+json"),
    (status = 403, description = "Its owners do that, while it is not in the trash; requests come from a page of this server",
        body = Problem, content_type = "application/problem+json"),
    (status = 404, description = "There is no such document for whoever asks",
        body = Problem, content_type = "application/problem+json"),
    (status = 409, description = "They are not in the document's workspace, or a private document would have no owner",
        body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn grant_to_person(
    request: HttpRequest,
    state: Data<State>,
    path: Path<(String, String)>,
    body: Json<Object<NewGrant>>,
) -> Result<HttpResponse, ApiError> {
    let (id, person) = path.into_inner();
    let role = body.into_inner().0.role.into();
    set(&request, &state, &id, person_named(&person), Some(role)).await
}

/// Withdraws what a person was granted. What their groups and the workspace give them they have.
#[utoipa::path(delete, path = "/api/documents/{id}/access/people/{person}", operation_id = "withdrawFromPerson",
    tag = "access",
    params(("id" = String, Path, description = "The document's id"), ("person" = String, Path, description = "Their id")),
    responses(
    (status = 204, description = "It is withdrawn; open connections know"),
    (status = 401, description = "Nobody is signed in", body = Problem, content_type = "application/problem+json"),
    (status = 403, description = "Its owners do that, while it is not in the trash; requests come from a page of this server",
        body = Problem, content_type = "application/problem+json"),
    (status = 404, description = "There is no such document for whoever asks",
        body = Problem, content_type = "application/problem+json"),
    (status = 409, description = "A private document would have no owner",
        body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn withdraw_from_person(
    request: HttpRequest,
    state: Data<State>,
    path: Path<(String, String)>,
) -> Result<HttpResponse, ApiError> {
    let (id, person) = path.into_inner();
    set(&request, &state, &id, person_named(&person), None).await
}

/// Grants a role to a group of the document's workspace, in place of the one that it was granted.
#[utoipa::path(put, path = "/api/documents/{id}/access/groups/{group}", operation_id = "grantToGroup", tag = "access",
    params(("id" = String, Path, description = "The document's id"), ("group" = String, Path, description = "Its id")),
    request_body = NewGrant, responses(
    (status = 204, description = "It has it; open connections know"),
    (status = 401, description = "Nobody is signed in", body = Problem, content_type = "application/problem+json"),
    (status = 403, description = "Its owners do that, while it is not in the trash; requests come from a page of this server",
        body = Problem, content_type = "application/problem+json"),
    (status = 404, description = "There is no such document for whoever asks",
        body = Problem, content_type = "application/problem+json"),
    (status = 409, description = "It is no group of the document's workspace, or a private document would have no owner",
        body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn grant_to_group(
    request: HttpRequest,
    state: Data<State>,
    path: Path<(String, String)>,
    body: Json<Object<NewGrant>>,
) -> Result<HttpResponse, ApiError> {
    let (id, group) = path.into_inner();
    let role = body.into_inner().0.role.into();
    set(&request, &state, &id, group_named(&group), Some(role)).await
}

/// Withdraws what a group was granted.
#[utoipa::path(delete, path = "/api/documents/{id}/access/groups/{group}", operation_id = "withdrawFromGroup",
    tag = "access",
    params(("id" = String, Path, description = "The document's id"), ("group" = String, Path, description = "Its id")),
    responses(
    (status = 204, description = "It is withdrawn; open connections know"),
    (status = 401, description = "Nobody is signed in", body = Problem, content_type = "application/problem+json"),
    (status = 403, description = "Its owners do that, while it is not in the trash; requests come from a page of this server",
        body = Problem, content_type = "application/problem+json"),
    (status = 404, description = "There is no such document for whoever asks",
        body = Problem, content_type = "application/problem+json"),
    (status = 409, description = "A private document would have no owner",
        body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn withdraw_from_group(
    request: HttpRequest,
    state: Data<State>,
    path: Path<(String, String)>,
) -> Result<HttpResponse, ApiError> {
    let (id, group) = path.into_inner();
    set(&request, &state, &id, group_named(&group), None).await
}

async fn set(
    request: &HttpRequest,
    state: &State,
    id: &str,
    grantee: Option<Grantee>,
    role: Option<Role>,
) -> Result<HttpResponse, ApiError> {
    let identity = identify(request.head(), state).await?;
    let (permit, access) = permission::with_access(&identity, Action::Share, id, state).await?;
    let grantee = grantee.ok_or_else(|| ApiError::NotFound("there is no such person or group".to_owned()))?;
    let action = match role {
        Some(_) => AuditAction::Granted,
        None => AuditAction::GrantWithdrawn,
    };
    let whom = match grantee {
        Grantee::User(user) => {
            let account = state.store.account(user).await?;
            format!("{} {user}", account.map(|account| account.name).unwrap_or_default())
        }
        Grantee::Group(group) => format!("group {group}"),
    };
    let event = AuditEvent {
        detail: Some(match role.or_else(|| access.grants.get(&grantee).copied()) {
            Some(role) => format!("{}: {whom}", role.as_str()),
            None => whom,
        }),
        ..event_about(&identity, action, (&permit, &access), request, state).await?
    };
    let store = Arc::clone(&state.store);
    let change = async move { store.set_grant(&permit, grantee, role, event).await };
    permission::answer_change(change, state).await
}

/// What is written down of a change to a document. Who reads the log need not see what is private: of that there is the id
/// alone.
pub(super) async fn event_about(
    identity: &Identity,
    action: AuditAction,
    (permit, access): (&Permit, &DocumentAccess),
    request: &HttpRequest,
    state: &State,
) -> Result<AuditEvent, ApiError> {
    let mut subject = None;
    if let Some(id) = permit.document() {
        let entry = state.store.document(id).await?;
        let entry = entry.filter(|_| access.visibility == Visibility::Workspace);
        subject = Some(Named::document(id, entry.as_ref().map_or("", |entry| &entry.title)));
    }
    Ok(AuditEvent {
        workspace: Some(access.workspace),
        subject,
        ..audit::by(identity, action, request.head(), &state.config.server)
    })
}

fn person_named(id: &str) -> Option<Grantee> {
    id.parse().ok().map(|id: UserId| Grantee::User(id))
}

fn group_named(id: &str) -> Option<Grantee> {
    id.parse().ok().map(|id: GroupId| Grantee::Group(id))
}
