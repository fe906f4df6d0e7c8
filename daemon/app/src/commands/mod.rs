//! Commands, a file for each noun. Chat, console, shell and API run the same ones.

mod explain;
mod general;
mod named;
mod output;
mod question;
mod queue;
mod repo;
mod request;
mod session;
mod task;
mod worker;

use vine_grammar::Command;

use crate::{App, AppResult, Caller};

pub use crate::commands::output::CommandOutput;

/// Runs a command for `caller`. `key` makes creations and answers idempotent.
pub async fn run(
    app: &App,
    caller: &Caller,
    command: Command,
    key: Option<String>,
) -> AppResult<CommandOutput> {
    match command {
        Command::Task(verb) => task::run(app, caller, verb, key).await,
        Command::Question(verb) => question::run(app, caller, verb, key).await,
        Command::Session(verb) => session::run(app, caller, verb).await,
        Command::Worker(verb) => worker::run(app, caller, verb).await,
        Command::Queue(verb) => queue::run(app, caller, verb).await,
        Command::Repo(verb) => repo::run(app, caller, verb).await,
        Command::Status => general::status(app, caller).await,
        Command::Whoami => general::whoami(caller),
        Command::Help { topic } => Ok(general::help(topic)),
    }
}
