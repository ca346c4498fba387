//! How bodies, paths and queries are read, and how their mistakes are told.

use std::fmt;
use std::marker::PhantomData;

use actix_web::error::{JsonPayloadError, PathError, PayloadError, QueryPayloadError};
use actix_web::{Error, web};
use serde::de::value::MapAccessDeserializer;
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};

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

/// A body that is a JSON object. Left to itself, serde also takes a struct's fields from an array, by their places.
pub(super) struct Object<T>(pub T);

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Object<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Fields(PhantomData))
    }
}

struct Fields<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for Fields<T> {
    type Value = Object<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, fields: A) -> Result<Self::Value, A::Error> {
        T::deserialize(MapAccessDeserializer::new(fields)).map(Object)
    }
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
        JsonPayloadError::Payload(PayloadError::Io(error)) if error.kind() == std::io::ErrorKind::TimedOut => {
            ApiError::TooSlow
        }
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
