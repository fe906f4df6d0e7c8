//! Users, their tokens, and the audit.

use std::time::Duration;

use async_trait::async_trait;
use serde::Serialize;
use serde_json::{Value, json};
use uuid::Uuid;
use vine_domain::{
    ConfiguredPerson, Role, Timestamp, User, UserId,
    access::{AuditEntry, OURSELVES},
    ports::{People, StoreResult},
    token::{TokenInfo, TokenKind},
};

use super::{
    rows::{from_json, json, plain, uuid},
    run::{Fetch as _, Run as _},
    script::{StatementBatch, part},
};
use crate::{
    Connection, Database, engine,
    statement::{rows, scalar, statement},
};

async fn save(tx: &mut Connection, user: &User, configured: bool) -> StoreResult<()> {
    let saved = statement!("INSERT INTO users (id, name, role, repos, configured) VALUES ($1, $2, $3, $4, $5)
         ON CONFLICT (id) DO UPDATE SET name = excluded.name, role = excluded.role, repos = excluded.repos, configured = excluded.configured",
        user.id.to_string(),
        user.name,
        user.role.map(Role::as_str),
        json(&user.repos),
        configured
    );
    saved.run(tx).await.map(drop)
}

/// How long a worker's previous token stays valid, for requests that are still in flight.
const ON_THE_WAY: Duration = Duration::from_secs(60);

/// Ends a user's tokens, browser sessions and links, except the token with the hash `but`.
async fn log_out(tx: &mut Connection, user: &str, but: &str) -> StoreResult<()> {
    let ended = statement!(
        "UPDATE tokens SET spent = true WHERE owner = $1 AND hash <> $2",
        user,
        but
    );
    ended.run(tx).await.map(drop)
}

async fn identify(
    tx: &mut Connection,
    user: &User,
    identities: &(impl Serialize + ?Sized),
) -> StoreResult<()> {
    let identified = statement!("INSERT INTO identities (platform, subject, user_id) SELECT value ->> 0, value ->> 1, $1 FROM (SELECT key, value FROM json_each($2) LIMIT 1000000000 OFFSET 0) l WHERE true
         ON CONFLICT (platform, subject) DO UPDATE SET user_id = excluded.user_id",
        user.id.to_string(),
        json(identities)
    );
    identified.run(tx).await.map(drop)
}

part!(
    pub AUDIT,
    now,
    "INSERT INTO audit (at, actor, verb, subject, allowed, reason)
     SELECT $2, value ->> 'actor', value ->> 'verb', value ->> 'subject', CAST(value ->> 'allowed' AS BOOLEAN), value ->> 'reason'
     FROM (SELECT key, value FROM json_each($1) LIMIT 1000000000 OFFSET 0) l ORDER BY l.key"
);

/// Adds entries to the audit.
pub fn audit<'a>(script: &mut StatementBatch, entries: impl Iterator<Item = &'a AuditEntry>) {
    let row = |entry: &AuditEntry| {
        json!({
            "actor": plain(&entry.actor), "verb": entry.verb, "subject": plain(&entry.subject), "allowed": entry.allowed,
            "reason": plain(&entry.reason),
        })
    };
    let rows: Vec<Value> = entries.map(row).collect();
    script.add(&rows, &[&AUDIT]);
}

#[async_trait]
impl People for Database {
    async fn user(&self, platform: &str, subject: &str) -> StoreResult<Option<User>> {
        let row = rows!(
            { id: String, name: String, role: Option<String>, repos: String },
            "SELECT u.id, u.name, u.role, u.repos FROM users u JOIN identities i ON i.user_id = u.id WHERE i.platform = $1 AND i.subject = $2",
            platform,
            &*plain(subject)
        );
        let row = row.maybe(self.quick()).await?;
        row.map(|row| {
            let role = row.role.as_deref().and_then(Role::from_word);
            Ok(User {
                id: UserId(uuid(&row.id)?),
                name: row.name,
                role,
                repos: from_json(&row.repos)?,
            })
        })
        .transpose()
    }

    async fn save_user(&self, user: &User, identities: &[(&str, &str)]) -> StoreResult<()> {
        let mut tx = self.begin().await?;
        save(&mut tx, user, false).await?;
        identify(&mut tx, user, identities).await?;
        engine::commit(tx).await
    }

