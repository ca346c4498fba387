//! `/healthz` and `/readyz`: for monitors and load balancers.

use std::time::Duration;

use actix_web::HttpResponse;
use actix_web::web::Data;
use serde::Serialize;
use utoipa::ToSchema;

use super::{ApiError, Problem};
use crate::startup::State;

/// A store that takes longer than this is not ready.
const STORE_DEADLINE: Duration = Duration::from_secs(2);

/// How the server is.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct Health {
    #[schema(example = "ok")]
    status: &'static str,
}

/// Says that the process runs.
#[utoipa::path(get, path = "/healthz", operation_id = "alive", tag = "health", responses(
    (status = 200, description = "The process runs", body = Health),
))]
pub(super) async fn alive() -> HttpResponse {
    HttpResponse::Ok().json(Health { status: "ok" })
}

/// Says whether requests are welcome: the store answers, what is written is stored, and the server is not about to stop.
#[utoipa::path(get, path = "/readyz", operation_id = "ready", tag = "health", responses(
    (status = 200, description = "Send requests", body = Health),
    (status = 503, description = "Send none now", body = Problem, content_type = "application/problem+json"),
))]
pub(super) async fn ready(state: Data<State>) -> Result<HttpResponse, ApiError> {
    if state.is_stopping() {
        return Err(ApiError::NotReady("the server is about to stop".to_owned()));
    }
    if let Some(reason) = state.sockets.rooms().store_trouble() {
        return Err(ApiError::NotReady(format!("the store fails: {reason}")));
    }
    match tokio::time::timeout(STORE_DEADLINE, state.store.first_workspace()).await {
        Ok(Ok(_)) => Ok(HttpResponse::Ok().json(Health { status: "ok" })),
        Ok(Err(error)) => Err(ApiError::NotReady(error.to_string())),
        Err(_) => Err(ApiError::NotReady("the store does not answer".to_owned())),
    }
}
