//! The one command tree of AgentVine. `/vine ...`, `!vine ...`, `@vine ...` and the shell's `vine
//! ...` are four spellings of it. Help texts come from it.
//!
//! [`Command`] is what a person can request anywhere. [`parse`] reads it from a chat line,
//! [`from_words`] from words that are already split.
#![warn(missing_docs)]

mod chat;
mod commands;
mod menu;
mod own;

pub use chat::{CommandContext, CommandError, from_words, is_command, line, parse};
pub use commands::{
    BulkFilter, Command, ListRange, OrDefault, QuestionVerb, QueueVerb, RepoVerb, SessionVerb,
    TaskVerb, WorkerVerb,
};
pub use menu::{MenuEntry, MenuOption, OptionKind, menu, words};
