//! The one command tree of AgentVine. `/vine ...`, `!vine ...`, `@vine ...` and the shell's `vine
//! ...` are four spellings of it. Help texts come from it.
//!
//! [`Command`] is what a person can request anywhere. [`parse`] reads it from a chat line,
//! [`from_words`] from words that are already split.
#![warn(missing_docs)]

mod chat;
mod commands;
mod error;
mod mention;
mod menu;
mod mistakes;
mod own;
mod shell_words;
mod short_forms;

pub use chat::{
    CommandContext, begins_with_command, from_words, is_command, line, overview, parse,
    without_mention,
};
pub use commands::{
    BulkFilter, Command, HelpTopic, ListRange, OrDefault, QuestionVerb, QueueVerb, RepoVerb,
    SessionVerb, TaskVerb, WorkerVerb,
};
pub use error::CommandError;
pub use mention::Mention;
pub use menu::{MenuEntry, MenuOption, OptionKind, menu, words};
