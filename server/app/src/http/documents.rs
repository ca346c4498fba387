//! `/api/documents`: the list. What is in a document travels by sync.

use std::sync::Arc;

use actix_web::web::{Data, Json, Path, Query};
use actix_web::{HttpRequest, HttpResponse};
use fieldbook_core::access::{Action, Creation, Permit, State};
use fieldbook_core::id::DocumentId;
use fieldbook_core::template::{self, Kind};
use fieldbook_store::{AuditAction, DocumentEntry};

use super::access::event_about;
use super::model::{Document, DocumentFilter, DocumentKind, DocumentList, NewDocument};
use super::readers::Object;
use super::{ApiError, Problem, permission};
use crate::auth::{fresh_bytes, identify, now_ms};
use crate::startup;

/// Lists the documents that whoever asks may read, the last changed first.
#[utoipa::path(get, path = "/api/documents", operation_id = "listDocuments", tag = "documents",
    params(DocumentFilter), responses(
    (status = 200, description = "The list", body = DocumentList),
    (status = 401, description = "Nobody is signed in", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn list(
    request: HttpRequest,
    state: Data<startup::State>,
    filter: Query<DocumentFilter>,
) -> Result<HttpResponse, ApiError> {
    let identity = identify(request.head(), &state).await?;
    let shelf = match (filter.trashed, filter.archived) {
        (true, _) => State::Trashed,
        (false, true) => State::Archived,
        (false, false) => State::InUse,
    };
    let entries = state.store.list_documents(&identity.subject, shelf).await?;
    let trash = &state.config.trash;
    let documents = entries.into_iter().map(|entry| Document::new(entry, trash)).collect();
    Ok(HttpResponse::Ok().json(DocumentList { documents }))
}

/// Makes a document with its kind's outline.
#[utoipa::path(post, path = "/api/documents", operation_id = "createDocument", tag = "documents",
    request_body = NewDocument, responses(
    (status = 201, description = "The document", body = Document,
        headers(("Location" = String, description = "Its address in this API"))),
    (status = 401, description = "Nobody is signed in", body = Problem, content_type = "application/problem+json"),
    (status = 403, description = "Guests make no documents; requests come from a page of this server",
        body = Problem, content_type = "application/problem+json"),
    (status = 422, description = "The kind or the title is not allowed",
        body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn create(
    request: HttpRequest,
    state: Data<startup::State>,
    body: Json<Object<NewDocument>>,
) -> Result<HttpResponse, ApiError> {
    let Object(body) = body.into_inner();
    let identity = identify(request.head(), &state).await?;
    let creation = Creation::at_home(&identity.subject).map_err(|_| permission::not_in_workspace())?;
    let title = check_title(&body.title)?;
    let id = DocumentId::from_bytes(*uuid::Uuid::new_v4().as_bytes())
        .map_err(|error| ApiError::Unexpected(error.to_string()))?;
    let kind = Kind::from(body.kind);
    let now_ms = now_ms();
    let changes = template::build(kind, &title, fresh_bytes(), now_ms / 1000)
        .map_err(|error| ApiError::Unexpected(error.to_string()))?;
    let new = fieldbook_store::NewDocument {
        creation,
        kind: Some(kind.as_str().to_owned()),
        title,
        created_at_ms: now_ms,
    };
    state.store.append(id, Some(new), 1, changes).await?;
    let document = Document::new(entry(id, &state).await?, &state.config.trash);
    Ok(HttpResponse::Created()
        .insert_header(("Location", format!("/api/documents/{id}")))
        .json(document))
}

/// Shows what the list says of one document.
#[utoipa::path(get, path = "/api/documents/{id}", operation_id = "showDocument", tag = "documents",
    params(("id" = String, Path, description = "The document's id")), responses(
    (status = 200, description = "The document", body = Document),
    (status = 401, description = "Nobody is signed in", body = Problem, content_type = "application/problem+json"),
    (status = 404, description = "There is no such document for whoever asks",
        body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn show(
    request: HttpRequest,
    state: Data<startup::State>,
    id: Path<String>,
) -> Result<HttpResponse, ApiError> {
    let identity = identify(request.head(), &state).await?;
    let permit = permission::on_document(&identity, Action::Read, &id, &state).await?;
    Ok(HttpResponse::Ok().json(Document::new(entry_of(&permit, &state).await?, &state.config.trash)))
}

/// Puts a document away. It can be read, and not written; it is not in the list of those in use.
#[utoipa::path(post, path = "/api/documents/{id}/archive", operation_id = "archiveDocument", tag = "documents",
    params(("id" = String, Path, description = "The document's id")), responses(
    (status = 204, description = "It is put away"),
    (status = 401, description = "Nobody is signed in", body = Problem, content_type = "application/problem+json"),
    (status = 403, description = "Who does not write it does not put it away; requests come from a page of this server",
        body = Problem, content_type = "application/problem+json"),
    (status = 404, description = "There is no such document for whoever asks",
        body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn archive(
    request: HttpRequest,
    state: Data<startup::State>,
    id: Path<String>,
) -> Result<HttpResponse, ApiError> {
    change_state(&request, Action::Archive, &id, &state).await
}

/// Throws a document away. Its owners, and the workspace's if they saw it before, find it in the trash until they restore or purge it.
#[utoipa::path(post, path = "/api/documents/{id}/trash", operation_id = "trashDocument", tag = "documents",
    params(("id" = String, Path, description = "The document's id")), responses(
    (status = 204, description = "It is in the trash"),
    (status = 401, description = "Nobody is signed in", body = Problem, content_type = "application/problem+json"),
    (status = 403, description = "Its owners do that; requests come from a page of this server",
        body = Problem, content_type = "application/problem+json"),
    (status = 404, description = "There is no such document for whoever asks",
        body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn trash(
    request: HttpRequest,
    state: Data<startup::State>,
    id: Path<String>,
) -> Result<HttpResponse, ApiError> {
    change_state(&request, Action::Trash, &id, &state).await
}

/// Deletes a document that is in the trash for ever. No client brings its id back.
#[utoipa::path(delete, path = "/api/documents/{id}", operation_id = "purgeDocument", tag = "documents",
    params(("id" = String, Path, description = "The document's id")), responses(
    (status = 204, description = "It is gone"),
    (status = 401, description = "Nobody is signed in", body = Problem, content_type = "application/problem+json"),
    (status = 403, description = "It is not in the trash, or not theirs; requests come from a page of this server",
        body = Problem, content_type = "application/problem+json"),
    (status = 404, description = "There is no such document for whoever asks",
        body = Problem, content_type = "application/problem+json"),
    (status = 409, description = "It was restored or purged meanwhile",
        body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn purge(
    request: HttpRequest,
    state: Data<startup::State>,
    id: Path<String>,
) -> Result<HttpResponse, ApiError> {
    change_state(&request, Action::Purge, &id, &state).await
}

/// Takes a document back into use.
#[utoipa::path(post, path = "/api/documents/{id}/restore", operation_id = "restoreDocument", tag = "documents",
    params(("id" = String, Path, description = "The document's id")), responses(
    (status = 204, description = "It is in use again"),
    (status = 401, description = "Nobody is signed in", body = Problem, content_type = "application/problem+json"),
    (status = 403, description = "Who does not write it does not take it back; requests come from a page of this server",
        body = Problem, content_type = "application/problem+json"),
    (status = 404, description = "There is no such document for whoever asks",
        body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn restore(
    request: HttpRequest,
    state: Data<startup::State>,
    id: Path<String>,
) -> Result<HttpResponse, ApiError> {
    change_state(&request, Action::Restore, &id, &state).await
}

async fn change_state(
    request: &HttpRequest,
    action: Action,
    id: &str,
    state: &startup::State,
) -> Result<HttpResponse, ApiError> {
    let identity = identify(request.head(), state).await?;
    let (permit, access) = permission::with_access(&identity, action, id, state).await?;
    let logged = match action {
        Action::Archive => AuditAction::DocumentArchived,
        Action::Trash => AuditAction::DocumentTrashed,
        Action::Purge => AuditAction::DocumentPurged,
        _ => AuditAction::DocumentRestored,
    };
    let event = event_about(&identity, logged, (&permit, &access), request, state).await?;
    let store = Arc::clone(&state.store);
    let change = async move { store.change_state(&permit, now_ms(), event).await };
    permission::answer_change(change, state).await
}

async fn entry_of(permit: &Permit, state: &startup::State) -> Result<DocumentEntry, ApiError> {
    let id = permit.document().ok_or_else(gone)?;
    entry(id, state).await
}

async fn entry(id: DocumentId, state: &startup::State) -> Result<DocumentEntry, ApiError> {
    state.store.document(id).await?.ok_or_else(gone)
}

fn gone() -> ApiError {
    ApiError::NotFound("the document is gone".to_owned())
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
