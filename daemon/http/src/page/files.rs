//! Files that people sent and agents showed.

use axum::{
    extract::{Path, State},
    http::{HeaderValue, header},
    response::{IntoResponse, Response},
};
use maud::{Markup, html};
use vine_domain::chat::file::{FileHash, FileKind, FileRef};

use crate::{
    auth::PageVisitor,
    page::document::{PageState, problem},
};

/// `GET /files/{hash}`: a file's content. Only pictures are shown by the browser; anything else is downloaded, so that
/// nothing in it acts in our name.
pub async fn show(
    State(shared): PageState,
    visitor: PageVisitor,
    Path(hash): Path<String>,
) -> Result<Response, Response> {
    let hash: FileHash = hash
        .parse()
        .map_err(|invalid: vine_domain::Invalid| problem(&visitor, invalid.into()))?;
    let bytes = shared.app.fleet.file(&hash).await;
    let bytes = bytes.map_err(|error| problem(&visitor, error))?;
    let (kind, place) = match FileKind::of("", &bytes) {
        FileKind::Picture(mime) => (mime, "inline"),
        _ => ("application/octet-stream", "attachment"),
    };
    let mut response = bytes.into_response();
    for (name, value) in [
        (header::CONTENT_TYPE, kind),
        (header::CONTENT_DISPOSITION, place),
        (header::CACHE_CONTROL, "private, max-age=3600"),
    ] {
        response
            .headers_mut()
            .insert(name, HeaderValue::from_static(value));
    }
    Ok(response)
}

/// A file where a text names it.
pub fn markup(file: &FileRef) -> Markup {
    let address = format!("/files/{}", file.hash);
    html! {
        p.file {
            @if file.is_picture() {
                a href=(address) { img src=(address) alt=(file.name) loading="lazy"; }
            }
            a href=(address) download=(file.name) { (file.name) }
            span.dim { " (" (file.described()) ")" }
        }
    }
}
