//! Logging in to the page: with a link or through an issuer.

use vine_domain::{
    Verb,
    access::{AuditEntry, OURSELVES},
    invalid::shown,
    token::{Token, TokenKind},
};

use crate::{
    AppError, AppResult, Caller,
    metrics::RefusalCause,
    people::{People, login_limiter::LoginAttempt},
};

/// The platform of identities from an OpenID Connect issuer.
pub const ISSUER: &str = "oidc";

/// An audit entry: somebody logged in to the page, or tried to.
pub(crate) fn entered(name: &str, how: &str, allowed: bool) -> AuditEntry {
    let reason = if allowed { "known" } else { "wrong password" };
    AuditEntry {
        actor: format!("{name} (console)"),
        verb: "log in".into(),
        subject: how.into(),
        allowed,
        reason: reason.into(),
    }
}

impl People {
    /// The name of the person whom a login code would log in. The code stays unused.
    pub async fn would_log_in(&self, code: &Token) -> AppResult<String> {
        let owner = self
            .store
            .token_owner(&code.hash(), TokenKind::Login)
            .await?;
        let user = match owner {
            Some(owner) => self.store.user(OURSELVES, &owner.to_string()).await?,
            None => None,
        };
        match user {
            Some(user) => Ok(user.name),
            None => {
                self.try_login(LoginAttempt::Link)?;
                self.metrics.denied(RefusalCause::Login);
                Err(AppError::Unauthenticated)
            }
        }
    }

    /// Exchanges a one-time login code for a browser session.
    pub async fn log_in(&self, code: &Token) -> AppResult<Token> {
        let Some(owner) = self
            .store
            .spend_token(&code.hash(), TokenKind::Login)
            .await?
        else {
            self.try_login(LoginAttempt::Link)?;
            self.metrics.denied(RefusalCause::Login);
            return Err(AppError::Unauthenticated);
        };
        let name = self
            .store
            .user(OURSELVES, &owner.to_string())
            .await?
            .map_or_else(|| owner.to_string(), |user| user.name);
        self.audit(entered(&name, "with a link", true)).await?;
        self.make_token(TokenKind::Browser, owner).await
    }

    /// Logs in the person with one of these subjects at the issuer, the most reliable first.
    pub async fn log_in_as(&self, subjects: &[&str]) -> AppResult<Token> {
        for subject in subjects {
            if let Some(user) = self.store.user(ISSUER, subject).await? {
                self.audit(entered(&user.name, "with single sign-on", true))
                    .await?;
                return self.make_token(TokenKind::Browser, user.id.0).await;
            }
        }
        self.metrics.denied(RefusalCause::Login);
        let name = shown(subjects.last().copied().unwrap_or_default());
        self.audit(AuditEntry {
            reason: "no matching user".into(),
            ..entered(&name, "with single sign-on", false)
        })
        .await?;
        Err(AppError::Unauthenticated)
    }

    /// An administrator removes a password, so that its owner can set a new one. The owner is
    /// logged out everywhere.
    pub async fn forget_password(&self, caller: &Caller, whom: Option<&str>) -> AppResult<()> {
        let subject = format!("password of {}", shown(whom.unwrap_or(caller.name())));
        self.allow(caller, Verb::Administer, None, &subject).await?;
        self.store
            .forget_password(self.person(caller, whom)?)
            .await?;
        self.token_cache.forget();
        Ok(())
    }

    /// Ends a browser session.
    pub async fn log_out(&self, session: &Token) -> AppResult<()> {
        let hash = session.hash();
        self.store.spend_token(&hash, TokenKind::Browser).await?;
        Ok(())
    }
}
