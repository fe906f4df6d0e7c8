//! `/api/v1/tokens`: secrets for programs, browsers and new workers, and their end.

use axum::{
    Json,
    extract::{Path, State},
    http::StatusCode,
};
use serde::Deserialize;
use utoipa::IntoParams;
use vine_api::{CreateToken, CreatedToken, TokenList, TokenRow};
use vine_app::{AppError, tokens::TokenRequest};
use vine_domain::{Invalid, WorkerId, token::TokenKind};

use super::{shapes, workers::itself};
use crate::{
    HttpState,
    auth::{PersonCaller, WorkerCaller},
    error::{ErrorResponse, JsonBody, PathId, QueryParams},
};

/// `POST /tokens`: a secret for a program, a browser or a new worker.
#[utoipa::path(
    post, path = "/tokens", tag = "commands", operation_id = "commands_make_token",
    summary = "A secret for a program, a browser or a new worker; for the last, and for others, \
     the role `admin`.",
    request_body = CreateToken,
    responses((status = 201, body = CreatedToken, description = "Done."), shapes::Refused),
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
                "wish",
                "only a login goes with a new password",
                "make a token of the kind login",
            ))
            .into());
        }
        shared
            .app
            .forget_password(&caller, wish.whom.as_deref())
            .await?;
    }
    let token = shared.app.make_token_for(&caller, &wish).await?;
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

/// What `GET /tokens` can be asked for.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct TokensQuery {
    /// Those of everybody; for administrators.
    #[serde(default)]
    all: bool,
}

/// `GET /tokens`
#[utoipa::path(
    get, path = "/tokens", tag = "commands", operation_id = "commands_list_tokens",
    summary = "Tokens that are valid: one's own, or everybody's with the role `admin`. The secrets \
     themselves are known to nobody.",
    params(TokensQuery),
    responses((status = 200, body = TokenList, description = "Done."), shapes::Refused),
    security(("person" = [])),
)]
pub async fn list(
    State(shared): State<HttpState>,
    PersonCaller(caller): PersonCaller,
    QueryParams(listing): QueryParams<TokensQuery>,
) -> Result<Json<TokenList>, ErrorResponse> {
    let granted = shared.app.tokens(&caller, listing.all).await?;
    let row = |one: vine_domain::token::TokenInfo| TokenRow {
        id: one.id,
        kind: one.kind.as_str().into(),
        owner: one.owner,
        made: one.made,
        expires: one.expires,
        used: one.used,
    };
    Ok(Json(TokenList {
        items: granted.into_iter().map(row).collect(),
    }))
}

/// `DELETE /tokens/{id}`
#[utoipa::path(
    delete, path = "/tokens/{id}", tag = "commands", operation_id = "commands_revoke_token",
    summary = "Ends a token, by the id of the list: one's own, or anybody's with the role `admin`.",
    params(("id" = String, Path)),
    responses((status = 204, description = "Done."), shapes::Refused),
    security(("person" = [])),
)]
pub async fn revoke(
    State(shared): State<HttpState>,
    PersonCaller(caller): PersonCaller,
    Path(id): Path<String>,
) -> Result<StatusCode, ErrorResponse> {
    shared.app.revoke_token(&caller, &id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `POST /workers/{id}/token`, by the worker itself.
#[utoipa::path(
    post, path = "/workers/{id}/token", tag = "workers", operation_id = "workers_renew_token",
    summary = "A new secret for a worker. The one before ends soon after this one was first used.",
    params(("id" = WorkerId, Path)),
    responses((status = 201, body = CreatedToken, description = "Done."), shapes::Refused),
    security(("worker" = [])),
)]
pub async fn renew(
    State(shared): State<HttpState>,
    WorkerCaller(worker): WorkerCaller,
    PathId(id): PathId<WorkerId>,
) -> Result<(StatusCode, Json<CreatedToken>), ErrorResponse> {
    itself(worker, id)?;
    let token = shared.app.renew_worker(id).await?;
    let life = vine_app::tokens::life(TokenKind::Worker);
    Ok((StatusCode::CREATED, Json(made(token, life, None))))
}
