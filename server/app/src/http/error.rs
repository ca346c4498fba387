//! Errors become statuses here and nowhere else.

use actix_web::http::{Method, StatusCode, header};
use actix_web::{HttpResponse, ResponseError};
use fieldbook_store::StoreError;
use serde::Serialize;
use utoipa::ToSchema;

use crate::auth::{AuthError, NameError, PasswordError};

/// The media type of every error.
pub const PROBLEM_JSON: &str = "application/problem+json";

/// What every error looks like (RFC 9457).
#[derive(Debug, Serialize, ToSchema)]
pub struct Problem {
    /// Which problem it is; stays the same from version to version.
    #[serde(rename = "type")]
    #[schema(example = "urn:fieldbook:name-taken")]
    kind: &'static str,
    /// The same for people, in a few words.
    #[schema(example = "The name is taken")]
    title: &'static str,
    /// The HTTP status.
    #[schema(example = 409)]
    status: u16,
    /// What happened this time, and what to do.
    detail: String,
}

/// Why a request was not fulfilled.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    /// Nobody is signed in.
    #[error("{0}")]
    Unauthenticated(String),
    /// Who is signed in may not do this.
    #[error("{0}")]
    Forbidden(String),
    /// The request was made by a foreign page.
    #[error("{0}")]
    ForeignOrigin(String),
    /// The request names us by an address that may not be ours.
    #[error("{0}")]
    UnknownHost(String),
    /// There is no such thing, or it is none of the asker's business.
    #[error("{0}")]
    NotFound(String),
    /// The address exists, the method does not.
    #[error("this address takes {}", .0.iter().map(Method::as_str).collect::<Vec<_>>().join(", "))]
    MethodNotAllowed(Vec<Method>),
    /// A name that must be unique is taken.
    #[error("{0}")]
    NameTaken(String),
    /// What is stored does not allow it.
    #[error("{0}")]
    Conflict(String),
    /// The request cannot be read.
    #[error("{0}")]
    Malformed(String),
    /// The body's media type is not JSON.
    #[error("{0}")]
    NotJson(String),
    /// The request can be read, and a value in it is not allowed.
    #[error("{0}")]
    Invalid(String),
    /// The body is too long.
    #[error("the body is longer than {0} bytes")]
    TooLarge(usize),
    /// Its body took too long.
    #[error("the body did not arrive in time (limits.request_body_ms)")]
    TooSlow,
    /// Too often.
    #[error("too many requests; wait {0} s")]
    TooManyRequests(u64),
    /// As many connections of one user as are allowed.
    #[error("{0}")]
    TooManySockets(String),
    /// Not now.
    #[error("{0}")]
    Unavailable(String),
    /// Not now; whoever asks asks often, and the log is told elsewhere.
    #[error("{0}")]
    NotReady(String),
    /// A mistake of ours. What it is stands in the log, not in the answer.
    #[error("{0}")]
    Unexpected(String),
}

impl ApiError {
    /// The HTTP status.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.shape().0
    }

    fn shape(&self) -> (StatusCode, &'static str, &'static str) {
        match self {
            Self::Unauthenticated(_) => (
                StatusCode::UNAUTHORIZED,
                "urn:fieldbook:unauthenticated",
                "Not signed in",
            ),
            Self::Forbidden(_) => (StatusCode::FORBIDDEN, "urn:fieldbook:forbidden", "Not allowed"),
            Self::ForeignOrigin(_) => (StatusCode::FORBIDDEN, "urn:fieldbook:foreign-origin", "Foreign origin"),
            Self::UnknownHost(_) => (StatusCode::FORBIDDEN, "urn:fieldbook:unknown-host", "Unknown host"),
            Self::NotFound(_) => (StatusCode::NOT_FOUND, "urn:fieldbook:not-found", "Not found"),
            Self::MethodNotAllowed(_) => (
                StatusCode::METHOD_NOT_ALLOWED,
                "urn:fieldbook:method-not-allowed",
                "Method not allowed",
            ),
            Self::NameTaken(_) => (StatusCode::CONFLICT, "urn:fieldbook:name-taken", "The name is taken"),
            Self::Conflict(_) => (
                StatusCode::CONFLICT,
                "urn:fieldbook:conflict",
                "It does not go with what there is",
            ),
            Self::Malformed(_) => (
                StatusCode::BAD_REQUEST,
                "urn:fieldbook:malformed",
                "The request cannot be read",
            ),
            Self::NotJson(_) => (
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "urn:fieldbook:not-json",
                "The body is not JSON",
            ),
            Self::Invalid(_) => (
                StatusCode::UNPROCESSABLE_ENTITY,
                "urn:fieldbook:invalid",
                "A value is not allowed",
            ),
            Self::TooLarge(_) => (
                StatusCode::PAYLOAD_TOO_LARGE,
                "urn:fieldbook:too-large",
                "The body is too long",
            ),
            Self::TooSlow => (
                StatusCode::REQUEST_TIMEOUT,
                "urn:fieldbook:too-slow",
                "The body took too long",
            ),
            Self::TooManyRequests(_) => (
                StatusCode::TOO_MANY_REQUESTS,
                "urn:fieldbook:too-many-requests",
                "Too many requests",
            ),
            Self::TooManySockets(_) => (
                StatusCode::TOO_MANY_REQUESTS,
                "urn:fieldbook:too-many-sockets",
                "Too many connections",
            ),
            Self::Unavailable(_) | Self::NotReady(_) => (
                StatusCode::SERVICE_UNAVAILABLE,
                "urn:fieldbook:unavailable",
                "Not available now",
            ),
            Self::Unexpected(_) => (
                StatusCode::INTERNAL_SERVER_ERROR,
                "urn:fieldbook:unexpected",
                "Something went wrong",
            ),
        }
    }
}

