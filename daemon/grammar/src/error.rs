//! What cannot be parsed.

/// A command that cannot be parsed. The text is for people and includes how to correct it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct CommandError(pub String);
