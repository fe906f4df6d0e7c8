//! Tokens: what is granted, for how long, and how it is taken back. All of it ends by itself.

use std::time::Duration;

use vine_domain::{
    Invalid, Verb, WorkerId,
    access::AuditEntry,
    invalid::shown,
    token::{Token, TokenInfo, TokenKind},
};

use crate::{App, AppError, AppResult, Caller, Missing};

const DAY: Duration = Duration::from_secs(24 * 3600);
/// A person may ask for as much.
const LONGEST_DAYS: u32 = 365;

/// How long each kind of token is good for. A worker has a new one each day, see
/// [`App::renew_worker`]: the time is for one that was switched off.
pub fn life(kind: TokenKind) -> Duration {
    match kind {
        TokenKind::Enrolment | TokenKind::Login => Duration::from_secs(10 * 60),
        TokenKind::Browser => DAY / 2,
        TokenKind::User => 7 * DAY,
        TokenKind::Worker => 90 * DAY,
    }
}

/// A token that a person asks for.
#[derive(Debug, Clone)]
pub struct TokenRequest {
    /// What it is for.
    pub kind: TokenKind,
    /// For somebody else, by name.
    pub whom: Option<String>,
    /// For so many days instead of the usual time; for programs of people alone.
    pub days: Option<u32>,
}

impl TokenRequest {
    /// For oneself and the usual time.
    pub fn of(kind: TokenKind) -> Self {
        Self {
            kind,
            whom: None,
            days: None,
        }
    }

    /// For how long.
    pub fn life(&self) -> Result<Duration, Invalid> {
        match self.days {
            None => Ok(life(self.kind)),
            Some(days) if self.kind == TokenKind::User && (1..=LONGEST_DAYS).contains(&days) => {
                Ok(days * DAY)
            }
            Some(days) => Err(Invalid::new(
                "number of days",
                days.to_string(),
                format!("use 1 to {LONGEST_DAYS}, for tokens of the kind user"),
            )),
        }
    }
}

impl App {
    /// Makes a secret for `owner` and keeps its hash.
    pub async fn make_token(&self, kind: TokenKind, owner: uuid::Uuid) -> AppResult<Token> {
        self.grant(kind, owner, life(kind)).await
    }

    /// The same for another time than the usual one.
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

    /// A secret that a person asks for: for their programs, for a browser, or for a new worker;
    /// administrators also ask for others.
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

    /// Whoever sees anything here may have secrets of their own.
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

    /// Tokens that are valid: one's own, or everybody's for administrators.
    pub async fn tokens(&self, caller: &Caller, everybodys: bool) -> AppResult<Vec<TokenInfo>> {
        let owner = if everybodys {
            self.allow(caller, Verb::Inspect, None, "tokens").await?;
            None
        } else {
            Some(self.person(caller, None)?.0)
        };
        Ok(self.store.tokens(owner).await?)
    }

    /// Ends a token, by the id that lists give it: one's own, or anybody's for administrators.
    pub async fn revoke_token(&self, caller: &Caller, id: &str) -> AppResult<()> {
        let (own, subject) = (self.person(caller, None)?.0, format!("token {}", shown(id)));
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
        self.known.forget();
        Ok(())
    }

    /// A new secret for a worker; the one before ends as soon as this one is used.
    pub async fn renew_worker(&self, worker: WorkerId) -> AppResult<Token> {
        self.make_token(TokenKind::Worker, worker.0).await
    }

    /// Until tokens were ended before their time.
    pub async fn on_revoked(&self) {
        self.known.forgotten().await;
    }

    /// Notes which tokens were used lately.
    pub(crate) async fn note_used_tokens(&self) -> AppResult<()> {
        let used = self.known.take_used();
        if used.is_empty() {
            return Ok(());
        }
        Ok(self.store.note_used(&used).await?)
    }
}
