//! `/api/openapi.json`: the API describes itself.

use actix_web::HttpResponse;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{self, ContentBuilder, RefOr, ResponseBuilder, SecurityRequirement};
use utoipa::{Modify, OpenApi};

use super::error::{PROBLEM_JSON, Problem};
use super::{
    access, audit, devices, documents, groups, health, invitations, model, password, password_resets, session,
    workspaces,
};
use crate::auth::COOKIE;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Fieldbook",
        description = "Workspaces and their people, invitations, the list of documents and who may do what with them. What is in a document travels by the sync \
                       protocol at /sync. Times are milliseconds since 1970. Every error is a problem (RFC 9457).",
    ),
    paths(
        session::show, session::create, session::end,
        password::change, password_resets::create, password_resets::show, password_resets::reset,
        devices::list, devices::end, devices::end_all,
        invitations::create, invitations::show, invitations::accept, invitations::list, invitations::withdraw,
        audit::show,
        documents::list, documents::create, documents::show, documents::archive, documents::trash, documents::restore,
        documents::purge,
        access::show, access::set_visibility, access::grant_to_person, access::withdraw_from_person,
        access::grant_to_group, access::withdraw_from_group,
        workspaces::list, workspaces::create, workspaces::members, workspaces::set_member, workspaces::remove_member,
        groups::list, groups::create, groups::rename, groups::delete, groups::add_member, groups::remove_member,
        show, health::alive, health::ready,
    ),
    components(schemas(Problem, model::Session)),
    modifiers(&Security, &CommonErrors),
)]
struct Api;

/// The description of the API.
#[must_use]
pub fn description() -> openapi::OpenApi {
    Api::openapi()
}

/// Describes this API (OpenAPI).
#[utoipa::path(get, path = "/api/openapi.json", operation_id = "describe", tag = "description", responses(
    (status = 200, description = "An OpenAPI document", body = Object),
))]
pub(super) async fn show() -> HttpResponse {
    HttpResponse::Ok().json(description())
}

/// How one shows who one is.
struct Security;

/// What needs nobody to be signed in.
const OPEN: &[&str] = &[
    "signIn",
    "signOut",
    "showInvitation",
    "acceptInvitation",
    "showPasswordReset",
    "resetPassword",
    "describe",
    "alive",
    "ready",
];

impl Modify for Security {
    fn modify(&self, api: &mut openapi::OpenApi) {
        let components = api.components.get_or_insert_default();
        let cookie = SecurityScheme::ApiKey(ApiKey::Cookie(ApiKeyValue::new(COOKIE)));
        components.add_security_scheme("session", cookie);
        let bearer = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .bearer_format("JWT")
            .build();
        components.add_security_scheme("token", SecurityScheme::Http(bearer));
        let none = Vec::<String>::new();
        let either = vec![
            SecurityRequirement::new("session", none.clone()),
            SecurityRequirement::new("token", none),
        ];
        for operation in operations(api) {
            let is_open = operation.operation_id.as_deref().is_some_and(|id| OPEN.contains(&id));
            operation.security = Some(if is_open { Vec::new() } else { either.clone() });
        }
    }
}

/// Errors that any operation can answer with; said once here and not at each.
struct CommonErrors;

impl Modify for CommonErrors {
    fn modify(&self, api: &mut openapi::OpenApi) {
        for (path, item) in &mut api.paths.paths {
            let is_api = path.starts_with("/api/");
            for operation in [&mut item.get, &mut item.post, &mut item.put, &mut item.delete]
                .into_iter()
                .flatten()
            {
                let has_body = operation.request_body.is_some();
                let mut add = |status: &str, text: &str| {
                    let responses = &mut operation.responses.responses;
                    responses
                        .entry(status.to_owned())
                        .or_insert_with(|| RefOr::T(problem(text)));
                };
                if is_api {
                    add(
                        "403",
                        "The request names this server by an address that it does not know",
                    );
                    add("429", "Too many requests; `Retry-After` says how many seconds to wait");
                    add("500", "The server made a mistake");
                    add("503", "The store cannot be reached now; try again");
                }
                if has_body {
                    add("400", "The body cannot be read");
                    add("413", "The body is too long");
                    add("415", "The body's media type is not JSON");
                    add("422", "A value is missing or not allowed");
                }
            }
        }
    }
}

fn problem(text: &str) -> openapi::Response {
    let content = ContentBuilder::new()
        .schema(Some(openapi::Ref::from_schema_name("Problem")))
        .build();
    ResponseBuilder::new()
        .description(text)
        .content(PROBLEM_JSON, content)
        .build()
}

fn operations(api: &mut openapi::OpenApi) -> impl Iterator<Item = &mut openapi::path::Operation> {
    let items = api.paths.paths.values_mut();
    items
        .flat_map(|item| [&mut item.get, &mut item.post, &mut item.put, &mut item.delete])
        .flatten()
}
