//! `/api/v1/tokens`: creates, lists and revokes tokens for programs, browsers and new workers.

use axum::{
    Json,
    extract::{Path, State},
    http::StatusCode,
};
use serde::Deserialize;
use utoipa::IntoParams;
use vine_api::{CreateToken, CreatedToken, TokenList, TokenRow};
use vine_app::{AppError, people::tokens::TokenRequest};
use vine_domain::{Invalid, WorkerId, token::TokenKind};

use super::{refused::Refused, workers::itself};
use crate::{
    auth::{PersonCaller, WorkerCaller},
    error::{ErrorResponse, JsonBody, PathId, QueryParams},
    state::HttpState,
};

/// `POST /tokens`: creates a token for a program, a browser or a new worker.
#[utoipa::path(
    post, path = "/tokens", tag = "commands", operation_id = "commands_make_token",
    summary = "Creates a token for a program, a browser or a new worker. Tokens for new workers and \
     for other people require role `admin`.",
    request_body = CreateToken,
    responses((status = 201, body = CreatedToken, description = "Success."), Refused),
    security(("person" = [])),
)]
pub async fn make(
    State(shared): State<HttpState>,
    PersonCaller(caller): PersonCaller,
    JsonBody(make): JsonBody<CreateToken>,
) -> Result<(StatusCode, Json<CreatedToken>), ErrorResponse> {
    let kind = match make.kind.as_str() {
        "user" => TokenKind::User,
        "enrolment" => TokenKind::Enrolment,
        "login" => TokenKind::Login,
        other => {
            return Err(AppError::from(Invalid::new(
                "kind of token",
                vine_domain::invalid::shown(other),
                "use user, enrolment or login",
            ))
            .into());
        }
    };
    let wish = TokenRequest {
        kind,
        whom: make.whom,
        days: make.days,
    };
    let life = wish.life().map_err(AppError::from)?;
    if make.new_password {
        if kind != TokenKind::Login {
            return Err(AppError::from(Invalid::new(
                "request",
                "only a login can reset the password",
                "use the token kind `login`",
            ))
            .into());
        }
        shared
            .app
            .people
            .forget_password(&caller, wish.whom.as_deref())
            .await?;
    }
    let token = shared.app.people.make_token_for(&caller, &wish).await?;
    let link = (kind == TokenKind::Login).then(|| {
        format!(
            "{}/login?code={}",
            shared.app.settings().link,
            token.reveal()
        )
    });
    Ok((StatusCode::CREATED, Json(made(token, life, link))))
}

fn made(
    token: vine_domain::token::Token,
    life: std::time::Duration,
    link: Option<String>,
) -> CreatedToken {
    CreatedToken {
        token,
        expires_in: life.as_secs(),
        link,
    }
}

/// The query of `GET /tokens`.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct TokensQuery {
    /// Everyone's tokens; only for administrators.
    #[serde(default)]
    all: bool,
}

/// `GET /tokens`
#[utoipa::path(
    get, path = "/tokens", tag = "commands", operation_id = "commands_list_tokens",
    summary = "Lists valid tokens: the caller's own, or everyone's with role `admin`. The secrets are \
     not stored, so they cannot be shown.",
    params(TokensQuery),
    responses((status = 200, body = TokenList, description = "Success."), Refused),
    security(("person" = [])),
)]
pub async fn list(
    State(shared): State<HttpState>,
    PersonCaller(caller): PersonCaller,
    QueryParams(listing): QueryParams<TokensQuery>,
) -> Result<Json<TokenList>, ErrorResponse> {
    let granted = shared.app.people.tokens(&caller, listing.all).await?;
    let row = |one: vine_domain::token::TokenInfo| TokenRow {
        id: one.id,
        kind: one.kind.as_str().into(),
        owner: one.owner,
        created_at: one.made,
        expires_at: one.expires,
        last_used_at: one.used,
    };
    Ok(Json(TokenList {
        items: granted.into_iter().map(row).collect(),
    }))
}

/// `DELETE /tokens/{id}`
#[utoipa::path(
    delete, path = "/tokens/{id}", tag = "commands", operation_id = "commands_revoke_token",
    summary = "Revokes a token by its id: the caller's own, or anyone's with role `admin`.",
    params(("id" = String, Path)),
    responses((status = 204, description = "Success."), Refused),
    security(("person" = [])),
)]
pub async fn revoke(
    State(shared): State<HttpState>,
    PersonCaller(caller): PersonCaller,
    Path(id): Path<String>,
) -> Result<StatusCode, ErrorResponse> {
    shared.app.people.revoke_token(&caller, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `POST /workers/{id}/token`, by the worker itself.
#[utoipa::path(
    post, path = "/workers/{id}/token", tag = "workers", operation_id = "workers_renew_token",
    summary = "Creates a new token for a worker. The previous one ends soon after the new one is first used.",
    params(("id" = WorkerId, Path)),
    responses((status = 201, body = CreatedToken, description = "Success."), Refused),
    security(("worker" = [])),
)]
pub async fn renew(
    State(shared): State<HttpState>,
    WorkerCaller(worker): WorkerCaller,
    PathId(id): PathId<WorkerId>,
) -> Result<(StatusCode, Json<CreatedToken>), ErrorResponse> {
    itself(worker, id)?;
    let token = shared.app.people.renew_worker(id).await?;
    let life = vine_app::people::tokens::life(TokenKind::Worker);
    Ok((StatusCode::CREATED, Json(made(token, life, None))))
}
