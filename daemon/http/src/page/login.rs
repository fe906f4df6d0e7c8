//! Logging in and out.

use std::time::Duration;

use axum::{
    extract::{Form, State},
    http::{HeaderMap, HeaderName, StatusCode, header},
    response::{AppendHeaders, Html, IntoResponse, Redirect, Response},
};
use maud::html;
use serde::Deserialize;
use vine_app::{AppError, people::tokens};
use vine_domain::token::{Token, TokenKind};

use super::screen::Screen;
use crate::{
    auth::{self, PageVisitor},
    error::{ErrorResponse, QueryParams},
    page::document::{PageState, document, problem},
    state::HttpState,
};

/// W3C Clear Site Data.
const CLEAR_SITE_DATA: HeaderName = HeaderName::from_static("clear-site-data");

/// What a login link carries.
#[derive(Deserialize)]
pub struct LoginLink {
    code: Option<String>,
}

/// `GET /login?code=…` shows who would be logged in, but logs nobody in, so that programs that
/// preview links do not use them up. Without a code, or with a used one, it explains how to log in.
pub async fn show(
    State(shared): PageState,
    QueryParams(link): QueryParams<LoginLink>,
) -> Result<Response, ErrorResponse> {
    let Some(code) = link.code else {
        return Ok(how(&shared, StatusCode::OK, "You are not logged in."));
    };
    match shared
        .app
        .people
        .would_log_in(&Token::presented(&code))
        .await
    {
        Ok(name) => Ok(confirm(&name, &code)),
        Err(error) => unopened(&shared, error),
    }
}

/// What the button of a link sends.
#[derive(Deserialize)]
pub struct LoginCode {
    code: String,
}

/// `POST /login/link` spends the code.
pub async fn open(
    State(shared): PageState,
    headers: HeaderMap,
    Form(LoginCode { code }): Form<LoginCode>,
) -> Result<Response, ErrorResponse> {
    match shared.app.people.log_in(&Token::presented(code)).await {
        Ok(session) => Ok(entered(&shared, &headers, &session)),
        Err(error) => unopened(&shared, error),
    }
}

fn unopened(shared: &HttpState, error: AppError) -> Result<Response, ErrorResponse> {
    match error {
        AppError::Unauthenticated => Ok(how(
            shared,
            StatusCode::UNAUTHORIZED,
            "This link has already been used, or it is older than ten minutes.",
        )),
        AppError::TooOften(wait) => Ok(later(shared, wait)),
        error => Err(error.into()),
    }
}

/// The page with the button that uses up a link.
fn confirm(name: &str, code: &str) -> Response {
    let body = html! {
        h1 { "Log in" }
        p { "This link logs this browser in as " strong { (name) } "." }
        form.new method="post" action="/login/link" {
            input type="hidden" name="code" value=(code);
            button autofocus { "Log in as " (name) }
        }
    };
    Html(document("Log in", None, None, &body)).into_response()
}

/// What the form sends.
#[derive(Deserialize)]
pub struct LoginName {
    name: String,
    password: String,
}

/// `POST /login`
pub async fn enter(
    State(shared): PageState,
    headers: HeaderMap,
    Form(LoginName { name, password }): Form<LoginName>,
) -> Result<Response, ErrorResponse> {
    match shared.app.people.log_in_with(name.trim(), &password).await {
        Ok(session) => Ok(entered(&shared, &headers, &session)),
        Err(AppError::Unauthenticated) => Ok(how(
            &shared,
            StatusCode::UNAUTHORIZED,
            "Incorrect name or password.",
        )),
        Err(AppError::TooOften(wait)) => Ok(later(&shared, wait)),
        Err(error) => Err(error.into()),
    }
}

/// A change of one's own password.
#[derive(Deserialize)]
pub struct PasswordForm {
    #[serde(default)]
    old: String,
    new: String,
}

/// `POST /password`
pub async fn change(
    State(shared): PageState,
    visitor: PageVisitor,
    headers: HeaderMap,
    Form(change): Form<PasswordForm>,
) -> Result<Redirect, Response> {
    let done = match auth::cookie(&shared, &headers) {
        Some(session) => {
            shared
                .app
                .people
                .set_password(&visitor.0, &change.old, &change.new, &session)
                .await
        }
        None => Err(AppError::Unauthenticated),
    };
    done.map_err(|error| problem(&visitor, error))?;
    Ok(Redirect::to(Screen::Settings.path()))
}

/// Logs a browser in and redirects it to the page that it wanted.
pub fn entered(shared: &HttpState, headers: &HeaderMap, session: &Token) -> Response {
    let life = tokens::life(TokenKind::Browser).as_secs();
    let (target, forgotten) = auth::wanted(shared, headers);
    let cookies = [auth::pin_session(shared, session.reveal(), life), forgotten];
    let cookies = cookies.map(|cookie| (header::SET_COOKIE, cookie));
    (AppendHeaders(cookies), Redirect::to(&target)).into_response()
}

/// `POST /logout`
pub async fn leave(
    State(shared): PageState,
    PageVisitor(_): PageVisitor,
    headers: HeaderMap,
) -> Result<Response, ErrorResponse> {
    if let Some(token) = auth::cookie(&shared, &headers) {
        shared.app.people.log_out(&token).await?;
    }
    let headers = [
        (header::SET_COOKIE, auth::pin_session(&shared, "", 0)),
        // The next person at this browser must not go back to what it keeps.
        (CLEAR_SITE_DATA, "\"cache\"".to_owned()),
    ];
    Ok((headers, Redirect::to("/login")).into_response())
}

/// The login page after too many attempts.
pub fn later(shared: &HttpState, wait: Duration) -> Response {
    let seconds = wait.as_secs() + 1;
    let mut response = how(
        shared,
        StatusCode::TOO_MANY_REQUESTS,
        &format!("Too many attempts. Try again in {seconds} s."),
    );
    response
        .headers_mut()
        .insert(header::RETRY_AFTER, seconds.into());
    response
}

/// The login page, with the reason why the visitor is not logged in.
pub fn how(shared: &HttpState, status: StatusCode, why: &str) -> Response {
    let body = html! {
        h1 { "Log in" }
        p role="alert" { (why) }
        @if let Some(issuer) = &shared.issuer { p { a href="/login/oidc" { "Log in with " (issuer.name()) } } }
        form.new method="post" action="/login" {
            label { "Name" input name="name" autocomplete="username" required; }
            label { "Password" input name="password" type="password" autocomplete="current-password" required; }
            button { "Log in" }
        }
        p { "No password, or forgot it? On the machine where AgentVine runs, this prints a one-time \
         link; administrators can also print one for somebody else." }
        pre { code { "vine login\nvine login --for NAME\nvine login --for NAME --new-password" } }
    };
    (status, Html(document("Log in", None, None, &body))).into_response()
}
