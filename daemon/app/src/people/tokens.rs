//! Tokens: created, limited in time, and revoked. All of them expire.

use std::time::Duration;

use vine_domain::{
    Invalid, Verb, WorkerId,
    access::AuditEntry,
    invalid::shown,
    token::{Token, TokenInfo, TokenKind},
};

use crate::{AppError, AppResult, Caller, Missing, people::People};

const DAY: Duration = Duration::from_secs(24 * 3600);
/// The longest life that a person can request.
const LONGEST_DAYS: u32 = 365;

/// How long each kind of token is valid. A worker gets a new one each day, see
/// [`People::renew_worker`](super::People::renew_worker): its time is for workers that were switched off.
pub fn life(kind: TokenKind) -> Duration {
    match kind {
        TokenKind::Enrolment | TokenKind::Login => Duration::from_secs(10 * 60),
        TokenKind::Browser => DAY / 2,
        TokenKind::User => 7 * DAY,
        TokenKind::Worker => 90 * DAY,
    }
}

/// A token that a person requests.
#[derive(Debug, Clone)]
pub struct TokenRequest {
    /// What it is for.
    pub kind: TokenKind,
    /// For somebody else, by name.
    pub whom: Option<String>,
    /// For this many days instead of the default; only for user tokens.
    pub days: Option<u32>,
}

impl TokenRequest {
    /// For the caller, with the default time.
    pub fn of(kind: TokenKind) -> Self {
        Self {
            kind,
            whom: None,
            days: None,
        }
    }

    /// How long it is valid.
    pub fn life(&self) -> Result<Duration, Invalid> {
        match self.days {
            None => Ok(life(self.kind)),
            Some(days) if self.kind == TokenKind::User && (1..=LONGEST_DAYS).contains(&days) => {
                Ok(days * DAY)
            }
            Some(days) => Err(Invalid::new(
                "number of days",
                days.to_string(),
                format!("use 1 to {LONGEST_DAYS}, for user tokens only"),
            )),
        }
    }
}

impl People {
    /// Creates a token for `owner` and stores its hash.
    pub async fn make_token(&self, kind: TokenKind, owner: uuid::Uuid) -> AppResult<Token> {
        self.grant(kind, owner, life(kind)).await
    }

    /// The same with another time than the default.
    pub async fn grant(
        &self,
        kind: TokenKind,
        owner: uuid::Uuid,
        life: Duration,
    ) -> AppResult<Token> {
        let token = Token::make(kind, &*self.ids);
        self.store
            .add_token(&token.hash(), kind, owner, life)
            .await?;
        Ok(token)
    }

    /// Creates a token that a person requests: for their programs, a browser, or a new worker;
    /// administrators may request one for somebody else.
    pub async fn make_token_for(&self, caller: &Caller, wish: &TokenRequest) -> AppResult<Token> {
        let life = wish.life()?;
        let mut subject = format!("token ({})", wish.kind.as_str());
        match &wish.whom {
            None if wish.kind != TokenKind::Enrolment => {
                self.allow_own(caller, "make token", &subject).await?;
            }
            whom => {
                subject.extend(whom.as_ref().map(|name| format!(" for {}", shown(name))));
                self.allow(caller, Verb::Administer, None, &subject).await?;
            }
        }
        let owner = self.person(caller, wish.whom.as_deref())?;
        self.grant(wish.kind, owner.0, life).await
    }

    /// Anyone who may view anything may have tokens of their own.
    async fn allow_own(&self, caller: &Caller, verb: &str, subject: &str) -> AppResult<()> {
        self.sight(caller, subject).await?;
        self.audit(AuditEntry {
            actor: format!("{} ({})", caller.name(), caller.via),
            verb: verb.into(),
            subject: subject.into(),
            allowed: true,
            reason: "for oneself".into(),
        })
        .await
    }

    /// Valid tokens: the caller's, or everybody's for administrators.
    pub async fn tokens(&self, caller: &Caller, everybodys: bool) -> AppResult<Vec<TokenInfo>> {
        let owner = if everybodys {
            self.allow(caller, Verb::Inspect, None, "tokens").await?;
            None
        } else {
            Some(self.person(caller, None)?.0)
        };
        Ok(self.store.tokens(owner).await?)
    }

    /// Revokes a token by its id in lists: the caller's, or anybody's for administrators.
    pub async fn revoke_token(&self, caller: &Caller, id: &str) -> AppResult<()> {
        let own = self.person(caller, None)?.0;
        let subject = format!("token {}", shown(id));
        let missing = || AppError::from(Missing::Token(shown(id)));
        if self
            .store
            .tokens(Some(own))
            .await?
            .iter()
            .any(|one| one.id == id)
        {
            self.allow_own(caller, "revoke token", &subject).await?;
        } else {
            self.allow(caller, Verb::Administer, None, &subject).await?;
        }
        if self.store.revoke_token(id, None).await? == 0 {
            return Err(missing());
        }
        self.token_cache.forget();
        Ok(())
    }

    /// A new token for a worker; the previous one ends as soon as this one is used.
    pub async fn renew_worker(&self, worker: WorkerId) -> AppResult<Token> {
        self.make_token(TokenKind::Worker, worker.0).await
    }

    /// Waits until tokens are revoked.
    pub async fn on_revoked(&self) {
        self.token_cache.forgotten().await;
    }

    /// Notes in the store which tokens were used lately.
    pub(crate) async fn note_used_tokens(&self) -> AppResult<()> {
        let used = self.token_cache.take_used();
        if used.is_empty() {
            return Ok(());
        }
        Ok(self.store.note_used(&used).await?)
    }
}
