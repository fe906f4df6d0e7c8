//! Logging in and out.

use std::time::Duration;

use axum::{
    extract::{Form, State},
    http::{HeaderMap, StatusCode, header},
    response::{Html, IntoResponse, Redirect, Response},
};
use maud::html;
use serde::Deserialize;
use vine_app::{AppError, tokens};
use vine_domain::token::{Token, TokenKind};

use super::{PageState, document, problem, screen::Screen};
use crate::{
    HttpState,
    auth::{self, PageVisitor},
    error::{ErrorResponse, QueryParams},
};

/// What a login link carries.
#[derive(Deserialize)]
pub struct LoginLink {
    code: Option<String>,
}

/// `GET /login?code=…` shows who would be logged in, and logs nobody in: whatever looks at links before
/// people do spends none. Without a code, or with a spent one, it says how to get in.
pub async fn show(
    State(shared): PageState,
    QueryParams(link): QueryParams<LoginLink>,
) -> Result<Response, ErrorResponse> {
    let Some(code) = link.code else {
        return Ok(how(&shared, StatusCode::OK, "You are not logged in."));
    };
    match shared.app.would_log_in(&Token::presented(&code)).await {
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
    Form(LoginCode { code }): Form<LoginCode>,
) -> Result<Response, ErrorResponse> {
    match shared.app.log_in(&Token::presented(code)).await {
        Ok(session) => Ok(entered(&shared, &session)),
        Err(error) => unopened(&shared, error),
    }
}

fn unopened(shared: &HttpState, error: AppError) -> Result<Response, ErrorResponse> {
    match error {
        AppError::Unauthenticated => Ok(how(
            shared,
            StatusCode::UNAUTHORIZED,
            "This link was used before, or is older than ten minutes.",
        )),
        AppError::TooOften(wait) => Ok(later(shared, wait)),
        error => Err(error.into()),
    }
}

/// The button that spends a link.
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
    Form(LoginName { name, password }): Form<LoginName>,
) -> Result<Response, ErrorResponse> {
    match shared.app.log_in_with(name.trim(), &password).await {
        Ok(session) => Ok(entered(&shared, &session)),
        Err(AppError::Unauthenticated) => Ok(how(
            &shared,
            StatusCode::UNAUTHORIZED,
            "The name or the password is wrong.",
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
                .set_password(&visitor.0, &change.old, &change.new, &session)
                .await
        }
        None => Err(AppError::Unauthenticated),
    };
    done.map_err(|error| problem(&visitor, error))?;
    Ok(Redirect::to(Screen::Settings.path()))
}

/// A browser that is logged in now.
pub fn entered(shared: &HttpState, session: &Token) -> Response {
    let life = tokens::life(TokenKind::Browser).as_secs();
    (
        [(
            header::SET_COOKIE,
            auth::pin_session(shared, session.reveal(), life),
        )],
        Redirect::to("/"),
    )
        .into_response()
}

/// `POST /logout`
pub async fn leave(
    State(shared): PageState,
    PageVisitor(_): PageVisitor,
    headers: HeaderMap,
) -> Result<Response, ErrorResponse> {
    if let Some(token) = auth::cookie(&shared, &headers) {
        shared
            .app
            .store
            .spend_token(&token.hash(), TokenKind::Browser)
            .await
            .map_err(AppError::from)?;
    }
    Ok((
        [(header::SET_COOKIE, auth::pin_session(&shared, "", 0))],
        Redirect::to("/login"),
    )
        .into_response())
}

/// Too many tries.
pub fn later(shared: &HttpState, wait: Duration) -> Response {
    let seconds = wait.as_secs() + 1;
    let mut response = how(
        shared,
        StatusCode::TOO_MANY_REQUESTS,
        &format!("That was tried too often. Try again in {seconds} s."),
    );
    response
        .headers_mut()
        .insert(header::RETRY_AFTER, seconds.into());
    response
}

/// How to get in, and why one is not.
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
        p { "No password, or forgotten? On the machine where AgentVine runs, this prints a link \
         that works once; an administrator makes one for others. " }
        pre { code { "vine login\nvine login --for NAME\nvine login --for NAME --new-password" } }
    };
    (status, Html(document("Log in", None, None, &body))).into_response()
}
