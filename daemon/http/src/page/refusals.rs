//! What is refused to a person at a browser is shown as a page; programs get JSON.

use axum::{
    extract::Request,
    http::{HeaderMap, Method, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Redirect, Response},
};

use super::document::error_page;
use crate::{
    auth::{is_own_path, protect},
    error::ErrorResponse,
};

/// Shows refusals as pages. An address with a slash at its end leads to the one without.
pub async fn for_people(request: Request, next: Next) -> Response {
    let path = request.uri().path().to_owned();
    let is_person = request.method() == Method::GET
        && is_read_by_people(request.headers())
        && !path.starts_with("/api/");
    let response = next.run(request).await;
    let refused = response.extensions().get::<ErrorResponse>();
    let Some(refused) = refused.filter(|_| is_person) else {
        return response;
    };
    let bare = path.trim_end_matches('/');
    let is_known = bare.len() < path.len() && is_own_path(bare);
    if refused.status() == StatusCode::NOT_FOUND && is_known {
        return Redirect::permanent(bare).into_response();
    }
    let mut page = error_page(refused.status(), &refused.message());
    protect(page.headers_mut());
    page
}

/// Whether a browser shows the response to a person.
fn is_read_by_people(headers: &HeaderMap) -> bool {
    let accepted = headers.get(header::ACCEPT);
    let kinds = accepted.and_then(|kinds| kinds.to_str().ok());
    kinds.is_some_and(|kinds| kinds.contains("text/html"))
}
