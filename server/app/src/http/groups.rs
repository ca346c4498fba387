//! `/api/workspaces/{id}/groups`: people who are granted roles together.

use std::sync::Arc;

use actix_web::web::{Data, Json, Path};
use actix_web::{HttpRequest, HttpResponse};
use fieldbook_core::access::{Action, Permit};
use fieldbook_core::id::GroupId;
use fieldbook_store::{AuditAction, AuditEvent, Named};

use super::model::workspaces::{Group, GroupList, NewName};
use super::readers::Object;
use super::{ApiError, Problem, permission};
use crate::audit;
use crate::auth::{Identity, check_name, identify};
use crate::startup::State;

/// Lists the groups of a workspace.
#[utoipa::path(get, path = "/api/workspaces/{id}/groups", operation_id = "listGroups", tag = "groups",
    params(("id" = String, Path, description = "The workspace's id")), responses(
    (status = 200, description = "Its groups", body = GroupList),
    (status = 401, description = "Nobody is signed in", body = Problem, content_type = "application/problem+json"),
    (status = 403, description = "Guests do not see who else is there",
        body = Problem, content_type = "application/problem+json"),
    (status = 404, description = "There is no such workspace for whoever asks",
        body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn list(request: HttpRequest, state: Data<State>, id: Path<String>) -> Result<HttpResponse, ApiError> {
    let identity = identify(request.head(), &state).await?;
    let groups = all(&identity, &id, &state).await?;
    let groups = groups.into_iter().map(Group::from).collect();
    Ok(HttpResponse::Ok().json(GroupList { groups }))
}

/// Makes a group.
#[utoipa::path(post, path = "/api/workspaces/{id}/groups", operation_id = "createGroup", tag = "groups",
    params(("id" = String, Path, description = "The workspace's id")), request_body = NewName, responses(
    (status = 201, description = "The group", body = Group),
    (status = 401, description = "Nobody is signed in", body = Problem, content_type = "application/problem+json"),
    (status = 403, description = "Admins and owners do that, from a page of this server",
        body = Problem, content_type = "application/problem+json"),
    (status = 404, description = "There is no such workspace for whoever asks",
        body = Problem, content_type = "application/problem+json"),
    (status = 409, description = "Another group has the name",
        body = Problem, content_type = "application/problem+json"),
    (status = 422, description = "The name is not allowed", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn create(
    request: HttpRequest,
    state: Data<State>,
    id: Path<String>,
    body: Json<Object<NewName>>,
) -> Result<HttpResponse, ApiError> {
    let Object(body) = body.into_inner();
    let identity = identify(request.head(), &state).await?;
    let workspace = permission::workspace_named(&id)?;
    let permit = permission::in_workspace(&identity, Action::ManageGroups, workspace)?;
    let name = check_name(&body.name, "the group's name")?;
    let id = GroupId(uuid::Uuid::new_v4());
    let event = event(
        &identity,
        AuditAction::GroupMade,
        (&permit, id, &name),
        &request,
        &state,
    );
    state.store.put_group(&permit, id, &name, event).await?;
    let group = fieldbook_store::Group {
        id,
        name,
        members: Vec::new(),
    };
    Ok(HttpResponse::Created().json(Group::from(group)))
}

/// Gives a group another name.
#[utoipa::path(put, path = "/api/workspaces/{id}/groups/{group}", operation_id = "renameGroup", tag = "groups",
    params(("id" = String, Path, description = "The workspace's id"), ("group" = String, Path, description = "Its id")),
    request_body = NewName, responses(
    (status = 204, description = "It is called so"),
    (status = 401, description = "Nobody is signed in", body = Problem, content_type = "application/problem+json"),
    (status = 403, description = "Admins and owners do that, from a page of this server",
        body = Problem, content_type = "application/problem+json"),
    (status = 404, description = "There is no such workspace for whoever asks, or no such group in it",
        body = Problem, content_type = "application/problem+json"),
    (status = 409, description = "Another group has the name",
        body = Problem, content_type = "application/problem+json"),
    (status = 422, description = "The name is not allowed", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn rename(
    request: HttpRequest,
    state: Data<State>,
    path: Path<(String, String)>,
    body: Json<Object<NewName>>,
) -> Result<HttpResponse, ApiError> {
    let Object(body) = body.into_inner();
    let identity = identify(request.head(), &state).await?;
    let (permit, group) = manage(&identity, &path.0, &path.1, &state).await?;
    let name = check_name(&body.name, "the group's name")?;
    let event = AuditEvent {
        detail: Some(name.clone()),
        ..event(
            &identity,
            AuditAction::GroupRenamed,
            (&permit, group.id, &group.name),
            &request,
            &state,
        )
    };
    let renamed = state.store.put_group(&permit, group.id, &name, event).await;
    renamed.map_err(ApiError::of_change)?;
    Ok(HttpResponse::NoContent().finish())
}

/// Deletes a group, and with it what it was granted.
#[utoipa::path(delete, path = "/api/workspaces/{id}/groups/{group}", operation_id = "deleteGroup", tag = "groups",
    params(("id" = String, Path, description = "The workspace's id"), ("group" = String, Path, description = "Its id")),
    responses(
    (status = 204, description = "It is gone; open connections know"),
    (status = 401, description = "Nobody is signed in", body = Problem, content_type = "application/problem+json"),
    (status = 403, description = "Admins and owners do that, from a page of this server",
        body = Problem, content_type = "application/problem+json"),
    (status = 404, description = "There is no such workspace for whoever asks, or no such group in it",
        body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn delete(
    request: HttpRequest,
    state: Data<State>,
    path: Path<(String, String)>,
) -> Result<HttpResponse, ApiError> {
    let identity = identify(request.head(), &state).await?;
    let (permit, group) = manage(&identity, &path.0, &path.1, &state).await?;
    let event = event(
        &identity,
        AuditAction::GroupDeleted,
        (&permit, group.id, &group.name),
        &request,
        &state,
    );
    let store = Arc::clone(&state.store);
    let change = async move { store.delete_group(&permit, group.id, event).await };
    permission::answer_change(change, &state).await
}

/// Puts a member of the workspace into a group.
#[utoipa::path(put, path = "/api/workspaces/{id}/groups/{group}/members/{person}", operation_id = "addToGroup", tag = "groups",
    params(("id" = String, Path, description = "The workspace's id"), ("group" = String, Path, description = "Its id"),
        ("person" = String, Path, description = "Their id")), responses(
    (status = 204, description = "They are in it; open connections know"),
    (status = 401, description = "Nobody is signed in", body = Problem, content_type = "application/problem+json"),
    (status = 403, description = "Admins and owners do that, from a page of this server",
        body = Problem, content_type = "application/problem+json"),
    (status = 404, description = "There is no such workspace for whoever asks, or no such group in it",
        body = Problem, content_type = "application/problem+json"),
    (status = 409, description = "They are not in the workspace",
        body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn add_member(
    request: HttpRequest,
    state: Data<State>,
    path: Path<(String, String, String)>,
) -> Result<HttpResponse, ApiError> {
    set_member(&request, &path, true, &state).await
}

/// Takes somebody out of a group.
#[utoipa::path(delete, path = "/api/workspaces/{id}/groups/{group}/members/{person}", operation_id = "removeFromGroup",
    tag = "groups",
    params(("id" = String, Path, description = "The workspace's id"), ("group" = String, Path, description = "Its id"),
        ("person" = String, Path, description = "Their id")), responses(
    (status = 204, description = "They are not in it; open connections know"),
    (status = 401, description = "Nobody is signed in", body = Problem, content_type = "application/problem+json"),
    (status = 403, description = "Admins and owners do that, from a page of this server",
        body = Problem, content_type = "application/problem+json"),
    (status = 404, description = "There is no such workspace for whoever asks, or no such group in it",
        body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn remove_member(
    request: HttpRequest,
    state: Data<State>,
    path: Path<(String, String, String)>,
) -> Result<HttpResponse, ApiError> {
    set_member(&request, &path, false, &state).await
}

async fn set_member(
    request: &HttpRequest,
    (workspace, group, person): &(String, String, String),
    is_in: bool,
    state: &State,
) -> Result<HttpResponse, ApiError> {
    let identity = identify(request.head(), state).await?;
    let (permit, group) = manage(&identity, workspace, group, state).await?;
    let person = person
        .parse()
        .map_err(|_| ApiError::NotFound("there is no such person".to_owned()))?;
    let action = if is_in {
        AuditAction::GroupMemberAdded
    } else {
        AuditAction::GroupMemberRemoved
    };
    let account = state.store.account(person).await?;
    let event = AuditEvent {
        detail: Some(format!(
            "{} {person}",
            account.map(|account| account.name).unwrap_or_default()
        )),
        ..event(&identity, action, (&permit, group.id, &group.name), request, state)
    };
    let store = Arc::clone(&state.store);
    let change = async move { store.set_group_member(&permit, group.id, person, is_in, event).await };
    permission::answer_change(change, state).await
}

/// A group that is there, for somebody who may change it.
async fn manage(
    identity: &Identity,
    workspace: &str,
    group: &str,
    state: &State,
) -> Result<(Permit, fieldbook_store::Group), ApiError> {
    let permit = permission::in_workspace(identity, Action::ManageGroups, permission::workspace_named(workspace)?)?;
    let groups = all(identity, workspace, state).await?;
    let found = groups.into_iter().find(|found| group.parse() == Ok(found.id));
    let found = found.ok_or_else(|| ApiError::NotFound("there is no such group in the workspace".to_owned()))?;
    Ok((permit, found))
}

/// What is written down of a change to a group.
fn event(
    identity: &Identity,
    action: AuditAction,
    (permit, group, name): (&Permit, GroupId, &str),
    request: &HttpRequest,
    state: &State,
) -> AuditEvent {
    AuditEvent {
        workspace: permit.workspace(),
        subject: Some(Named::group(group, name)),
        ..audit::by(identity, action, request.head(), &state.config.server)
    }
}

async fn all(identity: &Identity, workspace: &str, state: &State) -> Result<Vec<fieldbook_store::Group>, ApiError> {
    let permit = permission::in_workspace(identity, Action::SeeMembers, permission::workspace_named(workspace)?)?;
    Ok(state.store.groups(&permit).await?)
}
