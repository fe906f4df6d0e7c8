//! Commands, as the command line sends them.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

/// `POST /api/v1/commands`: what a person typed, split into words.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RunCommand {
    /// `["task", "show", "T-1"]`
    pub words: Vec<String>,
    /// The lines after the first one.
    #[serde(default)]
    pub body: String,
}

/// The result of a command.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct CommandReply {
    /// For people.
    pub text: String,
    /// Whether the text has columns or is code; otherwise it is Markdown.
    #[serde(default)]
    pub fixed: bool,
    /// For programs: an object, or an array of objects for a list.
    pub data: Value,
}
