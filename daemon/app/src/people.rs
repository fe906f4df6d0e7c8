//! Callers: who they are, what they may do, and the audit of it.

use std::sync::Arc;

use vine_domain::{
    Role, Slug, User, UserId, Verb, WorkerId,
    access::{self, AuditEntry, OURSELVES},
    chat::PLATFORMS,
    invalid::shown,
    token::{Token, TokenKind},
    uuid_of,
};

use crate::{
    App, AppError, AppResult, Missing,
    batcher::{BatchedCall, again},
    metrics::RefusalCause,
    passwords::LoginAttempt,
    token_cache::TokenOwner,
};

/// The platform of identities from an OpenID Connect issuer.
pub const ISSUER: &str = "oidc";

/// Who sent a request, as known when it arrived, and from where.
#[derive(Debug, Clone)]
pub struct Caller {
    /// The person; `None` for a stranger, who may do nothing.
    pub user: Option<User>,
    /// `api`, `console` or a platform.
    pub via: String,
}

impl Caller {
    /// Whether others can read what this person sees.
    pub fn is_in_a_room(&self) -> bool {
        PLATFORMS.contains(&self.via.as_str())
    }

    /// A key that distinguishes callers; empty for a stranger.
    pub fn id(&self) -> String {
        self.user
            .as_ref()
            .map(|user| user.id.to_string())
            .unwrap_or_default()
    }

    /// The name to use in messages.
    pub fn name(&self) -> &str {
        self.user.as_ref().map_or("a stranger", |user| &user.name)
    }
}

impl App {
    /// Decides whether `caller` may do `verb` to `subject`, and records the decision in the audit.
    /// Allowed views are not recorded: a page that refreshes would bury everything else.
    pub async fn allow(
        &self,
        caller: &Caller,
        verb: Verb,
        repo: Option<&Slug>,
        subject: &str,
    ) -> AppResult<()> {
        let entry = self.permit(caller, verb, repo, subject).await?;
        if verb.only_looks() {
            Ok(())
        } else {
            self.audit(entry).await
        }
    }

    /// The same for a write: the audit entry is returned, to be stored together with it. Denials
    /// are recorded here.
    pub(crate) async fn permit(
        &self,
        caller: &Caller,
        verb: Verb,
        repo: Option<&Slug>,
        subject: &str,
    ) -> AppResult<AuditEntry> {
        let decision = access::decide(caller.user.as_ref(), verb, repo);
        let reason = decision
            .as_ref()
            .map_or_else(ToString::to_string, |role| role.as_str().to_owned());
        let (actor, allowed) = (
            format!("{} ({})", caller.name(), caller.via),
            decision.is_ok(),
        );
        let entry = AuditEntry {
            actor,
            verb: verb.as_str().into(),
            subject: subject.into(),
            allowed,
            reason,
        };
        match decision {
            Ok(_) => Ok(entry),
            Err(denied) => {
                self.meter.denied(RefusalCause::Role);
                self.audit(entry).await?;
                Err(match repo.filter(|_| caller.user.is_some()) {
                    Some(repo) if !sees(caller, repo) => hidden(subject, repo),
                    _ => denied.into(),
                })
            }
        }
    }

    /// Records an entry in the audit.
    pub(crate) async fn audit(&self, entry: AuditEntry) -> AppResult<()> {
        let store = Arc::clone(&self.store);
        let keep = |calls: Vec<BatchedCall<AuditEntry, ()>>| async move {
            let entries: Vec<AuditEntry> = calls.iter().map(|call| call.input.clone()).collect();
            let kept = store.audit(&entries).await;
            calls.into_iter().for_each(|call| {
                call.reply(
                    kept.as_ref()
                        .map_or_else(|error| Err(again(error).into()), |()| Ok(())),
                );
            });
        };
        self.together.audits.call(entry, keep).await
    }

