//! Errors, the same for every endpoint.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// An error as every endpoint reports it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct ApiError {
    /// A word for programs, stable.
    pub code: String,
    /// What happened, to what.
    pub message: String,
    /// What to do next; may be empty.
    #[serde(default)]
    pub hint: String,
}
