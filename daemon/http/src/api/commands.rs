//! `/api/v1/commands`: what the shell's `vine` speaks.

use axum::{Json, extract::State};
use vine_api::{CommandReply, RunCommand};
use vine_app::{AppError, Context, from_words};

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
