//! `/api/invitations`, `/api/workspaces/{id}/invitations`: links that make one account each.

use actix_web::web::{Data, Json, Path};
use actix_web::{HttpRequest, HttpResponse};
use fieldbook_core::access::Action;
use fieldbook_core::id::{UserId, WorkspaceId};
use fieldbook_store::{Account, AuditAction, AuditEvent, Credential, Place, StoreError, WorkspaceRole};

use super::model::workspaces::{OpenInvitation, OpenInvitations};
use super::model::{Invitation, InvitationLink, NewAccount, NewInvitation, Session, WorkspaceName};
use super::readers::Object;
use super::{ApiError, Problem, permission, session};
use crate::audit;
use crate::auth::{
    AuthError, Secret, check_name, check_origin, client_address, identify, now_ms, own_origin, subject_of,
};
use crate::startup::State;

const DAY_MS: i64 = 86_400_000;

/// Says what a link leads to.
#[utoipa::path(get, path = "/api/invitations/{secret}", operation_id = "showInvitation", tag = "invitations",
    params(("secret" = String, Path, description = "What follows `/join/` in the link")), responses(
    (status = 200, description = "The link is good", body = Invitation),
    (status = 404, description = "It was used, or expired, or never was",
        body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn show(secret: Path<String>, state: Data<State>) -> Result<HttpResponse, ApiError> {
    let (hash, invitation) = find(&secret, &state).await?;
    Ok(HttpResponse::Ok().json(Invitation {
        workspace: WorkspaceName {
            name: invitation.workspace.name,
        },
        role: invitation.role.into(),
        setup: hash == state.setup_hash,
    }))
}

/// Makes the account that a link is good for, and signs in to it.
#[utoipa::path(post, path = "/api/invitations/{secret}/accept", operation_id = "acceptInvitation",
    tag = "invitations", params(("secret" = String, Path, description = "What follows `/join/` in the link")),
    request_body = NewAccount, responses(
    (status = 201, description = "The account is made, and signed in", body = Session,
        headers(("Set-Cookie" = String, description = "`fieldbook_session`"))),
    (status = 404, description = "The link was used, or expired, or never was",
        body = Problem, content_type = "application/problem+json"),
    (status = 409, description = "Somebody else has the name", body = Problem, content_type = "application/problem+json"),
    (status = 422, description = "The name or the password is not allowed",
        body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn accept(
    request: HttpRequest,
    secret: Path<String>,
    state: Data<State>,
    body: Json<Object<NewAccount>>,
) -> Result<HttpResponse, ApiError> {
    check_origin(request.head(), &state.config.server, false)?;
    let new = Checked::from(body.into_inner().0)?;
    let (hash, invitation) = find(&secret, &state).await?;
    // Hashing is dear, so these attempts count like signing in, once they hold a good link.
    state
        .rate
        .sign_in_address(client_address(request.head(), &state.config.server))?;
    let workspace = invitation.workspace.id;
    let company = new.workspace_name.as_deref().unwrap_or(&invitation.workspace.name);
    let known = [new.name.as_str(), company];
    let password_hash = state.passwords.hash_new(new.password, &known).await?;
    let account = Account {
        id: UserId(uuid::Uuid::new_v4()),
        name: new.name,
        password_hash: Some(password_hash),
        home: Some(Place {
            workspace: invitation.workspace,
            role: invitation.role,
        }),
    };
    let accepted = accept_audited(hash, &account, &request, &state).await;
    match accepted {
        Ok(true) => {}
        Ok(false) => return Err(gone()),
        Err(StoreError::Taken(_)) => {
            return Err(ApiError::NameTaken(format!(
                "somebody is called {} already; choose another name",
                account.name
            )));
        }
        Err(error) => return Err(error.into()),
    }
    if let Some(name) = new.workspace_name.filter(|_| hash == state.setup_hash) {
        state.store.rename_workspace(workspace, &name).await?;
    }
    let mut response = HttpResponse::Created();
    response.cookie(session::begin(&account, Credential::Link, &request, &state).await?);
    let subject = subject_of(&account, state.store.as_ref()).await?;
    session::answer(response, &subject, &state).await
}

/// Makes a link into the workspace that is home to whoever asks. Its admins and owners may.
#[utoipa::path(post, path = "/api/invitations", operation_id = "invite", tag = "invitations",
    request_body = NewInvitation, responses(
    (status = 201, description = "The link; it is shown this once", body = InvitationLink),
    (status = 401, description = "Nobody is signed in", body = Problem, content_type = "application/problem+json"),
    (status = 403, description = "Only who looks after the workspace invites, nobody to more than they are, from a page of this \
     server",
        body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn create(
    request: HttpRequest,
    state: Data<State>,
    body: Json<Object<NewInvitation>>,
) -> Result<HttpResponse, ApiError> {
    let Object(body) = body.into_inner();
    let identity = identify(request.head(), &state).await?;
    let role = WorkspaceRole::from(body.role);
    let permit = permission::at_home(&identity, Action::Invite(role))?;
    let own = own_origin(request.head(), &state.config.server).map_err(AuthError::HostRefused)?;
    let workspace = match permit.workspace() {
        Some(id) => state.store.workspace(id).await?,
        None => None,
    };
    let secret = Secret::fresh();
    let now_ms = now_ms();
    let expires_at_ms = now_ms + i64::from(state.config.auth.invitation_days) * DAY_MS;
    let invitation = fieldbook_store::Invitation {
        id: uuid::Uuid::new_v4(),
        secret_hash: secret.hash(),
        workspace: workspace.ok_or(AuthError::InvalidSession)?,
        role,
        expires_at_ms,
    };
    let event = AuditEvent {
        detail: Some(invitation.role.as_str().to_owned()),
        ..audit::by(&identity, AuditAction::Invited, request.head(), &state.config.server)
    };
    state.store.create_invitation(invitation, now_ms, event).await?;
    let url = format!("{own}/join/{}", secret.as_str());
    Ok(HttpResponse::Created().json(InvitationLink {
        url,
        expires_at: expires_at_ms,
    }))
}

/// Lists the invitations into a workspace that nobody has used yet. Those who may invite see them.
#[utoipa::path(get, path = "/api/workspaces/{id}/invitations", operation_id = "listInvitations", tag = "invitations",
    params(("id" = String, Path, description = "The workspace's id")), responses(
    (status = 200, description = "The one that expires first comes first; the links themselves are not kept", body = OpenInvitations),
    (status = 401, description = "Nobody is signed in", body = Problem, content_type = "application/problem+json"),
    (status = 403, description = "Admins and owners see them", body = Problem, content_type = "application/problem+json"),
    (status = 404, description = "There is no such workspace for whoever asks",
        body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn list(request: HttpRequest, state: Data<State>, id: Path<String>) -> Result<HttpResponse, ApiError> {
    let identity = identify(request.head(), &state).await?;
    let workspace = permission::workspace_named(&id)?;
    permission::in_workspace(&identity, Action::Invite(WorkspaceRole::Guest), workspace)?;
    let invitations = open(workspace, &state).await?;
    let invitations = invitations.into_iter().map(OpenInvitation::from).collect();
    Ok(HttpResponse::Ok().json(OpenInvitations { invitations }))
}

/// Makes an invitation worth nothing, before anybody uses it.
#[utoipa::path(delete, path = "/api/workspaces/{id}/invitations/{invitation}", operation_id = "withdrawInvitation",
    tag = "invitations", params(("id" = String, Path, description = "The workspace's id"),
        ("invitation" = String, Path, description = "Its id")), responses(
    (status = 204, description = "Its link does not work any more"),
    (status = 401, description = "Nobody is signed in", body = Problem, content_type = "application/problem+json"),
    (status = 403, description = "Who may invite somebody to be that may withdraw it, from a page of this server",
        body = Problem, content_type = "application/problem+json"),
    (status = 404, description = "There is no such workspace for whoever asks, or no such invitation: it was used, or expired",
        body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn withdraw(
    request: HttpRequest,
    state: Data<State>,
    path: Path<(String, String)>,
) -> Result<HttpResponse, ApiError> {
    let identity = identify(request.head(), &state).await?;
    let workspace = permission::workspace_named(&path.0)?;
    permission::in_workspace(&identity, Action::Invite(WorkspaceRole::Guest), workspace)?;
    let used = || ApiError::NotFound("there is no such invitation: it was used, withdrawn, or it expired".to_owned());
    let invitations = open(workspace, &state).await?;
    let invitation = invitations
        .into_iter()
        .find(|invitation| path.1.parse() == Ok(invitation.id));
    let invitation = invitation.ok_or_else(used)?;
    permission::in_workspace(&identity, Action::Invite(invitation.role), workspace)?;
    let event = AuditEvent {
        workspace: Some(workspace),
        detail: Some(invitation.role.as_str().to_owned()),
        ..audit::by(
            &identity,
            AuditAction::InvitationWithdrawn,
            request.head(),
            &state.config.server,
        )
    };
    if !state.store.withdraw_invitation(workspace, invitation.id, event).await? {
        return Err(used());
    }
    Ok(HttpResponse::NoContent().finish())
}

/// Those that are still good; the set-up link is none of them.
async fn open(workspace: WorkspaceId, state: &State) -> Result<Vec<fieldbook_store::Invitation>, ApiError> {
    let mut invitations = state.store.invitations(workspace, now_ms()).await?;
    invitations.retain(|invitation| invitation.secret_hash != state.setup_hash);
    Ok(invitations)
}

async fn accept_audited(
    hash: [u8; 32],
    account: &Account,
    request: &HttpRequest,
    state: &State,
) -> Result<bool, StoreError> {
    let action = if hash == state.setup_hash {
        AuditAction::SetUp
    } else {
        AuditAction::InvitationUsed
    };
    let event = AuditEvent {
        detail: account.home.as_ref().map(|home| home.role.as_str().to_owned()),
        ..audit::by_account(account, Credential::Link, action, request.head(), &state.config.server)
    };
    let account = account.clone();
    state.store.accept_invitation(hash, account, now_ms(), event).await
}

async fn find(secret: &str, state: &State) -> Result<([u8; 32], fieldbook_store::Invitation), ApiError> {
    let hash = Secret::received(secret).hash();
    let invitation = state.store.invitation(hash, now_ms()).await?;
    invitation.map(|invitation| (hash, invitation)).ok_or_else(gone)
}

fn gone() -> ApiError {
    ApiError::NotFound(
        "this link was used already, or it expired; ask an owner of the workspace for another".to_owned(),
    )
}

/// A new account whose values are allowed.
struct Checked {
    name: String,
    password: String,
    workspace_name: Option<String>,
}

impl Checked {
    fn from(new: NewAccount) -> Result<Self, ApiError> {
        let name = check_name(&new.name, "the name")?;
        let workspace_name = new.workspace_name.filter(|name| !name.trim().is_empty());
        let workspace_name = workspace_name
            .map(|name| check_name(&name, "the workspace's name"))
            .transpose()?;
        Ok(Self {
            name,
            password: new.password,
            workspace_name,
        })
    }
}
