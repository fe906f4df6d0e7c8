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
    /// A person by a platform's id; the page and the API use the platform `vine` and the person's
    /// [`UserId`].
    async fn user(&self, platform: &str, subject: &str) -> StoreResult<Option<User>>;
    /// Adds a person or changes their name and role; `identities` are (platform, subject) pairs.
    async fn save_user(&self, user: &User, identities: &[(&str, &str)]) -> StoreResult<()>;
    /// Makes these the people that the configuration names. People that it no longer names lose
    /// every role and identity.
    async fn set_people(&self, grants: &[ConfiguredPerson]) -> StoreResult<()>;
    /// Stores the hash of a token for `owner`, valid for `life`.
    async fn add_token(
        &self,
        hash: &str,
        kind: TokenKind,
        owner: Uuid,
        life: Duration,
    ) -> StoreResult<()>;
    /// The owner of a valid token.
    async fn token_owner(&self, hash: &str, kind: TokenKind) -> StoreResult<Option<Uuid>>;
    /// Uses up a one-time token and returns its owner; a second call returns `None`.
    async fn spend_token(&self, hash: &str, kind: TokenKind) -> StoreResult<Option<Uuid>>;
    /// People with this name who have a password, each with its hash.
    async fn passwords_of(&self, name: &str) -> StoreResult<Vec<(UserId, String)>>;
    /// The hash of a person's password.
    async fn password_of(&self, user: UserId) -> StoreResult<Option<String>>;
    /// Stores the hash of a person's password, and revokes all their tokens except the browser
    /// session whose token has the hash `session`.
    async fn set_password(&self, user: UserId, hash: &str, session: &str) -> StoreResult<()>;
    /// Removes a person's password, and revokes all their tokens.
    async fn forget_password(&self, user: UserId) -> StoreResult<()>;
    /// Valid tokens, of one owner or of all, latest first.
    async fn tokens(&self, owner: Option<Uuid>) -> StoreResult<Vec<TokenInfo>>;
    /// Revokes the tokens whose hashes begin with `id`, of one owner or of all; returns the number.
    async fn revoke_token(&self, id: &str, owner: Option<Uuid>) -> StoreResult<u64>;
    /// Records that the tokens with these hashes were used just now. When a worker uses a token,
    /// the tokens that were made for it earlier are revoked.
    async fn note_used(&self, hashes: &[String]) -> StoreResult<()>;
    /// The audit, latest first.
    async fn audit_lines(&self, limit: u32) -> StoreResult<Vec<(Timestamp, AuditEntry)>>;
    /// Users with this role everywhere, except those that the configuration names; no admin means
    /// that nobody has set up the installation.
    async fn users_with(&self, role: Role) -> StoreResult<Vec<UserId>>;
}
