//! `/api/audit`: what was done.

use actix_web::web::{Data, Query};
use actix_web::{HttpRequest, HttpResponse};
use fieldbook_core::access::Action;
use fieldbook_store::Named;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{ApiError, Problem, permission};
use crate::auth::identify;
use crate::startup::State;

/// Entries of a page, if nothing else is asked for.
const USUAL_PAGE: u32 = 100;

/// Shows what was done in the workspace, and what belongs to none, the last first. Only owners may see it.
#[utoipa::path(get, path = "/api/audit", operation_id = "showAuditLog", tag = "audit",
    params(AuditPage), responses(
    (status = 200, description = "A page of the log", body = AuditLog),
    (status = 401, description = "Nobody is signed in", body = Problem, content_type = "application/problem+json"),
    (status = 403, description = "Only owners see the log", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn show(
    request: HttpRequest,
    state: Data<State>,
    page: Query<AuditPage>,
) -> Result<HttpResponse, ApiError> {
    let identity = identify(request.head(), &state).await?;
    permission::at_home(&identity, Action::ReadAuditLog)?;
    let most = state.config.limits.audit_entries;
    let limit = page.limit.unwrap_or(USUAL_PAGE.min(most));
    if !(1..=most).contains(&limit) {
        return Err(ApiError::Invalid(format!("limit is 1 to {most}")));
    }
    let entries = state.store.audit_log(identity.subject.home, page.before, limit).await?;
    let entries: Vec<AuditEntry> = entries.into_iter().map(AuditEntry::from).collect();
    Ok(HttpResponse::Ok().json(AuditLog { entries }))
}

/// Which entries to show.
#[derive(Debug, Deserialize, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct AuditPage {
    /// Those before the one of this number: the last one of the page before. Without it: the last there are.
    before: Option<i64>,
    /// How many, at most. Without it: 100.
    limit: Option<u32>,
}

/// Entries, the last first. An empty page is the end.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct AuditLog {
    entries: Vec<AuditEntry>,
}

/// Something that was done. Nothing of it is changed later, whatever becomes of those whom it names.
#[derive(Debug, Serialize, ToSchema)]
pub struct AuditEntry {
    /// Later entries have greater numbers.
    number: i64,
    /// When; milliseconds since 1970.
    at: i64,
    /// What.
    #[schema(example = "signed_in")]
    action: &'static str,
    /// Who did it; null: nobody whom the server knows.
    actor: Option<AuditName>,
    /// By what they showed who they are.
    #[schema(example = "session")]
    credential: &'static str,
    /// Whom or what it was done to, if that is not the actor.
    subject: Option<AuditName>,
    /// More, in words: a role, a device.
    detail: Option<String>,
    /// From where; null: on the server's own machine.
    address: Option<String>,
}

/// Somebody or something, as it was called then.
#[derive(Debug, Serialize, ToSchema)]
struct AuditName {
    id: String,
    name: String,
}

impl From<fieldbook_store::AuditEntry> for AuditEntry {
    fn from(entry: fieldbook_store::AuditEntry) -> Self {
        let event = entry.event;
        let name = |Named { id, name }| AuditName { id, name };
        Self {
            number: entry.number,
            at: event.at_ms,
            action: event.action.as_str(),
            actor: event.actor.map(name),
            credential: event.credential.as_str(),
            subject: event.subject.map(name),
            detail: event.detail,
            address: event.address.map(|address| address.to_string()),
        }
    }
}
