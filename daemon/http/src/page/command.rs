//! Commands from the page.

use axum::{
    extract::{Form, State},
    response::{Redirect, Response},
};
use serde::Deserialize;
use vine_app::{
    App, AppError, Caller, CommandContext, commands, commands::CommandOutput, from_words, parse,
};

use vine_domain::TaskId;

use super::{
    document::{PageState, problem},
    screen::Screen,
};
use crate::auth::PageVisitor;

/// Runs a command that is already split into words.
pub async fn order(
    app: &App,
    caller: &Caller,
    words: &[String],
) -> Result<CommandOutput, AppError> {
    let command = from_words(words, "", &CommandContext::default());
    let command = command.map_err(|error| AppError::Unreadable(error.0))?;
    commands::run(app, caller, command, None).await
}

/// The same from a line, with or without `/vine` before it.
pub async fn run(app: &App, caller: &Caller, line: &str) -> Result<CommandOutput, AppError> {
    let command = match line.trim() {
        "" => from_words(&[], "", &CommandContext::default()),
        line if vine_app::is_command(line) => parse(line, &CommandContext::default()),
        line => parse(&format!("/vine {line}"), &CommandContext::default()),
    };
    let command = command.map_err(|error| AppError::Unreadable(error.0))?;
    commands::run(app, caller, command, None).await
}

/// What the form of a command button sends ([`super::screen::does`]).
#[derive(Deserialize)]
pub struct BackForm {
    line: String,
    back: String,
}

/// `POST /do`: runs the command and redirects to where its button is.
pub async fn done(
    State(shared): PageState,
    visitor: PageVisitor,
    Form(BackForm { line, back }): Form<BackForm>,
) -> Result<Redirect, Response> {
    run(&shared.app, &visitor.0, &line)
        .await
        .map_err(|error| problem(&visitor, error))?;
    Ok(Redirect::to(&target(&back)))
}

/// The screen or the task that a button belongs to.
fn target(back: &str) -> String {
    let task = back.strip_prefix("/tasks/");
    match task.and_then(|id| id.parse::<TaskId>().ok()) {
        Some(task) => format!("/tasks/{task}"),
        None => Screen::at(back)
            .unwrap_or(Screen::Overview)
            .path()
            .to_owned(),
    }
}
