//! `/api/workspaces`: workspaces and the people in them.

use std::sync::Arc;

use actix_web::web::{Data, Json, Path};
use actix_web::{HttpRequest, HttpResponse};
use fieldbook_core::access::{Action, WorkspaceRole};
use fieldbook_core::id::WorkspaceId;
use fieldbook_store::{AuditAction, AuditEvent, Named, Workspace};

use super::model::workspaces::{Member, MemberList, NewMemberRole, NewName, OwnWorkspace, WorkspaceList};
use super::readers::Object;
use super::{ApiError, Problem, permission};
use crate::audit;
use crate::auth::{Identity, check_name, identify};
use crate::startup::State;

/// Lists the workspaces of whoever asks.
#[utoipa::path(get, path = "/api/workspaces", operation_id = "listWorkspaces", tag = "workspaces", responses(
    (status = 200, description = "The workspaces", body = WorkspaceList),
    (status = 401, description = "Nobody is signed in", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn list(request: HttpRequest, state: Data<State>) -> Result<HttpResponse, ApiError> {
    let identity = identify(request.head(), &state).await?;
    let mut workspaces = Vec::new();
    for (id, membership) in &identity.subject.memberships {
        if permission::in_workspace(&identity, Action::SeeWorkspace, *id).is_err() {
            continue;
        }
        let workspace = state.store.workspace(*id).await?;
        workspaces.extend(workspace.map(|workspace| OwnWorkspace::new(workspace, membership.role)));
    }
    Ok(HttpResponse::Ok().json(WorkspaceList { workspaces }))
}

/// Makes a workspace that belongs to whoever asks.
#[utoipa::path(post, path = "/api/workspaces", operation_id = "createWorkspace", tag = "workspaces",
    request_body = NewName, responses(
    (status = 201, description = "The workspace", body = OwnWorkspace),
    (status = 401, description = "Nobody is signed in", body = Problem, content_type = "application/problem+json"),
    (status = 403, description = "Only who owns a workspace makes others; requests come from a page of this server",
        body = Problem, content_type = "application/problem+json"),
    (status = 422, description = "The name is not allowed", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn create(
    request: HttpRequest,
    state: Data<State>,
    body: Json<Object<NewName>>,
) -> Result<HttpResponse, ApiError> {
    let Object(body) = body.into_inner();
    let identity = identify(request.head(), &state).await?;
    let permit = permission::on_server(&identity, Action::CreateWorkspace)?;
    let workspace = Workspace {
        id: WorkspaceId(uuid::Uuid::new_v4()),
        name: check_name(&body.name, "the workspace's name")?,
    };
    let event = AuditEvent {
        workspace: Some(workspace.id),
        detail: Some(workspace.name.clone()),
        ..audit::by(
            &identity,
            AuditAction::WorkspaceMade,
            request.head(),
            &state.config.server,
        )
    };
    let (task, made) = (state.clone(), workspace.clone());
    let founded = permission::to_the_end(&state, async move {
        let touched = task.store.found_workspace(&permit, made, event).await?;
        task.sockets.access_changed(touched).await;
        Ok(())
    });
    founded.await?;
    Ok(HttpResponse::Created().json(OwnWorkspace::new(workspace, WorkspaceRole::Owner)))
}

/// Lists who is in a workspace.
#[utoipa::path(get, path = "/api/workspaces/{id}/members", operation_id = "listMembers", tag = "workspaces",
    params(("id" = String, Path, description = "The workspace's id")), responses(
    (status = 200, description = "Its people", body = MemberList),
    (status = 401, description = "Nobody is signed in", body = Problem, content_type = "application/problem+json"),
    (status = 403, description = "Guests do not see who else is there",
        body = Problem, content_type = "application/problem+json"),
    (status = 404, description = "There is no such workspace for whoever asks",
        body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn members(
    request: HttpRequest,
    state: Data<State>,
    id: Path<String>,
) -> Result<HttpResponse, ApiError> {
    let identity = identify(request.head(), &state).await?;
    let permit = permission::in_workspace(&identity, Action::SeeMembers, permission::workspace_named(&id)?)?;
    let members = state.store.members(&permit).await?;
    let members = members.into_iter().map(Member::from).collect();
    Ok(HttpResponse::Ok().json(MemberList { members }))
}

/// Gives a member another role. Nobody changes whoever is above them, or makes somebody what they are not.
#[utoipa::path(put, path = "/api/workspaces/{id}/members/{person}", operation_id = "setMember", tag = "workspaces",
    params(("id" = String, Path, description = "The workspace's id"), ("person" = String, Path, description = "Their id")),
    request_body = NewMemberRole, responses(
    (status = 204, description = "It is so; open connections know"),
    (status = 401, description = "Nobody is signed in", body = Problem, content_type = "application/problem+json"),
    (status = 403, description = "Admins and owners do that, from a page of this server",
        body = Problem, content_type = "application/problem+json"),
    (status = 404, description = "There is no such workspace for whoever asks, or nobody of this id in it",
        body = Problem, content_type = "application/problem+json"),
    (status = 409, description = "It is the workspace's last owner",
        body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn set_member(
    request: HttpRequest,
    state: Data<State>,
    path: Path<(String, String)>,
    body: Json<Object<NewMemberRole>>,
) -> Result<HttpResponse, ApiError> {
    let role = WorkspaceRole::from(body.into_inner().0.role);
    let identity = identify(request.head(), &state).await?;
    let (workspace, member) = find_member(&identity, &path, &state).await?;
    let permit = permission::in_workspace(&identity, Action::ChangeMember(member.role.max(role)), workspace)?;
    if member.user == identity.user {
        // Sent in the moment in which somebody lowers it, it would raise it again.
        let words = "nobody changes their own role; another admin or owner does that, or you leave";
        return Err(ApiError::Forbidden(words.to_owned()));
    }
    let event = AuditEvent {
        workspace: Some(workspace),
        subject: Some(Named::person(member.user, &member.name)),
        detail: Some(format!("{} → {}", member.role.as_str(), role.as_str())),
        ..audit::by(
            &identity,
            AuditAction::MemberChanged,
            request.head(),
            &state.config.server,
        )
    };
    let store = Arc::clone(&state.store);
    let change = async move { store.set_member(&permit, member.user, Some(role), event).await };
    permission::answer_change(change, &state).await
}

/// Removes a member, and with them what they were granted there; or leaves, if it is whoever asks.
#[utoipa::path(delete, path = "/api/workspaces/{id}/members/{person}", operation_id = "removeMember", tag = "workspaces",
    params(("id" = String, Path, description = "The workspace's id"), ("person" = String, Path, description = "Their id")),
    responses(
    (status = 204, description = "They are out; open connections know"),
    (status = 401, description = "Nobody is signed in", body = Problem, content_type = "application/problem+json"),
    (status = 403, description = "Admins and owners do that, from a page of this server, to nobody above them",
        body = Problem, content_type = "application/problem+json"),
    (status = 404, description = "There is no such workspace for whoever asks, or nobody of this id in it",
        body = Problem, content_type = "application/problem+json"),
    (status = 409, description = "It is the workspace's last owner",
        body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn remove_member(
    request: HttpRequest,
    state: Data<State>,
    path: Path<(String, String)>,
) -> Result<HttpResponse, ApiError> {
    let identity = identify(request.head(), &state).await?;
    let event = AuditEvent {
        workspace: permission::workspace_named(&path.0).ok(),
        ..audit::by(
            &identity,
            AuditAction::MemberRemoved,
            request.head(),
            &state.config.server,
        )
    };
    let (permit, person, event) = if path.1.parse() == Ok(identity.user) {
        let workspace = permission::workspace_named(&path.0)?;
        let permit = permission::in_workspace(&identity, Action::Leave, workspace)?;
        (permit, identity.user, event)
    } else {
        let (workspace, member) = find_member(&identity, &path, &state).await?;
        let permit = permission::in_workspace(&identity, Action::ChangeMember(member.role), workspace)?;
        let event = AuditEvent {
            subject: Some(Named::person(member.user, &member.name)),
            detail: Some(member.role.as_str().to_owned()),
            ..event
        };
        (permit, member.user, event)
    };
    let store = Arc::clone(&state.store);
    let change = async move { store.set_member(&permit, person, None, event).await };
    permission::answer_change(change, &state).await
}

/// A member, for somebody who may see that.
pub(super) async fn find_member(
    identity: &Identity,
    (workspace, person): &(String, String),
    state: &State,
) -> Result<(WorkspaceId, fieldbook_store::Member), ApiError> {
    let workspace = permission::workspace_named(workspace)?;
    let permit = permission::in_workspace(identity, Action::SeeMembers, workspace)?;
    let members = state.store.members(&permit).await?;
    let member = members.into_iter().find(|member| person.parse() == Ok(member.user));
    let member = member.ok_or_else(|| ApiError::NotFound("nobody of this id is in the workspace".to_owned()))?;
    Ok((workspace, member))
}