    async fn set_people(&self, grants: &[ConfiguredPerson]) -> StoreResult<()> {
        let mut tx = self.begin().await?;
        let unnamed = statement!(
            "DELETE FROM identities WHERE user_id IN (SELECT id FROM users WHERE configured)"
        );
        unnamed.run(&mut *tx).await?;
        let powerless = statement!(
            "UPDATE users SET role = NULL, repos = '{}', configured = false WHERE configured"
        );
        powerless.run(&mut *tx).await?;
        for ConfiguredPerson { user, identities } in grants {
            save(&mut tx, user, true).await?;
            identify(&mut tx, user, identities).await?;
            // Allows logging in to the page and having tokens.
            identify(
                &mut tx,
                user,
                &[(OURSELVES.to_owned(), user.id.to_string())],
            )
            .await?;
        }
        // A person added again later under the same name starts fresh.
        for gone in [
            statement!(
                "DELETE FROM passwords WHERE user_id NOT IN (SELECT user_id FROM identities WHERE platform = 'vine')"
            ),
            statement!(
                "DELETE FROM tokens WHERE owner IN (SELECT id FROM users)
                 AND owner NOT IN (SELECT user_id FROM identities WHERE platform = 'vine')"
            ),
            // Only admins may enrol workers.
            statement!(
                "UPDATE tokens SET spent = true WHERE kind = 'enrolment' AND owner IN (SELECT id FROM users WHERE configured AND coalesce(role, '') <> 'admin')"
            ),
        ] {
            gone.run(&mut *tx).await?;
        }
        engine::commit(tx).await
    }

    async fn add_token(
        &self,
        hash: &str,
        kind: TokenKind,
        owner: Uuid,
        life: Duration,
    ) -> StoreResult<()> {
        // Always later than existing ones, since a worker's latest token ends the others.
        let added = statement!("INSERT INTO tokens (hash, kind, owner, expires, made)
             SELECT $1, $2, $3, $4, CASE WHEN coalesce(max(made), 0) >= $5 THEN max(made) + 1 ELSE $5 END FROM tokens WHERE owner = $3",
            hash,
            kind.as_str(),
            owner.to_string(),
            self.now().plus(life).0,
            self.now().0
        );
        added.run(self.writer()).await.map(drop)
    }

    async fn token_owner(&self, hash: &str, kind: TokenKind) -> StoreResult<Option<Uuid>> {
        let owner = scalar!(
            String,
            "SELECT owner FROM tokens WHERE hash = $1 AND kind = $2 AND expires > $3 AND NOT spent",
            hash,
            kind.as_str(),
            self.now().0
        );
        owner
            .maybe(self.quick())
            .await?
            .as_deref()
            .map(uuid)
            .transpose()
    }

    async fn spend_token(&self, hash: &str, kind: TokenKind) -> StoreResult<Option<Uuid>> {
        let owner = scalar!(
            String,
            "UPDATE tokens SET spent = true WHERE hash = $1 AND kind = $2 AND expires > $3 AND NOT spent RETURNING owner",
            hash,
            kind.as_str(),
            self.now().0
        );
        owner
            .maybe(self.writer())
            .await?
            .as_deref()
            .map(uuid)
            .transpose()
    }

    async fn passwords_of(&self, name: &str) -> StoreResult<Vec<(UserId, String)>> {
        let rows = rows!(
            { id: String, hash: String },
            "SELECT u.id, p.hash FROM users u JOIN passwords p ON p.user_id = u.id
             JOIN identities i ON i.user_id = u.id AND i.platform = 'vine' WHERE u.name = $1",
            &*plain(name)
        );
        let rows = rows.all(self.reader()).await?;
        rows.into_iter()
            .map(|row| Ok((UserId(uuid(&row.id)?), row.hash)))
            .collect()
    }

    async fn password_of(&self, user: UserId) -> StoreResult<Option<String>> {
        let hash = scalar!(
            String,
            "SELECT hash FROM passwords WHERE user_id = $1",
            user.to_string()
        );
        hash.maybe(self.quick()).await
    }

    async fn set_password(&self, user: UserId, hash: &str, session: &str) -> StoreResult<()> {
        let mut tx = self.begin().await?;
        let id = user.to_string();
        let set = statement!(
            "INSERT INTO passwords (user_id, hash, changed) VALUES ($1, $2, $3)
             ON CONFLICT (user_id) DO UPDATE SET hash = excluded.hash, changed = excluded.changed",
            id,
            hash,
            self.now().0
        );
        set.run(&mut *tx).await?;
        log_out(&mut tx, &id, session).await?;
        engine::commit(tx).await
    }

