//! `/api/v1/commands`: used by the command line, `vine`.

use axum::{Json, extract::State};
use vine_api::{CommandReply, RunCommand};
use vine_app::{AppError, CommandContext, commands, from_words};

use super::refused::Refused;
use crate::{
    auth::PersonCaller,
    error::{ErrorResponse, JsonBody},
    state::HttpState,
};

/// `POST /commands`
#[utoipa::path(
    post, path = "/commands", tag = "commands", operation_id = "commands_run",
    summary = "Runs a command, as `vine` does on the command line. The required role depends on the command.",
    request_body = RunCommand,
    responses((status = 200, body = CommandReply, description = "Success."), Refused),
    security(("person" = [])),
)]
pub async fn run(
    State(shared): State<HttpState>,
    PersonCaller(mut caller): PersonCaller,
    JsonBody(run): JsonBody<RunCommand>,
) -> Result<Json<CommandReply>, ErrorResponse> {
    "shell".clone_into(&mut caller.via);
    let command = from_words(&run.words, &run.body, &CommandContext::default())
        .map_err(|error| AppError::Unreadable(error.0))?;
    let reply = commands::run(&shared.app, &caller, command, None).await?;
    Ok(Json(CommandReply {
        text: reply.text,
        fixed: reply.fixed,
        data: reply.data,
    }))
}
