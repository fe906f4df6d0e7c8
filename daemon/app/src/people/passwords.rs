//! Passwords, for people who log in to the page without a link. They are stored as Argon2id with
//! the parameters that OWASP recommends (19 MiB, two passes; the crate's defaults). Attempts are
//! limited, and a wrong password looks the same as an unknown name. Too many attempts for a name
//! block password logins for it for a while; links and single sign-on keep working.

use std::sync::Arc;

use vine_domain::{
    Invalid,
    token::{Token, TokenKind},
};

use crate::{
    AppError, AppResult, Caller,
    metrics::RefusalCause,
    people::{People, login::entered, login_limiter::LoginAttempt},
};

/// NIST SP 800-63B requires at least 8 characters with a second factor, 15 without one, and no
/// rules about kinds of characters.
const SHORTEST: usize = 15;
/// Enough for any passphrase; longer texts only cost time.
const LONGEST: usize = 500;

impl People {
    /// Exchanges a name and a password for a browser session.
    pub async fn log_in_with(&self, name: &str, password: &str) -> AppResult<Token> {
        self.try_login(LoginAttempt::Name(name))?;
        let known = self.store.passwords_of(name).await?;
        // Two people with the same name can only log in with links.
        let known = if let [one] = known.as_slice() {
            Some(one.clone())
        } else {
            None
        };
        let who = known.as_ref().map(|(user, _)| *user);
        let hash = known.map(|(_, hash)| hash);
        let right = self.passwords.is_right(password.to_owned(), hash).await?;
        match who.filter(|_| right) {
            Some(user) => {
                self.audit(entered(name, "with a password", true)).await?;
                self.make_token(TokenKind::Browser, user.0).await
            }
            None => {
                self.metrics.denied(RefusalCause::Login);
                if who.is_some() {
                    // In the background: the reply must not take longer than for an unknown name.
                    let writes = Arc::clone(&self.writes);
                    let entry = entered(name, "with a password", false);
                    tokio::spawn(async move { writes.audit(entry).await });
                }
                Err(AppError::Unauthenticated)
            }
        }
    }

    /// Counts a login attempt; refuses it if there were too many.
    pub(crate) fn try_login(&self, with: LoginAttempt<'_>) -> AppResult<()> {
        self.login_limiter.try_login(with).map_err(|wait| {
            self.metrics.denied(RefusalCause::Rate);
            AppError::TooOften(wait)
        })
    }

    /// Sets the password of a person, who must know the current one if there is one. Their other
    /// browsers are logged out.
    pub async fn set_password(
        &self,
        caller: &Caller,
        old: &str,
        new: &str,
        session: &Token,
    ) -> AppResult<()> {
        let user = caller.user.as_ref().ok_or(AppError::Unauthenticated)?;
        let refuse = |why: &str, hint: &str| Err(Invalid::new("password", why, hint).into());
        match new.chars().count() {
            count if count < SHORTEST => {
                return refuse(
                    "it is too short",
                    "use 15 characters or more; four unusual words are enough",
                );
            }
            count if count > LONGEST => {
                return refuse("it is too long", "use at most 500 characters");
            }
            _ => {}
        }
        if let Some(known) = self.store.password_of(user.id).await? {
            self.try_login(LoginAttempt::Own(user.id))?;
            if !self.passwords.is_right(old.to_owned(), Some(known)).await? {
                return refuse(
                    "the current password is incorrect",
                    "try again; if you lost it, an admin can run `vine login --new-password` \
                     with `--for` and your name",
                );
            }
        }
        let hash = self.passwords.hash(new.to_owned()).await?;
        self.store
            .set_password(user.id, &hash, &session.hash())
            .await?;
        self.token_cache.forget();
        self.audit(entered(&user.name, "new password", true)).await
    }
}
