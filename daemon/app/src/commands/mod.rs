//! Commands, a file for each noun. Chat, console, shell and API run the same ones.

mod general;
mod question;
mod queue;
mod repo;
mod session;
mod task;
mod worker;

use serde::Serialize;
use serde_json::Value;
use vine_grammar::Command;

use crate::{App, AppResult, Caller};

/// What a command returns.
#[derive(Debug, Clone)]
pub struct CommandOutput {
    /// For people.
    pub text: String,
    /// For programs: an object, or an array of objects for a listing.
    pub data: Value,
}

impl CommandOutput {
    pub(crate) fn new(text: impl Into<String>, data: impl Serialize) -> Self {
        Self {
            text: text.into(),
            data: serde_json::to_value(data).expect("views are JSON"),
        }
    }

    /// A listing: a line and an object for each thing, or `empty` when there is none.
    fn list<T, V: Serialize>(
        things: &[T],
        line: impl Fn(&T) -> String,
        data: impl Fn(&T) -> V,
        empty: &str,
    ) -> Self {
        let lines: Vec<_> = things.iter().map(line).collect();
        let text = if lines.is_empty() {
            empty.to_owned()
        } else {
            lines.join("\n")
        };
        Self::new(text, things.iter().map(data).collect::<Vec<_>>())
    }
}

impl App {
    /// Runs a command for `caller`. `key` makes creations and answers idempotent.
    pub async fn run(
        &self,
        caller: &Caller,
        command: Command,
        key: Option<String>,
    ) -> AppResult<CommandOutput> {
        match command {
            Command::Task(verb) => task::run(self, caller, verb, key).await,
            Command::Question(verb) => question::run(self, caller, verb, key).await,
            Command::Session(verb) => session::run(self, caller, verb).await,
            Command::Worker(verb) => worker::run(self, caller, verb).await,
            Command::Queue(verb) => queue::run(self, caller, verb).await,
            Command::Repo(verb) => repo::run(self, caller, verb).await,
            Command::Status => general::status(self, caller).await,
            Command::Whoami => general::whoami(caller),
            Command::Help => Ok(general::help()),
        }
    }
}
