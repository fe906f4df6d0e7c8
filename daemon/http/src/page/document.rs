//! The frame of each page, and how pages are sent.

use std::{sync::Arc, time::Instant};

use axum::{
    extract::State,
    http::{HeaderMap, HeaderName, StatusCode, header},
    response::{Html, IntoResponse, Response},
};
use maud::{DOCTYPE, Markup, html};
use tokio::try_join;
use vine_app::AppError;
use vine_domain::{markdown::literal, visible_text};

use super::{
    assets,
    screen::{self, Screen},
    text,
    waiting_count::WaitingCount,
};
use crate::{auth::PageVisitor, error::ErrorResponse, state::HttpState};

/// Shows browsers' developer tools how long the page took to render (W3C Server Timing), in
/// milliseconds.
const SERVER_TIMING: HeaderName = HeaderName::from_static("server-timing");

/// What a page that refreshes itself shows around its body.
struct Live {
    /// Identifies this state of the page.
    tag: String,
    waiting: Arc<WaitingCount>,
}

/// A complete document around `body`.
pub fn document(
    title: &str,
    here: Option<Screen>,
    visitor: Option<&PageVisitor>,
    body: &Markup,
) -> String {
    framed(title, here, visitor, None, body)
}

fn framed(
    title: &str,
    here: Option<Screen>,
    visitor: Option<&PageVisitor>,
    live: Option<&Live>,
    body: &Markup,
) -> String {
    let waiting = live.map(|live| live.waiting.count);
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                @if let Some(live) = live { meta name="vine-tag" content=(live.tag); }
                title { @if let Some(1..) = waiting { "(" (waiting.unwrap_or_default()) ") " } (title) " · AgentVine" }
                link rel="icon" href={ "/assets/icon.svg?waiting=" (waiting.unwrap_or_default()) } type="image/svg+xml";
                link rel="stylesheet" href=(assets::STYLE.address());
                script src=(assets::MORPH.address()) defer {}
                script src=(assets::SCRIPT.address()) defer {}
                @if visitor.is_some() { script src=(assets::KEYS.address()) defer {} }
            }
            body data-visitor=[live.and(visitor).map(|visitor| visitor.0.id())] data-waiting=[waiting] data-first=[live.map(|live| &live.waiting.first)] {
                a.skip href="#main" { "Skip to the content" }
                header {
                    a.home href="/" { (assets::mark()) "AgentVine" }
                    @if let Some(visitor) = visitor {
                        (screen::menu(here, visitor))
                        span.who {
                            span #updated {}
                            button #notify.quiet type="button" hidden { "Notify me" }
                            span.name { (visitor.0.name()) }
                            button #keys.quiet type="button" hidden aria-label="Keyboard shortcuts" { "?" }
                            form method="post" action="/logout" { button.quiet { "Log out" } }
                        }
                    }
                }
                div #banner role="status" hidden {}
                main #main tabindex="-1" { (body) }
                div #toast role="status" {}
            }
        }
    };
    visible_text::html(&page.into_string())
}

/// Milliseconds after which a page is sent again even if nothing has happened.
const TICK: i64 = 60_000;

/// Sends a page, or 304 if the browser's copy is current.
///
/// The tag is made of the daemon's start, its count of visible changes, a tick for what changes by time
/// alone (a worker that goes silent) and the visitor, so an unchanged page needs neither a query nor a
/// rendering.
pub async fn fresh<F>(
    shared: &HttpState,
    visitor: &PageVisitor,
    headers: &HeaderMap,
    here: Screen,
    title: &str,
    body: impl FnOnce() -> F,
) -> Result<Response, Response>
where
    F: Future<Output = Result<Markup, AppError>>,
{
    let shown = ShownPage {
        here,
        title,
        version: 0,
    };
    shown.fresh(shared, visitor, headers, body).await
}

/// A page, and what it shows besides what all pages follow.
pub struct ShownPage<'a> {
    /// Its place in the menu.
    pub here: Screen,
    /// Its title.
    pub title: &'a str,
    /// Changes with what only this page shows.
    pub version: u64,
}

impl ShownPage<'_> {
    /// See [`fresh`].
    pub async fn fresh<F>(
        &self,
        shared: &HttpState,
        visitor: &PageVisitor,
        headers: &HeaderMap,
        body: impl FnOnce() -> F,
    ) -> Result<Response, Response>
    where
        F: Future<Output = Result<Markup, AppError>>,
    {
        let tick = shared.app.now().0 / TICK;
        let tag = format!(
            "W/\"{}-{}-{}-{tick}-{}\"",
            shared.boot,
            shared.app.wakeups().page_version(),
            self.version,
            visitor.0.id()
        );
        if headers
            .get(header::IF_NONE_MATCH)
            .is_some_and(|known| known.as_bytes() == tag.as_bytes())
        {
            return Ok((StatusCode::NOT_MODIFIED, [(header::ETAG, tag)]).into_response());
        }
        let begun = Instant::now();
        let waiting = shared
            .waiting
            .seen_by(&shared.app, &visitor.0, WaitingCount::read);
        let shown = async { try_join!(body(), waiting) };
        let (body, waiting) = shown.await.map_err(|error| problem(visitor, error))?;
        let live = Live {
            tag: tag.clone(),
            waiting,
        };
        let page = framed(
            self.title,
            Some(self.here),
            Some(visitor),
            Some(&live),
            &body,
        );
        let timing = format!("render;dur={:.2}", begun.elapsed().as_secs_f64() * 1000.0);
        let headers = [
            (header::ETAG, tag),
            (header::CACHE_CONTROL, "no-cache".into()),
            (SERVER_TIMING, timing),
        ];
        Ok((headers, Html(page)).into_response())
    }
}

/// A page that explains what went wrong, with buttons for what the visitor may have meant.
pub fn problem(visitor: &PageVisitor, error: AppError) -> Response {
    let buttons = error.buttons().to_vec();
    let failure = ErrorResponse::from(error);
    let head = if buttons.is_empty() {
        "That did not work"
    } else {
        "What did you mean?"
    };
    let body = html! {
        h1 { (head) }
        div.problem role="alert" { (text::message(&failure.message())) }
        @if !buttons.is_empty() {
            form.answer method="post" action="/meant" {
                @for button in &buttons { button name="says" value=(button.says) { (button.label) } }
            }
        }
        p { a href="/" { "Back to the overview" } }
    };
    (
        failure.status(),
        Html(document("Problem", None, Some(visitor), &body)),
    )
        .into_response()
}

/// The page of an error that concerns no screen.
pub fn error_page(status: StatusCode, why: &str) -> Response {
    let body = html! {
        h1 { "Page not found" }
        p role="alert" { (text::message(&literal(why))) }
        p { a href="/" { "Go to the overview" } }
    };
    (status, Html(document("Page not found", None, None, &body))).into_response()
}

/// Shorthand for the shared state.
pub type PageState = State<HttpState>;
