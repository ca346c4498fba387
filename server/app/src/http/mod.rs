//! The REST API and the web client: one file per resource; errors become statuses in [`ApiError`].

mod access;
mod assets;
mod audit;
mod boundary;
mod devices;
mod documents;
mod error;
mod groups;
mod health;
mod invitations;
mod model;
mod openapi;
mod password;
mod password_resets;
mod permission;
mod rate;
mod readers;
mod session;
mod web_client;
mod workspaces;

use actix_web::guard::{Any, Get, Head};
use actix_web::http::Method;
use actix_web::middleware::from_fn;
use actix_web::{HttpRequest, HttpResponse, Resource, Route, web};

pub use audit::AuditEntry;
pub use boundary::{guard, set_headers};
pub use error::{ApiError, PROBLEM_JSON, Problem};
pub use openapi::description;
pub use rate::RateLimits;
pub use readers::readers;

/// A GET, and with it HEAD: the same answer without its body.
fn readable() -> Route {
    web::route().guard(Any(Get()).or(Head()))
}

/// One address and what it takes. All routes stand in these tables, so that a test can hold them against the OpenAPI
/// description.
struct Address {
    path: &'static str,
    operations: Vec<(Method, Route)>,
}

fn address(path: &'static str, operations: Vec<(Method, Route)>) -> Address {
    Address { path, operations }
}

fn get(route: Route) -> (Method, Route) {
    (Method::GET, route)
}

fn post(route: Route) -> (Method, Route) {
    (Method::POST, route)
}

fn put(route: Route) -> (Method, Route) {
    (Method::PUT, route)
}

fn delete(route: Route) -> (Method, Route) {
    (Method::DELETE, route)
}

fn api_addresses() -> Vec<Address> {
    let mut addresses = people_addresses();
    addresses.extend(document_addresses());
    addresses.extend(workspace_addresses());
    addresses
}

fn people_addresses() -> Vec<Address> {
    vec![
        address(
            "/session",
            vec![
                get(readable().to(session::show)),
                post(web::post().to(session::create)),
                delete(web::delete().to(session::end)),
            ],
        ),
        address(
            "/devices",
            vec![
                get(readable().to(devices::list)),
                delete(web::delete().to(devices::end_all)),
            ],
        ),
        address("/audit", vec![get(readable().to(audit::show))]),
        address("/password", vec![post(web::post().to(password::change))]),
        address("/devices/{id}", vec![delete(web::delete().to(devices::end))]),
        address("/invitations", vec![post(web::post().to(invitations::create))]),
        address("/invitations/{secret}", vec![get(readable().to(invitations::show))]),
        address(
            "/invitations/{secret}/accept",
            vec![post(web::post().to(invitations::accept))],
        ),
        address(
            "/password-resets/{secret}",
            vec![
                get(readable().to(password_resets::show)),
                post(web::post().to(password_resets::reset)),
            ],
        ),
        address("/openapi.json", vec![get(readable().to(openapi::show))]),
    ]
}

fn document_addresses() -> Vec<Address> {
    vec![
        address(
            "/documents",
            vec![
                get(readable().to(documents::list)),
                post(web::post().to(documents::create)),
            ],
        ),
        address(
            "/documents/{id}",
            vec![
                get(readable().to(documents::show)),
                delete(web::delete().to(documents::purge)),
            ],
        ),
        address(
            "/documents/{id}/archive",
            vec![post(web::post().to(documents::archive))],
        ),
        address("/documents/{id}/trash", vec![post(web::post().to(documents::trash))]),
        address(
            "/documents/{id}/restore",
            vec![post(web::post().to(documents::restore))],
        ),
        address(
            "/documents/{id}/access",
            vec![
                get(readable().to(access::show)),
                put(web::put().to(access::set_visibility)),
            ],
        ),
        address(
            "/documents/{id}/access/people/{person}",
            vec![
                put(web::put().to(access::grant_to_person)),
                delete(web::delete().to(access::withdraw_from_person)),
            ],
        ),
        address(
            "/documents/{id}/access/groups/{group}",
            vec![
                put(web::put().to(access::grant_to_group)),
                delete(web::delete().to(access::withdraw_from_group)),
            ],
        ),
    ]
}

