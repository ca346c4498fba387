//! `/api/documents`: the list. What is in a document travels by sync.

use actix_web::web::{Data, Json, Path, Query};
use actix_web::{HttpRequest, HttpResponse};
use fieldbook_core::id::DocumentId;
use fieldbook_core::template::{self, Kind};
use fieldbook_store::{DocumentEntry, Role};

use super::model::{Document, DocumentFilter, DocumentKind, DocumentList, NewDocument};
use super::readers::Object;
use super::{ApiError, Problem};
use crate::auth::{Identity, fresh_bytes, identify, now_ms};
use crate::startup::State;

/// Lists the workspace's documents, the last changed first.
#[utoipa::path(get, path = "/api/documents", operation_id = "listDocuments", tag = "documents",
    params(DocumentFilter), responses(
    (status = 200, description = "The list", body = DocumentList),
    (status = 401, description = "Nobody is signed in", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn list(
    request: HttpRequest,
    state: Data<State>,
    filter: Query<DocumentFilter>,
) -> Result<HttpResponse, ApiError> {
    let identity = identify(request.head(), &state).await?;
    let entries = state.store.list_documents(identity.workspace, filter.archived).await?;
    let documents = entries.into_iter().map(Document::from).collect();
    Ok(HttpResponse::Ok().json(DocumentList { documents }))
}

/// Makes a document with its kind's outline.
#[utoipa::path(post, path = "/api/documents", operation_id = "createDocument", tag = "documents",
    request_body = NewDocument, responses(
    (status = 201, description = "The document", body = Document,
        headers(("Location" = String, description = "Its address in this API"))),
    (status = 401, description = "Nobody is signed in", body = Problem, content_type = "application/problem+json"),
    (status = 403, description = "Viewers make no documents; requests come from a page of this server",
        body = Problem, content_type = "application/problem+json"),
    (status = 422, description = "The kind or the title is not allowed",
        body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn create(
    request: HttpRequest,
    state: Data<State>,
    body: Json<Object<NewDocument>>,
) -> Result<HttpResponse, ApiError> {
    let Object(body) = body.into_inner();
    let identity = identify(request.head(), &state).await?;
    require_writer(&identity)?;
    let title = check_title(&body.title)?;
    let id = DocumentId::from_bytes(*uuid::Uuid::new_v4().as_bytes())
        .map_err(|error| ApiError::Unexpected(error.to_string()))?;
    let kind = Kind::from(body.kind);
    let now_ms = now_ms();
    let changes = template::build(kind, &title, fresh_bytes(), now_ms / 1000)
        .map_err(|error| ApiError::Unexpected(error.to_string()))?;
    let new = fieldbook_store::NewDocument {
        workspace: identity.workspace,
        creator: identity.user,
        kind: Some(kind.as_str().to_owned()),
        title,
        created_at_ms: now_ms,
    };
    state.store.append(id, Some(new), 1, changes).await?;
    let document = Document::from(find(id, &identity, &state).await?);
    Ok(HttpResponse::Created()
        .insert_header(("Location", format!("/api/documents/{id}")))
        .json(document))
}

/// Shows what the list says of one document.
#[utoipa::path(get, path = "/api/documents/{id}", operation_id = "showDocument", tag = "documents",
    params(("id" = String, Path, description = "The document's id")), responses(
    (status = 200, description = "The document", body = Document),
    (status = 401, description = "Nobody is signed in", body = Problem, content_type = "application/problem+json"),
    (status = 404, description = "There is no such document in this workspace",
        body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn show(request: HttpRequest, state: Data<State>, id: Path<String>) -> Result<HttpResponse, ApiError> {
    let identity = identify(request.head(), &state).await?;
    let entry = find(parse(&id)?, &identity, &state).await?;
    Ok(HttpResponse::Ok().json(Document::from(entry)))
}

/// Puts a document away. It can still be read and written; it is just not in the list of those in use.
#[utoipa::path(post, path = "/api/documents/{id}/archive", operation_id = "archiveDocument", tag = "documents",
    params(("id" = String, Path, description = "The document's id")), responses(
    (status = 204, description = "It is put away"),
    (status = 401, description = "Nobody is signed in", body = Problem, content_type = "application/problem+json"),
    (status = 403, description = "Viewers put nothing away; requests come from a page of this server",
        body = Problem, content_type = "application/problem+json"),
    (status = 404, description = "There is no such document in this workspace",
        body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn archive(
    request: HttpRequest,
    state: Data<State>,
    id: Path<String>,
) -> Result<HttpResponse, ApiError> {
    set_archived(&request, &state, &id, Some(now_ms())).await
}

/// Takes a document back into use.
#[utoipa::path(post, path = "/api/documents/{id}/restore", operation_id = "restoreDocument", tag = "documents",
    params(("id" = String, Path, description = "The document's id")), responses(
    (status = 204, description = "It is in use again"),
    (status = 401, description = "Nobody is signed in", body = Problem, content_type = "application/problem+json"),
    (status = 403, description = "Viewers take nothing back; requests come from a page of this server",
        body = Problem, content_type = "application/problem+json"),
    (status = 404, description = "There is no such document in this workspace",
        body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn restore(
    request: HttpRequest,
    state: Data<State>,
    id: Path<String>,
) -> Result<HttpResponse, ApiError> {
    set_archived(&request, &state, &id, None).await
}

async fn set_archived(
    request: &HttpRequest,
    state: &State,
    id: &str,
    archived_at_ms: Option<i64>,
) -> Result<HttpResponse, ApiError> {
    let identity = identify(request.head(), state).await?;
    let entry = find(parse(id)?, &identity, state).await?;
    require_writer(&identity)?;
    // What is put away already stays put away since then.
    if entry.archived_at_ms.is_some() != archived_at_ms.is_some() {
        state.store.set_archived(entry.id, archived_at_ms).await?;
    }
    Ok(HttpResponse::NoContent().finish())
}

/// A document of another workspace does not exist for the asker.
async fn find(id: DocumentId, identity: &Identity, state: &State) -> Result<DocumentEntry, ApiError> {
    let entry = state.store.document(id).await?;
    entry
        .filter(|entry| entry.workspace == identity.workspace)
        .ok_or_else(unknown)
}

fn parse(id: &str) -> Result<DocumentId, ApiError> {
    id.parse().map_err(|_| unknown())
}

fn unknown() -> ApiError {
    ApiError::NotFound("there is no such document in this workspace".to_owned())
}

fn require_writer(identity: &Identity) -> Result<(), ApiError> {
    if identity.role >= Role::Editor {
        Ok(())
    } else {
        Err(ApiError::Forbidden(
            "a viewer reads; ask an owner of the workspace for the role of an editor".to_owned(),
        ))
    }
}

fn check_title(title: &str) -> Result<String, ApiError> {
    let title = title.trim();
    if (1..=200).contains(&title.chars().count()) && !title.chars().any(char::is_control) {
        Ok(title.to_owned())
    } else {
        Err(ApiError::Invalid(
            "the title has 1 to 200 characters, in one line".to_owned(),
        ))
    }
}

impl From<DocumentKind> for Kind {
    fn from(kind: DocumentKind) -> Self {
        match kind {
            DocumentKind::AccountPlan => Self::AccountPlan,
            DocumentKind::CollateralNote => Self::CollateralNote,
            DocumentKind::MeetingAgenda => Self::MeetingAgenda,
        }
    }
}
