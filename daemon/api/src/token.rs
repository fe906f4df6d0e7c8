//! Tokens and the audit.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use vine_domain::{Timestamp, ledger::LedgerEntry, token::Token};

/// `POST /api/v1/tokens`: creates a user token, an enrolment code or a login link.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateToken {
    /// `user`, `enrolment` or `login`.
    #[schema(pattern = "^(user|enrolment|login)$")]
    pub kind: String,
    /// The name of a person in the configuration (default: the caller); only for administrators.
    #[serde(rename = "for", default, skip_serializing_if = "Option::is_none")]
    pub whom: Option<String>,
    /// For a login: also removes the password, so that a new one can be set, and logs out all
    /// browsers; only for administrators.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub new_password: bool,
    /// For a user's token: how many days it is valid (default: 7).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 365)]
    pub days: Option<u32>,
}

/// `GET /api/v1/audit`
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct AuditRecords {
    /// The hash of the entry before the first of these; empty if there is no such entry, or if it
    /// was removed because of its age.
    pub before: String,
    /// The entries, in the order in which they were sealed.
    pub items: Vec<LedgerEntry>,
}

/// A token without its secret.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct TokenRow {
    /// Its id.
    pub id: String,
    /// `user`, `browser`, `login`, `enrolment` or `worker`.
    pub kind: String,
    /// Its owner: the name of a person or a worker.
    pub owner: String,
    /// When it was created, if known.
    pub created_at: Option<Timestamp>,
    /// When it expires.
    pub expires_at: Timestamp,
    /// When it was last used, to the minute.
    pub last_used_at: Option<Timestamp>,
}

/// `GET /api/v1/tokens`
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct TokenList {
    /// Newest first.
    pub items: Vec<TokenRow>,
}

/// A new token; its secret is shown only once.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct CreatedToken {
    /// The secret itself.
    pub token: Token,
    /// How long it is valid, in seconds.
    pub expires_in: u64,
    /// For a login: the link to open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub link: Option<String>,
}