fn workspace_addresses() -> Vec<Address> {
    vec![
        address(
            "/workspaces",
            vec![
                get(readable().to(workspaces::list)),
                post(web::post().to(workspaces::create)),
            ],
        ),
        address(
            "/workspaces/{id}/members",
            vec![get(readable().to(workspaces::members))],
        ),
        address(
            "/workspaces/{id}/members/{person}",
            vec![
                put(web::put().to(workspaces::set_member)),
                delete(web::delete().to(workspaces::remove_member)),
            ],
        ),
        address(
            "/workspaces/{id}/members/{person}/password-reset",
            vec![post(web::post().to(password_resets::create))],
        ),
        address(
            "/workspaces/{id}/invitations",
            vec![get(readable().to(invitations::list))],
        ),
        address(
            "/workspaces/{id}/invitations/{invitation}",
            vec![delete(web::delete().to(invitations::withdraw))],
        ),
        address(
            "/workspaces/{id}/groups",
            vec![get(readable().to(groups::list)), post(web::post().to(groups::create))],
        ),
        address(
            "/workspaces/{id}/groups/{group}",
            vec![
                put(web::put().to(groups::rename)),
                delete(web::delete().to(groups::delete)),
            ],
        ),
        address(
            "/workspaces/{id}/groups/{group}/members/{person}",
            vec![
                put(web::put().to(groups::add_member)),
                delete(web::delete().to(groups::remove_member)),
            ],
        ),
    ]
}

fn health_addresses() -> Vec<Address> {
    let address = |path, route| Address {
        path,
        operations: vec![(Method::GET, route)],
    };
    vec![
        address("/healthz", readable().to(health::alive)),
        address("/readyz", readable().to(health::ready)),
    ]
}

/// Every address of the API, as the OpenAPI description writes them.
#[must_use]
pub fn addresses() -> Vec<String> {
    let api = api_addresses()
        .into_iter()
        .map(|address| format!("/api{}", address.path));
    health_addresses()
        .into_iter()
        .map(|address| address.path.to_owned())
        .chain(api)
        .collect()
}

/// Mounts everything. Last, since the web client answers whatever nobody else does.
pub fn mount(services: &mut web::ServiceConfig) {
    for address in health_addresses() {
        services.service(resource(address));
    }
    let api = api_addresses()
        .into_iter()
        .map(resource)
        .fold(web::scope("/api"), |api, resource| api.service(resource));
    services.service(api.default_service(web::to(not_found)).wrap(from_fn(rate::limit)));
    services.default_service(web::to(web_client::serve));
}

/// An address that takes one method, and says so to all others.
pub fn only(path: &'static str, method: Method, route: Route) -> Resource {
    taking(path, vec![method]).route(route)
}

fn resource(address: Address) -> Resource {
    let mut methods: Vec<Method> = address.operations.iter().map(|(method, _)| method.clone()).collect();
    if methods.contains(&Method::GET) {
        methods.push(Method::HEAD);
    }
    let routes = address.operations.into_iter().map(|(_, route)| route);
    routes.fold(taking(address.path, methods), Resource::route)
}

/// An address that tells these methods to whoever comes with another.
fn taking(path: &'static str, methods: Vec<Method>) -> Resource {
    let refusal = move || std::future::ready(Err::<HttpResponse, _>(ApiError::MethodNotAllowed(methods.clone())));
    web::resource(path).default_service(web::to(refusal))
}

async fn not_found(request: HttpRequest) -> Result<HttpResponse, ApiError> {
    let path = request.path();
    Err(ApiError::NotFound(format!(
        "the API has no address {path}; /api/openapi.json lists them"
    )))
}
