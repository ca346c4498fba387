//! The web client: whatever address is not somebody else's.

use actix_web::http::header::{self, HeaderValue};
use actix_web::http::{Method, StatusCode};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder, web};
use bytes::Bytes;

use super::assets::{self, Asset};
use super::{ApiError, boundary};

const INDEX: &str = "index.html";
const YEAR: &str = "public, max-age=31536000, immutable";

/// A file of the web client; for addresses that look like none, its first page, which finds the way itself.
pub(super) async fn serve(request: HttpRequest) -> Result<HttpResponse, ApiError> {
    if boundary::is_api(request.uri()) {
        return Err(ApiError::NotFound(
            "the API has no such address; /api/openapi.json lists them".to_owned(),
        ));
    }
    if ![Method::GET, Method::HEAD].contains(request.method()) {
        return Err(ApiError::MethodNotAllowed(vec![Method::GET, Method::HEAD]));
    }
    let Some(asset) = find(request.path()) else {
        return Err(ApiError::NotFound("there is no such file".to_owned()));
    };
    let gzip = if accepts_gzip(&request) {
        gzip(asset).await?
    } else {
        None
    };
    let etag = match gzip {
        Some(_) => asset.etag.replacen('"', "\"gz-", 1),
        None => asset.etag.clone(),
    };
    let is_known = request
        .headers()
        .get_all(header::IF_NONE_MATCH)
        .any(|known| names(known, &etag));
    let status = if is_known {
        StatusCode::NOT_MODIFIED
    } else {
        StatusCode::OK
    };
    let mut response = HttpResponseBuilder::new(status);
    response
        .insert_header((header::ETAG, etag))
        .insert_header((
            header::CACHE_CONTROL,
            if asset.is_immutable { YEAR } else { "no-cache" },
        ))
        .insert_header((header::VARY, "Accept-Encoding"));
    if is_known {
        return Ok(response.finish());
    }
    response.insert_header((header::CONTENT_TYPE, asset.media_type.as_str()));
    if gzip.is_some() {
        response.insert_header((header::CONTENT_ENCODING, "gzip"));
    }
    Ok(response.body(gzip.unwrap_or_else(|| asset.bytes.clone())))
}

/// What looks like a file is one or is missing: a page in the place of a script that an update took away would only
/// be misunderstood.
fn find(path: &str) -> Option<&'static Asset> {
    let name = path.trim_start_matches('/');
    let is_file = name.rsplit('/').next().is_some_and(|last| last.contains('.'));
    if is_file {
        assets::find(name)
    } else {
        assets::find(INDEX)
    }
}

async fn gzip(asset: &'static Asset) -> Result<Option<Bytes>, ApiError> {
    if asset.gzip_is_ready() {
        return Ok(asset.gzip().cloned());
    }
    let compressed = web::block(|| asset.gzip().cloned()).await;
    compressed.map_err(|error| ApiError::Unexpected(error.to_string()))
}

fn accepts_gzip(request: &HttpRequest) -> bool {
    let values = request
        .headers()
        .get_all(header::ACCEPT_ENCODING)
        .filter_map(|value| value.to_str().ok());
    let mut codings = values.flat_map(|value| value.split(',')).map(str::trim);
    codings.any(|coding| {
        let (name, quality) = coding.split_once(';').unwrap_or((coding, ""));
        let is_refused = matches!(quality.trim(), "q=0" | "q=0.0" | "q=0.00" | "q=0.000");
        name.trim().eq_ignore_ascii_case("gzip") && !is_refused
    })
}

fn names(known: &HeaderValue, etag: &str) -> bool {
    let Ok(known) = known.to_str() else { return false };
    known
        .split(',')
        .map(|tag| tag.trim().trim_start_matches("W/"))
        .any(|tag| tag == etag || tag == "*")
}