    /// The person behind a user's or browser's token.
    pub async fn caller(&self, token: &Token, kind: TokenKind, via: &str) -> AppResult<Caller> {
        let hash = token.hash();
        // Each kind has its own prefix, so a hash belongs to one kind; browser sessions are looked
        // up each time.
        if let (TokenKind::User, Some(TokenOwner::Person(user))) = (kind, self.known.owner(&hash)) {
            return Ok(Caller {
                user: Some(user),
                via: via.into(),
            });
        }
        let owner = self
            .store
            .token_owner(&hash, kind)
            .await?
            .ok_or_else(|| self.unknown())?;
        let user = self
            .store
            .user(OURSELVES, &owner.to_string())
            .await?
            .ok_or_else(|| self.unknown())?;
        self.known.used(&hash);
        if kind == TokenKind::User {
            self.known.note(hash, TokenOwner::Person(user.clone()));
        }
        Ok(Caller {
            user: Some(user),
            via: via.into(),
        })
    }

    /// The same person, loaded again after a wait.
    pub async fn again(&self, caller: &Caller) -> AppResult<Caller> {
        let user = self.store.user(OURSELVES, &caller.id()).await?;
        Ok(Caller {
            user: Some(user.ok_or_else(|| self.unknown())?),
            via: caller.via.clone(),
        })
    }

    /// The error for an unknown token.
    pub(crate) fn unknown(&self) -> AppError {
        self.meter.denied(RefusalCause::Token);
        AppError::Unauthenticated
    }

    /// The worker behind a worker's token.
    pub async fn worker_of(&self, token: &Token) -> AppResult<WorkerId> {
        let hash = token.hash();
        if let Some(TokenOwner::Worker(worker)) = self.known.owner(&hash) {
            return Ok(worker);
        }
        let worker = self
            .store
            .token_owner(&hash, TokenKind::Worker)
            .await?
            .map(WorkerId)
            .ok_or_else(|| self.unknown())?;
        self.known.used(&hash);
        self.known.note(hash, TokenOwner::Worker(worker));
        Ok(worker)
    }

    /// An administrator removes a password, so that its owner can set a new one. The owner is
    /// logged out everywhere.
    pub async fn forget_password(&self, caller: &Caller, whom: Option<&str>) -> AppResult<()> {
        let subject = format!("password of {}", shown(whom.unwrap_or(caller.name())));
        self.allow(caller, Verb::Administer, None, &subject).await?;
        self.store
            .forget_password(self.person(caller, whom)?)
            .await?;
        self.known.forget();
        Ok(())
    }

    /// A person from the configuration, by name, or the caller.
    pub(crate) fn person(&self, caller: &Caller, named: Option<&str>) -> AppResult<UserId> {
        let Some(name) = named else {
            return caller
                .user
                .as_ref()
                .map(|user| user.id)
                .ok_or(AppError::Unauthenticated);
        };
        let settings = self.settings();
        let mut people = settings.people.iter();
        people
            .find(|grant| grant.user.name == name)
            .map(|grant| grant.user.id)
            .ok_or_else(|| Missing::Person(shown(name)).into())
    }

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
                self.meter.denied(RefusalCause::Login);
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
            self.meter.denied(RefusalCause::Login);
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
        self.meter.denied(RefusalCause::Login);
        let name = shown(subjects.last().copied().unwrap_or_default());
        self.audit(AuditEntry {
            reason: "no matching user".into(),
            ..entered(&name, "with single sign-on", false)
        })
        .await?;
        Err(AppError::Unauthenticated)
    }

    /// The person who installed AgentVine; created on the first start.
    pub async fn first_admin(&self, name: &str) -> AppResult<UserId> {
        if let Some(known) = self.store.users_with(Role::Admin).await?.first() {
            return Ok(*known);
        }
        // Daemons that start together create the same person.
        let user = User {
            id: UserId(uuid_of("the person who set this place up")),
            name: name.into(),
            role: Some(Role::Admin),
            repos: [].into(),
        };
        self.store
            .save_user(&user, &[(OURSELVES, &user.id.to_string())])
            .await?;
        Ok(user.id)
    }
}

fn sees(caller: &Caller, repo: &Slug) -> bool {
    access::decide(caller.user.as_ref(), Verb::See, Some(repo)).is_ok()
}

/// The error for what is in a repository that somebody cannot see: the same as if it did not exist.
fn hidden(subject: &str, repo: &Slug) -> AppError {
    let named = subject.split(' ').find_map(|word| {
        let task = word.parse().map(Missing::Task);
        let question = || word.parse().map(Missing::Question);
        let session = |_| word.parse().map(Missing::Session);
        task.or_else(|_| question()).or_else(session).ok()
    });
    named.unwrap_or_else(|| Missing::Repo(repo.clone())).into()
}

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
