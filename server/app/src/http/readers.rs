//! How bodies, paths and queries are read, and how their mistakes are told.

use actix_web::error::{JsonPayloadError, PathError, QueryPayloadError};
use actix_web::{Error, web};

use super::ApiError;
use crate::config::Limits;

/// Sets limits and errors of actix's own extractors.
pub fn readers(services: &mut web::ServiceConfig, limits: &Limits) {
    let most = limits.requests_bytes;
    let json = web::JsonConfig::default()
        .limit(most)
        .error_handler(move |error, _| json_error(&error, most).into());
    services
        .app_data(json)
        .app_data(web::PayloadConfig::new(most))
        .app_data(web::PathConfig::default().error_handler(|error, _| path_error(&error)))
        .app_data(web::QueryConfig::default().error_handler(|error, _| query_error(&error)));
}

fn json_error(error: &JsonPayloadError, most: usize) -> ApiError {
    match error {
        JsonPayloadError::OverflowKnownLength { .. } | JsonPayloadError::Overflow { .. } => ApiError::TooLarge(most),
        JsonPayloadError::ContentType => {
            ApiError::NotJson("send the body as JSON, with Content-Type: application/json".to_owned())
        }
        JsonPayloadError::Deserialize(error) if is_about_a_key(error) => {
            ApiError::Malformed(format!("the body: {error}"))
        }
        JsonPayloadError::Deserialize(error) if error.is_data() => ApiError::Invalid(format!("the body: {error}")),
        JsonPayloadError::Deserialize(error) => ApiError::Malformed(format!("the body is not JSON: {error}")),
        other => ApiError::Malformed(format!("the body cannot be read: {other}")),
    }
}

/// serde tells an unknown key apart from a value that does not fit by its words alone.
fn is_about_a_key(error: &serde_json::Error) -> bool {
    error.is_data() && error.to_string().starts_with("unknown field ")
}

fn path_error(error: &PathError) -> Error {
    ApiError::NotFound(format!("the address cannot be read: {error}")).into()
}

fn query_error(error: &QueryPayloadError) -> Error {
    ApiError::Malformed(format!("the query cannot be read: {error}")).into()
}