    async fn forget_password(&self, user: UserId) -> StoreResult<()> {
        let mut tx = self.begin().await?;
        let id = user.to_string();
        statement!("DELETE FROM passwords WHERE user_id = $1", id)
            .run(&mut *tx)
            .await?;
        log_out(&mut tx, &id, "").await?;
        engine::commit(tx).await
    }

    async fn tokens(&self, owner: Option<Uuid>) -> StoreResult<Vec<TokenInfo>> {
        let rows = rows!(
            { hash: String, kind: String, made: i64, expires: i64, used: Option<i64>, name: String },
            r#"SELECT hash, kind, made, expires, used,
                      coalesce((SELECT name FROM users u WHERE u.id = t.owner), (SELECT name FROM workers w WHERE w.id = t.owner), '') AS "name!"
               FROM tokens t WHERE NOT spent AND expires > $1 AND (CAST($2 AS TEXT) IS NULL OR owner = $2) ORDER BY made DESC, hash"#,
            self.now().0,
            owner.map(|owner| owner.to_string())
        );
        let rows = rows.all(self.reader()).await?;
        let granted = rows.into_iter().filter_map(|row| {
            Some(TokenInfo {
                id: row.hash.get(..TokenInfo::ID)?.to_owned(),
                kind: TokenKind::from_word(&row.kind)?,
                owner: row.name,
                made: (row.made > 0).then_some(Timestamp(row.made)),
                expires: Timestamp(row.expires),
                used: row.used.map(Timestamp),
            })
        });
        Ok(granted.collect())
    }

    async fn revoke_token(&self, id: &str, owner: Option<Uuid>) -> StoreResult<u64> {
        let revoked = statement!("UPDATE tokens SET spent = true
             WHERE substr(hash, 1, 12) = $1 AND NOT spent AND (CAST($2 AS TEXT) IS NULL OR owner = $2)",
            id,
            owner.map(|owner| owner.to_string())
        );
        revoked.run(self.writer()).await
    }

    async fn note_used(&self, hashes: &[String]) -> StoreResult<()> {
        let mut tx = self.begin().await?;
        let list = json(hashes);
        let now = self.now().0;
        let used = statement!(
            "UPDATE tokens SET used = $1 WHERE hash IN (SELECT atom FROM json_each($2))",
            now,
            list
        );
        used.run(&mut *tx).await?;
        let replaced = statement!(
            "UPDATE tokens SET expires = $1 WHERE kind = 'worker' AND expires > $1 AND EXISTS (
                 SELECT 1 FROM tokens n WHERE n.hash IN (SELECT atom FROM json_each($2))
                     AND n.owner = tokens.owner AND n.kind = 'worker' AND n.made > tokens.made)",
            self.now().plus(ON_THE_WAY).0,
            list
        );
        replaced.run(&mut *tx).await?;
        engine::commit(tx).await
    }

    async fn audit_lines(&self, limit: u32) -> StoreResult<Vec<(Timestamp, AuditEntry)>> {
        let rows = rows!(
            { at: i64, actor: String, verb: String, subject: String, allowed: bool, reason: String },
            r#"SELECT at, actor, verb, subject, allowed AS "allowed: bool", reason FROM audit ORDER BY seq DESC LIMIT CAST($1 AS BIGINT)"#,
            i64::from(limit)
        );
        let rows = rows.all(self.reader()).await?.into_iter();
        let entries = rows.map(|row| {
            let entry = AuditEntry {
                actor: row.actor,
                verb: row.verb,
                subject: row.subject,
                allowed: row.allowed,
                reason: row.reason,
            };
            (Timestamp(row.at), entry)
        });
        Ok(entries.collect())
    }

    async fn users_with(&self, role: Role) -> StoreResult<Vec<UserId>> {
        let ids = scalar!(
            String,
            "SELECT id FROM users WHERE role = $1 AND NOT configured",
            role.as_str()
        );
        let ids = ids.all(self.reader()).await?;
        ids.iter().map(|id| Ok(UserId(uuid(id)?))).collect()
    }
}
