//! Commands from the page.

use axum::{
    extract::{Form, State},
    response::{Redirect, Response},
};
use serde::Deserialize;
use vine_app::{App, AppError, Caller, CommandContext, commands, from_words, parse};

use super::{
    document::{PageState, problem},
    screen::Screen,
};
use crate::auth::PageVisitor;

/// Runs a command that is already split into words.
pub async fn order(app: &App, caller: &Caller, words: &[String]) -> Result<String, AppError> {
    let command = from_words(words, "", &CommandContext::default());
    let command = command.map_err(|error| AppError::Unreadable(error.0))?;
    Ok(commands::run(app, caller, command, None).await?.text)
}

/// The same from a line, with or without `/vine` before it.
pub async fn run(app: &App, caller: &Caller, line: &str) -> Result<String, AppError> {
    let command = match line.trim() {
        "" => from_words(&[], "", &CommandContext::default()),
        line if vine_app::is_command(line) => parse(line, &CommandContext::default()),
        line => parse(&format!("/vine {line}"), &CommandContext::default()),
    };
    let command = command.map_err(|error| AppError::Unreadable(error.0))?;
    Ok(commands::run(app, caller, command, None).await?.text)
}

/// What the form of a command button sends ([`super::screen::does`]).
#[derive(Deserialize)]
pub struct BackForm {
    line: String,
    back: String,
}

/// `POST /do`: runs the command and redirects to the screen of its button.
pub async fn done(
    State(shared): PageState,
    visitor: PageVisitor,
    Form(BackForm { line, back }): Form<BackForm>,
) -> Result<Redirect, Response> {
    run(&shared.app, &visitor.0, &line)
        .await
        .map_err(|error| problem(&visitor, error))?;
    Ok(Redirect::to(
        Screen::at(&back).unwrap_or(Screen::Overview).path(),
    ))
}
