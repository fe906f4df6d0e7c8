//! `/api/v1/commands` and `/api/v1/tokens`: what the shell's `vine` speaks.

use axum::{Json, extract::State, http::StatusCode};
use vine_api::{CommandReply, MadeToken, MakeToken, RunCommand};
use vine_app::{AppError, Context, from_words, people};
use vine_domain::{Invalid, token::TokenKind};

use super::shapes;
use crate::{
    Shared,
    auth::Person,
    error::{Body, Failure},
};

/// `POST /commands`
#[utoipa::path(
    post, path = "/commands", tag = "commands", operation_id = "commands_run",
    summary = "Runs a command, as the shell does. What it needs depends on the command.",
    request_body = RunCommand,
    responses((status = 200, body = CommandReply, description = "Done."), shapes::Refused),
    security(("person" = [])),
)]
pub async fn run(
    State(shared): State<Shared>,
    Person(mut caller): Person,
    Body(run): Body<RunCommand>,
) -> Result<Json<CommandReply>, Failure> {
    "shell".clone_into(&mut caller.via);
    let command = from_words(&run.words, &run.body, &Context::default())
        .map_err(|error| AppError::Unreadable(error.0))?;
    let reply = shared.app.run(&caller, command, None).await?;
    Ok(Json(CommandReply {
        text: reply.text,
        data: reply.data,
    }))
}

/// `POST /tokens`: a secret for a program, a browser or a new worker.
#[utoipa::path(
    post, path = "/tokens", tag = "commands", operation_id = "commands_make_token",
    summary = "A secret for a program, a browser or a new worker; for the last, and for others, \
     the role `admin`.",
    request_body = MakeToken,
    responses((status = 201, body = MadeToken, description = "Done."), shapes::Refused),
    security(("person" = [])),
)]
pub async fn make_token(
    State(shared): State<Shared>,
    Person(caller): Person,
    Body(make): Body<MakeToken>,
) -> Result<(StatusCode, Json<MadeToken>), Failure> {
    let kind = match make.kind.as_str() {
        "user" => TokenKind::User,
        "enrolment" => TokenKind::Enrolment,
        "login" => TokenKind::Login,
        other => {
            return Err(AppError::from(Invalid::new(
                "kind of token",
                vine_domain::input::shown(other),
                "use user, enrolment or login",
            ))
            .into());
        }
    };
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
            .forget_password(&caller, make.whom.as_deref())
            .await?;
    }
    let token = shared
        .app
        .make_token_for(&caller, kind, make.whom.as_deref())
        .await?;
    let link = (kind == TokenKind::Login)
        .then(|| format!("{}/login?code={}", shared.app.settings.link, token.reveal()));
    Ok((
        StatusCode::CREATED,
        Json(MadeToken {
            token,
            expires_in: people::life(kind).as_secs(),
            link,
        }),
    ))
}
