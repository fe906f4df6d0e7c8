//! People, their tokens, and the audit.

use std::time::Duration;

use async_trait::async_trait;
use uuid::Uuid;

use crate::{
    access::{AuditEntry, ConfiguredPerson, Role, User},
    clock::Timestamp,
    ids::UserId,
    ports::error::StoreResult,
    token::{TokenInfo, TokenKind},
};

/// People, their tokens, and the audit.
#[async_trait]
pub trait People: Send + Sync {
    /// A person by the id a platform knows them under; the web and the API use the platform `vine`
    /// and their [`UserId`].
    async fn user(&self, platform: &str, subject: &str) -> StoreResult<Option<User>>;
    /// Adds a person or changes their name and role; `identities` are (platform, subject) pairs.
    async fn save_user(&self, user: &User, identities: &[(&str, &str)]) -> StoreResult<()>;
    /// Makes these the people that the configuration names. Whoever it named before and does not
    /// name now loses every role and identity.
    async fn set_people(&self, grants: &[ConfiguredPerson]) -> StoreResult<()>;
    /// Keeps the hash of a token for `owner`, valid for `life`.
    async fn add_token(
        &self,
        hash: &str,
        kind: TokenKind,
        owner: Uuid,
        life: Duration,
    ) -> StoreResult<()>;
    /// The owner of a valid token.
    async fn token_owner(&self, hash: &str, kind: TokenKind) -> StoreResult<Option<Uuid>>;
    /// Takes a one-time token out of use and returns its owner; a second call gets `None`.
    async fn spend_token(&self, hash: &str, kind: TokenKind) -> StoreResult<Option<Uuid>>;
    /// People of this name who have a password, each with its hash.
    async fn passwords_of(&self, name: &str) -> StoreResult<Vec<(UserId, String)>>;
    /// The hash of a person's password.
    async fn password_of(&self, user: UserId) -> StoreResult<Option<String>>;
    /// Keeps the hash of a person's password, and ends all that was granted to them before, but the
    /// browser session whose token has the hash `session`.
    async fn set_password(&self, user: UserId, hash: &str, session: &str) -> StoreResult<()>;
    /// Forgets a person's password, and ends all that was granted to them.
    async fn forget_password(&self, user: UserId) -> StoreResult<()>;
    /// Tokens that are valid, of one owner or of all, the latest first.
    async fn tokens(&self, owner: Option<Uuid>) -> StoreResult<Vec<TokenInfo>>;
    /// Ends the tokens whose hashes begin so, of one owner or of anybody; says how many those were.
    async fn revoke_token(&self, id: &str, owner: Option<Uuid>) -> StoreResult<u64>;
    /// Notes that these tokens, by their hashes, were used just now. A worker's token that was used ends those that
    /// were made for it before.
    async fn note_used(&self, hashes: &[String]) -> StoreResult<()>;
    /// Adds lines to the audit.
    async fn audit(&self, entries: &[AuditEntry]) -> StoreResult<()>;
    /// The audit, latest first.
    async fn audit_lines(&self, limit: u32) -> StoreResult<Vec<(Timestamp, AuditEntry)>>;
    /// Users with this role everywhere, without those whom the configuration names; no admin means
    /// that nobody has set the place up.
    async fn users_with(&self, role: Role) -> StoreResult<Vec<UserId>>;
}
