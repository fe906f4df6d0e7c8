//! Logging in and out.

use axum::{
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{Html, IntoResponse, Redirect, Response},
};
use maud::html;
use serde::Deserialize;
use vine_app::{AppError, people};
use vine_domain::token::{Token, TokenKind};

use super::{In, document};
use crate::{
    auth::{self, COOKIE, Visitor},
    error::{Failure, Params},
};

/// What a login link carries.
#[derive(Deserialize)]
pub struct Link {
    code: Option<String>,
}

/// `GET /login?code=…` spends the code; without one, or with a spent one, says how to get one.
pub async fn show(State(shared): In, Params(link): Params<Link>) -> Result<Response, Failure> {
    let Some(code) = link.code else { return Ok(how(StatusCode::OK, "You are not logged in.")) };
    match shared.app.log_in(&Token::presented(code)).await {
        Ok(session) => {
            let life = people::life(TokenKind::Browser).as_secs();
            let secure = if shared.app.settings.link.starts_with("https://") { "; Secure" } else { "" };
            let cookie = format!("{COOKIE}={}; HttpOnly; SameSite=Lax; Path=/; Max-Age={life}{secure}", session.reveal());
            Ok(([(header::SET_COOKIE, cookie)], Redirect::to("/")).into_response())
        }
        Err(AppError::Unauthenticated) => Ok(how(StatusCode::UNAUTHORIZED, "This link was used before, or is older than ten minutes.")),
        Err(error) => Err(error.into()),
    }
}

/// `POST /logout`
pub async fn leave(State(shared): In, Visitor(_): Visitor, headers: HeaderMap) -> Result<Response, Failure> {
    if let Some(token) = auth::cookie(&headers) {
        shared.app.store.spend_token(&token.hash(), TokenKind::Browser).await.map_err(AppError::from)?;
    }
    let gone = format!("{COOKIE}=; HttpOnly; SameSite=Lax; Path=/; Max-Age=0");
    Ok(([(header::SET_COOKIE, gone)], Redirect::to("/login")).into_response())
}

fn how(status: StatusCode, why: &str) -> Response {
    let body = html! {
        h1 { "Log in" }
        p role="alert" { (why) }
        p { "On the machine where AgentVine runs, this prints a link that works once:" }
        pre { code { "vine login" } }
    };
    (status, Html(document("Log in", None, None, &body).into_string())).into_response()
}
