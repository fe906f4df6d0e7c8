//! Credentials for git that end by themselves.

use serde::{Deserialize, Serialize};

use crate::{clock::Timestamp, token::Token};

/// What git fetches and pushes with in one repository, for a while.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema))]
pub struct GitToken {
    /// The only host that it may be sent to.
    pub host: String,
    /// The user name to send with it.
    pub user: String,
    /// The token.
    pub token: Token,
    /// When it ends.
    pub expires_at: Timestamp,
}
