//! May whoever asks do it? Asked once for each operation; the permit is what the operation works with.

use std::sync::Arc;

use actix_web::HttpResponse;
use fieldbook_core::access::{Action, Denied, DocumentAccess, Permit, Resource, authorise};
use fieldbook_core::id::{DocumentId, WorkspaceId};
use fieldbook_store::{StoreError, Touched};

use super::ApiError;
use crate::auth::Identity;
use crate::startup::State;

/// With a document, whose id stands in the address.
///
/// # Errors
/// 404 if there is none, or none for them; 403 if they may know of it and not do this.
pub(super) async fn on_document(
    identity: &Identity,
    action: Action,
    id: &str,
    state: &State,
) -> Result<Permit, ApiError> {
    with_access(identity, action, id, state).await.map(|(permit, _)| permit)
}

/// The same, and what was asked.
pub(super) async fn with_access(
    identity: &Identity,
    action: Action,
    id: &str,
    state: &State,
) -> Result<(Permit, DocumentAccess), ApiError> {
    let id: DocumentId = id.parse().map_err(|_| no_document())?;
    let access = state.store.document_access(id).await?.ok_or_else(no_document)?;
    let resource = Resource::Document(id, &access);
    let permit = authorise(&identity.subject, action, &resource).map_err(|denied| match denied {
        Denied::NotFound => no_document(),
        Denied::Forbidden => ApiError::Forbidden(
            "your role on this document, or the state that it is in, does not allow this; its owners can change that"
                .to_owned(),
        ),
    })?;
    Ok((permit, access))
}

/// On the server as a whole.
///
/// # Errors
/// 403 if they may not do this.
pub(super) fn on_server(identity: &Identity, action: Action) -> Result<Permit, ApiError> {
    authorise(&identity.subject, action, &Resource::Server).map_err(|_| not_in_workspace())
}

/// In a workspace.
///
/// # Errors
/// 404 if there is none, or none for them; 403 if they may know of it and not do this.
pub(super) fn in_workspace(identity: &Identity, action: Action, id: WorkspaceId) -> Result<Permit, ApiError> {
    authorise(&identity.subject, action, &Resource::Workspace(id)).map_err(|denied| match denied {
        Denied::NotFound => no_workspace(),
        Denied::Forbidden => not_in_workspace(),
    })
}

/// In the workspace that is their home.
///
/// # Errors
/// 403 if they have none, or may not do this.
pub(super) fn at_home(identity: &Identity, action: Action) -> Result<Permit, ApiError> {
    let home = identity.subject.home.ok_or_else(not_in_workspace)?;
    in_workspace(identity, action, home)
}

pub(super) fn not_in_workspace() -> ApiError {
    ApiError::Forbidden(
        "your role in the workspace, or the credential that you came with, does not allow this; its admins can change \
         that"
            .to_owned(),
    )
}

/// The workspace whose id stands in the address.
///
/// # Errors
/// 404 if it is no id.
pub(super) fn workspace_named(id: &str) -> Result<WorkspaceId, ApiError> {
    id.parse().map_err(|_| no_workspace())
}

fn no_workspace() -> ApiError {
    ApiError::NotFound("there is no such workspace for you".to_owned())
}

fn no_document() -> ApiError {
    ApiError::NotFound("there is no such document for you".to_owned())
}

/// Answers for a change of who may do what: open connections hear of it first, whether or not whoever asked still waits.
///
/// # Errors
/// 409 if it could not be done.
pub(super) async fn answer_change(
    change: impl Future<Output = Result<Touched, StoreError>> + Send + 'static,
    state: &State,
) -> Result<HttpResponse, ApiError> {
    let sockets = Arc::clone(&state.sockets);
    let told = to_the_end(state, async move {
        let touched = change.await.map_err(ApiError::of_change)?;
        sockets.access_changed(touched).await;
        Ok(())
    });
    told.await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Does all of it, even if the request is given up meanwhile: what is written must reach open connections.
///
/// # Errors
/// Its own; 500 if it panics.
pub(super) async fn to_the_end<T: Send + 'static>(
    state: &State,
    work: impl Future<Output = Result<T, ApiError>> + Send + 'static,
) -> Result<T, ApiError> {
    let done = state.runtime.spawn(work).await;
    done.map_err(|error| ApiError::from(StoreError::Unavailable(error.to_string())))?
}
