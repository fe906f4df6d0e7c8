//! Tokens and the audit.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use vine_domain::{Timestamp, ledger::LedgerEntry, token::Token};

/// `POST /api/v1/tokens`: a secret for a program of the caller, or an enrolment code.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateToken {
    /// `user`, `enrolment` or `login`.
    #[schema(pattern = "^(user|enrolment|login)$")]
    pub kind: String,
    /// The name of a person of the configuration, instead of oneself; for administrators.
    #[serde(rename = "for", default, skip_serializing_if = "Option::is_none")]
    pub whom: Option<String>,
    /// Of a login: also forgets the password, so that a new one can be set, and logs the browsers
    /// out; for administrators.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub new_password: bool,
    /// Of a user's token: for so many days instead of seven.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 365)]
    pub days: Option<u32>,
}

/// `GET /api/v1/audit`
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct AuditRecords {
    /// The hash of the link before the first of these; empty before the very first, and where that one was removed
    /// since it was old.
    pub before: String,
    /// In the order in which they were sealed.
    pub items: Vec<LedgerEntry>,
}

/// A token without its secret.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct TokenRow {
    /// Names it.
    pub id: String,
    /// `user`, `browser`, `login`, `enrolment` or `worker`.
    pub kind: String,
    /// Whose it is: a person's or a worker's name.
    pub owner: String,
    /// Since when, if that is known.
    pub created_at: Option<Timestamp>,
    /// Until when.
    pub expires_at: Timestamp,
    /// When it was last used, to the minute.
    pub last_used_at: Option<Timestamp>,
}

/// `GET /api/v1/tokens`
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct TokenList {
    /// The latest first.
    pub items: Vec<TokenRow>,
}

/// The secret, shown once.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct CreatedToken {
    /// The secret itself.
    pub token: Token,
    /// How long it is good for, in seconds.
    pub expires_in: u64,
    /// Of a login: the link that it opens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub link: Option<String>,
}