impl ResponseError for ApiError {
    fn status_code(&self) -> StatusCode {
        self.status()
    }

    fn error_response(&self) -> HttpResponse {
        let (status, kind, title) = self.shape();
        let detail = match self {
            Self::Unexpected(_) => "the server made a mistake; it is in its log".to_owned(),
            other => other.to_string(),
        };
        let mut response = HttpResponse::build(status);
        match self {
            Self::Unexpected(reason) => tracing::error!(reason, "a request failed"),
            Self::Unavailable(reason) => {
                tracing::warn!(reason, "a request has to wait");
                response.insert_header((header::RETRY_AFTER, "1"));
            }
            Self::NotReady(_) => {
                response.insert_header((header::RETRY_AFTER, "1"));
            }
            Self::TooManyRequests(seconds) => {
                response.insert_header((header::RETRY_AFTER, seconds.to_string()));
            }
            Self::Unauthenticated(_) => {
                response.insert_header((header::WWW_AUTHENTICATE, "Bearer realm=\"fieldbook\""));
            }
            Self::MethodNotAllowed(methods) => {
                response.insert_header(header::Allow(methods.clone()));
            }
            _ => {}
        }
        response.insert_header((header::CACHE_CONTROL, "no-store"));
        response.insert_header((header::CONTENT_TYPE, PROBLEM_JSON));
        let problem = Problem {
            kind,
            title,
            status: status.as_u16(),
            detail,
        };
        // `json` would keep the content type that is set.
        response.json(problem)
    }
}

impl From<&AuthError> for ApiError {
    fn from(error: &AuthError) -> Self {
        let text = error.to_string();
        match error {
            AuthError::Missing | AuthError::EmptyToken | AuthError::InvalidToken | AuthError::InvalidSession => {
                Self::Unauthenticated(text)
            }
            AuthError::Foreign(_) => Self::Unauthenticated(text),
            AuthError::NotCarried(_) => Self::Forbidden(text),
            AuthError::ForeignOrigin => Self::ForeignOrigin(text),
            AuthError::HostRefused(_) => Self::UnknownHost(text),
            AuthError::TooManyRequests(seconds) => Self::TooManyRequests(*seconds),
            AuthError::Store(error) => Self::from_store(error),
        }
    }
}

impl From<AuthError> for ApiError {
    fn from(error: AuthError) -> Self {
        Self::from(&error)
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        Self::from_store(&error)
    }
}

impl ApiError {
    /// What the store refuses of a change to who may do what is told to whoever asked for it: they can do something about it.
    pub(super) fn of_change(error: StoreError) -> Self {
        match error {
            StoreError::Conflict(reason) => Self::Conflict(reason),
            other => other.into(),
        }
    }

    fn from_store(error: &StoreError) -> Self {
        match error {
            StoreError::Unavailable(_) => Self::Unavailable(error.to_string()),
            StoreError::Conflict(_) | StoreError::Damaged(_) => Self::Unexpected(error.to_string()),
            StoreError::Taken(_) => Self::NameTaken(error.to_string()),
        }
    }
}

impl From<PasswordError> for ApiError {
    fn from(error: PasswordError) -> Self {
        match error {
            PasswordError::Busy => Self::Unavailable(error.to_string()),
            PasswordError::Length(..) | PasswordError::Weak(_) => Self::Invalid(error.to_string()),
            PasswordError::Unexpected(reason) => Self::Unexpected(reason),
        }
    }
}

impl From<NameError> for ApiError {
    fn from(error: NameError) -> Self {
        Self::Invalid(error.to_string())
    }
}
