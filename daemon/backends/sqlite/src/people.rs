//! People, their tokens, and the audit.

use std::time::Duration;

use async_trait::async_trait;
use serde::Serialize;
use sqlx::{FromRow, SqliteConnection, query, query_as, query_scalar};
use uuid::Uuid;
use vine_domain::{
    Grant, Role, Timestamp, User, UserId,
    access::AuditEntry,
    ports::{People, Stored},
    token::TokenKind,
};

use crate::{
    Sqlite,
    rows::{from_json, json, uuid},
    unavailable,
};

#[derive(FromRow)]
struct UserRow {
    id: String,
    name: String,
    role: Option<String>,
    repos: String,
}

impl UserRow {
    fn into_user(self) -> Stored<User> {
        let role = self.role.as_deref().and_then(Role::from_word);
        Ok(User { id: UserId(uuid(&self.id)?), name: self.name, role, repos: from_json(&self.repos)? })
    }
}

#[derive(FromRow)]
struct AuditRow {
    at: i64,
    actor: String,
    verb: String,
    subject: String,
    allowed: bool,
    reason: String,
}

async fn save(tx: &mut SqliteConnection, user: &User, configured: bool) -> Stored<()> {
    query(
        "INSERT INTO users (id, name, role, repos, configured) VALUES (?, ?, ?, ?, ?)
         ON CONFLICT (id) DO UPDATE SET name = excluded.name, role = excluded.role, repos = excluded.repos, configured = excluded.configured",
    )
    .bind(user.id.to_string())
    .bind(&user.name)
    .bind(user.role.map(Role::as_str))
    .bind(json(&user.repos))
    .bind(configured)
    .execute(tx)
    .await
    .map_err(unavailable)?;
    Ok(())
}

async fn identify(tx: &mut SqliteConnection, user: &User, identities: &(impl Serialize + ?Sized)) -> Stored<()> {
    query(
        "INSERT INTO identities (platform, subject, user_id) SELECT value ->> 0, value ->> 1, ?1 FROM json_each(?2) WHERE true
         ON CONFLICT DO UPDATE SET user_id = excluded.user_id",
    )
    .bind(user.id.to_string())
    .bind(json(identities))
    .execute(tx)
    .await
    .map_err(unavailable)?;
    Ok(())
}

#[async_trait]
impl People for Sqlite {
    async fn user(&self, platform: &str, subject: &str) -> Stored<Option<User>> {
        let row: Option<UserRow> = query_as(
            "SELECT id, name, role, repos FROM users u JOIN identities i ON i.user_id = u.id WHERE i.platform = ? AND i.subject = ?",
        )
        .bind(platform)
        .bind(subject)
        .fetch_optional(&self.reader)
        .await
        .map_err(unavailable)?;
        row.map(UserRow::into_user).transpose()
    }

    async fn save_user(&self, user: &User, identities: &[(&str, &str)]) -> Stored<()> {
        let mut tx = self.begin().await?;
        save(&mut tx, user, false).await?;
        identify(&mut tx, user, identities).await?;
        tx.commit().await.map_err(unavailable)
    }

    async fn set_people(&self, grants: &[Grant]) -> Stored<()> {
        let mut tx = self.begin().await?;
        query("DELETE FROM identities WHERE user_id IN (SELECT id FROM users WHERE configured)")
            .execute(&mut *tx)
            .await
            .map_err(unavailable)?;
        query("UPDATE users SET role = NULL, repos = '{}', configured = 0 WHERE configured")
            .execute(&mut *tx)
            .await
            .map_err(unavailable)?;
        for Grant { user, identities } in grants {
            save(&mut tx, user, true).await?;
            identify(&mut tx, user, identities).await?;
        }
        tx.commit().await.map_err(unavailable)
    }

    async fn add_token(&self, hash: &str, kind: TokenKind, owner: Uuid, life: Duration) -> Stored<()> {
        query("INSERT INTO tokens (hash, kind, owner, expires) VALUES (?, ?, ?, ?)")
            .bind(hash)
            .bind(kind.as_str())
            .bind(owner.to_string())
            .bind(self.now().plus(life).0)
            .execute(&self.writer)
            .await
            .map_err(unavailable)?;
        Ok(())
    }

    async fn token_owner(&self, hash: &str, kind: TokenKind) -> Stored<Option<Uuid>> {
        let owner: Option<String> = query_scalar("SELECT owner FROM tokens WHERE hash = ? AND kind = ? AND expires > ? AND spent = 0")
            .bind(hash)
            .bind(kind.as_str())
            .bind(self.now().0)
            .fetch_optional(&self.reader)
            .await
            .map_err(unavailable)?;
        owner.as_deref().map(uuid).transpose()
    }

    async fn spend_token(&self, hash: &str, kind: TokenKind) -> Stored<Option<Uuid>> {
        let owner: Option<String> =
            query_scalar("UPDATE tokens SET spent = 1 WHERE hash = ? AND kind = ? AND expires > ? AND spent = 0 RETURNING owner")
                .bind(hash)
                .bind(kind.as_str())
                .bind(self.now().0)
                .fetch_optional(&self.writer)
                .await
                .map_err(unavailable)?;
        owner.as_deref().map(uuid).transpose()
    }

    async fn revoke_tokens(&self, owner: Uuid) -> Stored<()> {
        query("DELETE FROM tokens WHERE owner = ?").bind(owner.to_string()).execute(&self.writer).await.map_err(unavailable)?;
        Ok(())
    }

    async fn audit(&self, entry: &AuditEntry) -> Stored<()> {
        query("INSERT INTO audit (at, actor, verb, subject, allowed, reason) VALUES (?, ?, ?, ?, ?, ?)")
            .bind(self.now().0)
            .bind(&entry.actor)
            .bind(&entry.verb)
            .bind(&entry.subject)
            .bind(entry.allowed)
            .bind(&entry.reason)
            .execute(&self.writer)
            .await
            .map_err(unavailable)?;
        Ok(())
    }

    async fn audit_lines(&self, limit: u32) -> Stored<Vec<(Timestamp, AuditEntry)>> {
        let rows: Vec<AuditRow> = query_as("SELECT at, actor, verb, subject, allowed, reason FROM audit ORDER BY seq DESC LIMIT ?")
            .bind(limit)
            .fetch_all(&self.reader)
            .await
            .map_err(unavailable)?;
        let entry = |row: AuditRow| {
            let entry = AuditEntry { actor: row.actor, verb: row.verb, subject: row.subject, allowed: row.allowed, reason: row.reason };
            (Timestamp(row.at), entry)
        };
        Ok(rows.into_iter().map(entry).collect())
    }

    async fn users_with(&self, role: Role) -> Stored<Vec<UserId>> {
        let ids: Vec<String> = query_scalar("SELECT id FROM users WHERE role = ? AND NOT configured")
            .bind(role.as_str())
            .fetch_all(&self.reader)
            .await
            .map_err(unavailable)?;
        ids.iter().map(|id| Ok(UserId(uuid(id)?))).collect()
    }
}
