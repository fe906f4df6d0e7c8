//! The error that every endpoint returns.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The error that every endpoint returns.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ApiError {
    /// A stable code for programs.
    pub code: String,
    /// What happened, to what.
    pub message: String,
    /// What to do next; may be empty.
    #[serde(default)]
    pub hint: String,
}
